// The figures of a key class by name, for KEYCLASS STATS and INFO keyclasses.
//
// Threads     Any worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/key_classes.h"

namespace alai {

class Store;

struct KeyClassFigure {
  std::string_view name;
  int64_t value = 0;
  bool is_ratio = false;  // `ratio` counts, from 0 to 1
  double ratio = 0;
};

// Latencies are those of the commands that read keys of the class, in nanoseconds.
std::vector<KeyClassFigure> KeyClassFigures(Store& store, const KeyClass& key_class);

}  // namespace alai
