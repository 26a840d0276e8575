// Question: what does it cost to find a key's class, with a few classes and with all there may be?
// Trap: one key again and again trains the branch predictor, so keys of many shapes come in an order drawn
// with a fixed seed; but as few as fit into L1, where the server has just hashed them.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/key_classes.h"

namespace alai {
namespace {

// What a platform has, and then one class for each user.
KeyClasses Classes(size_t count) {
  const char* const names[] = {
      "memory:", "score:",  "session:", "rate:", "rate:admin:", "user:",   "token:", "lock:",
      "queue:",  "result:", "feed:",    "cart:", "geo:",        "search:", "page:",  "api:v1:"};
  std::vector<KeyClass> classes;
  for (size_t i = 0; i < count; ++i) {
    KeyClass& key_class = classes.emplace_back();
    key_class.name = std::to_string(i);
    key_class.prefix = i < std::size(names) ? names[i] : "score:" + std::to_string(i) + ":";
    key_class.slot = static_cast<uint8_t>(i);
  }
  return KeyClasses(std::move(classes));
}

void BM_FindClass(benchmark::State& state) {
  constexpr size_t kKeys = 1024;
  const KeyClasses classes = Classes(static_cast<size_t>(state.range(0)));
  Random random(1);
  std::string bytes;
  std::vector<size_t> ends = {0};
  for (size_t i = 0; i < kKeys; ++i) {
    const KeyClass& key_class = classes.all()[random.Below(classes.all().size())];
    // One in eight has no class.
    const std::string prefix = random.Below(8) == 0 ? "other:" : key_class.prefix;
    bytes += prefix + std::to_string(random.Below(1'000'000));
    ends.push_back(bytes.size());
  }
  std::vector<std::string_view> keys;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back(std::string_view(bytes).substr(ends[i], ends[i + 1] - ends[i]));
  }
  size_t at = 0;
  size_t found = 0;
  for (auto _ : state) {
    found += classes.Find(keys[at++ % kKeys]) != nullptr;
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(BM_FindClass)->Arg(1)->Arg(4)->Arg(16)->Arg(255);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
