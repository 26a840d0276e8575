// INFO: the server's figures as lines of text, by section.
//
//   # Section
//   field:value
//
// Names, order and notation are Redis's, because tools read them by name; what only we have comes after
// Redis's fields of a section. Sections stand in a fixed order, whatever order they are asked for in.
//
// Threads     Any worker. Figures are read while others change them, so they need not add up.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/clock.h"

namespace alai {

class Server;

struct InfoContext {
  Server& server;
  UnixMillis now_ms;
  int64_t monotonic_ns;
};

// Builds the text.
class InfoText {
 public:
  // The name as in "# Clients".
  void Section(std::string_view title);
  void Field(std::string_view name, std::string_view value);
  void Field(std::string_view name, const char* value) { Field(name, std::string_view(value)); }
  void Field(std::string_view name, const std::string& value) {
    Field(name, std::string_view(value));
  }
  template <class T>
  requires std::is_integral_v<T>
  void Field(std::string_view name, T value) {
    if constexpr (std::is_signed_v<T>) {
      SignedField(name, value);
    } else {
      UnsignedField(name, value);
    }
  }
  void Decimals(std::string_view name, double value, int decimals);
  void Percent(std::string_view name, double value);
  // "name:1234" and "name_human:1.21K".
  void Bytes(std::string_view name, uint64_t bytes);
  // A line that is no single field.
  void Line(std::string_view line);

  std::string& text() { return text_; }

 private:
  void SignedField(std::string_view name, int64_t value);
  void UnsignedField(std::string_view name, uint64_t value);

  std::string text_;
};

// The sections of these names, each once; without names the default ones. "all" is all but what
// modules add, "everything" is everything; unknown names stand for nothing.
std::string MakeInfo(const InfoContext& context, std::span<const std::string_view> names);

// One function for each section, in info/*.cc.
void AppendServerInfo(const InfoContext& context, InfoText& info);
void AppendClientsInfo(const InfoContext& context, InfoText& info);
void AppendMemoryInfo(const InfoContext& context, InfoText& info);
void AppendPersistenceInfo(const InfoContext& context, InfoText& info);
void AppendThreadsInfo(const InfoContext& context, InfoText& info);
void AppendStatsInfo(const InfoContext& context, InfoText& info);
void AppendReplicationInfo(const InfoContext& context, InfoText& info);
void AppendCpuInfo(const InfoContext& context, InfoText& info);
void AppendModulesInfo(const InfoContext& context, InfoText& info);
void AppendCommandStatsInfo(const InfoContext& context, InfoText& info);
void AppendErrorStatsInfo(const InfoContext& context, InfoText& info);
void AppendLatencyStatsInfo(const InfoContext& context, InfoText& info);
void AppendClusterInfo(const InfoContext& context, InfoText& info);
void AppendKeyspaceInfo(const InfoContext& context, InfoText& info);
void AppendKeyClassesInfo(const InfoContext& context, InfoText& info);
void AppendOriginInfo(const InfoContext& context, InfoText& info);

}  // namespace alai
