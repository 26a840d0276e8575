// Every error text that more than one command sends, word for word as Redis clients know it.
//
// A text is a whole error line without the leading '-' and the line end, so it starts with its
// code. Tests and client libraries compare these lines, so they change only when Redis's do. Lines
// with a part that varies come from the functions at the end; those allocate and belong to error
// paths.
//
// Threads     Constants and pure functions: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace alai::error_text {

// Arguments.
inline constexpr std::string_view kSyntax = "ERR syntax error";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotFloat = "ERR value is not a valid float";
inline constexpr std::string_view kOutOfRange = "ERR value is out of range";
inline constexpr std::string_view kMustBePositive = "ERR value is out of range, must be positive";
inline constexpr std::string_view kOffsetOutOfRange = "ERR offset is out of range";
inline constexpr std::string_view kIndexOutOfRange = "ERR index out of range";
inline constexpr std::string_view kDbIndexOutOfRange = "ERR DB index is out of range";
inline constexpr std::string_view kInvalidFirstDbIndex = "ERR invalid first DB index";
inline constexpr std::string_view kInvalidSecondDbIndex = "ERR invalid second DB index";
inline constexpr std::string_view kInvalidCursor = "ERR invalid cursor";
inline constexpr std::string_view kTimeoutNotInteger =
    "ERR timeout is not an integer or out of range";
inline constexpr std::string_view kTimeoutNotFloat = "ERR timeout is not a float or out of range";
inline constexpr std::string_view kTimeoutOutOfRange = "ERR timeout is out of range";
inline constexpr std::string_view kTimeoutNegative = "ERR timeout is negative";
inline constexpr std::string_view kOffsetNotBit =
    "ERR bit offset is not an integer or out of range";
inline constexpr std::string_view kNumKeysNotPositive = "ERR numkeys should be greater than 0";
inline constexpr std::string_view kCountNotPositive = "ERR count should be greater than 0";
inline constexpr std::string_view kLimitNegative = "ERR LIMIT can't be negative";
inline constexpr std::string_view kBoundNotFloat = "ERR min or max is not a float";
inline constexpr std::string_view kBoundNotLexical = "ERR min or max not valid string range item";
inline constexpr std::string_view kWeightNotFloat = "ERR weight value is not a float";

// Keys and values.
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kSameObject = "ERR source and destination objects are the same";
inline constexpr std::string_view kBusyKey = "BUSYKEY Target key name already exists.";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view kIncrementOverflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view kDecrementOverflow = "ERR decrement would overflow";
inline constexpr std::string_view kHashNotInteger = "ERR hash value is not an integer";
inline constexpr std::string_view kFieldCountMismatch =
    "ERR numfields should be greater than 0 and match the provided number of fields";
inline constexpr std::string_view kHashNotFloat = "ERR hash value is not a float";
inline constexpr std::string_view kValueNanOrInfinity = "ERR value is NaN or Infinity";
inline constexpr std::string_view kNanOrInfinity = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view kScoreNan = "ERR resulting score is not a number (NaN)";
inline constexpr std::string_view kBadPayload = "ERR DUMP payload version or checksum are wrong";
inline constexpr std::string_view kBadDataFormat = "ERR Bad data format";
inline constexpr std::string_view kNotHyperLogLog =
    "WRONGTYPE Key is not a valid HyperLogLog string value.";
inline constexpr std::string_view kBadHyperLogLog = "INVALIDOBJ Corrupted HLL object detected";
inline constexpr std::string_view kTooLargeForClass =
    "ERR the value exceeds the max-value-bytes of the key's class";
inline constexpr std::string_view kNoRateClass = "ERR the key is in no class with a rate limit";
inline constexpr std::string_view kNoKeyClass = "ERR no such key class";
inline constexpr std::string_view kRateOutOfRange =
    "ERR the rate limit is out of range: more than a token a nanosecond, or too long a time";
inline constexpr std::string_view kInvalidTtl = "ERR Invalid TTL value, must be >= 0";
inline constexpr std::string_view kInvalidIdleTime = "ERR Invalid IDLETIME value, must be >= 0";
inline constexpr std::string_view kInvalidFreq = "ERR Invalid FREQ value, must be >= 0 and <= 255";

// Options that exclude one another.
inline constexpr std::string_view kExpireNxWithOthers =
    "ERR NX and XX, GT or LT options at the same time are not compatible";
inline constexpr std::string_view kExpireGtWithLt =
    "ERR GT and LT options at the same time are not compatible";
inline constexpr std::string_view kAddNxWithXx =
    "ERR XX and NX options at the same time are not compatible";
inline constexpr std::string_view kAddNxWithGtOrLt =
    "ERR GT, LT, and/or NX options at the same time are not compatible";
inline constexpr std::string_view kIncrementOfSeveral =
    "ERR INCR option supports a single increment-element pair";
inline constexpr std::string_view kLimitOfRanks =
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
inline constexpr std::string_view kScoresOfLexical =
    "ERR syntax error, WITHSCORES not supported in combination with BYLEX";

// Streams.
inline constexpr std::string_view kInvalidStreamId =
    "ERR Invalid stream ID specified as stream command argument";
inline constexpr std::string_view kInvalidRangeStart = "ERR invalid start ID for the interval";
inline constexpr std::string_view kInvalidRangeEnd = "ERR invalid end ID for the interval";

// Connections and the server's state.
inline constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
inline constexpr std::string_view kNoAuthHello =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time";
inline constexpr std::string_view kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr std::string_view kAuthWithoutPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is correct?";
inline constexpr std::string_view kNoProto = "NOPROTO unsupported protocol version";
inline constexpr std::string_view kProtoNotInteger =
    "ERR Protocol version is not an integer or out of range";
inline constexpr std::string_view kMaxClients = "ERR max number of clients reached";
inline constexpr std::string_view kOutOfMemory =
    "OOM command not allowed when used memory > 'maxmemory'.";
inline constexpr std::string_view kLoading = "LOADING Redis is loading the dataset in memory";
inline constexpr std::string_view kReadOnlyReplica =
    "READONLY You can't write against a read only replica.";
inline constexpr std::string_view kMasterDown =
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
inline constexpr std::string_view kMisconf =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). "
    "Please check the Redis logs for details about the RDB error.";
inline constexpr std::string_view kNoReplicas = "NOREPLICAS Not enough good replicas to write.";
inline constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";
inline constexpr std::string_view kBusyScript =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
inline constexpr std::string_view kNotBusy = "NOTBUSY No scripts in execution right now.";
inline constexpr std::string_view kNoScript = "NOSCRIPT No matching script. Please use EVAL.";
inline constexpr std::string_view kUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
inline constexpr std::string_view kNoSuchClient = "ERR No such client";
inline constexpr std::string_view kInvalidClientId = "ERR Invalid client ID";
inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
inline constexpr std::string_view kSelectInCluster = "ERR SELECT is not allowed in cluster mode";
inline constexpr std::string_view kClusterDisabled =
    "ERR This instance has cluster support disabled";

// Malformed requests; the connection is closed after any of these.
inline constexpr std::string_view kTooBigInline = "ERR Protocol error: too big inline request";
inline constexpr std::string_view kUnbalancedQuotes =
    "ERR Protocol error: unbalanced quotes in request";
inline constexpr std::string_view kTooBigCountLine =
    "ERR Protocol error: too big mbulk count string";
inline constexpr std::string_view kInvalidCount = "ERR Protocol error: invalid multibulk length";
inline constexpr std::string_view kUnauthenticatedCount =
    "ERR Protocol error: unauthenticated multibulk length";
inline constexpr std::string_view kTooBigBulkLine = "ERR Protocol error: too big bulk count string";
inline constexpr std::string_view kInvalidBulk = "ERR Protocol error: invalid bulk length";
inline constexpr std::string_view kUnauthenticatedBulk =
    "ERR Protocol error: unauthenticated bulk length";

// "ERR wrong number of arguments for 'get' command"; a subcommand is named "config|get".
std::string WrongArgumentCount(std::string_view command);

// "ERR unknown command 'foo', with args beginning with: 'a' 'b' ": at most 128 bytes of the name
// and of the arguments, each cut where that is reached. `argv` starts with the command's name.
std::string UnknownCommand(std::span<const std::string_view> argv);

// "ERR unknown subcommand 'foo'. Try CONFIG HELP.": at most 128 bytes of the subcommand; `command`
// is shown in capitals.
std::string UnknownSubcommand(std::string_view command, std::string_view subcommand);

// "ERR unknown subcommand or wrong number of arguments for 'foo'. Try CONFIG HELP.".
std::string SubcommandSyntax(std::string_view command, std::string_view subcommand);

// "ERR invalid expire time in 'set' command".
std::string InvalidExpireTime(std::string_view command);

// "ERR value is out of range, value must between 0 and 15".
std::string OutOfRange(int64_t min, int64_t max);

// "ERR Protocol error: expected '$', got 'x'".
std::string ExpectedBulk(char got);

}  // namespace alai::error_text
