// Which keys go when memory is short: the eight policies of `maxmemory-policy`.
//
// A victim is the least valuable of a few keys drawn at random. Drawing is cheap here: a bucket of the
// table is one cache line with up to seven keys, so a handful of neighbouring buckets of a random
// segment is a fair sample; whether a key has a deadline is told by its slot. What makes a key valuable:
//
//   LRU      how often it was used of late (FrequencySketch), divided by how long ago (access clock)
//   LFU      its logarithmic counter, times how often it was used of late
//   TTL      how far its deadline is
//   random   nothing
//
// The first two are divided by the room that the key takes, since a miss costs the same whatever its size.
// The sketch also counts keys that are not there, so one that comes back has not lost its past, and
// a scan, whose keys are used once, pushes nothing out but itself.
//
// Threads     Any, registered with the store, with nothing locked: candidates are read like any
//             lookup, and only the victim's shard is locked, by one attempt.
// Invariants  A slice ends when its time is over, after one key more at most. Nothing is evicted
//             while the store may not remove expired keys (a paused server, a replica).
// Why         See engine/README.md, which compares with what Redis's descendants do.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/base/clock.h"
#include "engine/segment.h"

namespace alai {

class Random;
class Record;
class Shard;
class Store;
class StoreThread;
class Table;

enum class EvictionPolicy : uint8_t { kNone, kLru, kLfu, kRandom, kTtl };

struct EvictionRules {
  EvictionPolicy policy = EvictionPolicy::kNone;
  bool volatile_only = false;  // keys without a deadline stay
  int samples = 5;             // maxmemory-samples
};

// What became of an attempt to make room.
enum class Room : uint8_t {
  kEnough,  // there is room, or so nearly that one command does not matter
  kLater,   // too little; there will be more soon
  kNone,    // too little, and nothing that could go
};

// For statistics.
struct EvictionSlice {
  Room room = Room::kEnough;
  bool more = false;       // the limit is still exceeded, and there are keys that can go
  uint64_t evicted = 0;    // keys
  int64_t nanos = 0;       // that it took
  int64_t longest_ns = 0;  // that one key took
};

class Eviction {
 public:
  explicit Eviction(Store& store) : store_(store) {}
  Eviction(const Eviction&) = delete;
  Eviction& operator=(const Eviction&) = delete;

  // The settings changed, Store::memory_limit() perhaps among them. One thread at a time.
  void Follow(const EvictionRules& rules);

  // Whether a command that takes memory may run without further ado.
  bool HasRoom(StoreThread& thread);
  // Evicts for about `budget_ns` until it may. For `leaving` bytes, which are about to be freed, no key goes.
  EvictionSlice MakeRoom(StoreThread& thread, UnixMillis now, int64_t budget_ns,
                         uint64_t leaving = 0);

  // Lets the sketch grow with the number of keys, or goes without it when no policy needs it. Any one
  // thread, now and then.
  void Maintain(StoreThread& thread);

  // How long the limit has been exceeded: in all, and since when it is now (0: it is not).
  int64_t exceeded_ns() const;
  int64_t exceeded_now_ns() const;
  void ResetExceeded();

 private:
  static constexpr size_t kCandidatesMax = 64;
  struct Candidate {
    Record* record;
    Table* table;
    uint32_t shard;
  };
  struct Candidates {
    std::array<Candidate, kCandidatesMax> list;
    size_t count = 0;
    size_t wanted = 0;
  };
  enum class Attempt : uint8_t { kEvicted, kMissed, kNothing };

  EvictionRules rules() const;
  bool WantsSketch() const;
  Attempt EvictOne(StoreThread& thread, UnixMillis now, const EvictionRules& rules);
  void Gather(Random& random, bool volatile_only, Candidates* out) const;
  static Table* PickTable(const Shard& shard, int databases, Random& random, bool volatile_only);
  static void Draw(const Table& table, Random& random, bool volatile_only, Candidate like,
                   Candidates* out);
  const Candidate& LeastValuable(const Candidates& candidates, UnixMillis now,
                                 EvictionPolicy policy) const;
  double ValueOf(const Record& record, UnixMillis now, EvictionPolicy policy) const;
  void NoteVictim(const Record& record, UnixMillis now, EvictionPolicy policy);
  bool Remove(StoreThread& thread, const Candidate& victim, UnixMillis now);
  bool AnythingToEvict(bool volatile_only) const;
  bool TooMuchWaits(int64_t excess) const;
  void NoteExceeded(bool exceeded);

  Store& store_;
  std::atomic<EvictionPolicy> policy_{EvictionPolicy::kNone};
  std::atomic<bool> volatile_only_{false};
  std::atomic<int> samples_{5};
  std::atomic<double> mean_idle_s_{1};         // of LRU's victims
  std::atomic<int64_t> exceeded_since_ns_{0};  // 0: it is not
  std::atomic<int64_t> exceeded_ns_{0};
};

}  // namespace alai
