// The ways of counting bits, for bits::Count() and the test that holds them against each other.
//
// Threads     Pure functions: any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace alai::bits {

using CountFunction = uint64_t (*)(std::string_view bytes);

// Those that this processor can run, the fastest first.
std::span<const CountFunction> CountFunctions();

}  // namespace alai::bits
