// Question: what does a miss pay to learn which rule of the origin its key belongs to, if any?
// Trap: one key again and again trains the branch predictor, so keys of many shapes come in an order drawn
// with a fixed seed; but as few as fit into L1, where the server has just looked them up.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/random.h"
#include "storage/origin/rule_set.h"

namespace alai::origin {
namespace {

constexpr size_t kKeys = 1024;

// Each of sixteen names has a UUID or two numbers behind it; more rules come below a user each.
RuleSet MakeRules(size_t count) {
  const char* const names[] = {"memory", "score", "session", "rate", "user", "token",
                               "lock",   "queue", "result",  "feed", "cart", "geo",
                               "search", "page",  "api",     "plan"};
  Rules rules;
  for (size_t i = 0; i < count; ++i) {
    auto rule = std::make_shared<Rule>();
    rule->name = std::to_string(i);
    const std::string text =
        i >= std::size(names)
            ? "user:" + std::to_string(i) + ":{id:int}"
            : std::string(names[i]) + (i % 2 == 0 ? ":{id:uuid}" : ":{a:int}:{b:int}");
    ASSERT(KeyPattern::Parse(text, &rule->pattern).ok());
    ASSERT(AddRule(std::move(rule), &rules).ok());
  }
  return RuleSet(std::move(rules));
}

void Match(benchmark::State& state, const std::vector<std::string>& keys) {
  const RuleSet rules = MakeRules(static_cast<size_t>(state.range(0)));
  Captures captures;
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(rules.Match(0, keys[at++ % kKeys], &captures));
  }
}

void BM_KeyOfNoRule(benchmark::State& state) {
  Random random(1);
  const char* const prefixes[] = {"other:", "cache:", "x", "users:", "job:", "memo:"};
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back(prefixes[random.Below(std::size(prefixes))] +
                   std::to_string(random.Below(1'000'000)));
  }
  Match(state, keys);
}
BENCHMARK(BM_KeyOfNoRule)->Arg(1)->Arg(16)->Arg(256);

void BM_KeyOfRule(benchmark::State& state) {
  Random random(1);
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back(random.Below(2) == 0 ? "memory:0b9f0a6e-7c1d-4e5f-8a2b-1c3d5e7f9a0b"
                                        : "score:" + std::to_string(random.Below(100'000)) + ":" +
                                              std::to_string(random.Below(1'000'000)));
  }
  Match(state, keys);
}
BENCHMARK(BM_KeyOfRule)->Arg(16)->Arg(256);

}  // namespace
}  // namespace alai::origin

BENCHMARK_MAIN();
