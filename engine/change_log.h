// Where the effects of writes go: the interface that the engine owns and persistence, replication
// and invalidation implement.
//
// An effect is a command that gives the same result whenever it is replayed: absolute deadlines,
// values instead of increments, DEL for an expiry or an eviction.
//
// Threads     Append() is called with the key's shard locked, so the effects of one key arrive in the order
//             in which they happened. It must not block, call back into the engine or do I/O.
// Invariants  Called before the store that makes the change visible. With no log attached the cost
//             is one branch. Append() takes every effect, so none is lost. What a command or a purge logs lies
//             within what was set aside for it, but for a few words and a key each: DEL of a key that is found
//             over or is evicted, the deadline that a class gives, and the pop or move of each waiter that a
//             command serves.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace alai {

// What a word of an effect takes besides its bytes, at most.
constexpr size_t kEffectOverhead = 64;

class ChangeLog {
 public:
  virtual ~ChangeLog() = default;

  // `command` is a request as a client would send it, in database `db`; its bytes are only valid
  // during the call.
  virtual void Append(int db, std::span<const std::string_view> command) = 0;

  // Sets space for `bytes` aside for the calling thread, before shards are locked; its next call
  // replaces what it has not used. False: there is none, the command waits and asks again
  // (Store::MayWrite). What is larger than all space there is is granted when nothing else is in use.
  // Called with shards locked, too, where only what a command finds tells how much it will write
  // (Db::ReserveLog).
  virtual bool Reserve(size_t bytes) = 0;
};

}  // namespace alai
