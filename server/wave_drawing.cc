#include "server/wave_drawing.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "engine/base/random.h"

namespace alai {
namespace {

constexpr int64_t kColumnsMax = 200;
constexpr int64_t kRowsMax = 60;
// A braille character has two by four dots.
constexpr int kDotsAcross = 2;
constexpr int kDotsDown = 4;

// A canvas of dots, printed as characters of UTF-8's braille block from U+2800 on.
class Canvas {
 public:
  Canvas(int columns, int rows)
      : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns) * rows) {}

  int width() const { return columns_ * kDotsAcross; }
  int height() const { return rows_ * kDotsDown; }

  void Dot(int x, int y) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    // Dots 1-3 and 7 go down the left, 4-6 and 8 down the right.
    constexpr uint8_t kBits[kDotsDown][kDotsAcross] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    cells_[static_cast<size_t>(y / kDotsDown) * columns_ + x / kDotsAcross] |=
        kBits[y % kDotsDown][x % kDotsAcross];
  }

  std::string Text() const {
    std::string text;
    for (int row = 0; row < rows_; ++row) {
      for (int column = 0; column < columns_; ++column) {
        const uint8_t bits = cells_[static_cast<size_t>(row) * columns_ + column];
        text += '\xe2';
        text += static_cast<char>(0xa0 | bits >> 6);
        text += static_cast<char>(0x80 | (bits & 0x3f));
      }
      text += '\n';
    }
    return text;
  }

 private:
  const int columns_;
  const int rows_;
  std::vector<uint8_t> cells_;
};

struct Swell {
  double height;
  double length;
  double phase;
};

double HeightAt(const std::vector<Swell>& swells, double x) {
  double sum = 0;
  for (const Swell& s : swells) {
    sum += s.height * std::sin(2 * std::numbers::pi * x / s.length + s.phase);
  }
  return sum;
}

}  // namespace

std::string DrawWave(int64_t columns, int64_t rows, uint64_t seed) {
  Canvas canvas(static_cast<int>(std::clamp<int64_t>(columns, 1, kColumnsMax)),
                static_cast<int>(std::clamp<int64_t>(rows, 1, kRowsMax)));
  Random random(seed);
  std::vector<Swell> swells;
  double height = canvas.height() * 0.28;
  double length = canvas.width() * (0.6 + 0.4 * random.NextDouble());
  for (int i = 0; i < 4; ++i) {
    swells.push_back({height, length, 2 * std::numbers::pi * random.NextDouble()});
    height *= 0.45;
    length *= 0.37 + 0.2 * random.NextDouble();
  }
  const double sea_level = canvas.height() * 0.45;
  for (int x = 0; x < canvas.width(); ++x) {
    const int surface = static_cast<int>(sea_level - HeightAt(swells, x));
    canvas.Dot(x, surface);
    canvas.Dot(x, surface + 1);
    // The deeper, the sparser.
    for (int y = surface + 3; y < canvas.height(); ++y) {
      if (random.Below(static_cast<uint64_t>(y - surface)) < 2) canvas.Dot(x, y);
    }
  }
  return canvas.Text();
}

}  // namespace alai
