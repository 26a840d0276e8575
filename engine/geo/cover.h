// The cells that a search of an area looks at, and in which order.
//
//   NW 7 | N 2 | NE 6     A cell is about as large as the area's reach, so that the centre's cell and its
//   W  5 |  1  | E  4     eight neighbours cover the area, in this order, which is Redis's: who asks for
//   SW 9 | S 3 | SE 8     no other order sees members come that way. Cells that the bounds do not touch are
//                         left out. Where nine do not reach, around a pole, the others follow row by row.
//
// The map's eastern end is next to its western end. Cells that coincide, as they do where there are only two
// in a row, come once.
//
// Threads     Not changed after it is made: any.
// Invariants  Every position within the bounds is in one of the cells or in beyond_grid().
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/geo/area.h"
#include "engine/geo/geohash.h"

namespace alai::geo {

// A square of 2^(26 - step) columns and rows.
struct Cell {
  uint64_t hash = 0;  // of 2 x step bits
  int step = 0;

  double first_score() const { return static_cast<double>(hash << shift()); }
  // Of the cell behind it.
  double end_score() const { return static_cast<double>((hash + 1) << shift()); }
  bool Contains(uint64_t geohash) const { return geohash >> shift() == hash; }
  // Its quarters, in the order of their geohashes.
  Cell Quarter(unsigned which) const { return {hash << 2 | which, step + 1}; }

 private:
  int shift() const { return 2 * (kStepMax - step); }
};

// Bounds as columns and rows of the grid.
class GridBounds {
 public:
  explicit GridBounds(const Bounds& bounds);

  bool Contains(GridPoint point) const {
    return ((point.column - west_) & (kGridSize - 1)) <= width_ && point.row - south_ <= height_;
  }
  bool Contains(const Cell& cell) const;
  bool Touches(const Cell& cell) const;
  // Whether the map's eastern or northern edge is within.
  bool touches_edge() const { return touches_edge_; }

  uint32_t west() const { return west_; }
  uint32_t east() const { return west_ + width_; }  // may be beyond the date line
  uint32_t south() const { return south_; }
  uint32_t north() const { return south_ + height_; }

 private:
  uint32_t west_;
  uint32_t width_;  // columns besides the first
  uint32_t south_;
  uint32_t height_;
  bool touches_edge_;
};

class Cover {
 public:
  explicit Cover(const Area& area);

  const std::vector<Cell>& cells() const { return cells_; }
  const GridBounds& bounds() const { return bounds_; }
  // Whether members from kGridEnd to kGeohashEnd may be in the area, too.
  bool beyond_grid() const { return bounds_.touches_edge(); }

 private:
  void Add(uint32_t column, uint32_t row, int step);

  GridBounds bounds_;
  std::vector<Cell> cells_;
};

}  // namespace alai::geo
