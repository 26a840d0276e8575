// A rule of the origin: which keys a database can fill, by which statement, and how they live here.
//
// Threads     A rule does not change once it is in a RuleSet; any thread reads it.
// Invariants  A rule that was made by ReadRule() is whole: its statements speak of its captures alone, and
//             its numbers are within their ranges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/record.h"
#include "storage/origin/key_pattern.h"

namespace alai::origin {

enum class OnOverload : uint8_t { kBusy, kNil };
enum class OnError : uint8_t { kNil, kError };
enum class OnChange : uint8_t { kDelete, kReload, kNone };
// Whether clients' writes go to the database, and whether before or after they are answered.
enum class WritePolicy : uint8_t { kNone, kThrough, kBehind };

// A word that an option takes, and what it stands for.
template <class T>
struct Choice {
  std::string_view name;
  T value;
};
inline constexpr Choice<Type> kRuleTypes[] = {{"string", Type::kString},
                                              {"hash", Type::kHash},
                                              {"list", Type::kList},
                                              {"set", Type::kSet},
                                              {"zset", Type::kSortedSet}};
// Nothing for a type that no rule has.
constexpr std::string_view RuleTypeName(Type type) {
  for (const Choice<Type>& choice : kRuleTypes) {
    if (choice.value == type) return choice.name;
  }
  return {};
}

struct Rule {
  std::string name;
  KeyPattern pattern;
  int db = 0;
  Type type = Type::kString;  // kString, kHash, kList, kSet or kSortedSet
  std::string query;          // of one key; $1 … are its captures in their order
  std::string batch_query;    // of many keys; made from `query` unless it was given
  bool batch_query_given = false;

  int64_t ttl_ms = 0;            // 0: no deadline
  int64_t negative_ttl_ms = 0;   // 0: absence is not remembered
  int64_t stale_ttl_ms = 0;      // how long beyond its ttl a value may still be served
  double refresh_ahead = 0;      // share of the ttl after which a hit reloads; 0: never
  double ttl_jitter = 0;         // up to this share is taken off each ttl
  uint64_t value_bytes_max = 0;  // 0: as proto-max-bulk-len says

  int64_t batch_window_us = 500;
  uint32_t batch_keys_max = 256;
  int64_t timeout_ms = 1000;  // of one load or write, queueing included
  OnOverload on_overload = OnOverload::kBusy;
  OnError on_error = OnError::kNil;

  OnChange on_change = OnChange::kDelete;
  std::string table;                 // what the trigger is put on
  std::vector<std::string> columns;  // of it: one for each capture
  WritePolicy write = WritePolicy::kNone;
  std::string upsert;  // $1 … the captures, the last the value
  std::string erase;   // $1 … the captures

  bool operator==(const Rule&) const = default;
};

}  // namespace alai::origin
