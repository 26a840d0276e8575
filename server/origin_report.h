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

// The breaker, which is the same for all rules: "closed", "open" or "half-open", for how long that has not been
// changed by the database's answering or ceasing to, or by there being one or none, and how long it is until a load may
// try. Before there is any database it is closed, for no time.
struct BreakerReport {
  std::string_view state;
  int64_t for_ms = 0;
  int64_t probe_in_ms = 0;
};
BreakerReport ReportBreaker(const origin::Origin& origin, int64_t now_ns);

}  // namespace alai
