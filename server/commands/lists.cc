// Commands on one list.
#include "engine/types/lists.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using lists::Elements;

constexpr std::string_view kRankZero =
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
    "negative to start from the end of the list";
constexpr std::string_view kCountNegative = "ERR COUNT can't be negative";
constexpr std::string_view kMaxLenNegative = "ERR MAXLEN can't be negative";

// The elements of the first key as the client reads them; false when the call has failed.
bool Read(Call& call, std::optional<Elements>* elements) {
  const Result<Record*> found = lists::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  elements->emplace(*found);
  return true;
}

using Pushing = Result<uint64_t> (*)(Db&, KeyView, ListEnd, std::span<const std::string_view>);

void Push(Call& call, ListEnd end, Pushing push) {
  const KeyView key = call.Key(call.argv()[1]);
  const auto texts = call.argv().subspan(2);
  uint64_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  if (RefusedAsLarge(call, key, bytes)) return;
  const Result<uint64_t> length = push(call.db(), key, end, texts);
  if (!length.ok()) return call.Fail(length.error());
  call.reply().Integer(static_cast<int64_t>(*length));
}

void LPush(Call& call) { Push(call, ListEnd::kFront, lists::Push); }
void RPush(Call& call) { Push(call, ListEnd::kBack, lists::Push); }
void LPushX(Call& call) { Push(call, ListEnd::kFront, lists::PushIfThere); }
void RPushX(Call& call) { Push(call, ListEnd::kBack, lists::PushIfThere); }

void Pop(Call& call, ListEnd end) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const bool counted = args.remaining() != 0;
  uint64_t count = 1;
  if (counted) {
    // Not for the reader: with more arguments than a count it is their number that is wrong.
    if (args.remaining() > 1) {
      return call.Fail(error_text::WrongArgumentCount(call.command().full_name));
    }
    count = static_cast<uint64_t>(
        args.Int64(0, INT64_MAX, error_text::kMustBePositive, error_text::kMustBePositive));
    if (!args.Done()) return call.Fail(args.error());
  }
  ReplyWriter& reply = call.reply();
  const Result<uint64_t> popped = lists::Pop(
      call.db(), key, end, count,
      [&](uint64_t taken) {
        if (counted) reply.Array(taken);
      },
      [&](const PackedValue& value) { WriteValue(reply, value); });
  if (popped.ok()) return;
  if (popped.error() != Errc::kNoKey) return call.Fail(popped.error());
  counted ? reply.NullArray() : reply.Null();
}

void LPop(Call& call) { Pop(call, ListEnd::kFront); }
void RPop(Call& call) { Pop(call, ListEnd::kBack); }

void LLen(Call& call) {
  std::optional<Elements> elements;
  if (!Read(call, &elements)) return;
  call.reply().Integer(static_cast<int64_t>(elements->size()));
}

// Of a list that is not there the index does not matter.
void LIndex(Call& call) {
  std::optional<Elements> elements;
  if (!Read(call, &elements)) return;
  ReplyWriter& reply = call.reply();
  if (elements->size() == 0) return reply.Null();
  ArgReader args = call.args();
  args.String();
  const int64_t index = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  const ListEnd from = index < 0 ? ListEnd::kBack : ListEnd::kFront;
  const auto skipped = static_cast<uint64_t>(index < 0 ? -(index + 1) : index);
  if (skipped >= elements->size()) return reply.Null();
  elements->Walk(from, skipped, [&](const PackedValue& value) {
    WriteValue(reply, value);
    return false;
  });
}

void LSet(Call& call) {
  const KeyView key = call.Key(call.argv()[1]);
  const std::string_view text = call.argv()[3];
  if (RefusedAsLarge(call, key, text.size())) return;
  // What is there comes before what the index is.
  const Result<Record*> found = lists::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  if (*found == nullptr) return call.Fail(error_text::kNoSuchKey);
  int64_t index;
  if (!ParseInt64(call.argv()[2], &index)) return call.Fail(error_text::kNotInteger);
  const Errc set = lists::Set(call.db(), key, index, text);
  if (set == Errc::kOutOfRange) return call.Fail(error_text::kIndexOutOfRange);
  if (set != Errc::kOk) return call.Fail(set);
  call.reply().Ok();
}

void LInsert(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const bool after = args.TakeWord("AFTER");
  if (!after && !args.TakeWord("BEFORE")) return call.Fail(error_text::kSyntax);
  const std::string_view pivot = args.String();
  const std::string_view text = args.String();
  if (!args.Done()) return call.Fail(args.error());
  if (RefusedAsLarge(call, key, text.size())) return;
  const Result<int64_t> length = lists::Insert(call.db(), key, after, pivot, text);
  if (!length.ok()) return call.Fail(length.error());
  call.reply().Integer(*length);
}

void LRange(Call& call) {
  ArgReader args = call.args();
  args.String();
  const int64_t start = args.Int64();
  const int64_t end = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  std::optional<Elements> elements;
  if (!Read(call, &elements)) return;
  const lists::Range range = lists::RangeOf(start, end, elements->size());
  ReplyWriter& reply = call.reply();
  reply.Array(range.count);
  uint64_t left = range.count;
  if (left == 0) return;
  elements->Walk(ListEnd::kFront, range.first, [&](const PackedValue& value) {
    WriteValue(reply, value);
    return --left != 0;
  });
}

void LRem(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t count = args.Int64();
  const std::string_view text = args.String();
  if (!args.Done()) return call.Fail(args.error());
  const Result<uint64_t> removed = lists::Remove(call.db(), key, count, text);
  if (!removed.ok()) return call.Fail(removed.error());
  call.reply().Integer(static_cast<int64_t>(*removed));
}

void LTrim(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t start = args.Int64();
  const int64_t end = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  const Errc trimmed = lists::Trim(call.db(), key, start, end);
  if (trimmed != Errc::kOk) return call.Fail(trimmed);
  call.reply().Ok();
}

// Which matches LPOS wants.
struct PositionOptions {
  ListEnd from = ListEnd::kFront;
  uint64_t skipped = 0;
  std::optional<uint64_t> count;
  uint64_t compared_max = UINT64_MAX;

  void Take(ArgReader& args) {
    if (args.TakeWord("RANK")) {
      const int64_t rank = args.Int64(-INT64_MAX, INT64_MAX);
      if (args.ok() && rank == 0) args.Fail(kRankZero);
      from = rank < 0 ? ListEnd::kBack : ListEnd::kFront;
      skipped = static_cast<uint64_t>((rank < 0 ? -rank : rank) - 1);
    } else if (args.TakeWord("COUNT")) {
      count = Number(args, kCountNegative);
    } else if (args.TakeWord("MAXLEN")) {
      const uint64_t length = Number(args, kMaxLenNegative);
      compared_max = length == 0 ? UINT64_MAX : length;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }

 private:
  static uint64_t Number(ArgReader& args, std::string_view error) {
    return static_cast<uint64_t>(args.Int64(0, INT64_MAX, error, error));
  }
};

void LPos(Call& call) {
  ArgReader args = call.args();
  args.String();
  const PackedNeedle needle(args.String());
  PositionOptions options;
  while (args.remaining() != 0) options.Take(args);
  if (!args.Done()) return call.Fail(args.error());
  std::optional<Elements> elements;
  if (!Read(call, &elements)) return;
  ReplyWriter& reply = call.reply();
  const uint64_t size = elements->size();
  const uint64_t found_max = !options.count.has_value() ? 1
                             : *options.count == 0      ? UINT64_MAX
                                                        : *options.count;
  ReplyWriter::Open open;
  if (options.count.has_value()) open = reply.BeginArray();
  uint64_t compared = 0;
  uint64_t found = 0;
  elements->Walk(options.from, 0, [&](const PackedValue& value) {
    const uint64_t index = compared++;
    if (needle.Equals(value)) {
      if (options.skipped != 0) {
        --options.skipped;
      } else {
        ++found;
        const bool forward = options.from == ListEnd::kFront;
        reply.Integer(static_cast<int64_t>(forward ? index : size - 1 - index));
      }
    }
    return found < found_max && compared < options.compared_max;
  });
  if (options.count.has_value()) return reply.EndArray(open, found);
  if (found == 0) reply.Null();
}

constexpr CommandSpec kListCommands[] = {
    {.name = "lpush",
     .run = LPush,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(1) for each element",
     .summary = "Adds elements at the left end of a list, which is made if missing.",
     .arguments = "key:key element:string*",
     .history = "2.4.0: Takes several elements."},
    {.name = "rpush",
     .run = RPush,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(1) for each element",
     .summary = "Adds elements at the right end of a list, which is made if missing.",
     .arguments = "key:key element:string*",
     .history = "2.4.0: Takes several elements."},
    {.name = "lpushx",
     .run = LPushX,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kList,
     .since = "2.2.0",
     .complexity = "O(1) for each element",
     .summary = "Adds elements at the left end of a list if it is there.",
     .arguments = "key:key element:string*",
     .history = "4.0.0: Takes several elements."},
    {.name = "rpushx",
     .run = RPushX,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kList,
     .since = "2.2.0",
     .complexity = "O(1) for each element",
     .summary = "Adds elements at the right end of a list if it is there.",
     .arguments = "key:key element:string*",
     .history = "4.0.0: Takes several elements."},
    {.name = "lpop",
     .run = LPop,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements taken",
     .summary = "Takes elements from the left end of a list, which goes with its last one.",
     .arguments = "key:key [count:integer]@6.2.0",
     .history = "6.2.0: Added the `count` argument."},
    {.name = "rpop",
     .run = RPop,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements taken",
     .summary = "Takes elements from the right end of a list, which goes with its last one.",
     .arguments = "key:key [count:integer]@6.2.0",
     .history = "6.2.0: Added the `count` argument."},
    {.name = "llen",
     .run = LLen,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives the number of elements of a list.",
     .arguments = "key:key"},
    {.name = "lindex",
     .run = LIndex,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(log N) where N is the number of nodes of the list",
     .summary = "Gives the element of a list at an index.",
     .arguments = "key:key index:integer"},
    {.name = "lset",
     .run = LSet,
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(log N) where N is the number of nodes of the list",
     .summary = "Replaces the element of a list at an index.",
     .arguments = "key:key index:integer element:string"},
    {.name = "linsert",
     .run = LInsert,
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kList,
     .since = "2.2.0",
     .complexity = "O(N) where N is the number of elements up to the pivot",
     .summary = "Adds an element before or after another one of a list.",
     .arguments = "key:key (where: BEFORE | AFTER) pivot:string element:string"},
    {.name = "lrange",
     .run = LRange,
     .arity = 4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(log M + N) where M is the number of nodes and N that of the elements given",
     .summary = "Gives a range of elements of a list.",
     .arguments = "key:key start:integer stop:integer"},
    {.name = "lrem",
     .run = LRem,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(N) where N is the length of the list",
     .summary = "Removes elements that equal a value from a list, which goes with its last one.",
     .arguments = "key:key count:integer element:string"},
    {.name = "ltrim",
     .run = LTrim,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kList,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of elements removed",
     .summary = "Removes all elements of a list but a range, and the list if none is left.",
     .arguments = "key:key start:integer stop:integer"},
    {.name = "lpos",
     .run = LPos,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kList,
     .since = "6.0.6",
     .complexity = "O(N) where N is the number of elements compared",
     .summary = "Gives the indices of elements of a list that equal a value.",
     .arguments = "key:key element:string [RANK rank:integer] [COUNT num-matches:integer]"
                  " [MAXLEN len:integer]"},
};
static_assert(WellFormed(kListCommands));

}  // namespace

std::span<const CommandSpec> ListCommands() { return kListCommands; }

}  // namespace alai
