#include "server/info/info.h"

#include <algorithm>
#include <bitset>
#include <cstdio>
#include <iterator>

#include "engine/base/ascii.h"
#include "engine/base/number.h"

namespace alai {
namespace {

struct SectionEntry {
  std::string_view name;
  bool by_default;
  void (*append)(const InfoContext&, InfoText&);
};

constexpr SectionEntry kSections[] = {
    {"server", true, AppendServerInfo},           {"clients", true, AppendClientsInfo},
    {"memory", true, AppendMemoryInfo},           {"persistence", true, AppendPersistenceInfo},
    {"threads", true, AppendThreadsInfo},         {"stats", true, AppendStatsInfo},
    {"replication", true, AppendReplicationInfo}, {"cpu", true, AppendCpuInfo},
    {"module_list", true, AppendModulesInfo},     {"commandstats", false, AppendCommandStatsInfo},
    {"errorstats", true, AppendErrorStatsInfo},   {"latencystats", false, AppendLatencyStatsInfo},
    {"cluster", true, AppendClusterInfo},         {"keyspace", true, AppendKeyspaceInfo},
    {"keyclasses", true, AppendKeyClassesInfo},   {"origin", true, AppendOriginInfo},
};

using Selection = std::bitset<std::size(kSections)>;

void Select(std::string_view name, Selection& selection) {
  const bool defaults = EqualsIgnoreCase(name, "default");
  const bool all = EqualsIgnoreCase(name, "all") || EqualsIgnoreCase(name, "everything");
  if (EqualsIgnoreCase(name, "modules")) name = "module_list";
  for (size_t i = 0; i < std::size(kSections); ++i) {
    if (all || (defaults && kSections[i].by_default) || EqualsIgnoreCase(name, kSections[i].name)) {
      selection.set(i);
    }
  }
}

}  // namespace

void InfoText::Section(std::string_view title) {
  if (!text_.empty()) text_ += "\r\n";
  text_ += "# ";
  text_ += title;
  text_ += "\r\n";
}

void InfoText::Field(std::string_view name, std::string_view value) {
  text_ += name;
  text_ += ':';
  text_ += value;
  text_ += "\r\n";
}

void InfoText::SignedField(std::string_view name, int64_t value) {
  char digits[kInt64CharsMax];
  Field(name, std::string_view(digits, FormatInt64(value, digits)));
}

void InfoText::UnsignedField(std::string_view name, uint64_t value) {
  char digits[kInt64CharsMax];
  Field(name, std::string_view(digits, FormatUint64(value, digits)));
}

void InfoText::Decimals(std::string_view name, double value, int decimals) {
  char digits[64];
  const int size = std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
  Field(name, std::string_view(digits, static_cast<size_t>(size)));
}

void InfoText::Percent(std::string_view name, double value) {
  char digits[64];
  const int size = std::snprintf(digits, sizeof digits, "%.2f%%", value);
  Field(name, std::string_view(digits, static_cast<size_t>(size)));
}

void InfoText::Bytes(std::string_view name, uint64_t bytes) {
  Field(name, bytes);
  Field(std::string(name) + "_human", FormatBytesHuman(bytes));
}

void InfoText::Line(std::string_view line) {
  text_ += line;
  text_ += "\r\n";
}

std::string MakeInfo(const InfoContext& context, std::span<const std::string_view> names) {
  Selection selection;
  if (names.empty()) Select("default", selection);
  for (const std::string_view name : names) Select(name, selection);
  InfoText info;
  for (size_t i = 0; i < std::size(kSections); ++i) {
    if (selection.test(i)) kSections[i].append(context, info);
  }
  return std::move(info.text());
}

}  // namespace alai
