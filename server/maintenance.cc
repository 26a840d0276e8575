#include "server/maintenance.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "engine/store.h"
#include "server/memory_report.h"
#include "server/process/crash_report.h"
#include "server/server.h"
#include "server/worker.h"

namespace alai {
namespace {

constexpr auto kRest = std::chrono::milliseconds(100);
constexpr int64_t kFreeBudgetNanos = 1'000'000;

// Records are moved while more than this share of the pages is unused, and more bytes than the ends of
// pages of all sizes take anyway: a quarter of the time of one thread.
constexpr double kPagesInUseMin = 0.94;
constexpr uint64_t kUnusedBytesMin = 4 * 1024 * 1024;
constexpr int64_t kDefragmentNanos = 2'000'000;
constexpr auto kShortRest = std::chrono::milliseconds(6);
// After a pass that found next to nothing to move.
constexpr int64_t kAfterVainPassNanos = 1'000'000'000;
constexpr uint64_t kVainPassDivisor = 100;
// What a thread has freed and keeps for itself holds pages, too: a block here and there in hundreds of
// them, and nobody could move it. So the threads let go of it now and then.
constexpr int64_t kEmptyCachesNanos = 1'000'000'000;

// Empty pages are otherwise given back some seconds after they became so, which spares fetching them
// anew; but not when the pages of all kinds are more than the limit by a sixteenth and this.
constexpr uint64_t kResidentDivisor = 16;
constexpr uint64_t kResidentSlackBytes = 4 * 1024 * 1024;

}  // namespace

Maintenance::Maintenance(Server& server)
    : server_(server), defragmenter_(server.store(), &FindSparseBlocks) {}

void Maintenance::Start() { thread_ = std::thread(&Maintenance::Run, this); }

void Maintenance::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void Maintenance::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  stopped_.notify_one();
}

void Maintenance::Run() {
  pthread_setname_np(pthread_self(), "alai-free");
  const CrashStack crash_stack;
  Store& store = server_.store();
  StoreThread* thread = store.RegisterThread();
  MeterThread(*thread);
  GoWithoutThreadCache();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const bool more = store.FreeDetached(*thread, kFreeBudgetNanos);
    store.eviction().Maintain(*thread);
    const bool limited = !more && store.memory_limit().on();
    const bool sparse = limited && Defragment(*thread);
    const bool soon = (limited && GiveBackPages()) || sparse;
    store.memory_limit().Publish(*thread);
    if (more) {
      thread->Quiescent();
      lock.lock();
      continue;
    }
    // Frees what this thread has retired, which may wake it: not with the mutex.
    thread->GoOffline();
    lock.lock();
    stopped_.wait_for(lock, soon ? kShortRest : kRest, [this] { return stopping_ || woken_; });
    thread->GoOnline();
  }
  lock.unlock();
  store.UnregisterThread(thread);
}

bool Maintenance::GiveBackPages() {
  const uint64_t limit = server_.store().memory_limit().bytes();
  const uint64_t bound = limit + limit / kResidentDivisor + kResidentSlackBytes;
  if (AllocatorResident() <= bound) return false;
  AllocatedBytes(server_.store());
  if (AllocatorResident() > bound) PurgeAllocator();
  return true;
}

bool Maintenance::Defragment(StoreThread& thread) {
  uint64_t unused = 0;
  const double in_use = PagesInUse(&unused);
  const int64_t now_ns = server_.clock().MonotonicNanos();
  if (in_use >= kPagesInUseMin || unused < kUnusedBytesMin || now_ns < next_pass_ns_) return false;
  defragmenter_.Step(thread, in_use, kDefragmentNanos, &pass_);
  if (pass_.complete) {
    EmptyThreadCaches(now_ns);
    if (pass_.moved <= pass_.looked / kVainPassDivisor)
      next_pass_ns_ = now_ns + kAfterVainPassNanos;
    pass_ = {};
  }
  return true;
}

void Maintenance::EmptyThreadCaches(int64_t now_ns) {
  if (now_ns - caches_emptied_ns_ < kEmptyCachesNanos) return;
  caches_emptied_ns_ = now_ns;
  for (const auto& worker : server_.workers()) {
    worker->Post([](Worker&) { EmptyThreadCache(); });
  }
}

}  // namespace alai
