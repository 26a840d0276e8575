// CL.THROTTLE and RATE.*: token buckets.
#include "engine/store.h"
#include "engine/types/token_buckets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"

namespace alai {
namespace {

constexpr std::string_view kBadBurst = "ERR max_burst must not be negative";
constexpr std::string_view kCountNotPositive = "ERR count must be positive";
constexpr std::string_view kBadPeriod = "ERR period must be positive";
constexpr std::string_view kBadQuantity = "ERR quantity must not be negative";

void ReplyDecision(ReplyWriter& reply, const TokenDecision& decision) {
  reply.Array(5);
  reply.Integer(decision.limited ? 1 : 0);
  reply.Integer(decision.limit);
  reply.Integer(decision.remaining);
  reply.Integer(RoundedUpSeconds(decision.retry_after_ns));
  reply.Integer(RoundedUpSeconds(decision.reset_after_ns));
}

// With names, for those who make HTTP headers of it.
void ReplyVerbosely(ReplyWriter& reply, const TokenDecision& decision) {
  const auto field = [&reply](std::string_view name, int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto millis = [](int64_t ns) { return ns < 0 ? -1 : RoundedUpMillis(ns); };
  reply.Map(5);
  field("allowed", decision.limited ? 0 : 1);
  field("limit", decision.limit);
  field("remaining", decision.remaining);
  field("retry_after_ms", millis(decision.retry_after_ns));
  field("reset_after_ms", millis(decision.reset_after_ns));
}

void FailDecision(Call& call, Errc error) {
  if (error == Errc::kOutOfRange) return call.Fail(error_text::kRateOutOfRange);
  call.Fail(error);
}

// A look that takes nothing is no decision.
void CountDecision(Call& call, const KeyClass* key_class, bool limited, int64_t quantity) {
  if (key_class == nullptr || quantity == 0) return;
  Db& db = call.db();
  ClassFigures& figures = db.store().FiguresOf(db.thread(), key_class->slot);
  figures.counts[limited ? ClassFigures::kLimited : ClassFigures::kAllowed].Add();
}

void Throttle(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t burst_max = args.Int64(0, INT64_MAX, error_text::kNotInteger, kBadBurst);
  const int64_t count = args.Int64(1, INT64_MAX, error_text::kNotInteger, kCountNotPositive);
  const int64_t period_s = args.Int64(1, INT64_MAX, error_text::kNotInteger, kBadPeriod);
  int64_t quantity = 1;
  if (args.remaining() > 0) {
    quantity = args.Int64(0, INT64_MAX, error_text::kNotInteger, kBadQuantity);
  }
  if (!args.Done()) return call.Fail(args.error());
  const Result<TokenQuota> quota = TokenQuota::Make(burst_max, count, period_s);
  if (!quota.ok()) return FailDecision(call, quota.error());
  const Result<TokenDecision> decision = token_buckets::Take(call.db(), key, *quota, quantity);
  if (!decision.ok()) return FailDecision(call, decision.error());
  CountDecision(call, call.db().ClassOf(key), decision->limited, quantity);
  ReplyDecision(call.reply(), *decision);
}

// The arguments of RATE.TAKE and RATE.PEEK, and the class whose limit holds.
struct RateRequest {
  KeyView key;
  const KeyClass* key_class = nullptr;
  int64_t quantity = 0;
  bool verbose = false;

  // False: the call has failed.
  bool Read(Call& call, bool takes) {
    ArgReader args = call.args();
    key = call.Key(args.String());
    if (takes) quantity = 1;
    if (takes && args.remaining() > 0 && !args.PeekWord("VERBOSE")) {
      quantity = args.Int64(0, INT64_MAX, error_text::kNotInteger, kBadQuantity);
    }
    verbose = args.TakeWord("VERBOSE");
    if (!args.Done()) {
      call.Fail(args.error());
      return false;
    }
    key_class = call.db().ClassOf(key);
    if (key_class != nullptr && key_class->has_rate()) return true;
    call.Fail(error_text::kNoRateClass);
    return false;
  }

  void Reply(Call& call, const TokenDecision& decision) const {
    verbose ? ReplyVerbosely(call.reply(), decision) : ReplyDecision(call.reply(), decision);
  }
};

// What an unlimited class says; nothing is stored.
constexpr TokenDecision kUnlimited{.limit = -1, .remaining = -1};

void RateTake(Call& call) {
  RateRequest request;
  if (!request.Read(call, true)) return;
  TokenDecision answer = kUnlimited;
  if (!request.key_class->unlimited) {
    const Result<TokenDecision> decision =
        token_buckets::Take(call.db(), request.key, request.key_class->quota, request.quantity);
    if (!decision.ok()) return FailDecision(call, decision.error());
    answer = *decision;
  }
  CountDecision(call, request.key_class, answer.limited, request.quantity);
  request.Reply(call, answer);
}

void RatePeek(Call& call) {
  RateRequest request;
  if (!request.Read(call, false)) return;
  if (request.key_class->unlimited) return request.Reply(call, kUnlimited);
  const Result<TokenDecision> decision =
      token_buckets::Peek(call.db(), request.key, request.key_class->quota);
  if (!decision.ok()) return FailDecision(call, decision.error());
  request.Reply(call, *decision);
}

// All of them or, when one is no bucket, none.
void RateReset(Call& call) {
  const Arguments keys = call.argv().subspan(1);
  for (const std::string_view bytes : keys) {
    const Record* record = call.db().Find(call.Key(bytes), Lookup::kPeek);
    if (record != nullptr && record->type() != Type::kTokenBucket) {
      return call.Fail(Errc::kWrongType);
    }
  }
  int64_t count = 0;
  for (const std::string_view bytes : keys) {
    count += *token_buckets::Reset(call.db(), call.Key(bytes)) ? 1 : 0;
  }
  call.reply().Integer(count);
}

// What the change log says of a bucket: its new state, so that nothing is computed again.
void State(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t arrival_ns =
      args.Int64(0, INT64_MAX, error_text::kNotInteger, error_text::kOutOfRange);
  if (!args.Done()) return call.Fail(args.error());
  token_buckets::SetState(call.db(), key, arrival_ns);
  call.reply().Ok();
}

constexpr CommandSpec kRateCommands[] = {
    {.name = "cl.throttle",
     .run = Throttle,
     .arity = -5,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kRate,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Takes tokens from a bucket whose limit the arguments give.",
     .arguments = "key:key max_burst:integer count:integer period:integer [quantity:integer]"},
    {.name = "rate.peek",
     .run = RatePeek,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kRate,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Tells how many tokens a bucket has whose limit its key's class gives.",
     .arguments = "key:key [VERBOSE]"},
    {.name = "rate.reset",
     .run = RateReset,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {KeyRange(kRM | kKeyDelete, 1)},
     .group = Group::kRate,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Fills buckets; tells how many were there.",
     .arguments = "key:key*"},
    {.name = "rate.take",
     .run = RateTake,
     .arity = -2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kRate,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Takes tokens from a bucket whose limit its key's class gives.",
     .arguments = "key:key [quantity:integer] [VERBOSE]"},
    {.name = "rate.state",
     .run = State,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kOW | kKeyUpdate)},
     .group = Group::kRate,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Sets when a bucket will be full, in nanoseconds since the Unix epoch.",
     .arguments = "key:key arrival:integer"},
};
static_assert(WellFormed(kRateCommands));

}  // namespace

std::span<const CommandSpec> RateCommands() { return kRateCommands; }

}  // namespace alai
