// What a client that executes nothing at the moment is waiting for.
//
// Threads     The client's worker; LockTicket::Wake() is called by whoever releases a shard.
// Invariants  Destroying it takes the client out of every queue it stands in and gives back every
//             shard it has been given.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/lock_request.h"
#include "server/call.h"
#include "storage/origin/origin.h"

namespace alai {

class Worker;

// A LockRequest that wakes a client.
struct LockTicket {
  LockTicket(Worker& for_worker, Store& store)
      : worker(for_worker), request(store, &LockTicket::Wake, this) {}

  static void Wake(void* ticket);

  Worker& worker;
  uint64_t client_id = 0;
  LockRequest request;
};

class Suspended {
 public:
  enum class Reason : uint8_t {
    kLock,    // for shards; the request is unread again and runs when they are to be had
    kPause,   // for the end of CLIENT PAUSE; the same
    kSpace,   // until Store::MayWrite(); the same
    kOrigin,  // for keys from the origin; the same
    kRest,    // for the rest of a command, whose request has been read
  };

  explicit Suspended(Reason why) : reason(why) {}

  const Reason reason;
  std::unique_ptr<LockTicket> ticket;  // kLock
  std::unique_ptr<Suspension> rest;    // kRest
  std::unique_ptr<origin::Wait> wait;  // kOrigin

  // For kRest: what the logs and statistics want to know when it is done.
  const CommandInfo* command = nullptr;
  std::vector<std::string> arguments;
  size_t request_bytes = 0;
  int64_t nanos = 0;  // spent running so far

  int64_t deadline_ns = INT64_MAX;  // as registered with the worker
  bool blocks = false;              // counted in blocked_clients, and over when its peer hangs up
  enum class Unblock : uint8_t { kNo, kTimeout, kError } unblock = Unblock::kNo;
};

}  // namespace alai
