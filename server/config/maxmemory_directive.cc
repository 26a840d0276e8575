// `maxmemory`: bytes, or a percentage of what this machine or its control group has.
//
// CONFIG GET shows bytes, which is what clients expect; CONFIG REWRITE keeps the percentage.
#include "engine/base/number.h"
#include "server/config/special_directives.h"
#include "server/memory_report.h"

namespace alai {
namespace {

constexpr const char* kNotMemory = "argument must be a memory value";

std::string AssignPercent(std::string_view digits, Config* target) {
  constexpr int64_t kWhole = 100;
  int64_t percent;
  if (!ParseInt64(digits, &percent) || percent < 0) return kNotMemory;
  if (percent > kWhole) return "percentage argument must be less or equal to 100";
  if (target == nullptr) return {};
  const auto share =
      static_cast<unsigned __int128>(SystemMemoryBytes()) * static_cast<uint64_t>(percent) / kWhole;
  target->maxmemory.set(static_cast<uint64_t>(share));
  target->maxmemory_percent.set(percent);
  return {};
}

std::string AssignMaxmemory(Directive::Directive::Arguments args, Config* target, bool) {
  const std::string_view word = args[0];
  if (word.ends_with('%')) return AssignPercent(word.substr(0, word.size() - 1), target);
  uint64_t bytes;
  if (!ParseMemorySize(word, &bytes)) return kNotMemory;
  if (target != nullptr) {
    target->maxmemory.set(bytes);
    target->maxmemory_percent.set(0);
  }
  return {};
}

std::string PrintMaxmemory(const Config& config) { return std::to_string(config.maxmemory.get()); }

std::vector<Directive::Line> MaxmemoryLines(const Config& config, const Config& defaults) {
  const int64_t percent = config.maxmemory_percent;
  if (percent != 0) return {{std::to_string(percent) + "%", true}};
  return {{MemoryText(config.maxmemory), config.maxmemory != defaults.maxmemory}};
}

}  // namespace

constinit const Directive::Special kMaxmemorySpecial = {AssignMaxmemory, PrintMaxmemory,
                                                        MaxmemoryLines};

}  // namespace alai
