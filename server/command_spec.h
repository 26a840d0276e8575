// One row per command: everything that the server, its clients and its tests know about a command
// besides what it does.
//
// Arity, flags, key positions, ACL categories, COMMAND INFO/DOCS/GETKEYS, statistics, which shards
// to lock and the fuzz dictionary come from these rows. A row stands beside its handler, in a file
// of server/commands/; server/command_table.cc collects them and derives what follows from them:
// parents, ids, first and last key, movablekeys, ACL categories.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace alai {

class Call;

// Flags as COMMAND INFO prints them, in its order.
enum CommandFlag : uint32_t {
  kWrite = 1 << 0,
  kReadOnly = 1 << 1,
  kDenyOom = 1 << 2,
  kAdmin = 1 << 3,
  kPubSub = 1 << 4,
  kNoScript = 1 << 5,
  kBlocking = 1 << 6,
  kLoading = 1 << 7,
  kStale = 1 << 8,
  kSkipMonitor = 1 << 9,
  kSkipCommandLog = 1 << 10,
  kAsking = 1 << 11,
  kFast = 1 << 12,
  kNoAuth = 1 << 13,  // allowed before authentication
  // Waits as writes do under CLIENT PAUSE WRITE; not printed.
  kMayReplicate = 1 << 14,
  kNoMandatoryKeys = 1 << 15,
  kNoAsyncLoading = 1 << 16,
  kNoMulti = 1 << 17,
  kMovableKeys = 1 << 18,
  kAllowBusy = 1 << 19,
  // Ours; not printed.
  kAllShards = 1 << 24,  // runs with every shard locked: SWAPDB, FLUSHALL
  // Has keys, but the handler locks or needs no lock: KEYS, SCAN, OBJECT HELP.
  kOwnLocking = 1 << 25,
  kProtected = 1 << 26,      // enable-debug-command and the like decide whether it may run
  kSystemCommand = 1 << 27,  // servers send it to each other: COMMAND DOCS says "syscmd"
  kTwoDatabases =
      1 << 28,  // changes its one key in two databases, which are seen to change at once
  // Whether a key that is missing is worth asking the origin for: what only reads does unless the second says no.
  kReadThrough = 1 << 29,
  kNoReadThrough = 1 << 30,
};

// ACL categories. A row names only those that do not follow from its flags and group:
//   kWrite @write, kReadOnly @read (not of scripts), kAdmin @admin @dangerous, kPubSub @pubsub,
//   kBlocking @blocking, kFast @fast, otherwise @slow;
//   the groups string, list, set, sorted set, hash, hyperloglog, geo, stream, bitmap, connection,
//   transactions, scripting, rate, origin and key class give the category of that name, but not to a container.
// So commands of the generic group name kCatKeyspace themselves.
enum AclCategory : uint32_t {
  kCatKeyspace = 1 << 0,
  kCatRead = 1 << 1,
  kCatWrite = 1 << 2,
  kCatSet = 1 << 3,
  kCatSortedSet = 1 << 4,
  kCatList = 1 << 5,
  kCatHash = 1 << 6,
  kCatString = 1 << 7,
  kCatBitmap = 1 << 8,
  kCatHyperLogLog = 1 << 9,
  kCatGeo = 1 << 10,
  kCatStream = 1 << 11,
  kCatPubSub = 1 << 12,
  kCatAdmin = 1 << 13,
  kCatFast = 1 << 14,
  kCatSlow = 1 << 15,
  kCatBlocking = 1 << 16,
  kCatDangerous = 1 << 17,
  kCatConnection = 1 << 18,
  kCatTransaction = 1 << 19,
  kCatScripting = 1 << 20,
  kCatRate = 1 << 21,      // ours: token buckets
  kCatOrigin = 1 << 22,    // ours: the database behind the cache
  kCatKeyClass = 1 << 23,  // ours: rules for keys by prefix
};

enum class Group : uint8_t {
  kGeneric,
  kString,
  kList,
  kSet,
  kSortedSet,
  kHash,
  kPubSub,
  kTransactions,
  kConnection,
  kServer,
  kScripting,
  kHyperLogLog,
  kCluster,
  kSentinel,
  kGeo,
  kStream,
  kBitmap,
  kRate,      // ours
  kOrigin,    // ours
  kKeyClass,  // ours
};

// What a command does with the keys of one spec; names as COMMAND DOCS prints them.
enum KeyUse : uint16_t {
  kRO = 1 << 0,
  kRW = 1 << 1,
  kOW = 1 << 2,
  kRM = 1 << 3,
  kKeyAccess = 1 << 4,
  kKeyUpdate = 1 << 5,
  kKeyInsert = 1 << 6,
  kKeyDelete = 1 << 7,
  kNotKey = 1 << 8,
  kIncomplete = 1 << 9,
  kVariableFlags = 1 << 10,
};

// Where a command's keys are among its arguments; argument 0 is the command's name (and 1 the
// subcommand's). Same model as Redis's key specifications.
struct KeySpec {
  // kUnknown: where no position tells: keys that CommandSpec::find_keys finds, or keys that are not among the
  // arguments (SORT's BY and GET), see CommandSpec::reach.
  enum class Begin : uint8_t { kNone, kIndex, kKeyword, kUnknown };
  enum class Find : uint8_t { kRange, kKeyCount };

  uint16_t use = 0;
  Begin begin = Begin::kNone;
  Find find = Find::kRange;
  int16_t index = 0;              // kIndex: position of the first key or of the count
  std::string_view keyword = {};  // kKeyword: the word before
  int16_t start_from = 0;         // kKeyword: where to search from (negative: from the end)
  int16_t last_key = 0;  // kRange: relative to the first; negative: from the end (-1 is the last)
  int16_t key_step = 1;
  int16_t limit = 0;        // kRange with last_key -1: 0/1 all, n: the first 1/n of what is left
  int16_t count_index = 0;  // kKeyCount: relative to `index`
  int16_t first_key = 1;    // kKeyCount: relative to `index`
};

constexpr KeySpec OneKey(uint16_t use, int16_t index = 1) {
  return {.use = use, .begin = KeySpec::Begin::kIndex, .index = index};
}
// Keys from `index` to the last argument (or to `last_key`, counted from the end), every `step`th.
constexpr KeySpec KeyRange(uint16_t use, int16_t index, int16_t last_key = -1, int16_t step = 1) {
  return {.use = use,
          .begin = KeySpec::Begin::kIndex,
          .index = index,
          .last_key = last_key,
          .key_step = step};
}
// A count at `index`, then that many keys, every `step`th.
constexpr KeySpec CountedKeys(uint16_t use, int16_t index, int16_t step = 1) {
  return {.use = use,
          .begin = KeySpec::Begin::kIndex,
          .find = KeySpec::Find::kKeyCount,
          .index = index,
          .key_step = step};
}

// A key among the arguments of one call, and what the command does with it.
struct KeyAt {
  uint32_t index;
  uint16_t use;  // KeyUse bits
};
using KeyList = std::vector<KeyAt>;
using Arguments = std::span<const std::string_view>;

// Which keys a call touches.
enum class KeyReach : uint8_t {
  kFirstKey,   // only the first one
  kNamedKeys,  // all that are among its arguments
  kAnyKey,     // any of its database
};

// The tips of commands that a cluster's client sends to every node.
inline constexpr std::string_view kEveryNode =
    "request_policy:all_nodes response_policy:all_succeeded";

struct CommandSpec {
  std::string_view name;         // lower case; of a subcommand its own part only
  void (*run)(Call&) = nullptr;  // nullptr for a container whose subcommands do the work
  int16_t arity = 0;             // as Redis: the name included, negative for "at least"
  uint32_t flags = 0;
  KeySpec keys[3] = {};
  // Which argument names a field or member of the first key's value, or the first of several, as far as its
  // position tells; 0 if none. Only a hint, for prefetching.
  uint8_t part = 0;
  uint32_t categories = 0;
  Group group = Group::kGeneric;
  std::string_view since = {};
  std::string_view complexity = {};
  std::string_view summary = {};
  // The arguments in the notation of server/command_docs.h, from which COMMAND DOCS is answered.
  std::string_view arguments = {};
  std::string_view tips = {};  // space-separated: "request_policy:multi_shard …"
  std::span<const CommandSpec> subcommands = {};
  // What COMMAND DOCS says about the past: "6.2.0: Added the `GET` option. | 7.0.0: …".
  std::string_view history = {};
  std::string_view deprecated_since = {};
  std::string_view replaced_by = {};  // "`SET` with the `GET` argument"
  // Of a row with kVariableFlags: what this very call does with the keys of that spec.
  uint16_t (*key_use)(Arguments argv) = nullptr;
  // Of a row whose key specs do not tell the whole (kIncomplete, kUnknown): appends every key.
  // False when the arguments make no sense.
  bool (*find_keys)(Arguments argv, KeyList& keys) = nullptr;
  // Of a row whose first key has a fixed position, while its arguments say whether there are more.
  KeyReach (*reach)(Arguments argv) = nullptr;

  constexpr bool has(uint32_t flag) const { return (flags & flag) != 0; }
};

// For a static_assert below a table of rows.
consteval bool WellFormed(std::span<const CommandSpec> rows) {
  for (const CommandSpec& row : rows) {
    if (row.name.empty() || row.arity == 0 || row.summary.empty() || row.since.empty())
      return false;
    if (row.run == nullptr && row.subcommands.empty()) return false;
    for (const char c : row.name) {
      if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') {
        return false;
      }
    }
    bool ended = false;  // key specs come first in the array
    for (const KeySpec& key : row.keys) {
      if (key.begin == KeySpec::Begin::kNone) {
        ended = true;
      } else if (ended || key.use == 0 || key.key_step < 1) {
        return false;
      }
      if (key.begin == KeySpec::Begin::kIndex && key.index < 1) return false;
    }
    if (row.has(kWrite) && row.has(kReadOnly)) return false;
    if (!WellFormed(row.subcommands)) return false;
  }
  return true;
}

}  // namespace alai
