// Commands on several lists, of which each takes from one.
#include "engine/types/lists.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/list_end.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

void Move(Call& call, ListEnd from_end, ListEnd to_end) {
  const KeyView to = call.Key(call.argv()[2]);
  const Result<bool> moved = lists::Move(
      call.db(), call.Key(call.argv()[1]), to, from_end, to_end,
      [&](const PackedValue& value) { WriteValue(call.reply(), value); },
      ClassValueBytesMax(call.db(), to));
  if (!moved.ok() && moved.error() == Errc::kTooLong) return FailLargeValue(call, to);
  if (!moved.ok()) return call.Fail(moved.error());
  if (!*moved) call.reply().Null();
}

void LMove(Call& call) {
  ArgReader args = call.args();
  args.Take(2);
  const ListEnd from_end = TakeListEnd(args);
  const ListEnd to_end = TakeListEnd(args);
  if (!args.Done()) return call.Fail(args.error());
  Move(call, from_end, to_end);
}

void RPopLPush(Call& call) { Move(call, ListEnd::kBack, ListEnd::kFront); }

// Takes from the first list that is there.
void LMPop(Call& call) {
  ArgReader args = call.args();
  const int64_t count_of_keys =
      args.Int64(1, INT64_MAX, error_text::kNumKeysNotPositive, error_text::kNumKeysNotPositive);
  const auto keys = args.Take(static_cast<size_t>(count_of_keys));
  const ListEnd end = TakeListEnd(args);
  int64_t count = 1;
  if (args.TakeWord("COUNT")) {
    count = args.Int64(1, INT64_MAX, error_text::kCountNotPositive, error_text::kCountNotPositive);
  }
  if (!args.Done()) return call.Fail(args.error());
  ReplyWriter& reply = call.reply();
  for (const std::string_view key : keys) {
    const Result<uint64_t> popped = lists::Pop(
        call.db(), call.Key(key), end, static_cast<uint64_t>(count),
        [&](uint64_t taken) {
          reply.Array(2);
          reply.Bulk(key);
          reply.Array(taken);
        },
        [&](const PackedValue& value) { WriteValue(reply, value); });
    if (popped.ok()) return;
    if (popped.error() != Errc::kNoKey) return call.Fail(popped.error());
  }
  reply.NullArray();
}

constexpr CommandSpec kListMovesCommands[] = {
    {.name = "lmove",
     .run = LMove,
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kList,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element from an end of a list to an end of another, or of the same.",
     .arguments = "source:key destination:key (wherefrom: LEFT | RIGHT) (whereto: LEFT | RIGHT)"},
    {.name = "rpoplpush",
     .run = RPopLPush,
     .arity = 3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kList,
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element from the right end of a list to the left end of another.",
     .arguments = "source:key destination:key",
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with `RIGHT` and `LEFT`"},
    {.name = "lmpop",
     .run = LMPop,
     .arity = -4,
     .flags = kWrite,
     .keys = {CountedKeys(kRW | kKeyAccess | kKeyDelete, 1)},
     .group = Group::kList,
     .since = "7.0.0",
     .complexity = "O(N + M) where N is the number of keys and M that of the elements taken",
     .summary = "Takes elements from an end of the first list that is there.",
     .arguments = "numkeys:integer key:key* (where: LEFT | RIGHT) [COUNT count:integer]"},
};
static_assert(WellFormed(kListMovesCommands));

}  // namespace

std::span<const CommandSpec> ListMoveCommands() { return kListMovesCommands; }

}  // namespace alai
