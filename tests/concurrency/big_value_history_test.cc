// Histories of one large string that is appended to, overwritten in parts and read whole: it is changed
// in place, so its readers lock the shard, and whatever they see was there at one instant.
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/concurrency/linearizability.h"

namespace alai {
namespace {

constexpr int kThreads = 3;
constexpr int kOperations = 50;
constexpr uint64_t kBytesMax = 1 << 20;

// The string is a row of numbers of eight digits: this many from the last SET, of which SETRANGE
// changes the first four, then those that were appended.
constexpr size_t kNumberBytes = 8;
constexpr size_t kSetNumbers = 700;
constexpr size_t kLooseNumbers = 4;

struct BigState {
  int64_t set = 0;  // 0: missing; -1, as a result: not one value
  std::array<int64_t, kLooseNumbers> loose{};
  std::vector<int64_t> appended;

  bool operator==(const BigState&) const = default;
  bool operator<(const BigState& other) const {
    return std::tie(set, loose, appended) < std::tie(other.set, other.loose, other.appended);
  }
};

struct BigOperation {
  enum class Kind : uint8_t { kSet, kAppend, kOverwrite, kRead, kLength };

  Kind kind = Kind::kRead;
  int64_t value = 0;
  size_t at = 0;       // kOverwrite: which loose number
  int64_t length = 0;  // result of all but kSet and kRead
  BigState read = {};  // result of kRead
  uint64_t invoked = 0;
  uint64_t returned = 0;
};

int64_t LengthOf(const BigState& state) {
  if (state.set == 0) return 0;
  return static_cast<int64_t>((kSetNumbers + state.appended.size()) * kNumberBytes);
}

bool Apply(const BigOperation& op, BigState& state) {
  switch (op.kind) {
    case BigOperation::Kind::kSet:
      state = {};
      state.set = op.value;
      state.loose.fill(op.value);
      return true;
    case BigOperation::Kind::kAppend:
      state.appended.push_back(op.value);
      return LengthOf(state) == op.length;
    case BigOperation::Kind::kOverwrite:
      state.loose[op.at] = op.value;
      return LengthOf(state) == op.length;
    case BigOperation::Kind::kLength:
      return LengthOf(state) == op.length;
    case BigOperation::Kind::kRead:
      break;
  }
  return state == op.read;
}

std::string Number(int64_t value) {
  char digits[kNumberBytes + 1];
  std::snprintf(digits, sizeof digits, "%08d", static_cast<int>(value));
  return digits;
}

std::string Numbers(int64_t value, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += Number(value);
  return text;
}

BigState Parse(std::string_view text) {
  BigState state;
  std::vector<int64_t> numbers;
  for (size_t at = 0; at + kNumberBytes <= text.size(); at += kNumberBytes) {
    int64_t value = -1;
    std::from_chars(text.data() + at, text.data() + at + kNumberBytes, value);
    numbers.push_back(value);
  }
  if (numbers.size() < kSetNumbers || text.size() % kNumberBytes != 0) {
    state.set = text.empty() ? 0 : -1;
    return state;
  }
  state.set = numbers[kLooseNumbers];
  for (size_t i = 0; i < kLooseNumbers; ++i) state.loose[i] = numbers[i];
  for (size_t i = kLooseNumbers; i < kSetNumbers; ++i) {
    if (numbers[i] != state.set) state.set = -1;
  }
  state.appended.assign(numbers.begin() + kSetNumbers, numbers.end());
  return state;
}

enum class Bug {
  kNone,
  kLostAppend,  // what is appended to was read before the lock was taken
  kTornRead,    // the beginning and the rest are read under two locks
};

class BigActor {
 public:
  BigActor(Store& store, Bug bug) : store_(store), thread_(*store.RegisterThread()), bug_(bug) {}
  ~BigActor() { store_.UnregisterThread(&thread_); }
  BigActor(const BigActor&) = delete;
  BigActor& operator=(const BigActor&) = delete;

  void Perform(BigOperation& op) {
    switch (op.kind) {
      case BigOperation::Kind::kSet:
        Locked([&](Db& db) { strings::Set(db, key_, Numbers(op.value, kSetNumbers)); });
        break;
      case BigOperation::Kind::kAppend:
        Append(op);
        break;
      case BigOperation::Kind::kOverwrite:
        Locked([&](Db& db) {
          op.length = static_cast<int64_t>(
              *strings::Overwrite(db, key_, op.at * kNumberBytes, Number(op.value), kBytesMax));
        });
        break;
      case BigOperation::Kind::kLength:
        op.length = static_cast<int64_t>(Text().size());
        break;
      case BigOperation::Kind::kRead:
        op.read = Parse(bug_ == Bug::kTornRead ? TornText() : Text());
        break;
    }
    thread_.Quiescent();
  }

 private:
  template <class F>
  void Locked(F f) {
    ShardLock& lock = store_.LockOf(key_.hash);
    lock.Lock();
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kLocked, 1);
    f(db);
    lock.Unlock();
  }

  static std::string TextIn(Db& db, KeyView key) {
    const Result<Record*> found = strings::Find(db, key, Lookup::kUse);
    return *found == nullptr ? std::string() : std::string(strings::Text(**found).view());
  }

  // As the dispatcher reads: without the lock, unless the record asks for it.
  std::string Text() {
    const ShardLock& lock = store_.LockOf(key_.hash);
    for (;;) {
      const uint32_t before = lock.txn_seq();
      Tally tally;
      Db db(store_, thread_, tally, 0, Access::kOptimistic, 1);
      std::string text = TextIn(db, key_);
      if (tally.needs_lock) break;
      if (before % 2 == 0 && lock.txn_seq() == before) return text;
    }
    std::string text;
    Locked([&](Db& db) { text = TextIn(db, key_); });
    return text;
  }

  std::string TornText() {
    const std::string first = Text();
    std::this_thread::yield();
    const std::string rest = Text();
    const size_t loose = kLooseNumbers * kNumberBytes;
    return first.substr(0, loose) + rest.substr(loose);
  }

  void Append(BigOperation& op) {
    if (bug_ == Bug::kLostAppend) {
      const std::string text = Text() + Number(op.value);
      std::this_thread::yield();
      Locked([&](Db& db) { strings::Set(db, key_, text); });
      op.length = static_cast<int64_t>(text.size());
      return;
    }
    Locked([&](Db& db) {
      op.length = static_cast<int64_t>(*strings::Append(db, key_, Number(op.value), kBytesMax));
    });
  }

  Store& store_;
  StoreThread& thread_;
  const Bug bug_;
  const KeyView key_ = MakeKey("big");
};

BigOperation RandomBigOperation(Random& random, bool after_first) {
  using Kind = BigOperation::Kind;
  BigOperation op;
  op.value = static_cast<int64_t>(random.Below(99'999'999)) + 1;
  op.at = random.Below(kLooseNumbers);
  const uint64_t dice = random.Below(12);
  op.kind = !after_first || dice == 0 ? Kind::kSet
            : dice < 4                ? Kind::kAppend
            : dice < 7                ? Kind::kOverwrite
            : dice < 11               ? Kind::kRead
                                      : Kind::kLength;
  return op;
}

std::vector<BigOperation> RecordBig(uint64_t seed, Bug bug) {
  Store store({.databases = 1, .shards = 2});
  std::atomic<uint64_t> order{0};
  std::atomic<int> ready{0};
  std::vector<std::vector<BigOperation>> parts(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      BigActor actor(store, bug);
      Random random(seed * kThreads + t);
      const auto perform = [&](bool after_first) {
        BigOperation op = RandomBigOperation(random, after_first);
        op.invoked = order.fetch_add(1);
        actor.Perform(op);
        op.returned = order.fetch_add(1);
        parts[t].push_back(op);
      };
      // All begin with a whole value, before anything that changes a part of it.
      perform(false);
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (int i = 1; i < kOperations; ++i) perform(true);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<BigOperation> history;
  for (const auto& part : parts) history.insert(history.end(), part.begin(), part.end());
  return history;
}

TEST_CASE("histories of a string that is changed in place are linearizable") {
  const uint64_t seed = RandomSeed() >> 16;
  for (uint64_t round = 0; round < 60; ++round) {
    INFO("seed " << seed + round);
    REQUIRE(IsLinearizable<BigState>(RecordBig(seed + round, Bug::kNone)));
  }
}

bool Caught(Bug bug) {
  for (uint64_t round = 0; round < 500; ++round) {
    if (!IsLinearizable<BigState>(RecordBig(round, bug))) return true;
  }
  return false;
}

TEST_CASE("an append that loses another is caught") { CHECK(Caught(Bug::kLostAppend)); }

TEST_CASE("a read in two halves is caught") { CHECK(Caught(Bug::kTornRead)); }

}  // namespace
}  // namespace alai
