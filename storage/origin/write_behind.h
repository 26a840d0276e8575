// Writes of `write behind`: those that have been answered and that the database has still to see.
//
//   worker   Reserve() ──> the command runs; Add(), its shards locked ──> Keep(), they are free ──> the reply
//   writer   Take() a batch ──> database ──> Written(), or Retry(), Hold() or Drop()
//
// A write stays in memory and in the journal until the database has it. What upserts one string and waits side by
// side is sent once: the last value, at the place of the first. Writes of a rule that is not there any more are
// set aside until it is again.
//
// Threads     Reserve(), Add(), Keep(), Release(), Look() and the figures: any. Add() and Look() only take a
//             mutex under which nothing waits, so shards may be locked. Open(), Adopt(): one at a time. The
//             rest belongs to the thread that writes.
// Invariants  (1) Writes of a key reach the database in the order in which they took effect here, since they
//                 are added while the key's shard is locked.
//             (2) Writes reach it in that order whatever their keys are, but for those that are held or set aside.
//             (3) What waits and what is reserved stays within the limits, but for what a journal held when it
//                 was opened.
//             (4) The journal has the writes in the same order. One that leaves is struck from it once all
//                 before it have left, too.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/base/clock.h"
#include "engine/key_view.h"
#include "storage/origin/source.h"
#include "storage/origin/write_journal.h"

namespace alai::origin {

struct RuleState;
using RuleStates = std::vector<std::shared_ptr<RuleState>>;

struct PendingWrite {
  std::string rule;
  Type type = Type::kString;
  int db = 0;  // -1: of a rule that is not there, whose keys nobody knows
  std::string key;
  WriteRequest request;

  // WriteBehind's own.
  uint64_t bytes = 0;     // in the journal
  uint64_t sequence = 0;  // there; 0: it is not there yet
  int64_t since_ns = 0;
  bool taken = false;  // by the batch that is being written
  bool aside = false;
  bool gone = false;
  std::list<std::shared_ptr<PendingWrite>>::iterator place;
  std::list<PendingWrite*>::iterator place_in_rule;
};

class WriteBehind {
 public:
  struct Limits {
    uint64_t rows_max = 100'000;
    uint64_t bytes_max = uint64_t{64} << 20;
    int64_t sync_ms = 1000;  // between two of the journal's syncs; 0: there are none
  };
  using Writes = std::vector<std::shared_ptr<PendingWrite>>;
  // What one statement brings up to date: a write, and those that it replaces before it.
  struct Item {
    std::shared_ptr<RuleState> state;
    Writes writes;
    const WriteRequest& request() const { return writes.back()->request; }
  };
  using Batch = std::vector<Item>;

  // `rules` gives those in use.
  WriteBehind(const Clock& clock, std::function<RuleStates()> rules);
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  void SetLimits(const Limits& limits);
  // Opens the journal, once; what it holds waits from then on. When it cannot be opened that is tried again from
  // time to time, and until then there is no room for writes.
  void Open(const std::string& path);
  // Whether Open() was called.
  bool in_use() const { return in_use_.load(std::memory_order_relaxed); }
  // Rules are about to be replaced by these: what was set aside for want of its rule waits again.
  void Adopt(const RuleStates& states);

  // Room for writes; false: there is none, and `why` says why.
  bool Reserve(const Writes& writes, std::string* why);
  // The room is not needed after all.
  void Release(const Writes& writes);
  // What has been reserved takes effect, in this order.
  void Add(const Writes& writes);
  // Puts what was added into the journal. When it cannot be, it stays in memory, and is tried again.
  absl::Status Keep();

  enum class Known : uint8_t {
    kNothing,  // nothing of the key waits
    kWhole,    // what will be in the database is known: a value, or that there is none
    kPart,     // fields of a hash wait, and the others are in the database
  };
  Known Look(int db, KeyView key, std::optional<std::string>* value = nullptr) const;

  // Waits until there is something to write, and then for up to `window_us` for more, up to `writes`. False: Stop()
  // was called.
  bool WaitForWork(int64_t window_us, size_t writes);
  void Rest(int64_t ms);
  void Begin();
  void Stop();
  // From now on nobody waits for more.
  void Hurry();

  // The first that can be written. The last batch has been reported on before.
  Batch Take(const RuleStates& states, size_t items_max, uint64_t bytes_max);
  void Written(const Batch& batch);
  void Retry(const Batch& batch);
  // Its key waits before it is tried again, each time for twice as long, while others go on. Gives how often that
  // has been so.
  int Hold(const Item& item, int64_t first_ns, int64_t max_ns);
  void Drop(const Item& item);
  // Tells the journal of what has left.
  void Mark();
  // Any thread: drops what waits of a rule, but for what is being written; gives how much that was.
  uint64_t Discard(std::string_view rule);

  struct Backlog {
    uint64_t writes = 0;
    uint64_t bytes = 0;     // in the journal
    int64_t oldest_ns = 0;  // how long the oldest has waited
  };
  Backlog backlog() const;
  Backlog BacklogOf(std::string_view rule) const;
  struct JournalFigures {
    uint64_t file_bytes = 0;
    uint64_t unsynced = 0;  // writes
    uint64_t set_aside = 0;
    std::string trouble;  // why nothing can be written to it; empty: it can
  };
  JournalFigures journal_figures() const;
  uint64_t writes() const { return rows_.load(std::memory_order_relaxed); }
  // Whether nothing is left that could be written now.
  bool Idle() const;

 private:
  using List = std::list<std::shared_ptr<PendingWrite>>;
  struct Place {
    int db;
    std::string key;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    size_t operator()(const Place& place) const {
      return Hash(place.key) ^ static_cast<uint64_t>(place.db);
    }
  };
  struct KeyWrites {
    std::deque<PendingWrite*> writes;  // the oldest first
    int64_t hold_until_ns = 0;
    int holds = 0;
  };
  struct OfRule {
    std::list<PendingWrite*> writes;
    uint64_t bytes = 0;
  };

  // Whether its rule is there. What is not known of the write is told by the rule.
  static bool KnowsRule(const RuleStates& states, PendingWrite* write);
  void TryOpen();
  void Recover(WriteJournal& journal, std::vector<JournalRecord> records, const RuleStates& states);
  void JournalMain();
  void Sync();
  // With file_mutex_ held: appends writes, and numbers them.
  absl::Status Append(const Writes& writes);
  void MeasureSpan();
  // With mark_mutex_ held: appends what waits anew when little of the journal is left between what holds it up.
  void Renew();
  // Empty: it is over. `broken`: for good.
  void SetTrouble(const std::string& why, bool broken = false);
  // With mutex_ held.
  void Insert(const std::shared_ptr<PendingWrite>& write, List& list);
  void Remove(const std::shared_ptr<PendingWrite>& write);
  void SetAside(const std::shared_ptr<PendingWrite>& write);
  void Enter(PendingWrite* write);
  void Leave(PendingWrite* write);
  Item Gather(const std::shared_ptr<PendingWrite>& write, std::shared_ptr<RuleState> state);
  uint64_t AppliedSequence() const;
  Backlog BacklogFrom(uint64_t writes, uint64_t bytes, const PendingWrite* oldest) const;

  const Clock& clock_;
  const std::function<RuleStates()> rules_;
  std::string path_;
  std::atomic<bool> in_use_{false};
  std::atomic<bool> opened_{false};
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> span_bytes_{0};  // of the journal that is not struck

  std::mutex mark_mutex_;  // of who strikes writes from the journal; before the others
  std::mutex
      file_mutex_;  // of who appends, so that the file's order is that of the writes; before mutex_
  std::unique_ptr<WriteJournal> journal_;  // set once, under both

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable journal_work_;
  Limits limits_;
  bool stopping_ = true;
  bool closing_ = false;
  bool hurry_ = false;
  bool unsynced_ = false;
  bool broken_ = false;  // the journal does not recover by itself
  std::string trouble_;
  List live_;
  List aside_;
  std::unordered_map<Place, KeyWrites, PlaceHash> keys_;
  std::unordered_map<std::string, OfRule> of_rules_;
  std::deque<std::shared_ptr<PendingWrite>> unwritten_;
  uint64_t bytes_ = 0;
  uint64_t reserved_rows_ = 0;
  uint64_t reserved_bytes_ = 0;
  uint64_t written_sequence_ = 0;

  std::thread journal_thread_;
};

}  // namespace alai::origin
