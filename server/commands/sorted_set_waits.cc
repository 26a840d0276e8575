// Commands that wait for sorted sets: BZPOPMIN, BZPOPMAX, BZMPOP.
#include <memory>
#include <string>
#include <vector>

#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/key_wait.h"
#include "server/commands/sorted_set_pop.h"

namespace alai {
namespace {

using sorted_sets::End;

// `count` 0: one member, with a flat reply.
Errc Take(Db& db, KeyView key, End end, uint64_t count, ReplyWriter& reply) {
  return count == 0 ? PopWithKey(db, key, end, reply) : PopManyWithKey(db, key, end, count, reply);
}

class SortedSetWaiter final : public KeyWaiter {
 public:
  SortedSetWaiter(Call& call, End end, uint64_t count)
      : KeyWaiter(call), end_(end), count_(count) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards&) override {
    const Record* record = db.Find(key, Lookup::kPeek);
    const bool ready = record != nullptr && record->type() == Type::kSortedSet;
    return ready ? Readiness::kYes : Readiness::kNo;
  }

 private:
  void Take(Db& db, KeyView key, ReplyWriter& reply) override {
    alai::Take(db, key, end_, count_, reply);
  }

  const End end_;
  const uint64_t count_;
};

// Takes from the first key that holds a sorted set, or waits for one.
void TakeOrWait(Call& call, std::span<const std::string_view> keys, End end, uint64_t count,
                int64_t timeout_ns) {
  for (const std::string_view name : keys) {
    const Errc error = Take(call.db(), call.Key(name), end, count, call.reply());
    if (error == Errc::kOk) return;
    if (error != Errc::kNoKey) return call.Fail(error);
  }
  WaitForKeys(call, std::make_shared<SortedSetWaiter>(call, end, count),
              std::vector<std::string>(keys.begin(), keys.end()), timeout_ns);
}

void BZPop(Call& call, End end) {
  ArgReader args = call.args();
  const auto keys = args.Take(args.remaining() - 1);
  const int64_t timeout_ns = ReadBlockingTimeout(args, call.now());
  if (!args.Done()) return call.Fail(args.error());
  TakeOrWait(call, keys, end, 0, timeout_ns);
}

void BZPopMin(Call& call) { BZPop(call, End::kMin); }
void BZPopMax(Call& call) { BZPop(call, End::kMax); }

// Errors of the time-out come last.
void BZMPop(Call& call) {
  ArgReader args = call.args();
  ArgReader timeout(args.Take(1));
  const int64_t count_of_keys =
      args.Int64(1, INT64_MAX, error_text::kNumKeysNotPositive, error_text::kNumKeysNotPositive);
  const auto keys = args.Take(static_cast<size_t>(count_of_keys));
  const End end = TakeSortedSetEnd(args);
  const uint64_t count = TakePopCount(args);
  if (!args.Done()) return call.Fail(args.error());
  const int64_t timeout_ns = ReadBlockingTimeout(timeout, call.now());
  if (!timeout.Done()) return call.Fail(timeout.error());
  TakeOrWait(call, keys, end, count, timeout_ns);
}

constexpr CommandSpec PopRow(std::string_view name, void (*run)(Call&), std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = -3,
          .flags = kWrite | kFast | kBlocking,
          .keys = {KeyRange(kRW | kKeyAccess | kKeyDelete, 1, -2)},
          .group = Group::kSortedSet,
          .since = "5.0.0",
          .complexity =
              "O(K) + O(log(N)) where K is the number of keys and N the size of the sorted set",
          .summary = summary,
          .arguments = "key:key* timeout:double",
          .history = "6.0.0: The time-out may be a fraction."};
}

constexpr CommandSpec kSortedSetWaitsCommands[] = {
    PopRow("bzpopmin", BZPopMin,
           "Takes the member with the lowest score of the first sorted set that is there, or waits"
           " for one."),
    PopRow("bzpopmax", BZPopMax,
           "Takes the member with the highest score of the first sorted set that is there, or waits"
           " for one."),
    {.name = "bzmpop",
     .run = BZMPop,
     .arity = -5,
     .flags = kWrite | kBlocking,
     .keys = {CountedKeys(kRW | kKeyAccess | kKeyDelete, 2)},
     .group = Group::kSortedSet,
     .since = "7.0.0",
     .complexity = "O(K) + O(log(N)+M) where K is the number of keys, N the size of the sorted set"
                   " and M the number of members taken",
     .summary = "Takes the outermost members of the first sorted set that is there, or waits for"
                " one.",
     .arguments = "timeout:double numkeys:integer key:key* (where: MIN | MAX)"
                  " [COUNT count:integer]"},
};
static_assert(WellFormed(kSortedSetWaitsCommands));

}  // namespace

std::span<const CommandSpec> SortedSetWaitCommands() { return kSortedSetWaitsCommands; }

}  // namespace alai
