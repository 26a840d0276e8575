#include "engine/geo/cover.h"

#include <algorithm>
#include <cmath>

namespace alai::geo {
namespace {

// Half of the equator in the metres of EPSG:3857.
constexpr double kMercatorMax = 20037726.37;
// Bounds that are this many of the cells that their area's reach asks for are long and thin.
constexpr uint64_t kCellsMax = 64;

uint32_t FieldWithin(double degrees, double max) {
  const double field = std::floor((degrees + max) / (max + max) * kGridSize);
  return static_cast<uint32_t>(std::clamp(field, 0.0, kGridSize - 1.0));
}

// The step whose cells are as large as the reach, larger towards the poles, where they are narrow.
int StepFor(double reach, double latitude) {
  constexpr int kPolarSteps = 2;
  int step = -1;
  for (; reach < kMercatorMax && step < kStepMax + kPolarSteps; reach *= 2) ++step;
  if (std::fabs(latitude) > 66) --step;
  if (std::fabs(latitude) > 80) --step;
  return std::clamp(step, 1, kStepMax);
}

// Whether the neighbours of a field reach as far as [from, to] on their axis.
bool NeighboursReach(uint32_t field, int step, double max, double from, double to) {
  const uint32_t fields = uint32_t{1} << step;
  const uint32_t before = (field - 1) & (fields - 1);
  const uint32_t behind = (field + 1) & (fields - 1);
  return !(LineAt(behind + 1.0, fields, max) < to) && !(LineAt(before, fields, max) > from);
}

}  // namespace

GridBounds::GridBounds(const Bounds& bounds)
    : south_(FieldWithin(bounds.south, kLatitudeMax)),
      height_(FieldWithin(bounds.north, kLatitudeMax) - south_) {
  const double width = bounds.east - bounds.west;
  if (width >= 2 * kLongitudeMax) {
    west_ = 0;
    width_ = kGridSize - 1;
    touches_edge_ = true;
    return;
  }
  const double turn = bounds.west < -kLongitudeMax ? 2 * kLongitudeMax : 0;
  west_ = FieldWithin(bounds.west + turn, kLongitudeMax);
  const bool crosses = bounds.east + turn >= kLongitudeMax;
  const uint32_t east =
      FieldWithin(bounds.east + turn - (crosses ? 2 * kLongitudeMax : 0), kLongitudeMax);
  width_ = (east - west_) & (kGridSize - 1);
  // It goes around, with less than a field between its ends.
  if (crosses && east == west_) width_ = kGridSize - 1;
  touches_edge_ = crosses || west_ == 0 || height_ + south_ == kGridSize - 1;
}

bool GridBounds::Contains(const Cell& cell) const {
  const GridPoint point = Deinterleave(cell.hash << 2 * (kStepMax - cell.step));
  const uint32_t size = uint32_t{1} << (kStepMax - cell.step);
  const uint32_t from_west = (point.column - west_) & (kGridSize - 1);
  const uint32_t from_south = point.row - south_;
  return from_west <= width_ && size - 1 <= width_ - from_west && from_south <= height_ &&
         size - 1 <= height_ - from_south;
}

bool GridBounds::Touches(const Cell& cell) const {
  const GridPoint point = Deinterleave(cell.hash << 2 * (kStepMax - cell.step));
  const uint32_t size = uint32_t{1} << (kStepMax - cell.step);
  // Either the cell begins within the bounds, or they begin within the cell.
  const bool columns = ((point.column - west_) & (kGridSize - 1)) <= width_ ||
                       ((west_ - point.column) & (kGridSize - 1)) < size;
  const bool rows = point.row - south_ <= height_ || south_ - point.row < size;
  return columns && rows;
}

Cover::Cover(const Area& area) : bounds_(area.bounds()) {
  constexpr int kNeighbours[][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                                    {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
  const uint32_t column = FieldWithin(area.centre().longitude, kLongitudeMax);
  const uint32_t row = FieldWithin(area.centre().latitude, kLatitudeMax);
  const Bounds& rough = area.rough_bounds();
  int step = StepFor(area.rough_reach(), area.centre().latitude);
  const auto at_step = [&](uint32_t field) { return field >> (kStepMax - step); };
  if (step > 1 && (!NeighboursReach(at_step(column), step, kLongitudeMax, rough.west, rough.east) ||
                   !NeighboursReach(at_step(row), step, kLatitudeMax, rough.south, rough.north))) {
    --step;
  }
  for (const auto& [east, north] : kNeighbours) {
    Add(at_step(column) + static_cast<uint32_t>(east), at_step(row) + static_cast<uint32_t>(north),
        step);
  }
  // Is there more within the bounds than the nine? If there is very much, its cells are larger.
  uint32_t columns;
  uint32_t rows;
  for (;;) {
    columns = at_step(bounds_.east()) - at_step(bounds_.west()) + 1;
    rows = at_step(bounds_.north()) - at_step(bounds_.south()) + 1;
    if (step == 1 || uint64_t{columns} * rows <= kCellsMax) break;
    --step;
    cells_.clear();
  }
  if (cells_.size() == size_t{columns} * rows) return;
  for (uint32_t y = 0; y < rows; ++y) {
    for (uint32_t x = 0; x < columns; ++x) {
      Add(at_step(bounds_.west()) + x, at_step(bounds_.south()) + y, step);
    }
  }
}

// Adds the cell that is so many columns and rows from the south-west, if it is of use and not there yet.
void Cover::Add(uint32_t column, uint32_t row, int step) {
  const uint32_t last = (uint32_t{1} << step) - 1;
  const Cell cell{Interleave({column & last, row & last}), step};
  if (!bounds_.Touches(cell)) return;
  for (const Cell& each : cells_) {
    if (each.hash == cell.hash) return;
  }
  cells_.push_back(cell);
}

}  // namespace alai::geo
