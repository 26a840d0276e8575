#include "server/maintenance.h"

#include <pthread.h>

#include <chrono>

#include "engine/store.h"
#include "server/memory_report.h"
#include "server/process/crash_report.h"
#include "server/server.h"

namespace alai {
namespace {

constexpr auto kRest = std::chrono::milliseconds(100);
constexpr int64_t kFreeBudgetNanos = 1'000'000;

}  // namespace

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

void Maintenance::Run() {
  pthread_setname_np(pthread_self(), "alai-free");
  const CrashStack crash_stack;
  Store& store = server_.store();
  StoreThread* thread = store.RegisterThread();
  MeterThread(*thread);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool more = store.FreeDetached(*thread, kFreeBudgetNanos);
    store.eviction().Maintain(*thread);
    store.memory_limit().Publish(*thread);
    thread->Quiescent();
    lock.lock();
    if (more) continue;
    thread->GoOffline();
    stopped_.wait_for(lock, kRest, [this] { return stopping_; });
    thread->GoOnline();
  }
  lock.unlock();
  store.UnregisterThread(thread);
}

}  // namespace alai
