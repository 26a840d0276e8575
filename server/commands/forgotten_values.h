// After the rules of the origin have changed: waiting until no value is served any more that only rules of the past
// would have loaded.
//
// Threads     The client's worker.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "server/call.h"

namespace alai {

class ForgottenValues {
 public:
  // Wakes the client, which is suspended or about to be, when it is so.
  explicit ForgottenValues(Call& call);
  bool done() const { return done_->load(std::memory_order_acquire); }

 private:
  const std::shared_ptr<std::atomic<bool>> done_;
};

// Replies when it is so, now or later.
void ReplyWhenForgotten(Call& call, std::function<void(ReplyWriter&)> reply);

}  // namespace alai
