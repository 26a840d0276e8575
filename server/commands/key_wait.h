// What commands that wait for keys have in common: BLPOP, BLMOVE, BZPOPMIN, XREAD BLOCK and their like.
//
// The command has found nothing and still holds the shards of its keys: it makes a KeyWaiter and calls
// WaitForKeys(). From then on whoever makes one of the keys ready serves the waiter on its own thread; the reply is kept
// until the client's worker sends it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/waiters.h"
#include "protocol/output_buffer.h"

namespace alai {

class ArgReader;
class Call;
class ReplyWriter;
class ShardSet;
class Store;
class Worker;

// Reads a time-out in seconds, 0 for none, and gives it in nanoseconds; INT64_MAX: none. It must end before
// 64-bit milliseconds do.
int64_t ReadBlockingTimeout(ArgReader& args, UnixMillis now);

class KeyWaiter : public Waiter {
 public:
  explicit KeyWaiter(Call& call);

  void Serve(Db& db, KeyView key) final;

 protected:
  // Does what the command does once the key is ready, and replies.
  virtual void Take(Db& db, KeyView key, ReplyWriter& reply) = 0;
  // From Ready() when the caller lacks shards: unless he gets them soon, the client's worker locks what
  // AddShards() says, in addition to those of the keys, and asks again.
  Readiness AskOwner();

 private:
  friend class KeyWait;

  Worker& worker_;
  const uint64_t client_id_;
  const int protocol_;
  OutputBuffer reply_;
  std::string error_;  // what the reply is, if it is an error
  std::atomic<bool> served_{false};
  std::atomic<bool> asked_{false};
};

// Suspends the call until one of `keys` serves the waiter or `timeout_ns` have passed, which is answered with a
// null array, also where an element is waited for.
void WaitForKeys(Call& call, std::shared_ptr<KeyWaiter> waiter, std::vector<std::string> keys,
                 int64_t timeout_ns);

}  // namespace alai
