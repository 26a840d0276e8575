// The origin: a database behind the cache. Keys that are missed are loaded from it by rules, each key once
// however many wait for it.
//
//   worker   lookup ── Judge() ──> uses ── Ask() ──> flights, a Wait for them ─────────> run again
//                                             │                                       ^
//   loader   ───────────────────── takes a batch of a rule: mark, query, fill, wakes ─┘
//
// A flight is one key on its way. It begins when somebody asks for the key, waits in the queue of its rule for
// others like it (the rule's batch window), and is over when its value lies in the keyspace, or will not come.
// Its mark (engine/key_marks.h) is set before the query is sent; any write to the key wipes it, and then the
// value is thrown away and those who wait ask again.
//
// Loaders wait in turn: one for the next batch to be due, the others for work or for their turn. So none is bound to
// a rule whose window is long.
//
// Threads     Judge() as MissSource says; Start(), Disconnect() and Stop() by one thread at a time; everything else
//             from any. Callbacks of waits are called with the origin's mutex held: they may only pass the word on.
// Invariants  (1) There is at most one flight for a key.
//             (2) At most queue_max keys are under way; more are refused.
//             (3) No thread but the loaders ever waits for the database.
//             (4) A value is put in place only if nobody has written the key, and no change of it was heard of,
//                 since before its query was sent; and in the place of a client's value that was there by then only
//                 if that was asked for.
//             (5) What is written through stays only if the same holds since before its statement was sent, and the
//                 key is forgotten when the database may have the write and its command has not been run here. So
//                 of writes of one key that overlap none stays: nobody here knows their order in the database.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/miss_source.h"
#include "engine/store.h"
#include "storage/origin/breaker.h"
#include "storage/origin/figures.h"
#include "storage/origin/filler.h"
#include "storage/origin/rule_set.h"
#include "storage/origin/source.h"
#include "storage/origin/warming.h"
#include "storage/origin/write_behind.h"

namespace alai::origin {

struct OriginOptions {
  int connections = 4;
  size_t queue_max = 10'000;
  int breaker_failures = 5;
  int64_t breaker_open_ms = 1000;
  size_t negative_max = 1'000'000;                 // keys known to be absent
  uint64_t value_bytes_max = uint64_t{512} << 20;  // where a rule sets no limit
  std::string journal;                             // the file of writes behind
  WriteBehind::Limits behind;
};

struct Flight;
struct WriteFlight;

// A key of a command that a rule passes on.
struct PassedKey {
  std::string key;
  uint64_t hash = 0;
  bool part = false;  // fields of a hash are written, and the database may have others
  uint64_t mark = 0;  // in engine/key_marks.h while it is under way, as for a load; 0: none

  KeyView view() const { return {key, hash}; }
};

// A rule in use, and what is known about it.
struct RuleState : OriginRule, std::enable_shared_from_this<RuleState> {
  explicit RuleState(std::shared_ptr<const Rule> the_rule) : rule(std::move(the_rule)) {}

  const std::shared_ptr<const Rule> rule;
  RuleFigures figures;
  // Its keys are loaded otherwise by now: whatever is on its way by this rule is thrown away.
  std::atomic<bool> retired{false};
  // Guarded by the origin's mutex.
  std::deque<Flight*> queue;
  int loading = 0;         // batches that have been taken from it and are not over
  std::string trouble;     // what the database says about the rule; empty: nothing
  int64_t checked_ns = 0;  // when it was last asked, monotonic
};

class Origin;

// One client that waits for flights. Made by who asks, destroyed at any time.
class Wait {
 public:
  Wait(Origin& origin, std::function<void()> wake) : origin_(origin), wake_(std::move(wake)) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait();

  // Monotonic nanoseconds after which it is not worth it any more.
  int64_t deadline_ns() const { return deadline_ns_; }
  // After it was woken or its time is over; nothing comes any more. What there is is all there will be.
  struct Result {
    bool settled = false;                // asking again for any of the keys is no use
    bool again = false;                  // what came for some of them was thrown away
    std::string error;                   // the reply, if the rule wants one
    std::vector<uint64_t> settled_keys;  // hashes of those that have no value, or failed
    uint64_t filled = 0;
    uint64_t absent = 0;
    uint64_t failed = 0;
  };
  Result Take(bool timed_out);
  // All of it is over.
  bool done() const { return done_.load(std::memory_order_acquire); }
  // Nothing more is asked for with it: Origin::Load() leaves that to its caller.
  void Seal();
  // Once Take() has told of writes that the database has taken: their keys. The command is to be run here, which
  // NoteRun() tells; otherwise the keys are forgotten in the end.
  std::span<const PassedKey> written() const;
  const RuleState& writer() const;
  void NoteRun() { run_ = true; }

 private:
  friend class Origin;

  Origin& origin_;
  const std::function<void()> wake_;
  int64_t deadline_ns_ = 0;
  std::atomic<bool> done_{false};
  // Guarded by the origin's mutex.
  bool sealed_ = false;
  std::vector<Flight*> flights_;
  std::shared_ptr<WriteFlight> write_;  // of one that waits for a write
  Result result_;
  bool run_ = false;  // of its owner's thread
};

class Origin final : public MissSource {
 public:
  explicit Origin(Store& store);
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  ~Origin() override;

  // What concerns the connections takes effect with the next Start(), the journal's name before it is opened.
  void SetOptions(const OriginOptions& options);
  // A rule that is the same as before keeps its figures. What other rules would have loaded for a key is no
  // longer believed; that takes a look at all keys, which a thread does in the background. From a thread of the
  // store, which has the databases that the rules are about.
  void SetRules(Rules rules);
  // Calls `wake` once no value is served any more that only rules of the past would have loaded. False: that is
  // so already.
  bool AwaitRules(std::function<void()> wake);
  // Whether keys are being looked through for values that are not believed any more.
  bool doubting() const;
  // Whether the connections to earlier databases have ended, but for a few.
  bool MayStart();
  // Connects to a database, in the place of the one before. `meter` is called by each thread of the origin with
  // its StoreThread when it begins. What the database before was asked for is asked of this one. Does not wait for
  // the threads of the one before, which end in the background.
  void Start(std::unique_ptr<SourceFactory> factory, std::function<void(StoreThread&)> meter);
  // There is no database any more: whoever waits is told that nothing comes. Does not wait either.
  void Disconnect();
  // The same, and waits until all threads have ended.
  void Stop();
  // Writes what waits behind for at most so long; until nothing waits, or the database does not take it.
  void Drain(int64_t ms);
  // How long a miss waits for others that go along in one query while so many batches of its rule are under way.
  static int64_t WindowMicros(const Rule& rule, int loading);
  // Whether keys may be loaded at all: there are rules and a database.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  bool connected() const { return started_.load(std::memory_order_relaxed); }

  OriginUse::Met Judge(int db, KeyView key, const Record* record, UnixMillis now) override;

  // How far a request is with its keys.
  struct Tries {
    int waits = 0;                           // that are over
    std::span<const uint64_t> settled_keys;  // hashes of those not worth asking again, sorted
  };
  // Counts what an attempt has met. `first`: before any waiting; otherwise what it met was counted. `settled`: values
  // beyond their time are served.
  void Count(std::span<const OriginUse> uses, bool first, bool settled, size_t lane);
  enum class Answer : uint8_t {
    kSettled,  // nothing to wait for
    kWait,     // Wait::wake is called when there is, or deadline_ns passes
    kRefused,  // Wait::Take() says what to reply
  };
  // Asks for the keys that are missing or over, unless that was no use, or in vain too often.
  Answer Ask(std::span<const OriginUse> uses, const Tries& tries, UnixMillis now, Wait& wait);
  // Has those loaded again that are worth it, in the background.
  void Refresh(std::span<const OriginUse> uses);
  // Loads what requests will miss that are still to be run. Nobody waits for it yet, nor is anything counted as missed.
  void LoadAhead(std::span<const OriginUse> uses, UnixMillis now);
  // Asks for a key by name: loads it unless it is there, or with `again` in any case. False: no rule has it, there
  // is no room in the queue, or the origin is paused.
  bool Load(int db, std::string_view key, bool again, Wait* wait);

  // Passes writes on, a request for each key, all or none; Wait::Take() then says what the database thinks of
  // them. False: nothing was begun, and `why` says why.
  bool Write(const std::shared_ptr<RuleState>& state, std::vector<PassedKey> keys,
             std::vector<WriteRequest> requests, Wait& wait, std::string* why);
  // When a value leaves memory that a client writes now by this rule without saying so.
  UnixMillis DeadlineOfWritten(const Rule& rule, uint64_t hash, UnixMillis now) const;
  // Whether it was loaded by this rule, and is served in need alone by now.
  static bool IsOver(const Rule& rule, const Record& record, UnixMillis now);
  // Writes that are passed on once they have been answered.
  WriteBehind& behind() { return behind_; }
  const WriteBehind& behind() const { return behind_; }
  // What all of them came to, and how long the last one had waited.
  struct BehindTotals {
    std::atomic<uint64_t> written{0};
    std::atomic<uint64_t> batches{0};
    std::atomic<uint64_t> retries{0};
    std::atomic<uint64_t> replaced{0};
    std::atomic<uint64_t> dropped{0};
    std::atomic<int64_t> lag_ms{0};
  };
  const BehindTotals& behind_totals() const { return behind_totals_; }
  // Whether there are rules that pass writes on.
  bool passes_writes() const { return passes_writes_.load(std::memory_order_relaxed); }
  // The rule that passes a write of this key on, or nullptr; with its captures.
  std::shared_ptr<RuleState> WriterOf(int db, std::string_view key, KeyArguments* arguments) const;

  // Runs on a loader thread with its connection, before any loads; false: there are none, or too much waits. It is
  // interrupted when it has taken so long.
  using Call = std::function<void(Source&)>;
  bool Submit(Call call, int64_t timeout_ms);

  void Pause(bool paused);
  bool paused() const { return paused_.load(std::memory_order_relaxed); }

  // For reports.
  std::vector<std::shared_ptr<RuleState>> states() const;
  std::shared_ptr<RuleState> StateOf(std::string_view name) const;
  std::string TroubleOf(const RuleState& state) const;
  size_t keys_under_way() const { return under_way_.load(std::memory_order_relaxed); }
  size_t absent_keys() const;
  const Breaker& breaker() const { return breaker_; }
  bool deaf() const { return deaf_.load(std::memory_order_relaxed); }
  bool listening() const { return listening_.load(std::memory_order_relaxed); }
  std::string last_error() const;
  size_t connections() const;
  void ResetFigures();
  size_t queue_max() const;
  Warming& warming() { return warming_; }
  // Begins to warm a rule's keys. Gives why not, or nothing.
  std::string Warm(std::shared_ptr<RuleState> state, std::string query, uint64_t limit);

 private:
  friend class Wait;
  // Rules as lookups see them; replaced as a whole.
  struct Snapshot {
    RuleSet set;
    RuleStates states;
  };
  struct Retired {
    std::unique_ptr<const Snapshot> snapshot;
    uint64_t epoch;
  };
  struct FlightKey {
    int db;
    std::string key;
    bool operator==(const FlightKey&) const = default;
  };
  struct FlightKeyHash {
    size_t operator()(const FlightKey& key) const {
      return Hash(key.key) ^ static_cast<uint64_t>(key.db);
    }
  };
  struct Connections;
  struct Loader {
    Loader(const Connections& connections, std::unique_ptr<Source> made)
        : of(connections), source(std::move(made)) {}

    const Connections& of;
    const std::unique_ptr<Source> source;
    std::thread thread;
    std::atomic<bool> ended{false};
    std::atomic<int64_t> call_until_ns{INT64_MAX};  // when the watchdog loses its patience
  };
  // What a listener hears.
  class Ear final : public ChangeSink {
   public:
    Ear(Origin& origin, uint64_t connections) : origin_(origin), connections_(connections) {}
    void OnChange(std::string_view rule, const KeyArguments& key, int64_t lag_ms) override {
      origin_.OnChange(rule, key, lag_ms);
    }
    void OnAllChanged(std::string_view rule) override { origin_.OnAllChanged(rule); }
    void OnDeaf(std::string_view why) override { origin_.OnDeaf(connections_, why); }
    void OnListening() override { origin_.OnListening(connections_); }

   private:
    Origin& origin_;
    const uint64_t connections_;
  };
  // Those to one database, and the threads around them.
  struct Connections {
    uint64_t id = 0;
    std::unique_ptr<SourceFactory> factory;
    std::function<void(StoreThread&)> meter;
    std::vector<std::unique_ptr<Loader>> loaders;
    std::unique_ptr<Loader> writer;  // once there is a journal; made with mutex_ held
    std::unique_ptr<Ear> ear;
    std::unique_ptr<Listener> listener;
    std::thread watchdog;                // ends the others in the end
    std::atomic<bool> withdrawn{false};  // another database is asked by now; set with mutex_ held
    std::atomic<bool> ended{false};      // all of it but the watchdog
  };
  using Batch = std::vector<Flight*>;
  // Gets the connections that it is run on; nullptr: there is no database any more, and this is the thread that took
  // it away, which must not wait for shards.
  using LoaderCall = std::function<void(Source&, const Connections*)>;
  struct QueuedCall {
    LoaderCall run;
    int64_t timeout_ns = 0;
    int64_t until_ns = 0;
  };

  // It is interrupted at `until_ns`, too, in monotonic nanoseconds.
  bool SubmitCall(LoaderCall call, int64_t timeout_ms, int64_t until_ns);
  const Snapshot& snapshot() const { return *snapshot_.load(std::memory_order_acquire); }
  bool KnownAbsent(int db, KeyView key, UnixMillis now);
  // For how long a value that is loaded now may be served, 0: for ever; and when it leaves memory, which is later by
  // the stale-ttl. What the jitter takes off is the same for a key each time, so that a lookup knows it, too.
  int64_t LifeMillis(const Rule& rule, uint64_t hash) const;
  UnixMillis DeadlineOf(const Rule& rule, uint64_t hash, UnixMillis now) const;
  // What becomes of one key that was asked for.
  enum class Asked : uint8_t {
    kKnown,    // what there is to know of it
    kNothing,  // nothing will come, and the rule takes that for a miss
    kWaits,
    kRefused,
  };
  Asked AskOne(const OriginUse& use, const Tries& tries, UnixMillis now, Wait& wait);
  void CountRefused(std::span<const OriginUse> rest, const Tries& tries, const Wait& wait);
  // With mutex_ held: puts a flight into the queue of its rule.
  void Queue(Flight& flight);
  // With mutex_ held: the key's flight, begun if there is none; nullptr: the queue is full.
  Flight* FindFlight(int db, std::string_view key, RuleState& rule, bool* fresh);
  void Join(Flight& flight, bool over, Wait& wait);
  void Leave(Wait& wait);
  // Loads a key again in the background. False: that cannot be.
  bool Reload(int db, std::string_view key, RuleState& rule, bool changed);

  void OnChange(std::string_view rule, const KeyArguments& key, int64_t lag_ms);
  void OnAllChanged(std::string_view rule);
  // By the listener of these connections.
  void OnDeaf(uint64_t connections, std::string_view why);
  void OnListening(uint64_t connections);
  // Sets what is known of listening, unless that is up to other connections by now. True: it has changed.
  bool SetHearing(uint64_t connections, std::atomic<bool>* flag, bool value);

  void Replace(std::unique_ptr<Connections> fresh);
  void LoaderMain(Loader& loader);
  void WatchdogMain(Connections& connections);
  void End(Connections& connections);
  bool WaitForWork(std::unique_lock<std::mutex>& lock, const Connections& connections, Batch* batch,
                   QueuedCall* call);
  // With mutex_ held: the place in ready_ of the rule whose batch is due first, and monotonic nanoseconds; its end:
  // there is none.
  size_t FirstDue(int64_t* due_ns) const;
  Batch TakeBatch(size_t ready);
  // With mutex_ held: there is something for a loader to do, or to wait for.
  void WakeLoader();
  void LoadBatch(Loader& loader, StoreThread& thread, Batch batch);
  // Sets the marks; those that need no query are done, or wait until a write behind has reached the database.
  void BeginFlights(const Loader& loader, StoreThread& thread, Batch& batch);
  // Whether the rule that it was asked for by is the one that the key has now. From a thread that is online.
  bool IsUpToDate(const Flight& flight) const;
  // With its shard locked: whether the key is still missed. A client may have written it meanwhile, and who missed it
  // just before another load landed may have asked for it after that had ended.
  bool IsNeeded(StoreThread& thread, const Flight& flight);
  // With mutex_ held.
  void LookAtParked();
  absl::Status Query(Loader& loader, StoreThread& thread, const Batch& batch, LoadResult* result);
  void Land(const Loader& loader, Flight& flight, StoreThread& thread, LoadResult& result,
            size_t index);
  void Fail(Flight& flight, std::string_view why);
  // What the breaker and the log want to know of a query.
  void NoteAnswer(const absl::Status& status);
  void NoteTrouble(RuleState& state, const absl::Status& status);
  // What only INFO wants to know.
  void NoteError(const absl::Status& status);
  void CountLoads(const Batch& batch);
  // Tells those who wait.
  void EndFlights(const Batch& batch);
  void EndFlight(Flight& flight);
  // Forgets a key that has changed and is not loaded again.
  void ForgetSoon(const std::shared_ptr<RuleState>& state, const std::string& key);
  void EndQueued();
  // origin_writes.cc: writes that are passed through.
  void SendWrite(const std::shared_ptr<WriteFlight>& sent,
                 const std::vector<WriteRequest>& requests, Source& source,
                 const Connections* connections);
  // On connections that were the origin's a moment ago.
  absl::Status SendNow(const std::shared_ptr<WriteFlight>& sent,
                       const std::vector<WriteRequest>& requests, Source& source,
                       const Connections& connections);
  void BeginMarks(const WriteFlight& flight);
  void EndMarks(const WriteFlight& flight);
  // False: nobody waits for it any more.
  bool EndWrite(WriteFlight& flight, const absl::Status& status);
  // The keys of writes that the database has, or may have, and that are not done here.
  void Forget(const WriteFlight& flight);
  // With mutex_ held: once more those whose outcome nobody knew, when there must be one.
  void ForgetInDoubt();
  // With mutex_ held, when the database goes, if there was one, or comes.
  void SettleInDoubt(bool had_database);
  // What the breaker and the log want to know of a write.
  void NoteWriteAnswer(const absl::Status& status);
  // Forgets what is known of a key. True: a value from here was left to be loaded anew.
  bool Invalidate(const RuleState& rule, KeyView key, bool erase);
  // Why values are not believed any more, and which.
  enum class DoubtCause : uint8_t {
    kRules,   // these were not the rules to load by: what was loaded goes
    kChange,  // any row may have changed: whatever the keys hold goes
    // Changes may have gone unheard: so it does here, but what was loaded, and may still be what the database holds,
    // is over and goes when its stale-ttl is.
    kSilence,
  };
  // Lets go of what the keys of these rules hold, or are known to hold.
  void Doubt(StoreThread& thread, const RuleStates& rules, DoubtCause cause);
  // Has the doubter do so, with mutex_ held, and then call `then`, if there is something to call, without.
  void BeginDoubt(RuleStates rules, DoubtCause cause, std::function<void()> then);
  // The same for the rules for which the database tells of changes.
  void DoubtUnheard(const RuleStates& rules, DoubtCause cause, std::function<void()> then);
  void RetireRules(const RuleStates& before, const RuleStates& after);
  // With mutex_ held: there is something to doubt or to forget.
  void WakeDoubter();
  void DoubterMain();
  void DoubtValue(StoreThread& thread, int db, KeyView key, DoubtCause cause, int64_t stale_ms);
  int64_t NowNanos() const { return store_.clock().MonotonicNanos(); }
  void SetActive();
  void CheckRules();
  void CheckRule(RuleState& state);
  void CheckAgain(RuleState& state);

  // origin_behind.cc: the thread that writes behind. The journal is opened when a rule needs it, or when there is
  // one for the database.
  void OpenJournal(bool needed);
  void StartWriter();
  void WriterMain(Loader& writer);
  void SendBehind(Loader& writer, const WriteBehind::Batch& batch);
  void NoteWritten(const WriteBehind::Batch& batch);
  void NoteFailed(const WriteBehind::Batch& batch, const absl::Status& status);
  void DropRefused(const WriteBehind::Item& item, const absl::Status& status);

  Store& store_;
  const uint64_t jitter_seed_;
  std::atomic<const Snapshot*> snapshot_;
  std::atomic<bool> active_{false};
  std::atomic<bool> started_{false};
  std::atomic<bool> passes_writes_{false};
  std::atomic<bool> paused_{false};
  std::atomic<bool> deaf_{false};
  std::atomic<bool> listening_{false};
  std::atomic<size_t> under_way_{0};
  std::atomic<uint64_t> next_load_{1};
  Breaker breaker_;

  mutable std::mutex mutex_;      // guards what follows, and what Wait and RuleState say
  std::condition_variable work_;  // loaders that have nothing to do
  std::condition_variable due_;   // the one that waits for a batch to be due
  bool timing_ = false;           // there is one
  std::condition_variable stop_;
  std::unique_ptr<Connections> connections_;
  int writers_ending_ = 0;  // of earlier connections; there is one at a time
  OriginOptions options_;
  std::unordered_map<FlightKey, std::unique_ptr<Flight>, FlightKeyHash> flights_;
  std::deque<std::shared_ptr<RuleState>> ready_;  // rules with a queue, the longest waiting first
  std::deque<QueuedCall> calls_;
  std::string last_error_;
  std::unique_ptr<const Snapshot> owned_snapshot_;
  std::vector<Retired> retired_;
  std::vector<Flight*> parked_;  // that wait for a write behind
  struct DoubtOrder {
    RuleStates rules;
    DoubtCause cause = DoubtCause::kRules;
    std::function<void()> then = nullptr;
  };
  bool doubting_ = false;  // the doubter is at work
  // Also what has changed and was not loaded again.
  std::vector<std::shared_ptr<WriteFlight>> to_forget_;
  struct InDoubt {
    std::shared_ptr<WriteFlight> flight;
    int64_t until_ns;
  };
  std::vector<InDoubt> in_doubt_;
  std::deque<DoubtOrder> doubts_;
  std::vector<std::function<void()>> when_doubted_;
  std::thread doubter_;

  // Of Start(), Disconnect() and Stop() alone.
  std::vector<std::unique_ptr<Connections>> ending_;
  uint64_t connections_made_ = 0;
  std::mutex listener_mutex_;               // one change at a time; guards what follows
  StoreThread* listener_thread_ = nullptr;  // for whoever has changes to tell of
  Warming warming_{*this, store_};

  WriteBehind behind_;
  BehindTotals behind_totals_;
  // The writer's own.
  size_t batch_max_ = SIZE_MAX;              // lower after a failure
  int64_t write_pause_ns_ = 0;               // the last pause since the database did not answer
  int64_t write_again_ns_ = 0;               // when it ends
  std::set<std::string> refusals_;           // that have been logged
  std::atomic<bool> behind_failing_{false};  // the last attempt found no database
  std::atomic<bool> draining_{false};
};

}  // namespace alai::origin
