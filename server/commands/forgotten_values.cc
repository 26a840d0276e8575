#include "server/commands/forgotten_values.h"

#include <utility>

#include "server/client.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/origin/origin.h"

namespace alai {
namespace {

class PendingReply final : public Suspension {
 public:
  PendingReply(ForgottenValues forgotten, std::function<void(ReplyWriter&)> reply)
      : forgotten_(std::move(forgotten)), reply_(std::move(reply)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (!forgotten_.done()) return Next::kWait;
    reply_(call.reply());
    return Next::kDone;
  }

 private:
  const ForgottenValues forgotten_;
  const std::function<void(ReplyWriter&)> reply_;
};

}  // namespace

ForgottenValues::ForgottenValues(Call& call) : done_(std::make_shared<std::atomic<bool>>(false)) {
  const bool waits = call.server().origin().AwaitRules(
      [done = done_, worker = &call.worker(), id = call.client().id()] {
        done->store(true, std::memory_order_release);
        worker->Wake(id);
      });
  if (!waits) done_->store(true, std::memory_order_relaxed);
}

void ReplyWhenForgotten(Call& call, std::function<void(ReplyWriter&)> reply) {
  ForgottenValues forgotten(call);
  if (forgotten.done()) return reply(call.reply());
  call.Suspend(std::make_unique<PendingReply>(std::move(forgotten), std::move(reply)));
}

}  // namespace alai
