// Histories of sets that clients of several threads change and combine: whatever one command sees of
// several keys was there at one instant, and is what it stores.
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "tests/concurrency/linearizability.h"
#include "tests/server/local_fixture.h"
#include "tests/server/running_server.h"

namespace alai {
namespace {

constexpr int kWorkers = 2;
constexpr size_t kClients = 3;
constexpr int kOperations = 40;
constexpr size_t kKeys = 3;
constexpr int kMembers = 4;

// Members of a set as bits.
using Members = unsigned;
using SetState = std::array<Members, kKeys>;

struct SetOperation {
  enum class Kind : uint8_t {
    kAdd,
    kRemove,
    kMove,
    kUnion,
    kIntersect,
    kDifference,
    kCardinality,  // of the intersection
    kStoreUnion,
    kStoreIntersection,
    kStoreDifference,
  };
  static constexpr uint64_t kKinds = 10;

  Kind kind = Kind::kAdd;
  size_t a = 0;
  size_t b = 0;
  size_t to = 0;   // where it is stored
  int member = 0;  // that comes, goes or moves
  bool long_members = false;
  Members result = 0;
  uint64_t invoked = 0;
  uint64_t returned = 0;
};

int Count(Members members) { return __builtin_popcount(members); }

Members Combined(const SetOperation& op, const SetState& state) {
  using Kind = SetOperation::Kind;
  const Members a = state[op.a];
  const Members b = state[op.b];
  switch (op.kind) {
    case Kind::kUnion:
    case Kind::kStoreUnion:
      return a | b;
    case Kind::kDifference:
    case Kind::kStoreDifference:
      return a & ~b;
    default:
      return a & b;
  }
}

bool Apply(const SetOperation& op, SetState& state) {
  using Kind = SetOperation::Kind;
  const Members bit = 1U << op.member;
  const bool there = (state[op.a] & bit) != 0;
  switch (op.kind) {
    case Kind::kAdd:
      state[op.a] |= bit;
      return op.result == (there ? 0 : 1);
    case Kind::kRemove:
      state[op.a] &= ~bit;
      return op.result == (there ? 1 : 0);
    case Kind::kMove:
      if (there) {
        state[op.a] &= ~bit;
        state[op.b] |= bit;
      }
      return op.result == (there ? 1 : 0);
    case Kind::kUnion:
    case Kind::kIntersect:
    case Kind::kDifference:
      return op.result == Combined(op, state);
    case Kind::kCardinality:
      return op.result == static_cast<Members>(Count(Combined(op, state)));
    case Kind::kStoreUnion:
    case Kind::kStoreIntersection:
    case Kind::kStoreDifference:
      state[op.to] = Combined(op, state);
      return op.result == static_cast<Members>(Count(state[op.to]));
  }
  return false;
}

std::string Key(size_t key) { return "set:" + std::to_string(key); }
// Short ones leave a set packed in its record, which is read without its shard's lock.
std::string Member(const SetOperation& op) {
  return std::string(op.long_members ? 100 : 1, 'm') + std::to_string(op.member);
}

std::string RequestOf(const SetOperation& op) {
  using Kind = SetOperation::Kind;
  const std::string a = Key(op.a);
  const std::string b = Key(op.b);
  switch (op.kind) {
    case Kind::kAdd:
      return Request({"SADD", a, Member(op)});
    case Kind::kRemove:
      return Request({"SREM", a, Member(op)});
    case Kind::kMove:
      return Request({"SMOVE", a, b, Member(op)});
    case Kind::kUnion:
      return Request({"SUNION", a, b});
    case Kind::kIntersect:
      return Request({"SINTER", a, b});
    case Kind::kDifference:
      return Request({"SDIFF", a, b});
    case Kind::kCardinality:
      return Request({"SINTERCARD", "2", a, b});
    case Kind::kStoreUnion:
      return Request({"SUNIONSTORE", Key(op.to), a, b});
    case Kind::kStoreIntersection:
      return Request({"SINTERSTORE", Key(op.to), a, b});
    case Kind::kStoreDifference:
      return Request({"SDIFFSTORE", Key(op.to), a, b});
  }
  return {};
}

// An integer, or the members of an array as bits.
Members ReadResult(const Peer& peer) {
  const std::string first = peer.ReadLine();
  const auto number = static_cast<Members>(std::stoi(first.substr(1)));
  if (first[0] == ':') return number;
  Members members = 0;
  for (Members i = 0; i < number; ++i) {
    peer.ReadLine();
    const std::string member = peer.ReadLine();
    members |= 1U << (member[member.size() - 3] - '0');
  }
  return members;
}

enum class Bug { kNone, kTwoReads };

class SetClient {
 public:
  // Every other seed has long members.
  SetClient(const std::string& path, uint64_t seed, size_t number, Bug bug)
      : peer_(path), random_(seed * kClients + number), long_members_(seed % 2 != 0), bug_(bug) {}

  SetOperation Next() {
    SetOperation op;
    op.long_members = long_members_;
    op.kind = static_cast<SetOperation::Kind>(random_.Below(SetOperation::kKinds));
    // Half of all put a member somewhere, or there would be little to combine.
    if (random_.Below(2) == 0) {
      op.kind = random_.Below(3) == 0 ? SetOperation::Kind::kAdd : SetOperation::Kind::kMove;
    }
    op.a = random_.Below(kKeys);
    op.b = random_.Below(kKeys);
    op.to = random_.Below(kKeys);
    op.member = static_cast<int>(random_.Below(kMembers));
    return op;
  }

  void Perform(SetOperation& op) {
    if (bug_ == Bug::kTwoReads && op.kind == SetOperation::Kind::kUnion) {
      op.result = Read(op.a) | Read(op.b);
      return;
    }
    peer_.Send(RequestOf(op));
    op.result = ReadResult(peer_);
  }

 private:
  Members Read(size_t key) {
    peer_.Send(Request({"SMEMBERS", Key(key)}));
    return ReadResult(peer_);
  }

  const Peer peer_;
  Random random_;
  const bool long_members_;
  const Bug bug_;
};

// From empty sets on.
std::vector<SetOperation> RecordSets(const std::string& path, uint64_t seed, Bug bug) {
  Peer(path).Ask(Request({"FLUSHALL"}));
  std::atomic<uint64_t> order{0};
  std::atomic<size_t> ready{0};
  std::vector<std::vector<SetOperation>> parts(kClients);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kClients; ++t) {
    threads.emplace_back([&, t] {
      SetClient client(path, seed, t, bug);
      ready.fetch_add(1);
      while (ready.load() < kClients) std::this_thread::yield();
      for (int i = 0; i < kOperations; ++i) {
        SetOperation op = client.Next();
        op.invoked = order.fetch_add(1);
        client.Perform(op);
        op.returned = order.fetch_add(1);
        parts[t].push_back(op);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<SetOperation> history;
  for (const auto& part : parts) history.insert(history.end(), part.begin(), part.end());
  return history;
}

TEST_CASE("Histories of sets that are combined and stored are linearizable") {
  constexpr int kRounds = 150;
  RunningServer running(kWorkers);
  const uint64_t seed = RandomSeed() >> 16;
  for (uint64_t round = 0; round < kRounds; ++round) {
    INFO("seed " << seed + round);
    REQUIRE(IsLinearizable<SetState>(RecordSets(running.path(), seed + round, Bug::kNone)));
  }
}

TEST_CASE("A union that is read in two commands is caught") {
  constexpr int kRounds = 2000;
  RunningServer running(kWorkers);
  bool caught = false;
  for (uint64_t round = 0; round < kRounds && !caught; ++round) {
    caught = !IsLinearizable<SetState>(RecordSets(running.path(), round, Bug::kTwoReads));
  }
  CHECK(caught);
}

}  // namespace
}  // namespace alai
