// Commands about the server as a whole: TIME, LASTSAVE, ROLE, SHUTDOWN, WAIT, WAITAOF, LOLWUT.
//
// WAIT waits without replicas to wait for: until its time is over or CLIENT UNBLOCK ends it.
//
// Threads     Any worker.
#include "server/server.h"

#include <cstdint>
#include <limits>

#include "engine/base/clock.h"
#include "engine/base/number.h"
#include "server/call.h"
#include "server/config/config.h"
#include "server/version.h"
#include "server/wave_drawing.h"
#include "server/worker.h"

namespace alai {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

void Time(Call& call) {
  const int64_t now_us = call.server().clock().WallMicros();
  call.reply().Array(2);
  call.reply().BulkInteger(now_us / kMicrosPerSecond);
  call.reply().BulkInteger(now_us % kMicrosPerSecond);
}

// Nothing was ever saved, and when the server started there was nothing to save.
void LastSave(Call& call) { call.reply().Integer(call.server().started_ms() / 1000); }

void Role(Call& call) {
  call.reply().Array(3);
  call.reply().Bulk("master");
  call.reply().Integer(0);  // replication offset
  call.reply().Array(0);    // replicas
}

// Replies when nothing has happened: no replica has acknowledged anything.
void ReplyNoneAcknowledged(Call& call, bool with_local) {
  if (!with_local) return call.reply().Integer(0);
  call.reply().Array(2);
  call.reply().Integer(0);
  call.reply().Integer(0);
}

class AcknowledgementWait final : public Suspension {
 public:
  // `timeout_ms` 0 waits for ever.
  AcknowledgementWait(Call& call, int64_t timeout_ms, bool with_local) : with_local_(with_local) {
    first = Next::kWait;
    int64_t timeout_ns = 0;
    const int64_t now_ns = call.worker().monotonic_ns();
    if (timeout_ms != 0 && (__builtin_mul_overflow(timeout_ms, kNanosPerMilli, &timeout_ns) ||
                            __builtin_add_overflow(now_ns, timeout_ns, &deadline_ns))) {
      deadline_ns = INT64_MAX;
    } else if (timeout_ms == 0) {
      deadline_ns = INT64_MAX;
    }
  }

  Next Resume(Call&) override { return Next::kWait; }
  void TimedOut(Call& call) override { ReplyNoneAcknowledged(call, with_local_); }
  bool unblockable() const override { return true; }

 private:
  const bool with_local_;
};

// Waits until so many replicas have acknowledged; in a transaction nothing waits.
void WaitForReplicas(Call& call, int64_t replicas, int64_t timeout_ms, bool with_local) {
  if (replicas <= 0 || call.db().access() == Access::kLocked) {
    return ReplyNoneAcknowledged(call, with_local);
  }
  call.Suspend(std::make_unique<AcknowledgementWait>(call, timeout_ms, with_local));
}

int64_t ReadTimeoutMillis(Call& call, ArgReader& args) {
  const int64_t timeout_ms = args.Int64(error_text::kTimeoutNotInteger);
  if (args.ok() && timeout_ms < 0) args.Fail(error_text::kTimeoutNegative);
  if (args.ok() && timeout_ms > std::numeric_limits<int64_t>::max() - call.now()) {
    args.Fail(error_text::kTimeoutOutOfRange);
  }
  return timeout_ms;
}

void Wait(Call& call) {
  ArgReader args = call.args();
  const int64_t replicas = args.Int64();
  const int64_t timeout_ms = ReadTimeoutMillis(call, args);
  if (!args.Done()) return call.Fail(args.error());
  WaitForReplicas(call, replicas, timeout_ms, false);
}

void WaitAof(Call& call) {
  ArgReader args = call.args();
  const int64_t local = args.Int64(0, 1);
  const int64_t replicas = args.Int64(0, std::numeric_limits<int64_t>::max(),
                                      error_text::kMustBePositive, error_text::kMustBePositive);
  const int64_t timeout_ms = ReadTimeoutMillis(call, args);
  if (!args.Done()) return call.Fail(args.error());
  if (local != 0) {
    return call.Fail("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  WaitForReplicas(call, replicas, timeout_ms, true);
}

// Holds the client's reply back: the connection ends with the server.
class ShutdownWait final : public Suspension {
 public:
  ShutdownWait() { first = Next::kWait; }
  Next Resume(Call&) override { return Next::kWait; }
};

void Shutdown(Call& call) {
  ArgReader args = call.args();
  uint32_t flags = 0;
  bool abort = false;
  while (args.remaining() > 0) {
    if (args.TakeWord("NOSAVE")) {
      flags |= kShutdownNoSave;
    } else if (args.TakeWord("SAVE")) {
      flags |= kShutdownSave;
    } else if (args.TakeWord("NOW")) {
      flags |= kShutdownNow;
    } else if (args.TakeWord("FORCE")) {
      flags |= kShutdownForce;
    } else if (args.TakeWord("ABORT")) {
      abort = true;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  const bool both = (flags & kShutdownNoSave) != 0 && (flags & kShutdownSave) != 0;
  if (both || (abort && flags != 0)) args.Fail(error_text::kSyntax);
  if (!args.Done()) return call.Fail(args.error());
  // A shutdown waits for nobody, so it is over before an ABORT could be read.
  if (abort) return call.Fail("ERR No shutdown in progress.");
  call.server().RequestShutdown(flags);
  call.Suspend(std::make_unique<ShutdownWait>());
}

// LOLWUT [VERSION version] [columns [rows]]; every version draws the same. As in Redis only the versions
// that had pictures of their own mind what the sizes are.
void Lolwut(Call& call) {
  ArgReader args = call.args();
  const bool versioned = args.remaining() > 1 && args.TakeWord("VERSION");
  const int64_t version = versioned ? args.Int64() : 0;
  const bool strict = version == 5 || version == 6;
  int64_t sizes[] = {kWaveColumnsDefault, kWaveRowsDefault};
  for (int64_t& size : sizes) {
    if (args.remaining() == 0) break;
    int64_t given;
    if (strict) {
      size = args.Int64();
    } else if (ParseInt64(args.String(), &given)) {
      size = given;
    }
  }
  if (!args.ok()) return call.Fail(args.error());
  const int64_t seed = call.server().clock().WallMicros();
  std::string text = DrawWave(sizes[0], sizes[1], static_cast<uint64_t>(seed));
  text += "\nAlai is Tamil for wave. Alai ver. ";
  text += kAlaiVersion;
  text += ", Redis ver. ";
  text += kRedisVersion;
  text += '\n';
  call.reply().Verbatim("txt", text);
}

constexpr CommandSpec kServerCommands[] = {
    {.name = "time",
     .run = Time,
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .group = Group::kServer,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Gives the server's time: Unix seconds and microseconds.",
     .tips = "nondeterministic_output"},
    {.name = "lastsave",
     .run = LastSave,
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .categories = kCatAdmin | kCatDangerous,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives the Unix time of the last successful save.",
     .tips = "nondeterministic_output"},
    {.name = "role",
     .run = Role,
     .arity = 1,
     .flags = kNoScript | kLoading | kStale | kFast,
     .categories = kCatAdmin | kCatDangerous,
     .group = Group::kServer,
     .since = "2.8.12",
     .complexity = "O(1)",
     .summary = "Says which part this server plays in replication."},
    {.name = "wait",
     .run = Wait,
     .arity = 3,
     .flags = kBlocking,
     .categories = kCatConnection,
     .group = Group::kGeneric,
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "Waits until replicas have the client's writes, or the time is over.",
     .arguments = "numreplicas:integer timeout:integer",
     .tips = "request_policy:all_shards response_policy:agg_min"},
    {.name = "waitaof",
     .run = WaitAof,
     .arity = 4,
     .flags = kBlocking,
     .categories = kCatConnection,
     .group = Group::kGeneric,
     .since = "7.2.0",
     .complexity = "O(1)",
     .summary = "Waits until the client's writes are in append-only files, here and on replicas.",
     .arguments = "numlocal:integer numreplicas:integer timeout:integer",
     .tips = "request_policy:all_shards response_policy:agg_min"},
    {.name = "shutdown",
     .run = Shutdown,
     .arity = -1,
     .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity =
         "O(N) when saving, where N is the number of keys in all databases, otherwise O(1)",
     .summary = "Ends the server, after saving the data set where that is configured.",
     .arguments = "[abort-selector: (save-selector-block: [save-selector: NOSAVE | SAVE] "
                  "[NOW]@7.0.0 [FORCE]@7.0.0) | ABORT@7.0.0]",
     .history = "7.0.0: Takes `NOW`, `FORCE` and `ABORT`."},
    {.name = "lolwut",
     .run = Lolwut,
     .arity = -1,
     .flags = kReadOnly | kFast,
     .group = Group::kServer,
     .since = "5.0.0",
     .summary = "Draws a wave and says which server this is.",
     .arguments = "[VERSION version:integer]"},
};
static_assert(WellFormed(kServerCommands));

}  // namespace

std::span<const CommandSpec> ServerCommands() { return kServerCommands; }

}  // namespace alai
