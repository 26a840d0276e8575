// How RDB names the modules whose values it holds: nine letters, six bits each, and ten bits of the
// encoding's version.
#pragma once

#include <cstdint>
#include <string_view>

namespace alai {

constexpr uint64_t ModuleId(std::string_view name, uint64_t version) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint64_t id = 0;
  for (const char c : name) id = id << 6 | kAlphabet.find(c);
  return id << 10 | version;
}

// Token buckets: an integer, the theoretical arrival time in nanoseconds.
constexpr uint64_t kTokenBucketId = ModuleId("alai-gcra", 1);

// What a module's value consists of.
enum ModulePart : uint8_t { kModuleEnd = 0, kModuleSigned = 1 };

}  // namespace alai
