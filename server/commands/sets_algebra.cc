// SINTER, SUNION, SDIFF, and the commands that count or store what these give.
#include <optional>

#include "engine/store.h"
#include "engine/types/packed_record.h"
#include "engine/types/set_algebra.h"
#include "engine/types/set_builder.h"
#include "engine/types/sets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sets::Members;

enum class Operation : uint8_t { kIntersect, kUnite, kSubtract };

template <class Visit>
void Combine(Operation operation, std::span<Members> operands, Visit visit) {
  switch (operation) {
    case Operation::kIntersect:
      return sets::Intersect(operands, visit);
    case Operation::kUnite:
      return sets::Unite(operands, visit);
    case Operation::kSubtract:
      return sets::Subtract(operands, visit);
  }
}

void Reply(Call& call, Operation operation) {
  Result<std::vector<Members>> operands = sets::FindAll(call.db(), call.argv().subspan(1));
  if (!operands.ok()) return call.Fail(operands.error());
  ReplyWriter& reply = call.reply();
  const ReplyWriter::Open open = reply.BeginSet();
  size_t count = 0;
  Combine(operation, operands.value(), [&](const PackedValue& member) {
    WriteValue(reply, member);
    ++count;
    return true;
  });
  reply.EndSet(open, count);
}

void Store(Call& call, Operation operation, std::string_view event) {
  Db& db = call.db();
  const KeyView to = call.Key(call.argv()[1]);
  Result<std::vector<Members>> operands = sets::FindAll(db, call.argv().subspan(2));
  if (!operands.ok()) return call.Fail(operands.error());
  sets::SetBuilder result(db.store().packing);
  const uint64_t bytes_max = ClassValueBytesMax(db, to);
  Combine(operation, operands.value(), [&](const PackedValue& member) {
    result.Add(member);
    return result.added_bytes() <= bytes_max;
  });
  if (RefusedAsLarge(call, to, result.added_bytes())) return;
  if (!ReserveElements(db, to, result.size(), result.added_bytes())) return;
  call.reply().Integer(sets::Store(db, to, result, event));
}

void SInter(Call& call) { Reply(call, Operation::kIntersect); }
void SUnion(Call& call) { Reply(call, Operation::kUnite); }
void SDiff(Call& call) { Reply(call, Operation::kSubtract); }
void SInterStore(Call& call) { Store(call, Operation::kIntersect, "sinterstore"); }
void SUnionStore(Call& call) { Store(call, Operation::kUnite, "sunionstore"); }
void SDiffStore(Call& call) { Store(call, Operation::kSubtract, "sdiffstore"); }

void SInterCard(Call& call) {
  ArgReader args = call.args();
  const int64_t key_count =
      args.Int64(1, INT64_MAX, error_text::kNumKeysNotPositive, error_text::kNumKeysNotPositive);
  if (key_count > static_cast<int64_t>(args.remaining())) {
    args.Fail("ERR Number of keys can't be greater than number of args");
  }
  const auto keys = args.Take(static_cast<size_t>(key_count));
  int64_t limit = 0;
  while (args.remaining() > 0) {
    if (args.remaining() > 1 && args.TakeWord("LIMIT")) {
      constexpr std::string_view kNegative = "ERR LIMIT can't be negative";
      limit = args.Int64(0, INT64_MAX, kNegative, kNegative);
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.Done()) return call.Fail(args.error());
  Result<std::vector<Members>> operands = sets::FindAll(call.db(), keys);
  if (!operands.ok()) return call.Fail(operands.error());
  int64_t count = 0;
  sets::Intersect(operands.value(), [&](const PackedValue&) { return ++count != limit; });
  call.reply().Integer(count);
}

constexpr CommandSpec kSetsAlgebraCommands[] = {
    {.name = "sinter",
     .run = SInter,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {KeyRange(kRO | kKeyAccess, 1)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity =
         "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
     .summary = "Gives the members that several sets have in common.",
     .arguments = "key:key*",
     .tips = "nondeterministic_output_order"},
    {.name = "sintercard",
     .run = SInterCard,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {CountedKeys(kRO | kKeyAccess, 1)},
     .group = Group::kSet,
     .since = "7.0.0",
     .complexity =
         "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
     .summary = "Counts the members that several sets have in common.",
     .arguments = "numkeys:integer key:key* [LIMIT limit:integer]"},
    {.name = "sinterstore",
     .run = SInterStore,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), KeyRange(kRO | kKeyAccess, 2)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity =
         "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
     .summary = "Stores the members that several sets have in common.",
     .arguments = "destination:key key:key*"},
    {.name = "sunion",
     .run = SUnion,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {KeyRange(kRO | kKeyAccess, 1)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members of all sets",
     .summary = "Gives the members that any of several sets has.",
     .arguments = "key:key*",
     .tips = "nondeterministic_output_order"},
    {.name = "sunionstore",
     .run = SUnionStore,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), KeyRange(kRO | kKeyAccess, 2)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members of all sets",
     .summary = "Stores the members that any of several sets has.",
     .arguments = "destination:key key:key*"},
    {.name = "sdiff",
     .run = SDiff,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {KeyRange(kRO | kKeyAccess, 1)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members of all sets",
     .summary = "Gives the members of a set that none of the others has.",
     .arguments = "key:key*",
     .tips = "nondeterministic_output_order"},
    {.name = "sdiffstore",
     .run = SDiffStore,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), KeyRange(kRO | kKeyAccess, 2)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members of all sets",
     .summary = "Stores the members of a set that none of the others has.",
     .arguments = "destination:key key:key*"},
};
static_assert(WellFormed(kSetsAlgebraCommands));

}  // namespace

std::span<const CommandSpec> SetAlgebraCommands() { return kSetsAlgebraCommands; }

}  // namespace alai
