// CL.THROTTLE and RATE.*: token buckets.
#include "engine/types/token_buckets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"

namespace alai {
namespace {

constexpr std::string_view kBadBurst = "ERR max_burst must not be negative";
constexpr std::string_view kBadCount = "ERR count must be positive";
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

void FailDecision(Call& call, Errc error) {
  if (error == Errc::kOutOfRange) return call.Fail(error_text::kRateOutOfRange);
  call.Fail(error);
}

void Throttle(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t burst_max = args.Int64(0, INT64_MAX, error_text::kNotInteger, kBadBurst);
  const int64_t count = args.Int64(1, INT64_MAX, error_text::kNotInteger, kBadCount);
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
  ReplyDecision(call.reply(), *decision);
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

constexpr CommandSpec kCommands[] = {
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
static_assert(WellFormed(kCommands));

}  // namespace

std::span<const CommandSpec> RateCommands() { return kCommands; }

}  // namespace alai
