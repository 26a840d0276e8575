// A random run that can be replayed: a failure shows the seed, and ALAI_TEST_SEED sets it.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {

inline uint64_t TestSeed() {
  const char* given = std::getenv("ALAI_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : RandomSeed();
}

}  // namespace alai

// Declares `seed` and shows it with every failure in this scope.
#define WITH_TEST_SEED(seed)                \
  const uint64_t seed = ::alai::TestSeed(); \
  INFO("replay with ALAI_TEST_SEED=" << (seed))
