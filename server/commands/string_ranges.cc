// Commands on parts of strings: APPEND, SETRANGE, GETRANGE, STRLEN, LCS.
#include <algorithm>
#include <optional>

#include "engine/types/lcs.h"
#include "engine/types/strings.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/string_reply.h"
#include "server/commands/value_limit.h"
#include "server/config/config.h"
#include "server/server.h"

namespace alai {
namespace {

uint64_t StringBytesMax(Call& call) {
  return static_cast<uint64_t>(call.server().config().proto_max_bulk_len.get());
}

// The length of a string that has grown, or why it could not.
void ReplyLength(Call& call, KeyView key, const Result<uint64_t>& length) {
  if (length.ok()) return call.reply().Integer(static_cast<int64_t>(*length));
  if (length.error() == Errc::kTooLong &&
      ClassValueBytesMax(call.db(), key) < StringBytesMax(call)) {
    return FailLargeValue(call, key);
  }
  call.Fail(length.error());
}

void Append(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view tail = args.String();
  if (RefusedAsLarge(call, key, tail.size())) return;
  const uint64_t bytes_max = std::min(StringBytesMax(call), ClassValueBytesMax(call.db(), key));
  ReplyLength(call, key, strings::Append(call.db(), key, tail, bytes_max));
}

void SetRange(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t offset = args.Int64();
  const std::string_view value = args.String();
  if (!args.Done()) return call.Fail(args.error());
  if (offset < 0) return call.Fail(error_text::kOffsetOutOfRange);
  const uint64_t bytes_max = std::min(StringBytesMax(call), ClassValueBytesMax(call.db(), key));
  ReplyLength(call, key,
              strings::Overwrite(call.db(), key, static_cast<uint64_t>(offset), value, bytes_max));
}

void GetRange(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t first = args.Int64();
  const int64_t last = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  const Result<Record*> found = strings::Find(call.db(), key, Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  const Record* record = *found;
  if (record == nullptr) return call.reply().Bulk({});
  const strings::Text text(*record);
  const std::string_view part = strings::Slice(text.view(), first, last);
  if (record->encoding() == Encoding::kBlob) {
    WriteBlobPart(call.reply(), *record->blob(), part);
  } else {
    call.reply().Bulk(part);
  }
}

void StrLen(Call& call) {
  const Result<Record*> found = strings::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  const Record* record = *found;
  call.reply().Integer(record != nullptr ? static_cast<int64_t>(strings::Length(*record)) : 0);
}

struct LcsOptions {
  bool length_only = false;
  bool runs = false;
  bool run_lengths = false;
  int64_t run_bytes_min = 0;

  void Take(ArgReader& args) {
    if (args.TakeWord("IDX")) {
      runs = true;
    } else if (args.TakeWord("LEN")) {
      length_only = true;
    } else if (args.TakeWord("WITHMATCHLEN")) {
      run_lengths = true;
    } else if (args.TakeWord("MINMATCHLEN")) {
      run_bytes_min = args.Int64();
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
};

void WriteSpan(ReplyWriter& reply, uint64_t first, uint64_t length) {
  reply.Array(2);
  reply.Integer(static_cast<int64_t>(first));
  reply.Integer(static_cast<int64_t>(first + length - 1));
}

void WriteRuns(ReplyWriter& reply, const CommonSubsequence& common, const LcsOptions& options) {
  reply.Map(2);
  reply.Bulk("matches");
  const ReplyWriter::Open matches = reply.BeginArray();
  size_t count = 0;
  for (const CommonRun& run : common.runs) {
    if (static_cast<int64_t>(run.length) < options.run_bytes_min) continue;
    reply.Array(options.run_lengths ? 3 : 2);
    WriteSpan(reply, run.a, run.length);
    WriteSpan(reply, run.b, run.length);
    if (options.run_lengths) reply.Integer(static_cast<int64_t>(run.length));
    ++count;
  }
  reply.EndArray(matches, count);
  reply.Bulk("len");
  reply.Integer(static_cast<int64_t>(common.bytes.size()));
}

// The size that Redis's table would have, of which we need a fraction, decides what is refused, so
// that both refuse the same.
std::string_view LcsTooLarge(Call& call, size_t a_size, size_t b_size) {
  if (a_size >= UINT32_MAX - 1 || b_size >= UINT32_MAX - 1) return "ERR String too long for LCS";
  const auto cells = static_cast<unsigned __int128>(a_size + 1) * (b_size + 1);
  if (cells * sizeof(uint32_t) > StringBytesMax(call)) {
    return "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
  }
  return {};
}

// The keys are looked at before the options.
void Lcs(Call& call) {
  ArgReader args = call.args();
  std::string_view values[2];
  std::optional<strings::Text> texts[2];
  for (int i = 0; i < 2; ++i) {
    const Record* record = call.db().Find(call.Key(args.String()));
    if (record == nullptr) continue;
    if (record->type() != Type::kString) {
      args.Fail("ERR The specified keys must contain string values");
      continue;
    }
    values[i] = texts[i].emplace(*record).view();
  }
  LcsOptions options;
  while (args.remaining() > 0) options.Take(args);
  if (!args.Done()) return call.Fail(args.error());
  if (options.runs && options.length_only) {
    return call.Fail("ERR If you want both the length and indexes, please just use IDX.");
  }
  const std::string_view refusal = LcsTooLarge(call, values[0].size(), values[1].size());
  if (!refusal.empty()) return call.Fail(refusal);
  if (options.length_only) {
    call.reply().Integer(static_cast<int64_t>(LongestCommonLength(values[0], values[1])));
    return;
  }
  const CommonSubsequence common = LongestCommonSubsequence(values[0], values[1]);
  if (options.runs) {
    WriteRuns(call.reply(), common, options);
  } else {
    call.reply().Bulk(common.bytes);
  }
}

constexpr CommandSpec kStringRangesCommands[] = {
    {.name = "append",
     .run = Append,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kString,
     .since = "2.0.0",
     .complexity = "O(M) amortised where M is the length of the appended value",
     .summary = "Adds bytes to the end of a string, which is created if missing.",
     .arguments = "key:key value:string"},
    {.name = "setrange",
     .run = SetRange,
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kString,
     .since = "2.2.0",
     .complexity = "O(M) amortised where M is the length of the value argument",
     .summary = "Overwrites a part of a string, which grows as needed.",
     .arguments = "key:key offset:integer value:string"},
    {.name = "getrange",
     .run = GetRange,
     .arity = 4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kString,
     .since = "2.4.0",
     .complexity = "O(M) where M is the length of the part, O(1) for long ones",
     .summary = "Gives a part of a string.",
     .arguments = "key:key start:integer end:integer"},
    {.name = "substr",
     .run = GetRange,
     .arity = 4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(M) where M is the length of the part, O(1) for long ones",
     .summary = "Gives a part of a string.",
     .arguments = "key:key start:integer end:integer",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`"},
    {.name = "strlen",
     .run = StrLen,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kString,
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Gives the length of a string in bytes.",
     .arguments = "key:key"},
    {.name = "lcs",
     .run = Lcs,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {KeyRange(kRO | kKeyAccess, 1, 1)},
     .group = Group::kString,
     .since = "7.0.0",
     .complexity = "O(N*M/64) where N and M are the lengths of the strings",
     .summary = "Finds the longest common subsequence of two strings.",
     .arguments =
         "key1:key key2:key [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]"},
};
static_assert(WellFormed(kStringRangesCommands));

}  // namespace

std::span<const CommandSpec> StringRangeCommands() { return kStringRangesCommands; }

}  // namespace alai
