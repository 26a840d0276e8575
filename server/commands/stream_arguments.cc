#include "server/commands/stream_arguments.h"

#include <algorithm>

#include "engine/base/ascii.h"
#include "engine/base/clock.h"
#include "protocol/arg_reader.h"
#include "protocol/error_text.h"

namespace alai {
namespace {

constexpr std::string_view kUnbalanced =
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
constexpr std::string_view kUnbalancedOfGroup =
    "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be "
    "specified.";
constexpr std::string_view kGroupOfXRead =
    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
constexpr std::string_view kNoAckOfXRead =
    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
constexpr std::string_view kGroupMissing = "ERR Missing GROUP option for XREADGROUP";
constexpr std::string_view kNewOfGroup =
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of "
    "this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would "
    "just return an empty result set.";
constexpr std::string_view kLastOfGroup =
    "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of "
    "this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would "
    "just return an empty result set.";
constexpr std::string_view kUndeliveredOfXRead =
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> "
    "option.";

// A bound as it is spelt.
struct Bound {
  StreamId id;
  bool excluded = false;
};

Bound ReadBound(ArgReader& args, uint64_t missing_seq) {
  const std::string_view text = args.String();
  if (text == "-") return {StreamId::Min()};
  if (text == "+") return {StreamId::Max()};
  const bool excluded = text.size() > 1 && text.front() == '(';
  const std::optional<StreamId> id = StreamId::Parse(text.substr(excluded ? 1 : 0), missing_seq);
  if (!id.has_value()) args.Fail(error_text::kInvalidStreamId);
  return {id.value_or(StreamId{}), excluded};
}

StreamId BoundOf(ArgReader& args, const Bound& bound, std::optional<StreamId> neighbour,
                 std::string_view error) {
  if (!bound.excluded) return bound.id;
  if (!neighbour.has_value()) args.Fail(error);
  return neighbour.value_or(StreamId{});
}

// Milliseconds, 0 for no end.
int64_t ReadBlock(ArgReader& args, UnixMillis now) {
  const int64_t ms = args.Int64(error_text::kTimeoutNotInteger);
  if (ms < 0) args.Fail(error_text::kTimeoutNegative);
  if (ms > INT64_MAX - now) args.Fail(error_text::kTimeoutOutOfRange);
  return ms == 0 || ms > INT64_MAX / kNanosPerMilli ? INT64_MAX : ms * kNanosPerMilli;
}

void ReadKeysAndIds(ArgReader& args, StreamReader reader, StreamReadRequest* request) {
  const size_t words = args.remaining();
  if (words == 0) return args.Fail(error_text::kSyntax);
  if (words % 2 != 0) {
    return args.Fail(reader == StreamReader::kGroup ? kUnbalancedOfGroup : kUnbalanced);
  }
  request->keys = args.Take(words / 2);
  request->ids = args.Take(words / 2);
}

}  // namespace

StreamId ReadStreamId(ArgReader& args, uint64_t missing_seq) {
  const std::optional<StreamId> id = StreamId::Parse(args.String(), missing_seq);
  if (!id.has_value()) args.Fail(error_text::kInvalidStreamId);
  return id.value_or(StreamId{});
}

bool AreStreamIds(std::span<const std::string_view> texts) {
  return std::all_of(texts.begin(), texts.end(),
                     [](std::string_view text) { return StreamId::Parse(text, 0).has_value(); });
}

StreamId ReadRangeStart(ArgReader& args) {
  const Bound bound = ReadBound(args, 0);
  return BoundOf(args, bound, bound.id.Next(), error_text::kInvalidRangeStart);
}

StreamId ReadRangeEnd(ArgReader& args) {
  const Bound bound = ReadBound(args, UINT64_MAX);
  return BoundOf(args, bound, bound.id.Previous(), error_text::kInvalidRangeEnd);
}

uint64_t ReadStreamCount(ArgReader& args, uint64_t below_zero) {
  const int64_t count = args.Int64();
  return count < 0 ? below_zero : static_cast<uint64_t>(count);
}

void ReadStreamRequest(ArgReader& args, StreamReader reader, UnixMillis now,
                       StreamReadRequest* request) {
  bool grouped = false;
  while (args.ok() && request->keys.empty()) {
    if (args.TakeWord("BLOCK")) {
      request->block_ns = ReadBlock(args, now);
    } else if (args.TakeWord("COUNT")) {
      request->count_max = ReadStreamCount(args, 0);
    } else if (args.TakeWord("STREAMS")) {
      ReadKeysAndIds(args, reader, request);
    } else if (args.PeekWord("GROUP") && args.remaining() > 2) {
      if (reader == StreamReader::kClient) return args.Fail(kGroupOfXRead);
      args.String();
      request->group = args.String();
      request->consumer = args.String();
      grouped = true;
    } else if (args.TakeWord("NOACK")) {
      if (reader == StreamReader::kClient) return args.Fail(kNoAckOfXRead);
      request->no_ack = true;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (reader == StreamReader::kGroup && !grouped) args.Fail(kGroupMissing);
}

bool ParseReadFrom(std::string_view text, StreamReader reader, ReadFrom* from,
                   std::string_view* error) {
  const bool of_group = reader == StreamReader::kGroup;
  if (text == "$" || text == "+") {
    from->kind = text == "$" ? ReadFrom::Kind::kNew : ReadFrom::Kind::kLastOne;
    *error = text == "$" ? kNewOfGroup : kLastOfGroup;
    return !of_group;
  }
  if (text == ">") {
    from->kind = ReadFrom::Kind::kNew;
    *error = kUndeliveredOfXRead;
    return of_group;
  }
  const std::optional<StreamId> id = StreamId::Parse(text, 0);
  *from = {ReadFrom::Kind::kAfter, id.value_or(StreamId{})};
  *error = error_text::kInvalidStreamId;
  return id.has_value();
}

bool FindStreamKeys(Arguments argv, KeyList& keys) {
  size_t at = 1;
  while (at < argv.size() && !EqualsIgnoreCase(argv[at], "STREAMS")) {
    at += EqualsIgnoreCase(argv[at], "GROUP") ? 3 : EqualsIgnoreCase(argv[at], "NOACK") ? 1 : 2;
  }
  if (at + 1 >= argv.size() || (argv.size() - at - 1) % 2 != 0) return false;
  const size_t count = (argv.size() - at - 1) / 2;
  for (size_t i = 1; i <= count; ++i) {
    keys.push_back({static_cast<uint32_t>(at + i), kRO | kKeyAccess});
  }
  return true;
}

}  // namespace alai
