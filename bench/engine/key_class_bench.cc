// Question: what does it cost to find a key's class, with a few classes and with all there may be, and
// what does a lookup cost more when there are classes?
// Trap: one key again and again trains the branch predictor, so keys of many shapes come in an order
// drawn with a fixed seed.
#include <benchmark/benchmark.h>

#include <string>
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
  constexpr size_t kKeys = 4096;
  const KeyClasses classes = Classes(static_cast<size_t>(state.range(0)));
  Random random(1);
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) {
    const KeyClass& key_class = classes.all()[random.Below(classes.all().size())];
    // One in eight has no class.
    const std::string prefix = random.Below(8) == 0 ? "other:" : key_class.prefix;
    keys.push_back(prefix + std::to_string(random.Below(1'000'000)));
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
