// One client connection: what the server remembers of it between its requests.
//
// Threads     A client belongs to one worker for life, which alone calls what is not marked
//             otherwise. Other threads see it through ClientRegistry, with the registry's lock
//             held: then they may read the texts, and the atomics, which are relaxed.
// Invariants  Between loop turns an idle client holds no buffer: unread request bytes are kept only
//             while they are part of a request or the client is suspended, unsent reply bytes only
//             while the socket is full.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/counter.h"
#include "protocol/output_buffer.h"
#include "protocol/request_parser.h"
#include "server/input_buffer.h"
#include "server/net/connection.h"

namespace alai {

class Suspended;
class Worker;
struct CommandInfo;
namespace origin {
class Wait;
}

// What is true of a client; bits of Client::flags().
enum ClientFlag : uint32_t {
  kClientNeedsAuth = 1 << 0,
  kClientUnixSocket = 1 << 1,       // 'U' in CLIENT LIST
  kClientMonitor = 1 << 2,          // 'O'
  kClientCloseAfterReply = 1 << 3,  // 'c': replies still unsent go out first
  kClientCloseNow = 1 << 4,         // 'A': as soon as the worker gets to it
  kClientBlocked = 1 << 5,    // 'b': suspended until something happens, see Suspension::blocks
  kClientNoTouch = 1 << 6,    // 'T'
  kClientNoEvict = 1 << 7,    // 'e'
  kClientReplyOff = 1 << 8,   // CLIENT REPLY OFF
  kClientReplySkip = 1 << 9,  // the reply of the request that comes next is dropped
  kClientReplySkipAfter = 1 << 10,  // CLIENT REPLY SKIP is running: skip what follows it
  kClientAskedOrigin = 1 << 11,     // the request that comes next has waited for the origin
};

// The flags that make a request take the dispatcher's careful path.
constexpr uint32_t kClientCareful = kClientNeedsAuth | kClientReplyOff | kClientReplySkip |
                                    kClientReplySkipAfter | kClientAskedOrigin;

class Client : public Connection {
 public:
  Client(Worker& worker, uint64_t id);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Any thread.
  uint64_t id() const { return id_; }
  Worker& worker() const { return worker_; }
  uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  bool has(uint32_t flag) const { return (flags() & flag) != 0; }
  int db_index() const { return db_index_.load(std::memory_order_relaxed); }
  int resp() const { return resp_.load(std::memory_order_relaxed); }
  // Asks the worker to close this client; it executes nothing more than what it is executing now.
  void RequestKill() { kill_requested_.store(true, std::memory_order_relaxed); }
  bool kill_requested() const { return kill_requested_.load(std::memory_order_relaxed); }

  void Set(uint32_t flag) { flags_.store(flags() | flag, std::memory_order_relaxed); }
  void Clear(uint32_t flag) { flags_.store(flags() & ~flag, std::memory_order_relaxed); }
  void set_db_index(int index) { db_index_.store(index, std::memory_order_relaxed); }
  void set_resp(int version) {
    resp_.store(static_cast<uint8_t>(version), std::memory_order_relaxed);
  }
  bool authenticated() const { return !has(kClientNeedsAuth); }
  bool suspended() const { return suspended_ != nullptr; }
  bool closed() const { return fd < 0; }

  // Where the peer is and where it came in, as CLIENT LIST prints them: "127.0.0.1:6379",
  // "[::1]:6379", "/path:0". Immutable once the client is registered.
  std::string address;
  std::string local_address;
  int listed_fd = -1;  // stays when the connection is closed

  // The worker changes these through ClientRegistry::Edit() and reads them without the lock.
  std::string name;
  std::string library_name;
  std::string library_version;

  // Figures for CLIENT LIST; written by the worker, read by any thread.
  UnixMillis created_ms = 0;
  std::atomic<UnixMillis> last_interaction_ms{0};
  std::atomic<const CommandInfo*> last_command{nullptr};
  Counter bytes_in;
  Counter bytes_out;
  Counter commands;
  Counter unread_bytes;     // of requests received and not yet executed
  Counter unread_capacity;  // of the memory that holds them
  Counter argument_bytes;   // of a suspended command, copied
  Counter unsent_bytes;     // of replies
  Counter unsent_memory;
  // All that is held for this client.
  uint64_t memory() const {
    return sizeof(Client) + unread_capacity.Get() + argument_bytes.Get() + unsent_memory.Get();
  }

 private:
  friend class Worker;
  friend class Dispatcher;

  Worker& worker_;
  const uint64_t id_;
  std::atomic<uint32_t> flags_{0};
  std::atomic<int> db_index_{0};
  std::atomic<uint8_t> resp_{2};
  std::atomic<bool> kill_requested_{false};
  InputBuffer input_;
  RequestParser parser_;
  OutputBuffer output_;
  std::unique_ptr<Suspended> suspended_;
  UnixMillis soft_limit_since_ms_ = 0;  // 0: below the soft output limit
  size_t list_index_ = 0;               // in the worker's list of its clients
  uint64_t counted_memory_ = 0;         // a part of the worker's sum
  struct {
    int waits = 0;                       // of the present request for the origin
    bool settled = false;                // more would be no use for any of its keys
    std::string error;                   // the reply, if there is one already
    std::vector<uint64_t> settled_keys;  // hashes of those for which it would be none, sorted
    // Of a write that the database has, and that is still to be done here.
    std::unique_ptr<origin::Wait> written;
  } origin_;
  size_t asked_ahead_ = 0;    // so many of the requests to come have had their keys asked for
  bool input_ended_ = false;  // the peer will send no more; close when all is answered
};

}  // namespace alai
