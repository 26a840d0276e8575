// The directive table: one row per setting that says how redis.conf, CONFIG SET, CONFIG GET and
// CONFIG REWRITE spell it, what it may hold, what it holds at the start and what must happen when
// it changes.
//
// A row's `kind` selects the rules for reading and printing that most settings share. A setting
// with a grammar of its own is kSpecial and brings its three functions (special_directives.h).
//
// Errors are texts in Redis's words, because they go unchanged to the client or to the screen; an
// empty text means that all is well.
//
// Threads     The table is constant. Assign() with a target is called by one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "server/config/config.h"

namespace alai {

// What the server has to do once a setting has changed; see ConfigHost.
enum class ApplyHook : uint8_t {
  kNone,
  kListeners,       // bind, port
  kTlsListener,     // tls-port
  kTls,             // certificates and their kin
  kMaxclients,      // RLIMIT_NOFILE
  kPacking,         // *-max-listpack-*, list-compress-depth and their like
  kMaxmemory,       // maxmemory and its policy, lfu-*
  kLazyFree,        // lazyfree-lazy-*, but for what flushes
  kClientMemory,    // maxmemory-clients
  kRequirepass,     // the default user's password
  kLogLevel,        // loglevel
  kLogFormat,       // log-format, log-timestamp-format
  kProcTitle,       // proc-title-template
  kOomScoreAdj,     // oom-score-adj and its values
  kCrashLog,        // crash-log-enabled
  kHz,              // hz
  kDatabaseMemory,  // jemalloc-bg-thread
  kDefragment,      // activedefrag, active-defrag-*
  kAppendOnly,      // appendonly
  kAppendFsync,     // appendfsync
  kReplicas,        // min-replicas-*, repl-backlog-size
  kCluster,         // cluster-announce-* and their kin
  kLocale,          // locale-collate
  kOriginUrl,       // origin-url, origin-listen-url, origin-password-file, origin-connections
  kOriginLimits,    // origin-queue-max and its like
  kOriginRules,     // origin-rule
};

struct ChoiceName {
  std::string_view name;
  uint32_t value;
  bool listed = true;  // false: accepted, but not offered by the error message
};

// What is said of a directive that has too few or too many words, and of one in a file that makes no sense.
inline constexpr const char* kWrongArgumentCount = "wrong number of arguments";
inline constexpr const char* kBadDirective = "Bad directive or wrong number of arguments";

class Directive {
 public:
  enum class Kind : uint8_t {
    kSwitch,           // yes or no
    kNumber,           // a decimal integer
    kMemory,           // bytes, with an optional unit
    kMemoryOrPercent,  // the same or a percentage, which is stored negative
    kOctal,            // permission bits
    kChoice,           // one of several words
    kChoices,          // some of several words
    kText,             // one word
    kSpecial,
  };

  enum Flag : uint16_t {
    kImmutable = 1 << 0,    // CONFIG SET refuses it
    kGuarded = 1 << 1,      // CONFIG SET needs enable-protected-configs
    kSensitive = 1 << 2,    // a secret: kept out of logs and of the command log
    kHidden = 1 << 3,       // CONFIG GET shows it only by its exact name
    kMultiArg = 1 << 4,     // takes any number of words
    kDenyLoading = 1 << 5,  // CONFIG SET refuses it while a data set is loaded
    kNotYet = 1 << 6,       // accepted, but what it governs is not part of the server
    kFileOnly = 1 << 7,     // configuration files only: CONFIG GET and SET do not know it
    kAccumulates = 1 << 8,  // lines of a file add up; the first one replaces the default
    kKeepLines = 1 << 9,    // CONFIG REWRITE leaves its lines as they stand
  };

  using Arguments = std::span<const std::string>;

  // A line that CONFIG REWRITE wants. One that is not forced only replaces an existing line.
  struct Line {
    std::string value;
    bool forced;
  };

  struct Special {
    // Without a target only checks. `append`: a further line of a kAccumulates directive.
    std::string (*assign)(Arguments args, Config* target, bool append);
    std::string (*print)(const Config& config);
    std::vector<Line> (*lines)(const Config& config, const Config& defaults);
    // Instead of SplitValue()'s way, unless it is nullptr.
    std::vector<std::string> (*split)(std::string_view value) = nullptr;
  };

  std::string_view name;
  std::string_view alias = {};  // the same setting's older name
  std::string_view initial = {};
  Kind kind = Kind::kSwitch;
  ApplyHook hook = ApplyHook::kNone;
  uint16_t flags = 0;
  int64_t min = 0;   // kNumber, kMemory …
  uint64_t max = 0;  // above INT64_MAX only for kMemory
  std::span<const ChoiceName> choices = {};
  int64_t (*load)(const Config&) = nullptr;  // everything but kText and kSpecial
  void (*store)(Config&, int64_t) = nullptr;
  Guarded<std::string>& (*text)(Config&) = nullptr;         // kText
  std::string_view (*check)(std::string_view) = nullptr;    // kText: the error, or nothing
  std::string_view (*check_bits)(uint32_t bits) = nullptr;  // kChoices: the same
  const Special* special = nullptr;

  bool has(Flag flag) const { return (flags & flag) != 0; }

  // Reads the words after the directive's name into `target`, or without a target only checks them.
  std::string Assign(Arguments args, Config* target, bool append = false) const;

  // The value as CONFIG GET shows it.
  std::string Print(const Config& config) const;

  // The lines for CONFIG REWRITE, without the directive's name.
  std::vector<Line> Lines(const Config& config, const Config& defaults) const;

  // Splits a value of CONFIG SET into the words that a line of a file would have.
  std::vector<std::string> SplitValue(std::string_view value) const;

  // For building the table.
  constexpr Directive Alias(std::string_view other) const {
    Directive row = *this;
    row.alias = other;
    return row;
  }
  constexpr Directive With(int more_flags) const {
    Directive row = *this;
    row.flags = static_cast<uint16_t>(row.flags | more_flags);
    return row;
  }
  constexpr Directive Then(ApplyHook apply) const {
    Directive row = *this;
    row.hook = apply;
    return row;
  }

 private:
  std::string AssignChoices(Arguments args, Config* target) const;
  std::string AssignMemory(const std::string& word, Config* target) const;
  std::string AssignNumber(const std::string& word, Config* target) const;
  std::string AssignText(const std::string& word, Config* target) const;
  std::string ChoicesError() const;
  std::string RangeError() const;
};

// All rows, ordered by name.
std::span<const Directive> Directives();

// The row of a name or alias, case ignored; nullptr when there is none.
const Directive* FindDirective(std::string_view name);

// Old directives that Redis still reads but that govern nothing. They take one word.
bool IsObsoleteDirective(std::string_view name);

// The names of the settings that ask for something that is not part of the server (kNotYet): their
// values are neither the defaults nor such as turn it off.
std::vector<std::string_view> SettingsWithoutEffect(const Config& config);

// A configuration with nothing but defaults.
const Config& DefaultConfig();

// `text` in double quotes, with escapes that SplitWords() understands.
std::string Quoted(std::string_view text);

// `bytes` in the largest unit that divides it: "100mb", "1gb", "4097".
std::string MemoryText(uint64_t bytes);

}  // namespace alai
