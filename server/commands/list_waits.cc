// Commands that wait for lists: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.
#include <memory>
#include <string>
#include <vector>

#include "engine/lock_request.h"
#include "engine/store.h"
#include "engine/types/lists.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/key_wait.h"
#include "server/commands/list_end.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

bool HoldsList(Db& db, KeyView key) {
  const Record* record = db.Find(key, Lookup::kPeek);
  return record != nullptr && record->type() == Type::kList;
}

std::vector<std::string> Copied(std::span<const std::string_view> keys) {
  return std::vector<std::string>(keys.begin(), keys.end());
}

// Takes one element and replies with its key before it.
Errc PopOne(Db& db, KeyView key, ListEnd end, ReplyWriter& reply) {
  return lists::Pop(
             db, key, end, 1,
             [&](uint64_t) {
               reply.Array(2);
               reply.Bulk(key.bytes);
             },
             [&](const PackedValue& value) { WriteValue(reply, value); })
      .error();
}

// Takes several and replies with their key and an array of them.
Errc PopMany(Db& db, KeyView key, ListEnd end, uint64_t count, ReplyWriter& reply) {
  return lists::Pop(
             db, key, end, count,
             [&](uint64_t taken) {
               reply.Array(2);
               reply.Bulk(key.bytes);
               reply.Array(taken);
             },
             [&](const PackedValue& value) { WriteValue(reply, value); })
      .error();
}

class PopWaiter final : public KeyWaiter {
 public:
  // `count` 0: one element, by itself.
  PopWaiter(Call& call, ListEnd end, uint64_t count) : KeyWaiter(call), end_(end), count_(count) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards&) override {
    return HoldsList(db, key) ? Readiness::kYes : Readiness::kNo;
  }

 private:
  void Take(Db& db, KeyView key, ReplyWriter& reply) override {
    if (count_ == 0) {
      PopOne(db, key, end_, reply);
    } else {
      PopMany(db, key, end_, count_, reply);
    }
  }

  const ListEnd end_;
  const uint64_t count_;
};

class MoveWaiter final : public KeyWaiter {
 public:
  MoveWaiter(Call& call, std::string_view to, ListEnd from_end, ListEnd to_end)
      : KeyWaiter(call), to_(to), from_end_(from_end), to_end_(to_end) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards& held) override {
    if (!HoldsList(db, key)) return Readiness::kNo;
    return held.Contains(db.store().ShardIndex(Hash(to_))) ? Readiness::kYes : AskOwner();
  }
  void AddShards(const Store& store, ShardSet& shards) const override {
    shards.Add(store.ShardIndex(Hash(to_)));
  }

 private:
  // The element stays where it is when the destination is no list, or its class refuses it.
  void Take(Db& db, KeyView key, ReplyWriter& reply) override {
    const KeyView to = MakeKey(to_);
    const Result<bool> moved = lists::Move(
        db, key, to, from_end_, to_end_,
        [&](const PackedValue& value) { WriteValue(reply, value); }, ClassValueBytesMax(db, to));
    if (moved.ok()) return;
    if (moved.error() != Errc::kTooLong) return reply.Error(error_text::kWrongType);
    CountLargeValue(db, to);
    reply.Error(error_text::kTooLargeForClass);
  }

  const std::string to_;
  const ListEnd from_end_;
  const ListEnd to_end_;
};

// Takes from the first key that holds a list, or waits for one.
void PopOrWait(Call& call, std::span<const std::string_view> keys, ListEnd end, uint64_t count,
               int64_t timeout_ns) {
  for (const std::string_view name : keys) {
    const KeyView key = call.Key(name);
    const Errc error = count == 0 ? PopOne(call.db(), key, end, call.reply())
                                  : PopMany(call.db(), key, end, count, call.reply());
    if (error == Errc::kOk) return;
    if (error != Errc::kNoKey) return call.Fail(error);
  }
  WaitForKeys(call, std::make_shared<PopWaiter>(call, end, count), Copied(keys), timeout_ns);
}

void BPop(Call& call, ListEnd end) {
  ArgReader args = call.args();
  const auto keys = args.Take(args.remaining() - 1);
  const int64_t timeout_ns = ReadBlockingTimeout(args, call.now());
  if (!args.Done()) return call.Fail(args.error());
  PopOrWait(call, keys, end, 0, timeout_ns);
}

void BLPop(Call& call) { BPop(call, ListEnd::kFront); }
void BRPop(Call& call) { BPop(call, ListEnd::kBack); }

// Errors of the time-out come last.
void BLMPop(Call& call) {
  ArgReader args = call.args();
  ArgReader timeout(args.Take(1));
  const int64_t count_of_keys =
      args.Int64(1, INT64_MAX, error_text::kNumKeysNotPositive, error_text::kNumKeysNotPositive);
  const auto keys = args.Take(static_cast<size_t>(count_of_keys));
  const ListEnd end = TakeListEnd(args);
  int64_t count = 1;
  if (args.TakeWord("COUNT")) {
    count = args.Int64(1, INT64_MAX, error_text::kCountNotPositive, error_text::kCountNotPositive);
  }
  if (!args.Done()) return call.Fail(args.error());
  const int64_t timeout_ns = ReadBlockingTimeout(timeout, call.now());
  if (!timeout.Done()) return call.Fail(timeout.error());
  PopOrWait(call, keys, end, static_cast<uint64_t>(count), timeout_ns);
}

void MoveOrWait(Call& call, ListEnd from_end, ListEnd to_end, int64_t timeout_ns) {
  const std::string_view from = call.argv()[1];
  const KeyView to = call.Key(call.argv()[2]);
  const Result<bool> moved = lists::Move(
      call.db(), call.Key(from), to, from_end, to_end,
      [&](const PackedValue& value) { WriteValue(call.reply(), value); },
      ClassValueBytesMax(call.db(), to));
  if (!moved.ok() && moved.error() == Errc::kTooLong) return FailLargeValue(call, to);
  if (!moved.ok()) return call.Fail(moved.error());
  if (*moved) return;
  WaitForKeys(call, std::make_shared<MoveWaiter>(call, to.bytes, from_end, to_end),
              {std::string(from)}, timeout_ns);
}

void BLMove(Call& call) {
  ArgReader args = call.args();
  args.Take(2);
  const ListEnd from_end = TakeListEnd(args);
  const ListEnd to_end = TakeListEnd(args);
  const int64_t timeout_ns = ReadBlockingTimeout(args, call.now());
  if (!args.Done()) return call.Fail(args.error());
  MoveOrWait(call, from_end, to_end, timeout_ns);
}

void BRPopLPush(Call& call) {
  ArgReader args = call.args();
  args.Take(2);
  const int64_t timeout_ns = ReadBlockingTimeout(args, call.now());
  if (!args.Done()) return call.Fail(args.error());
  MoveOrWait(call, ListEnd::kBack, ListEnd::kFront, timeout_ns);
}

constexpr KeySpec KeysBeforeTimeout() { return KeyRange(kRW | kKeyAccess | kKeyDelete, 1, -2); }

constexpr CommandSpec kListWaitsCommands[] = {
    {.name = "blpop",
     .run = BLPop,
     .arity = -3,
     .flags = kWrite | kBlocking,
     .keys = {KeysBeforeTimeout()},
     .group = Group::kList,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Takes the first element of the first list that is there, or waits for one.",
     .arguments = "key:key* timeout:double",
     .history = "6.0.0: The time-out may be a fraction."},
    {.name = "brpop",
     .run = BRPop,
     .arity = -3,
     .flags = kWrite | kBlocking,
     .keys = {KeysBeforeTimeout()},
     .group = Group::kList,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Takes the last element of the first list that is there, or waits for one.",
     .arguments = "key:key* timeout:double",
     .history = "6.0.0: The time-out may be a fraction."},
    {.name = "blmpop",
     .run = BLMPop,
     .arity = -5,
     .flags = kWrite | kBlocking,
     .keys = {CountedKeys(kRW | kKeyAccess | kKeyDelete, 2)},
     .group = Group::kList,
     .since = "7.0.0",
     .complexity = "O(N + M) where N is the number of keys and M that of the elements taken",
     .summary = "Takes elements from an end of the first list that is there, or waits for one.",
     .arguments = "timeout:double numkeys:integer key:key* (where: LEFT | RIGHT)"
                  " [COUNT count:integer]"},
    {.name = "blmove",
     .run = BLMove,
     .arity = 6,
     .flags = kWrite | kDenyOom | kBlocking,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kList,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element between the ends of two lists, or waits for one.",
     .arguments = "source:key destination:key (wherefrom: LEFT | RIGHT) (whereto: LEFT | RIGHT)"
                  " timeout:double"},
    {.name = "brpoplpush",
     .run = BRPopLPush,
     .arity = 4,
     .flags = kWrite | kDenyOom | kBlocking,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kList,
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element from the right end of a list to the left of another, or waits.",
     .arguments = "source:key destination:key timeout:double",
     .history = "6.0.0: The time-out may be a fraction.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with `RIGHT` and `LEFT`"},
};
static_assert(WellFormed(kListWaitsCommands));

}  // namespace

std::span<const CommandSpec> ListWaitCommands() { return kListWaitsCommands; }

}  // namespace alai
