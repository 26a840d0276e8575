// Who this server says it is.
#pragma once

#include <string>
#include <string_view>

namespace alai {

inline constexpr std::string_view kServerName = "alai";
extern const std::string_view kAlaiVersion;
// The version of Redis whose behaviour clients may expect.
inline constexpr std::string_view kRedisVersion = "7.2.4";

// Of the compiler that built it: "12.2.0".
std::string CompilerVersion();
// Hexadecimal digits that differ between builds of different versions or compilers.
std::string BuildId();

}  // namespace alai
