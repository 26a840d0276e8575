// Tasks that other threads leave for a worker.
//
// Threads     Post() and Close() from any, Take() from the owner.
// Invariants  After Close() nothing is accepted, so nothing outlives the worker that it refers to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace alai {

class Worker;

class Mailbox {
 public:
  using Task = std::function<void(Worker&)>;

  enum class Posted : uint8_t { kFirst, kBehindOthers, kClosed };

  // kFirst: the owner may be asleep and has to be interrupted.
  Posted Post(Task task) {
    std::lock_guard lock(mutex_);
    if (closed_) return Posted::kClosed;
    tasks_.push_back(std::move(task));
    filled_.store(true, std::memory_order_relaxed);
    return tasks_.size() == 1 ? Posted::kFirst : Posted::kBehindOthers;
  }
  bool filled() const { return filled_.load(std::memory_order_relaxed); }
  std::vector<Task> Take() {
    std::lock_guard lock(mutex_);
    filled_.store(false, std::memory_order_relaxed);
    return std::exchange(tasks_, {});
  }
  // Drops what is there.
  void Close() {
    std::vector<Task> dropped;
    std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(tasks_);
  }

 private:
  std::atomic<bool> filled_{false};
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<Task> tasks_;
};

}  // namespace alai
