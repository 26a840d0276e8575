#include "server/commands/key_wait.h"

#include <cmath>
#include <utility>

#include "engine/lock_request.h"
#include "engine/store.h"
#include "protocol/arg_reader.h"
#include "protocol/error_text.h"
#include "protocol/reply_writer.h"
#include "server/call.h"
#include "server/client.h"
#include "server/worker.h"

namespace alai {

int64_t ReadBlockingTimeout(ArgReader& args, UnixMillis now) {
  constexpr double kNanosPerSecond = 1e9;
  const long double seconds = args.LongDouble(error_text::kTimeoutNotFloat);
  if (!args.ok()) return 0;
  if (seconds < 0) {
    args.Fail(error_text::kTimeoutNegative);
    return 0;
  }
  if (seconds * 1000 > static_cast<long double>(INT64_MAX - now)) {
    args.Fail(error_text::kTimeoutOutOfRange);
    return 0;
  }
  if (seconds == 0) return INT64_MAX;
  const long double nanos = std::ceil(seconds * kNanosPerSecond);
  return nanos < static_cast<long double>(INT64_MAX) ? static_cast<int64_t>(nanos) : INT64_MAX;
}

KeyWaiter::KeyWaiter(Call& call)
    : worker_(call.worker()), client_id_(call.client().id()), protocol_(call.reply().protocol()) {}

void KeyWaiter::Serve(Db& db, KeyView key) {
  ReplyWriter reply(reply_, protocol_);
  Take(db, key, reply);
  if (reply.error_written()) error_ = reply.last_error();
  served_.store(true, std::memory_order_release);
  worker_.Wake(client_id_);
}

Waiter::Readiness KeyWaiter::AskOwner() {
  if (!asked_.exchange(true, std::memory_order_acq_rel)) worker_.Wake(client_id_);
  return Readiness::kElsewhere;
}

// Takes the waiter out of its queues when it ends, however it does.
class KeyWait final : public Suspension {
 public:
  KeyWait(Call& call, std::shared_ptr<KeyWaiter> waiter, std::vector<std::string> keys)
      : store_(call.db().store()),
        db_(call.db().index()),
        waiter_(std::move(waiter)),
        keys_(std::move(keys)) {
    first = Next::kWait;
    for (const std::string& key : keys_) QueuesOf(key).Add(db_, key, waiter_);
  }
  ~KeyWait() override {
    // Who claims it later would take what nobody gets.
    static_cast<void>(waiter_->Claim());
    for (const std::string& key : keys_) QueuesOf(key).Remove(db_, key, waiter_.get());
  }

  Next Resume(Call& call) override {
    if (Replied(call)) return Next::kDone;
    if (request_ == nullptr) {
      if (!waiter_->asked_.exchange(false, std::memory_order_acq_rel)) return Next::kWait;
      request_ = std::make_unique<LockRequest>(store_, &KeyWait::Wake, waiter_.get());
      for (const std::string& key : keys_) request_->shards().Add(store_.ShardIndex(Hash(key)));
      waiter_->AddShards(store_, request_->shards());
    }
    if (!request_->Acquire()) return Next::kWait;
    StoreThread& thread = call.db().thread();
    for (const std::string& key : keys_) thread.ready_keys().push_back({db_, key});
    store_.ServeWaiters(thread, call.db().tally(), call.now(), HeldByRequest(*request_));
    request_.reset();
    store_.ServeNext(thread, call.db().tally(), call.now());
    return Replied(call) ? Next::kDone : Next::kWait;
  }
  bool MayEnd() override { return waiter_->Claim(); }
  void TimedOut(Call& call) override { call.reply().NullArray(); }
  bool unblockable() const override { return true; }

 private:
  static void Wake(void* waiter) {
    auto* self = static_cast<KeyWaiter*>(waiter);
    self->worker_.Wake(self->client_id_);
  }

  Waiters& QueuesOf(std::string_view key) {
    return store_.shard(store_.ShardIndex(Hash(key))).waiters;
  }

  bool Replied(Call& call) {
    if (!waiter_->served_.load(std::memory_order_acquire)) return false;
    // An error counts as the client's.
    if (!waiter_->error_.empty()) {
      call.Fail(waiter_->error_);
    } else {
      call.reply().output().Splice(std::move(waiter_->reply_));
    }
    return true;
  }

  Store& store_;
  const int db_;
  const std::shared_ptr<KeyWaiter> waiter_;
  const std::vector<std::string> keys_;
  std::unique_ptr<LockRequest> request_;  // while its shards are being locked
};

void WaitForKeys(Call& call, std::shared_ptr<KeyWaiter> waiter, std::vector<std::string> keys,
                 int64_t timeout_ns) {
  const int64_t now_ns = call.worker().monotonic_ns();
  auto wait = std::make_unique<KeyWait>(call, std::move(waiter), std::move(keys));
  if (timeout_ns != INT64_MAX && __builtin_add_overflow(now_ns, timeout_ns, &wait->deadline_ns)) {
    wait->deadline_ns = INT64_MAX;
  }
  call.Suspend(std::move(wait));
}

}  // namespace alai
