// A database of a test: a map from keys' captures to rows, which can be made slow or taken away.
//
// Threads     Any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/origin/source.h"

namespace alai::origin {

class FakeDatabase {
 public:
  using Rows = std::vector<std::vector<Loaded::Cell>>;

  void Put(const std::string& name, Rows rows) {
    std::lock_guard guard(mutex_);
    rows_[name] = std::move(rows);
  }
  void Put(const std::string& name, const std::string& value) { Put(name, Rows{{value}}); }
  void Erase(const std::string& name) {
    std::lock_guard guard(mutex_);
    rows_.erase(name);
  }
  void SetColumns(std::vector<std::string> columns) {
    std::lock_guard guard(mutex_);
    columns_ = std::move(columns);
  }
  // From now on every call ends with this.
  void SetStatus(absl::Status status) {
    std::lock_guard guard(mutex_);
    status_ = std::move(status);
  }
  // From now on a load ends with this if it is of this key, among others.
  void SetFault(const std::string& name, absl::Status status) {
    std::lock_guard guard(mutex_);
    faults_[name] = std::move(status);
  }
  // Loads read their rows and then wait, until Release().
  void Hold() {
    std::lock_guard guard(mutex_);
    held_ = true;
  }
  void Release() {
    std::lock_guard guard(mutex_);
    held_ = false;
    released_.notify_all();
  }
  // Writes wait, too, until ReleaseWrites().
  void HoldWrites() {
    std::lock_guard guard(mutex_);
    writes_held_ = true;
  }
  void ReleaseWrites() {
    std::lock_guard guard(mutex_);
    writes_held_ = false;
    released_.notify_all();
  }
  // Transactions with a write of this name end with this; OK: they do not any more.
  void Refuse(const std::string& name, absl::Status status) {
    std::lock_guard guard(mutex_);
    if (status.ok()) refusals_.erase(name);
    if (!status.ok()) refusals_[name] = std::move(status);
  }
  // From now on transactions are done, but nobody is told so.
  void DoubtWrites(bool doubted) { writes_doubted_ = doubted; }
  // Between the reading of the rows and the end of a load.
  void set_pause(std::chrono::microseconds pause) { pause_us_ = pause.count(); }

  // What happens there, in the loader's thread.
  void SetMeanwhile(std::function<void()> meanwhile) {
    std::lock_guard guard(mutex_);
    meanwhile_ = std::move(meanwhile);
  }

  int queries() const { return queries_; }
  int keys_asked() const { return keys_; }
  int interrupts() const { return interrupts_; }
  int transactions() const { return transactions_; }
  // Transactions that are held.
  int writers_waiting() const { return writers_waiting_; }
  // Loads that are held.
  int waiting() const { return waiting_; }
  ChangeSink* sink() const { return sink_; }
  std::vector<std::string> writes() {
    std::lock_guard guard(mutex_);
    return writes_;
  }

  absl::Status Load(std::span<const KeyArguments> keys, LoadResult* result) {
    std::unique_lock lock(mutex_);
    ++queries_;
    keys_ += static_cast<int>(keys.size());
    result->columns = columns_;
    for (const KeyArguments& key : keys) {
      const auto at = rows_.find(Join(key));
      Loaded& loaded = result->keys.emplace_back();
      if (at != rows_.end()) loaded.rows = at->second;
    }
    const int interrupts = interrupts_;
    ++waiting_;
    released_.wait(lock, [&] { return !held_ || interrupts_ != interrupts; });
    --waiting_;
    if (interrupts_ != interrupts) return absl::UnavailableError("interrupted");
    absl::Status status = status_;
    for (const KeyArguments& key : keys) {
      const auto fault = faults_.find(Join(key));
      if (status.ok() && fault != faults_.end()) status = fault->second;
    }
    const std::function<void()> meanwhile = meanwhile_;
    lock.unlock();
    if (meanwhile != nullptr) meanwhile();
    if (pause_us_ != 0) std::this_thread::sleep_for(std::chrono::microseconds(pause_us_));
    return status;
  }
  // All or none, as a transaction.
  absl::Status Write(std::span<const RuledWrite> writes) {
    std::unique_lock lock(mutex_);
    ++transactions_;
    const int interrupts = interrupts_;
    ++writers_waiting_;
    released_.wait(lock, [&] { return !writes_held_ || interrupts_ != interrupts; });
    --writers_waiting_;
    if (interrupts_ != interrupts) return absl::UnavailableError("interrupted");
    if (!status_.ok()) return status_;
    for (const auto& [rule, request] : writes) {
      const auto refused = refusals_.find(Join(request.arguments));
      if (refused != refusals_.end()) return refused->second;
    }
    for (const auto& [rule, request] : writes) {
      const std::string name = Join(request.arguments);
      writes_.push_back(request.value.has_value() ? name + "=" + *request.value : "-" + name);
      if (request.value.has_value()) rows_[name] = {{*request.value}};
      if (!request.value.has_value()) rows_.erase(name);
    }
    return writes_doubted_ ? InDoubtError() : absl::OkStatus();
  }
  // What the factory says of its addresses.
  void SetAddressStatus(absl::Status status) {
    std::lock_guard guard(mutex_);
    address_status_ = std::move(status);
  }
  absl::Status address_status() {
    std::lock_guard guard(mutex_);
    return address_status_;
  }
  absl::Status status() {
    std::lock_guard guard(mutex_);
    return status_;
  }
  void Interrupt() {
    std::lock_guard guard(mutex_);
    if (stubborn_) return;
    ++interrupts_;
    released_.notify_all();
  }
  // From now on Interrupt() does nothing.
  void BeStubborn() {
    std::lock_guard guard(mutex_);
    stubborn_ = true;
  }
  // The names of rows, as ListKeys() gives them.
  std::vector<KeyArguments> Names() {
    std::lock_guard guard(mutex_);
    std::vector<KeyArguments> names;
    for (const auto& [name, rows] : rows_) names.push_back({name});
    return names;
  }
  // How many there are.
  int sources() const { return sources_; }
  std::atomic<ChangeSink*> sink_{nullptr};
  std::atomic<int> sources_{0};

  static std::string Join(const KeyArguments& key) {
    std::string name;
    for (const std::string& part : key) name += (name.empty() ? "" : ":") + part;
    return name;
  }

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::map<std::string, Rows> rows_;
  std::map<std::string, absl::Status> faults_;
  std::vector<std::string> columns_;
  std::vector<std::string> writes_;
  absl::Status status_;
  absl::Status address_status_;
  std::function<void()> meanwhile_;
  std::map<std::string, absl::Status> refusals_;
  bool held_ = false;
  bool writes_held_ = false;
  bool stubborn_ = false;
  std::atomic<int64_t> pause_us_{0};
  std::atomic<bool> writes_doubted_{false};
  std::atomic<int> queries_{0};
  std::atomic<int> keys_{0};
  std::atomic<int> interrupts_{0};
  std::atomic<int> waiting_{0};
  std::atomic<int> transactions_{0};
  std::atomic<int> writers_waiting_{0};
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(FakeDatabase& database) : database_(database) { ++database_.sources_; }
  ~FakeSource() override { --database_.sources_; }

  absl::Status Check(const Rule&, std::chrono::milliseconds) override { return database_.status(); }
  absl::Status Load(const Rule&, std::span<const KeyArguments> keys, std::chrono::milliseconds,
                    LoadResult* result) override {
    return database_.Load(keys, result);
  }
  absl::Status Write(std::span<const RuledWrite> writes, std::chrono::milliseconds,
                     std::chrono::milliseconds) override {
    return database_.Write(writes);
  }
  absl::Status ListKeys(const Rule&, std::string_view, uint64_t limit,
                        const std::function<bool(KeyArguments)>& visit) override {
    if (!database_.status().ok()) return database_.status();
    uint64_t count = 0;
    for (KeyArguments& name : database_.Names()) {
      if (count++ == limit || !visit(std::move(name))) break;
    }
    return absl::OkStatus();
  }
  absl::Status Execute(std::string_view, std::chrono::milliseconds) override {
    return database_.status();
  }
  absl::Status Ping(std::chrono::milliseconds) override { return database_.status(); }
  void Interrupt() override { database_.Interrupt(); }

 private:
  FakeDatabase& database_;
};

class FakeFactory final : public SourceFactory {
 public:
  explicit FakeFactory(FakeDatabase& database) : database_(database) {}

  std::unique_ptr<Source> Make() override { return std::make_unique<FakeSource>(database_); }
  std::unique_ptr<Listener> Listen(ChangeSink& sink) override {
    database_.sink_ = &sink;
    return std::make_unique<Listener>();
  }
  absl::Status CheckAddresses() const override { return database_.address_status(); }

 private:
  FakeDatabase& database_;
};

}  // namespace alai::origin
