// PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST: counting different elements.
#include "engine/hyperloglog.h"

#include <memory>
#include <optional>
#include <string>

#include "engine/base/ascii.h"
#include "engine/base/clock.h"
#include "engine/hyperloglog_self_test.h"
#include "engine/types/hyperloglogs.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/value_limit.h"
#include "server/config/config.h"
#include "server/server.h"

namespace alai {
namespace {

hyperloglogs::Limits LimitsOf(Call& call, KeyView key) {
  return {static_cast<uint64_t>(call.server().config().hll_sparse_max_bytes.get()),
          ClassValueBytesMax(call.db(), key)};
}

void FailWith(Call& call, KeyView key, Errc error) {
  if (error == Errc::kTooLong) return FailLargeValue(call, key);
  call.Fail(error);
}

void PfAdd(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const Result<bool> changed = hyperloglogs::Add(call.db(), key, args.rest(), LimitsOf(call, key));
  if (!changed.ok()) return FailWith(call, key, changed.error());
  call.reply().Integer(*changed ? 1 : 0);
}

void PfCount(Call& call) {
  const Arguments keys = call.argv().subspan(1);
  const Result<uint64_t> count = keys.size() == 1
                                     ? hyperloglogs::Count(call.db(), call.Key(keys.front()))
                                     : hyperloglogs::CountUnion(call.db(), keys);
  if (!count.ok()) return call.Fail(count.error());
  call.reply().Integer(static_cast<int64_t>(*count));
}

void PfMerge(Call& call) {
  const Arguments keys = call.argv().subspan(1);
  const KeyView target = call.Key(keys.front());
  const Errc error = hyperloglogs::Merge(call.db(), keys, LimitsOf(call, target));
  if (error != Errc::kOk) return FailWith(call, target, error);
  call.reply().Ok();
}

void ReplyRegisters(Call& call, std::string_view sketch) {
  hyperloglog::Registers registers{};
  hyperloglog::MergeInto(sketch, &registers);
  call.reply().Array(registers.size());
  for (const uint8_t value : registers) call.reply().Integer(value);
}

void ReplyRuns(Call& call, std::string_view sketch) {
  if (hyperloglog::IsDense(sketch)) return call.Fail("ERR HLL encoding is not sparse");
  const std::optional<std::string> runs = hyperloglog::Describe(sketch);
  if (!runs) return call.Fail(error_text::kBadHyperLogLog);
  call.reply().Bulk(*runs);
}

// The key is looked at before the word that says what is asked about it.
void PfDebug(Call& call) {
  ArgReader args = call.args();
  const std::string_view word = args.String();
  const KeyView key = call.Key(args.String());
  const Result<std::string> sketch = hyperloglogs::Copy(call.db(), key);
  if (!sketch.ok()) {
    if (sketch.error() == Errc::kNoKey) return call.Fail("ERR The specified key does not exist");
    return call.Fail(sketch.error());
  }
  if (EqualsIgnoreCase(word, "DECODE")) return ReplyRuns(call, *sketch);
  if (EqualsIgnoreCase(word, "ENCODING")) {
    return call.reply().SimpleString(hyperloglog::IsDense(*sketch) ? "dense" : "sparse");
  }
  const bool registers = EqualsIgnoreCase(word, "GETREG");
  if (!registers && !EqualsIgnoreCase(word, "TODENSE")) {
    const std::string shown(word.substr(0, word.find('\0')));
    return call.Fail("ERR Unknown PFDEBUG subcommand '" + shown + "'");
  }
  const Result<bool> changed = hyperloglogs::MakeDense(call.db(), key, LimitsOf(call, key));
  if (!changed.ok()) return FailWith(call, key, changed.error());
  if (registers) return ReplyRegisters(call, *sketch);
  call.reply().Integer(*changed ? 1 : 0);
}

class SelfTest final : public Suspension {
 public:
  Next Resume(Call& call) override {
    constexpr int64_t kSliceNanos = 100'000;
    const Clock& clock = call.server().clock();
    const int64_t until_ns = clock.MonotonicNanos() + kSliceNanos;
    while (test_.Step()) {
      if (clock.MonotonicNanos() >= until_ns) return Next::kAgain;
    }
    if (test_.failure().empty()) {
      call.reply().Ok();
    } else {
      call.Fail(test_.failure());
    }
    return Next::kDone;
  }

 private:
  hyperloglog::SelfTest test_;
};

void PfSelfTest(Call& call) { call.Suspend(std::make_unique<SelfTest>()); }

constexpr CommandSpec kHyperloglogCommands[] = {
    {.name = "pfadd",
     .run = PfAdd,
     .arity = -2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kHyperLogLog,
     .since = "2.8.9",
     .complexity = "O(1) for each element",
     .summary = "Adds elements to a HyperLogLog, which is created if missing.",
     .arguments = "key:key [element:string*]"},
    {.name = "pfcount",
     .run = PfCount,
     .arity = -2,
     .flags = kReadOnly | kMayReplicate,
     .keys = {KeyRange(kRW | kKeyAccess, 1)},
     .group = Group::kHyperLogLog,
     .since = "2.8.9",
     .complexity = "O(1), without a kept count and for several keys O(N) where N is their number",
     .summary = "Estimates how many different elements were added to HyperLogLogs.",
     .arguments = "key:key*"},
    {.name = "pfmerge",
     .run = PfMerge,
     .arity = -2,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyInsert), KeyRange(kRO | kKeyAccess, 2)},
     .group = Group::kHyperLogLog,
     .since = "2.8.9",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Adds the elements of HyperLogLogs to another one.",
     .arguments = "destkey:key [sourcekey:key*]"},
    {.name = "pfdebug",
     .run = PfDebug,
     .arity = 3,
     .flags = kWrite | kDenyOom | kAdmin,
     .keys = {OneKey(kRW | kKeyAccess, 2)},
     .group = Group::kHyperLogLog,
     .since = "2.8.9",
     .complexity = "O(1)",
     .summary = "Shows how a HyperLogLog is kept. For tests.",
     .arguments = "subcommand:string key:key"},
    {.name = "pfselftest",
     .run = PfSelfTest,
     .arity = 1,
     .flags = kAdmin,
     .group = Group::kHyperLogLog,
     .since = "2.8.9",
     .complexity = "O(1), some tenths of a second",
     .summary = "Tests the HyperLogLogs of this server. For tests."},
};
static_assert(WellFormed(kHyperloglogCommands));

}  // namespace

std::span<const CommandSpec> HyperLogLogCommands() { return kHyperloglogCommands; }

}  // namespace alai
