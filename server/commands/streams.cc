// Commands on streams, but for those that read several or tell of one, and consumer groups.
#include "engine/types/streams.h"

#include <optional>
#include <vector>

#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using streams::AddStatus;
using streams::NewId;
using streams::SetFiguresStatus;

constexpr std::string_view kMaxLenWithMinId =
    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
constexpr std::string_view kMaxLenNegative = "ERR The MAXLEN argument must be >= 0.";
constexpr std::string_view kTrimLimitNegative = "ERR The LIMIT argument must be >= 0.";
constexpr std::string_view kLimitWithoutStrategy =
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
constexpr std::string_view kLimitOfExact =
    "ERR syntax error, LIMIT cannot be used without the special ~ option";
constexpr std::string_view kStrategyMissing =
    "ERR syntax error, XTRIM must be called with a trimming strategy";

constexpr std::string_view kIdZero = "ERR The ID specified in XADD must be greater than 0-0";
constexpr std::string_view kIdNotAbove =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";
constexpr std::string_view kIdsExhausted =
    "ERR The stream has exhausted the last possible ID, unable to add more items";
constexpr std::string_view kTooLarge = "ERR Elements are too large to be stored";

constexpr std::string_view kAddedNegative = "ERR entries_added must be positive";
constexpr std::string_view kBelowGivenDeleted =
    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
constexpr std::string_view kBelowDeleted =
    "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
constexpr std::string_view kBelowTop =
    "ERR The ID specified in XSETID is smaller than the target stream top item";
constexpr std::string_view kTooFewAdded =
    "ERR The entries_added specified in XSETID is smaller than the target stream length";

// MAXLEN, MINID and LIMIT as XADD and XTRIM take them.
class TrimReader {
 public:
  // Reads one of them, if it comes next and is not the last word.
  bool TakeNext(ArgReader& args) {
    if (args.remaining() < 2) return false;
    if (args.TakeWord("MAXLEN")) {
      TakeOperator(args);
      const int64_t length_max = args.Int64();
      if (length_max < 0) args.Fail(kMaxLenNegative);
      rule_->length_max = static_cast<uint64_t>(length_max);
    } else if (args.TakeWord("MINID")) {
      TakeOperator(args);
      rule_->id_min = ReadStreamId(args);
    } else if (args.TakeWord("LIMIT")) {
      const int64_t limit = args.Int64();
      if (limit < 0) args.Fail(kTrimLimitNegative);
      limit_ = static_cast<uint64_t>(limit);
    } else {
      return false;
    }
    return true;
  }

  // After the last of them.
  std::optional<TrimRule> Finish(ArgReader& args, const Db& db) {
    if (!rule_.has_value()) {
      if (limit_.has_value()) args.Fail(*limit_ != 0 ? kLimitWithoutStrategy : kLimitOfExact);
      return std::nullopt;
    }
    if (rule_->whole_blocks) {
      rule_->removed_max = limit_.value_or(streams::TrimLimitOf(db));
    } else if (limit_.has_value()) {
      args.Fail(kLimitOfExact);
    }
    return rule_;
  }

  bool none() const { return !rule_.has_value(); }
  uint64_t limit() const { return limit_.value_or(0); }

 private:
  void TakeOperator(ArgReader& args) {
    if (rule_.has_value()) args.Fail(kMaxLenWithMinId);
    rule_.emplace();
    if (args.remaining() < 2) return;
    rule_->whole_blocks = args.TakeWord("~");
    if (!rule_->whole_blocks) args.TakeWord("=");
  }

  std::optional<TrimRule> rule_;
  std::optional<uint64_t> limit_;
};

NewId ReadNewId(ArgReader& args) {
  std::string_view text = args.String();
  if (text == "*") return {NewId::Kind::kNext};
  NewId id = {NewId::Kind::kGiven};
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos && text.substr(dash) == "-*") {
    id.kind = NewId::Kind::kNextOfMillis;
    text = text.substr(0, dash);
  }
  const std::optional<StreamId> parsed = StreamId::Parse(text, 0);
  if (!parsed.has_value()) args.Fail(error_text::kInvalidStreamId);
  id.id = parsed.value_or(StreamId{});
  return id;
}

void FailToAdd(Call& call, AddStatus status) {
  switch (status) {
    case AddStatus::kAdded:
      break;
    case AddStatus::kNoStream:
      return call.reply().Null();
    case AddStatus::kIdNotAbove:
      return call.Fail(kIdNotAbove);
    case AddStatus::kIdsExhausted:
      return call.Fail(kIdsExhausted);
    case AddStatus::kTooLarge:
      return call.Fail(kTooLarge);
  }
}

void XAdd(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  streams::AddRequest request;
  TrimReader trim;
  for (;;) {
    if (args.TakeWord("NOMKSTREAM")) {
      request.only_existing = true;
    } else if (!trim.TakeNext(args)) {
      break;
    }
  }
  const size_t words = args.remaining();
  if (args.ok() && words != 0) request.id = ReadNewId(args);
  request.trim = trim.Finish(args, call.db());
  if (args.ok() && (words < 3 || words % 2 == 0)) {
    return call.Fail(error_text::WrongArgumentCount(call.command().full_name));
  }
  if (request.id.kind == NewId::Kind::kGiven && request.id.id.IsZero()) args.Fail(kIdZero);
  request.pairs = args.Take(args.remaining());
  if (!args.Done()) return call.Fail(args.error());
  if (RefusedAsLarge(call, key, request.pairs)) return;
  const Result<streams::AddOutcome> outcome = streams::Add(call.db(), key, request);
  if (!outcome.ok()) return call.Fail(outcome.error());
  if (outcome->status != AddStatus::kAdded) return FailToAdd(call, outcome->status);
  WriteStreamId(call.reply(), outcome->id);
}

void XTrim(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  TrimReader trim;
  while (args.remaining() != 0) {
    if (!trim.TakeNext(args)) args.Fail(error_text::kSyntax);
  }
  if (trim.none() && trim.limit() == 0) args.Fail(kStrategyMissing);
  const std::optional<TrimRule> rule = trim.Finish(args, call.db());
  if (!args.Done()) return call.Fail(args.error());
  const Result<uint64_t> removed = streams::Trim(call.db(), key, *rule);
  if (!removed.ok()) return call.Fail(removed.error());
  call.reply().Integer(static_cast<int64_t>(*removed));
}

void XLen(Call& call) {
  const Result<const Stream*> stream = streams::Read(call.db(), call.Key(call.argv()[1]));
  if (!stream.ok()) return call.Fail(stream.error());
  call.reply().Integer(*stream == nullptr ? 0 : static_cast<int64_t>((*stream)->length()));
}

void ReplyRange(Call& call, bool reverse) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  // Of two bounds that are wrong, the start is complained of, wherever it stands.
  const auto bounds = args.Take(2);
  ArgReader start(bounds.subspan(reverse ? 1 : 0, 1));
  ArgReader end(bounds.subspan(reverse ? 0 : 1, 1));
  const StreamId from = ReadRangeStart(start);
  const StreamId to = ReadRangeEnd(end);
  if (!start.ok()) args.Fail(start.error());
  if (!end.ok()) args.Fail(end.error());
  std::optional<uint64_t> count;
  while (args.TakeWord("COUNT")) count = ReadStreamCount(args, 0);
  if (!args.Done()) return call.Fail(args.error());
  const Result<const Stream*> stream = streams::Read(call.db(), key);
  if (!stream.ok()) return call.Fail(stream.error());
  if (*stream == nullptr) return call.reply().Array(0);
  if (count == uint64_t{0}) return call.reply().NullArray();
  WriteStreamRange(call.reply(),
                   reverse ? (*stream)->ReverseRange(from, to) : (*stream)->Range(from, to),
                   count.value_or(0));
}

void XRange(Call& call) { ReplyRange(call, false); }
void XRevRange(Call& call) { ReplyRange(call, true); }

void XDel(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  // Without a stream the ids do not matter.
  const Result<Record*> found = streams::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  if (*found == nullptr) return call.reply().Integer(0);
  std::vector<StreamId> ids;
  ids.reserve(args.remaining());
  while (args.remaining() != 0) ids.push_back(ReadStreamId(args));
  if (!args.Done()) return call.Fail(args.error());
  const Result<uint64_t> deleted = streams::Delete(call.db(), key, ids);
  if (!deleted.ok()) return call.Fail(deleted.error());
  call.reply().Integer(static_cast<int64_t>(*deleted));
}

void ReplyToSetFigures(Call& call, SetFiguresStatus status) {
  switch (status) {
    case SetFiguresStatus::kSet:
      return call.reply().Ok();
    case SetFiguresStatus::kBelowDeleted:
      return call.Fail(kBelowDeleted);
    case SetFiguresStatus::kBelowTop:
      return call.Fail(kBelowTop);
    case SetFiguresStatus::kTooFewAdded:
      return call.Fail(kTooFewAdded);
  }
}

void XSetId(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  streams::Figures figures;
  figures.last_id = ReadStreamId(args);
  while (args.remaining() != 0) {
    if (args.TakeWord("ENTRIESADDED")) {
      const int64_t added = args.Int64();
      if (added < 0) args.Fail(kAddedNegative);
      figures.entries_added = static_cast<uint64_t>(added);
    } else if (args.TakeWord("MAXDELETEDID")) {
      figures.max_deleted_id = ReadStreamId(args);
      if (figures.last_id < figures.max_deleted_id) args.Fail(kBelowGivenDeleted);
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.Done()) return call.Fail(args.error());
  const Result<SetFiguresStatus> status = streams::SetFigures(call.db(), key, figures);
  if (!status.ok()) return call.Fail(status.error());
  ReplyToSetFigures(call, *status);
}

constexpr CommandSpec RangeRow(std::string_view name, void (*run)(Call&), std::string_view summary,
                               std::string_view arguments) {
  return {.name = name,
          .run = run,
          .arity = -4,
          .flags = kReadOnly,
          .keys = {OneKey(kRO | kKeyAccess)},
          .group = Group::kStream,
          .since = "5.0.0",
          .complexity =
              "O(log(N) + M) where N is the length of the stream and M the number of"
              " entries given",
          .summary = summary,
          .arguments = arguments,
          .history = "6.2.0: Added exclusive ranges."};
}

constexpr CommandSpec kStreamCommands[] = {
    {.name = "xadd",
     .run = XAdd,
     .arity = -5,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1), or O(N) when trimming, where N is the number of entries that go",
     .summary = "Adds an entry to a stream, which is made if missing.",
     .arguments = "key:key [NOMKSTREAM]@6.2.0 [trim: (strategy: MAXLEN | MINID@6.2.0)"
                  " [operator: equal=\"=\" | approximately=\"~\"] threshold:string"
                  " [LIMIT count:integer]@6.2.0] (id-selector: auto-id=\"*\" | id:string)"
                  " (data: field:string value:string)*",
     .tips = "nondeterministic_output",
     .history = "6.2.0: Added the `NOMKSTREAM` option, `MINID` trimming strategy and `LIMIT`"
                " option. | 7.0.0: Added support for the `<ms>-*` explicit ID form."},
    {.name = "xtrim",
     .run = XTrim,
     .arity = -4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of entries that go",
     .summary = "Removes entries from the beginning of a stream.",
     .arguments = "key:key (trim: (strategy: MAXLEN | MINID@6.2.0)"
                  " [operator: equal=\"=\" | approximately=\"~\"] threshold:string"
                  " [LIMIT count:integer]@6.2.0)",
     .tips = "nondeterministic_output",
     .history = "6.2.0: Added the `MINID` trimming strategy and the `LIMIT` option."},
    {.name = "xlen",
     .run = XLen,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Gives the number of entries of a stream.",
     .arguments = "key:key"},
    RangeRow("xrange", XRange, "Gives the entries of a stream from one id to another.",
             "key:key start:string end:string [COUNT count:integer]"),
    RangeRow("xrevrange", XRevRange,
             "Gives the entries of a stream from one id to another, the last one first.",
             "key:key end:string start:string [COUNT count:integer]"),
    {.name = "xdel",
     .run = XDel,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(log(N)) for each entry, where N is the length of the stream",
     .summary = "Removes entries from a stream by their ids.",
     .arguments = "key:key id:string*"},
    {.name = "xsetid",
     .run = XSetId,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Sets what a stream says of its past: its last id, how much was added and deleted.",
     .arguments = "key:key last-id:string [ENTRIESADDED entries-added:integer]@7.0.0"
                  " [MAXDELETEDID max-deleted-id:string]@7.0.0",
     .history = "7.0.0: Added the `entries_added` and `max_deleted_entry_id` arguments."},
};
static_assert(WellFormed(kStreamCommands));

}  // namespace

std::span<const CommandSpec> StreamCommands() { return kStreamCommands; }

}  // namespace alai
