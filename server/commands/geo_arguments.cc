#include "server/commands/geo_arguments.h"

#include <charconv>
#include <cmath>

namespace alai {
namespace {

// As printf's %f has it.
void AppendFixed(double value, std::string* text) {
  constexpr size_t kCharsMax = 320;  // a sign, 309 digits, a point and six more
  char digits[kCharsMax];
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 6);
  text->append(digits, end);
}

}  // namespace

geo::Position TakePosition(ArgReader& args, std::string* error) {
  geo::Position position;
  position.longitude = args.Double();
  position.latitude = args.Double();
  if (args.ok() && !position.valid()) {
    *error = "ERR invalid longitude,latitude pair ";
    AppendFixed(position.longitude, error);
    error->push_back(',');
    AppendFixed(position.latitude, error);
    args.Fail(*error);
  }
  return position;
}

double TakeUnit(ArgReader& args) {
  if (args.TakeWord("M")) return 1;
  if (args.TakeWord("KM")) return 1000;
  if (args.TakeWord("FT")) return 0.3048;
  if (args.TakeWord("MI")) return 1609.34;
  args.Fail("ERR unsupported unit provided. please use M, KM, FT, MI");
  return 1;
}

}  // namespace alai
