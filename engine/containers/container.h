// A large value outside its record: what a hash, list, set, sorted set or stream is once it does not
// fit in one small block any more. Changed in place, so its record is read under the shard's lock.
//
// Reference-counted like a Blob, because a record that gets another name or deadline is replaced by a
// copy while the old one waits to be freed: both refer to the one container.
//
// Threads     Acquire() and everything that the derived classes do: with the key's shard locked.
//             Release() from any thread. After the last Release() the container belongs to whoever
//             called it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "engine/base/clock.h"

namespace alai {

class Container {
 public:
  Container() = default;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  virtual ~Container() = default;

  // Held by the allocator for all of it. O(1).
  virtual size_t allocated_bytes() const = 0;
  // Of how many parts it consists, as far as freeing it is concerned: members, fields, nodes of a list. O(1).
  virtual uint64_t parts() const = 0;
  // A hint that these parts are about to be asked for: brings what holds them closer, for all of them at
  // once.
  virtual void Prefetch(std::span<const std::string_view>) const {}
  // Frees about `nodes` blocks of a container that nobody needs any more; true while some are left.
  // The destructor frees what is left.
  virtual bool FreeSome(size_t nodes) = 0;
  // Of parts that end by themselves, such as fields of a hash: when the first one does, kNoDeadline if none
  // does.
  virtual UnixMillis EarliestDeadline() const { return kNoDeadline; }
  // Removes up to `limit` parts whose time has come; gone(name) is told before each goes.
  using PartGone = std::function<void(std::string_view name)>;
  virtual void TakeDue(UnixMillis, size_t, const PartGone&) {}
  virtual bool empty() const { return false; }
  // As OBJECT ENCODING prints it.
  virtual std::string_view encoding_name() const = 0;
  // An equal container with one reference.
  virtual Container* Copy() const = 0;

  void Acquire() { references_.fetch_add(1, std::memory_order_relaxed); }
  // True when that was the last reference: the caller deletes the container, at once or in slices.
  [[nodiscard]] bool Release() { return references_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  bool shared() const { return references_.load(std::memory_order_acquire) > 1; }

 private:
  std::atomic<uint32_t> references_{1};
};

}  // namespace alai
