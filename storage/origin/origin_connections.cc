// The connections to a database, and how they come and go: loaders, the writer, the listener and the thread that
// watches over them and ends them.
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "engine/base/log.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

// So many databases may be on their way out.
constexpr size_t kEndingMax = 4;
constexpr int64_t kWatchdogMillis = 20;

// What is asked of the database when there is none any more.
class GoneSource final : public Source {
 public:
  absl::Status Check(const Rule&, std::chrono::milliseconds) override { return Gone(); }
  absl::Status Load(const Rule&, std::span<const KeyArguments>, std::chrono::milliseconds,
                    LoadResult*) override {
    return Gone();
  }
  absl::Status Write(std::span<const RuledWrite>, std::chrono::milliseconds,
                     std::chrono::milliseconds) override {
    return Gone();
  }
  absl::Status ListKeys(const Rule&, std::string_view, uint64_t,
                        const std::function<bool(KeyArguments)>&) override {
    return Gone();
  }
  absl::Status Execute(std::string_view, std::chrono::milliseconds) override { return Gone(); }
  absl::Status Ping(std::chrono::milliseconds) override { return Gone(); }
  void Interrupt() override {}

 private:
  static absl::Status Gone() { return absl::UnavailableError("the origin is no longer there"); }
};

}  // namespace

bool Origin::MayStart() {
  std::erase_if(ending_, [](const std::unique_ptr<Connections>& connections) {
    if (!connections->ended) return false;
    connections->watchdog.join();
    return true;
  });
  return ending_.size() < kEndingMax;
}

void Origin::Start(std::unique_ptr<SourceFactory> factory,
                   std::function<void(StoreThread&)> meter) {
  {
    std::lock_guard guard(listener_mutex_);
    if (listener_thread_ == nullptr) {
      listener_thread_ = store_.RegisterThread();
      listener_thread_->GoOffline();
    }
  }
  int count = 0;
  {
    std::lock_guard guard(mutex_);
    count = options_.connections;
  }
  auto fresh = std::make_unique<Connections>();
  Connections& connections = *fresh;
  connections.factory = std::move(factory);
  connections.meter = std::move(meter);
  connections.id = ++connections_made_;
  connections.ear = std::make_unique<Ear>(*this, connections.id);
  for (int i = 0; i < count; ++i) {
    connections.loaders.push_back(
        std::make_unique<Loader>(connections, connections.factory->Make()));
  }
  Replace(std::move(fresh));
  // Nobody can tell whether it is the same at another address, as it is as a rule.
  if (const uint64_t waiting = behind_.writes(); waiting != 0 && connections.id > 1) {
    Log(LogLevel::kWarning,
        "%llu writes that wait in the journal go to the database that the origin has now.",
        static_cast<unsigned long long>(waiting));
  }
  for (const std::unique_ptr<Loader>& loader : connections.loaders) {
    loader->thread = std::thread([this, &loader = *loader] { LoaderMain(loader); });
  }
  OpenJournal(false);
  connections.listener = connections.factory->Listen(*connections.ear);
  connections.watchdog = std::thread([this, &connections] { WatchdogMain(connections); });
}

void Origin::Disconnect() {
  Replace(nullptr);
  if (const uint64_t waiting = behind_.writes(); waiting != 0) {
    Log(LogLevel::kWarning,
        "%llu writes wait in the journal until the origin has a database again.",
        static_cast<unsigned long long>(waiting));
  }
}

void Origin::Stop() {
  Replace(nullptr);
  warming_.Stop();
  for (const std::unique_ptr<Connections>& connections : ending_) connections->watchdog.join();
  ending_.clear();
  if (doubter_.joinable()) doubter_.join();
  std::lock_guard guard(listener_mutex_);
  if (listener_thread_ != nullptr) store_.UnregisterThread(listener_thread_);
  listener_thread_ = nullptr;
}

// What is queued goes to the fresh connections, or ends when there are none.
void Origin::Replace(std::unique_ptr<Connections> fresh) {
  warming_.Cancel();
  std::deque<QueuedCall> orphans;
  bool wrote = false;
  {
    std::lock_guard guard(mutex_);
    const bool had_database = connections_ != nullptr;
    if (had_database) {
      connections_->withdrawn = true;
      wrote = connections_->writer != nullptr;
      if (wrote) ++writers_ending_;
      ending_.push_back(std::move(connections_));
    }
    connections_ = std::move(fresh);
    started_ = connections_ != nullptr;
    SetActive();
    breaker_.Begin(NowNanos());
    deaf_ = false;
    listening_ = false;
    if (started_) CheckRules();
    if (!started_) orphans = std::exchange(calls_, {});
    if (!started_) EndQueued();
    SettleInDoubt(had_database);
    work_.notify_all();
    due_.notify_all();
    stop_.notify_all();
  }
  if (wrote) behind_.Stop();
  GoneSource gone;
  for (const QueuedCall& call : orphans) call.run(gone, nullptr);
}

// With mutex_ held.
void Origin::EndQueued() {
  for (const std::shared_ptr<RuleState>& state : std::exchange(ready_, {})) {
    for (Flight* flight : std::exchange(state->queue, {})) {
      Fail(*flight, "the origin is no longer there");
      EndFlight(*flight);
    }
  }
  for (Flight* flight : std::exchange(parked_, {})) {
    Fail(*flight, "the origin is no longer there");
    EndFlight(*flight);
  }
}

void Origin::WatchdogMain(Connections& connections) {
  pthread_setname_np(pthread_self(), "alai-origin-dog");
  std::unique_lock lock(mutex_);
  while (!connections.withdrawn) {
    stop_.wait_for(lock, std::chrono::milliseconds(kWatchdogMillis));
    const int64_t now_ns = NowNanos();
    const auto look_after = [now_ns](Loader& loader) {
      int64_t until = loader.call_until_ns;
      if (until > now_ns) return;
      // And again in a while: it may be about to ask the database.
      const int64_t again_ns = now_ns + kWatchdogMillis * kNanosPerMilli;
      if (loader.call_until_ns.compare_exchange_strong(until, again_ns)) {
        loader.source->Interrupt();
      }
    };
    for (const std::unique_ptr<Loader>& loader : connections.loaders) look_after(*loader);
    if (connections.writer != nullptr) look_after(*connections.writer);
    LookAtParked();
    ForgetInDoubt();
  }
  lock.unlock();
  End(connections);
}

// A loader may just be about to begin a call, so one word is not enough. Only when the writer has ended may that of
// other connections begin.
void Origin::End(Connections& connections) {
  const auto under_way = [](const std::unique_ptr<Loader>& loader) {
    if (loader->ended) return false;
    loader->source->Interrupt();
    return true;
  };
  std::vector<std::unique_ptr<Loader>>& loaders = connections.loaders;
  const bool writes = connections.writer != nullptr;
  if (writes) loaders.push_back(std::move(connections.writer));
  while (std::count_if(loaders.begin(), loaders.end(), under_way) != 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const std::unique_ptr<Loader>& loader : loaders) loader->thread.join();
  loaders.clear();
  if (writes) {
    {
      std::lock_guard guard(mutex_);
      --writers_ending_;
    }
    StartWriter();
  }
  connections.listener.reset();
  connections.ended = true;
}

}  // namespace alai::origin
