// How the rows of the directive table are made, and the words that its choices offer. Included by
// directive_table.cc alone.
#pragma once

#include <locale.h>
#include <syslog.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/config/directives.h"

namespace alai::directive_builders {

using Kind = Directive::Kind;

inline constexpr int kImmutable = Directive::kImmutable;
inline constexpr int kGuarded = Directive::kGuarded;
inline constexpr int kSensitive = Directive::kSensitive;
inline constexpr int kHidden = Directive::kHidden;
inline constexpr int kMultiArg = Directive::kMultiArg;
inline constexpr int kDenyLoading = Directive::kDenyLoading;
inline constexpr int kNotYet = Directive::kNotYet;
inline constexpr int kFileOnly = Directive::kFileOnly;
inline constexpr int kAccumulates = Directive::kAccumulates;
inline constexpr int kKeepLines = Directive::kKeepLines;

inline constexpr int64_t kIntMax = INT_MAX;
inline constexpr int64_t kIntMin = INT_MIN;
inline constexpr int64_t kUnsignedMax = UINT_MAX;
inline constexpr int64_t kLongMax = LONG_MAX;
inline constexpr int64_t kPortMax = 65535;
inline constexpr int64_t kMegabyte = 1024 * 1024;
inline constexpr int64_t kWorkersMax = 128;
inline constexpr int64_t kBacklogBytesMin = 16 * 1024;
inline constexpr int64_t kHzMin = 1;
inline constexpr int64_t kHzMax = 500;

template <auto field>
int64_t Load(const Config& config) {
  return static_cast<int64_t>((config.*field).get());
}

template <auto field>
void Store(Config& config, int64_t value) {
  using Value = decltype((config.*field).get());
  (config.*field).set(static_cast<Value>(value));
}

template <auto field>
Guarded<std::string>& TextOf(Config& config) {
  return config.*field;
}

template <auto field>
constexpr Directive Stored(std::string_view name, Kind kind, std::string_view initial) {
  Directive row;
  row.name = name;
  row.initial = initial;
  row.kind = kind;
  row.load = Load<field>;
  row.store = Store<field>;
  return row;
}

template <auto field>
constexpr Directive Switch(std::string_view name, std::string_view initial) {
  return Stored<field>(name, Kind::kSwitch, initial);
}

template <auto field>
constexpr Directive Ranged(std::string_view name, Kind kind, int64_t min, uint64_t max,
                           std::string_view initial) {
  Directive row = Stored<field>(name, kind, initial);
  row.min = min;
  row.max = max;
  return row;
}

template <auto field>
constexpr Directive Number(std::string_view name, int64_t min, int64_t max,
                           std::string_view initial) {
  return Ranged<field>(name, Kind::kNumber, min, static_cast<uint64_t>(max), initial);
}

template <auto field>
constexpr Directive Memory(std::string_view name, int64_t min, uint64_t max,
                           std::string_view initial) {
  return Ranged<field>(name, Kind::kMemory, min, max, initial);
}

template <auto field, size_t count>
constexpr Directive Choice(std::string_view name, const ChoiceName (&choices)[count],
                           std::string_view initial) {
  Directive row = Stored<field>(name, Kind::kChoice, initial);
  row.choices = choices;
  return row;
}

template <auto field>
constexpr Directive Text(std::string_view name, std::string_view initial,
                         std::string_view (*check)(std::string_view) = nullptr) {
  Directive row;
  row.name = name;
  row.initial = initial;
  row.kind = Kind::kText;
  row.text = TextOf<field>;
  row.check = check;
  return row;
}

constexpr Directive Special(std::string_view name, const Directive::Special& special,
                            std::string_view initial) {
  Directive row;
  row.name = name;
  row.initial = initial;
  row.kind = Kind::kSpecial;
  row.special = &special;
  return row;
}

template <class Enum>
constexpr ChoiceName Word(std::string_view name, Enum value, bool listed = true) {
  return {name, static_cast<uint32_t>(value), listed};
}

inline constexpr ChoiceName kVerbosityNames[] = {
    Word("debug", Verbosity::kDebug), Word("verbose", Verbosity::kVerbose),
    Word("notice", Verbosity::kNotice), Word("warning", Verbosity::kWarning),
    Word("nothing", Verbosity::kNothing, false)};
inline constexpr ChoiceName kLogFormatNames[] = {Word("legacy", LogFormat::kLegacy),
                                                 Word("logfmt", LogFormat::kLogfmt),
                                                 Word("json", LogFormat::kJson)};
inline constexpr ChoiceName kLogTimestampNames[] = {
    Word("legacy", LogTimestampFormat::kLegacy), Word("iso8601", LogTimestampFormat::kIso8601),
    Word("milliseconds", LogTimestampFormat::kMilliseconds)};
inline constexpr ChoiceName kSyslogFacilityNames[] = {
    Word("user", LOG_USER),     Word("local0", LOG_LOCAL0), Word("local1", LOG_LOCAL1),
    Word("local2", LOG_LOCAL2), Word("local3", LOG_LOCAL3), Word("local4", LOG_LOCAL4),
    Word("local5", LOG_LOCAL5), Word("local6", LOG_LOCAL6), Word("local7", LOG_LOCAL7)};
inline constexpr ChoiceName kSupervisionNames[] = {
    Word("upstart", Supervision::kUpstart), Word("systemd", Supervision::kSystemd),
    Word("auto", Supervision::kAutodetect), Word("no", Supervision::kNone)};
inline constexpr ChoiceName kOomScoreAdjNames[] = {
    Word("no", OomScoreAdj::kNo), Word("yes", OomScoreAdj::kRelative),
    Word("relative", OomScoreAdj::kRelative), Word("absolute", OomScoreAdj::kAbsolute)};
inline constexpr ChoiceName kMaxmemoryPolicyNames[] = {
    Word("volatile-lru", MaxmemoryPolicy::kVolatileLru),
    Word("volatile-lfu", MaxmemoryPolicy::kVolatileLfu),
    Word("volatile-random", MaxmemoryPolicy::kVolatileRandom),
    Word("volatile-ttl", MaxmemoryPolicy::kVolatileTtl),
    Word("allkeys-lru", MaxmemoryPolicy::kAllkeysLru),
    Word("allkeys-lfu", MaxmemoryPolicy::kAllkeysLfu),
    Word("allkeys-random", MaxmemoryPolicy::kAllkeysRandom),
    Word("noeviction", MaxmemoryPolicy::kNoEviction)};
inline constexpr ChoiceName kAppendFsyncNames[] = {Word("everysec", AppendFsync::kEverySecond),
                                                   Word("always", AppendFsync::kAlways),
                                                   Word("no", AppendFsync::kNo)};
inline constexpr ChoiceName kDisklessLoadNames[] = {
    Word("disabled", DisklessLoad::kDisabled), Word("on-empty-db", DisklessLoad::kOnEmptyDb),
    Word("swapdb", DisklessLoad::kSwapDb),
    Word("flush-before-load", DisklessLoad::kFlushBeforeLoad, false)};
inline constexpr ChoiceName kRdbVersionCheckNames[] = {Word("strict", RdbVersionCheck::kStrict),
                                                       Word("relaxed", RdbVersionCheck::kRelaxed)};
inline constexpr ChoiceName kSanitizeDumpNames[] = {Word("no", SanitizeDump::kNo),
                                                    Word("yes", SanitizeDump::kYes),
                                                    Word("clients", SanitizeDump::kClients)};
inline constexpr ChoiceName kProtectedActionNames[] = {Word("no", ProtectedAction::kNo),
                                                       Word("yes", ProtectedAction::kYes),
                                                       Word("local", ProtectedAction::kLocal)};
inline constexpr ChoiceName kAclPubsubNames[] = {
    Word("allchannels", AclPubsubDefault::kAllChannels),
    Word("resetchannels", AclPubsubDefault::kResetChannels)};
inline constexpr ChoiceName kTlsAuthClientsNames[] = {Word("no", TlsAuthClients::kNo),
                                                      Word("yes", TlsAuthClients::kYes),
                                                      Word("optional", TlsAuthClients::kOptional)};
inline constexpr ChoiceName kTlsClientUserNames[] = {Word("off", TlsClientUser::kOff),
                                                     Word("cn", TlsClientUser::kCommonName),
                                                     Word("uri", TlsClientUser::kUri)};
inline constexpr ChoiceName kPropagationErrorNames[] = {
    Word("ignore", PropagationErrors::kIgnore), Word("panic", PropagationErrors::kPanic),
    Word("panic-on-replicas", PropagationErrors::kPanicOnReplicas)};
inline constexpr ChoiceName kEndpointTypeNames[] = {
    Word("ip", ClusterEndpointType::kIp), Word("hostname", ClusterEndpointType::kHostname),
    Word("unknown-endpoint", ClusterEndpointType::kUnknown)};
inline constexpr ChoiceName kClusterConfigSaveNames[] = {
    Word("sync", ClusterConfigSave::kSync), Word("best-effort", ClusterConfigSave::kBestEffort)};
inline constexpr ChoiceName kShutdownNames[] = {{"default", 0},
                                                {"save", kShutdownSave},
                                                {"nosave", kShutdownNoSave},
                                                {"now", kShutdownNow},
                                                {"force", kShutdownForce}};

inline std::string_view CheckShutdownFlags(uint32_t bits) {
  constexpr uint32_t kBoth = kShutdownSave | kShutdownNoSave;
  return (bits & kBoth) == kBoth ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
                                 : "";
}

inline bool IsPath(std::string_view name) { return name.find('/') != std::string_view::npos; }

inline std::string_view CheckDbFilename(std::string_view name) {
  return IsPath(name) ? "dbfilename can't be a path, just a filename" : "";
}

inline std::string_view CheckAppendFilename(std::string_view name) {
  if (name.empty()) return "appendfilename can't be empty";
  return IsPath(name) ? "appendfilename can't be a path, just a filename" : "";
}

inline std::string_view CheckAppendDirname(std::string_view name) {
  if (name.empty()) return "appenddirname can't be empty";
  return IsPath(name) ? "appenddirname can't be a path, just a dirname" : "";
}

// The empty name stands for the environment's locale, whatever that is.
inline std::string_view CheckLocale(std::string_view name) {
  if (name.empty()) return "";
  const locale_t locale = newlocale(LC_COLLATE_MASK, std::string(name).c_str(), locale_t{});
  if (locale == locale_t{}) return "Invalid locale name";
  freelocale(locale);
  return "";
}

inline bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

inline std::string_view CheckHostname(std::string_view name) {
  constexpr size_t kHostnameBytesMax = 255;
  if (name.size() > kHostnameBytesMax) return "Hostnames must be less than 256 characters";
  const bool good = std::all_of(name.begin(), name.end(),
                                [](char c) { return IsAlphanumeric(c) || c == '-' || c == '.'; });
  return good ? "" : "Hostnames may only contain alphanumeric characters, hyphens or dots";
}

inline std::string_view CheckNodeName(std::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
  return good ? "" : "Announced human node name contained invalid character";
}

template <auto field>
constexpr Directive ShutdownOn(std::string_view name) {
  Directive row = Stored<field>(name, Kind::kChoices, "default").With(kMultiArg);
  row.choices = kShutdownNames;
  row.check_bits = CheckShutdownFlags;
  return row;
}

// Values beyond what the housekeeping can honour are accepted and clamped.
constexpr Directive Hz() {
  Directive row = Number<&Config::hz>("hz", 0, kIntMax, "10").Then(ApplyHook::kHz);
  row.store = [](Config& config, int64_t value) {
    config.hz.set(std::clamp<int64_t>(value, kHzMin, kHzMax));
  };
  return row;
}

// No backlog is smaller than this, whatever is asked for.
constexpr Directive ReplBacklogSize() {
  Directive row = Memory<&Config::repl_backlog_size>("repl-backlog-size", 1, kLongMax, "10485760");
  row.store = [](Config& config, int64_t bytes) {
    config.repl_backlog_size.set(std::max(bytes, kBacklogBytesMin));
  };
  return row;
}

}  // namespace alai::directive_builders
