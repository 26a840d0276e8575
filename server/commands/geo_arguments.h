// Positions and units as the geo commands' arguments have them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/geo/geohash.h"
#include "protocol/arg_reader.h"

namespace alai {

// A longitude and a latitude. `error` keeps the text that the reader refers to if they are off the map.
geo::Position TakePosition(ArgReader& args, std::string* error);

// How many metres a unit has: m, km, ft, mi. Fails for any other.
double TakeUnit(ArgReader& args);

}  // namespace alai
