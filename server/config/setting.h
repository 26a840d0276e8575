// The cells that a Config is made of: values that one thread may change while others read them.
//
// Threads     Every method may be called from any thread.
// Why         A worker reads numbers and switches on its hot path, so they are relaxed atomics: a
//             change need not be seen at once, and no other memory is published by it. Texts and
//             lists are read rarely, so they are copied out under a mutex.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>

namespace alai {

// A number, switch or enum.
template <class T>
class Relaxed {
 public:
  Relaxed() = default;
  constexpr explicit Relaxed(T value) : value_(value) {}
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed&) = delete;

  T get() const { return value_.load(std::memory_order_relaxed); }
  void set(T value) { value_.store(value, std::memory_order_relaxed); }
  operator T() const { return get(); }

 private:
  std::atomic<T> value_{};
};

// A text, list or structure.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void set(T value) {
    std::lock_guard lock(mutex_);
    std::swap(value_, value);
  }
  bool empty() const {
    std::lock_guard lock(mutex_);
    return value_.empty();
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace alai
