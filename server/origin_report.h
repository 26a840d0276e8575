// The figures of a rule of the origin by name, for ORIGIN STATS and INFO origin.
//
// Threads     Any worker.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/origin/origin.h"

namespace alai {

struct OriginFigure {
  std::string_view name;
  int64_t value = 0;
  bool is_ratio = false;  // `ratio` counts
  double ratio = 0;
};

// Latencies of queries are in microseconds, the lag of changes and of writes behind in milliseconds.
std::vector<OriginFigure> OriginFigures(const origin::Origin& origin,
                                        const origin::RuleState& state);

}  // namespace alai
