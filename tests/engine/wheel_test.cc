// The wheel against a map of what is armed for when, with the owner's part played as a shard plays it.
#include "engine/wheel.h"

#include <algorithm>
#include <map>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr UnixMillis kStart = 1'700'000'000'000;
constexpr int64_t kDay = 86'400'000;
constexpr int64_t kYear = 365 * kDay;

// Buckets, each armed for one deadline or none.
class Owner {
 public:
  void Arm(uint32_t bucket, UnixMillis deadline) {
    const uint32_t tick = wheel_.TickOf(deadline);
    const auto it = armed_.find(bucket);
    // As a shard does: an entry for the same slot serves, one for an earlier time would not.
    const bool served = it != armed_.end() && wheel_.SameSlot(it->second.tick, tick);
    if (!served) wheel_.Add(BucketRef(bucket), tick);
    armed_[bucket] = {deadline, tick};
  }
  void Disarm(uint32_t bucket) { armed_.erase(bucket); }

  // Fires what is due at `now`, and checks that each is due.
  void AdvanceTo(UnixMillis now) {
    Wheel::Slot slot;
    while (wheel_.NextDue(now, &slot)) {
      BucketRef refs[Wheel::kEntriesPerChunk];
      while (const uint32_t n = wheel_.Take(slot, refs)) {
        for (uint32_t i = 0; i < n; ++i) Meet(refs[i], slot, now);
      }
    }
    // Nothing that is due stays.
    for (const auto& [bucket, armed] : armed_) {
      INFO("bucket " << bucket << " at " << now - kStart);
      REQUIRE((armed.tick == Wheel::kFarTick || armed.deadline + 2 * Wheel::kTickMillis > now));
    }
  }

  uint64_t fired() const { return fired_; }
  Wheel& wheel() { return wheel_; }
  size_t armed() const { return armed_.size(); }

  // Everything armed anew from `now` on, as after a step of the clock.
  void Rebase(UnixMillis now) {
    wheel_.Reset(now);
    for (auto& [bucket, armed] : armed_) {
      armed.tick = wheel_.TickOf(armed.deadline);
      wheel_.Add(BucketRef(bucket), armed.tick);
    }
  }

 private:
  struct Armed {
    UnixMillis deadline;
    uint32_t tick;
  };

  void Meet(BucketRef ref, Wheel::Slot slot, UnixMillis now) {
    const auto it = armed_.find(ref.bits());
    if (it == armed_.end() || it->second.tick == Wheel::kFarTick) return;
    if (it->second.tick <= wheel_.current()) {
      REQUIRE(it->second.deadline <= now);
      armed_.erase(it);
      ++fired_;
    } else if (slot.level > 0 && wheel_.InReachOf(slot, it->second.tick)) {
      wheel_.Add(ref, it->second.tick);
    }
  }

  Wheel wheel_{kStart};
  std::map<uint32_t, Armed> armed_;
  uint64_t fired_ = 0;
};

TEST_CASE("a bucket's name holds its segment, generation and index") {
  for (const uint32_t id : {0u, 1u, 4'095u, kSegmentIdMax}) {
    for (uint32_t bucket = 0; bucket < 64; ++bucket) {
      const BucketRef ref(id, static_cast<uint8_t>(bucket * 5), bucket);
      REQUIRE(ref.segment_id() == id);
      REQUIRE(ref.generation() == (bucket * 5 & 15));
      REQUIRE(ref.bucket() == bucket);
      REQUIRE(BucketRef(ref.bits()).segment_id() == id);
    }
  }
}

TEST_CASE("a deadline's tick begins when it is past, and no later than 16 ms after") {
  const Wheel wheel(kStart);
  for (int64_t after = 1; after < 5'000; ++after) {
    const int64_t tick = wheel.TickOf(kStart + after);
    const int64_t begins = (tick - 1) * Wheel::kTickMillis;
    REQUIRE(begins >= after);
    REQUIRE(begins < after + Wheel::kTickMillis);
  }
  CHECK(wheel.TickOf(kStart) == 1);
  CHECK(wheel.TickOf(0) == 1);
  CHECK(wheel.TickOf(INT64_MIN) == 1);
  CHECK(wheel.TickOf(kStart + 3 * kYear) == Wheel::kFarTick);
  CHECK(wheel.TickOf(INT64_MAX) == Wheel::kFarTick);
  CHECK(wheel.TickOf(kStart + 2 * kYear) < Wheel::kFarTick);
}

TEST_CASE("what is armed fires at its tick, at the ends of slots of every level") {
  for (int level = 0; level < Wheel::kLevels; ++level) {
    const int64_t slot_ms = Wheel::kTickMillis << (6 * level);
    for (const int64_t slots : {1, 2, 63, 64, 65}) {
      for (const int64_t off : {-17, -16, -15, -1, 0, 1, 15, 16, 17}) {
        const UnixMillis deadline = kStart + slots * slot_ms + off;
        if (deadline >= kStart + 2 * kYear || deadline <= kStart) continue;
        INFO("level " << level << ", slot " << slots << ", off by " << off);
        Owner owner;
        owner.Arm(1, deadline);
        owner.AdvanceTo(deadline - 1);
        REQUIRE(owner.fired() == 0);
        owner.AdvanceTo(deadline + Wheel::kTickMillis);
        REQUIRE(owner.fired() == 1);
        REQUIRE(owner.wheel().entries() == 0);
      }
    }
  }
}

TEST_CASE("the wheel fires what a map of deadlines says, however time goes on") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const int64_t horizon : {int64_t{2'000}, int64_t{100'000}, kDay, kYear}) {
    Owner owner;
    UnixMillis now = kStart;
    uint64_t armed = 0;
    for (int i = 0; i < 20'000; ++i) {
      const auto bucket = static_cast<uint32_t>(random.Below(500));
      switch (random.Below(6)) {
        case 0:
          owner.Disarm(bucket);
          break;
        case 1:
          now += static_cast<int64_t>(
              random.Below(random.Below(20) == 0 ? static_cast<uint64_t>(horizon / 2) : 50));
          if (owner.wheel().NearsItsEnd()) owner.Rebase(now);
          owner.AdvanceTo(now);
          break;
        default:
          // Mostly near, sometimes past or at the horizon.
          owner.Arm(bucket, now - 5 +
                                static_cast<int64_t>(random.Below(
                                    static_cast<uint64_t>(random.Below(2) == 0 ? 100 : horizon))));
          ++armed;
      }
    }
    owner.AdvanceTo(now + horizon + 100);
    CHECK(owner.armed() == 0);
    CHECK(owner.fired() > 500);
    CHECK(owner.wheel().MillisUntilDue(now) >= 0);
  }
}

TEST_CASE("a jump over many slots fires all that lie between, in order of their slots") {
  Owner owner;
  for (uint32_t i = 0; i < 10'000; ++i) owner.Arm(i, kStart + 1 + i * 7'919LL);
  owner.AdvanceTo(kStart + 5'000 * 7'919LL);
  CHECK(owner.fired() >= 4'998);
  CHECK(owner.fired() <= 5'000);
  owner.AdvanceTo(kStart + kYear);
  CHECK(owner.fired() == 10'000);
  CHECK(owner.wheel().entries() == 0);
}

TEST_CASE("a rebase makes earlier times current, and far deadlines near") {
  Owner owner;
  owner.Arm(1, kStart + 60'000);
  owner.Arm(2, kStart + 3 * kYear);
  owner.AdvanceTo(kStart + 50'000);
  CHECK(owner.wheel().far_entries() == 1);
  owner.Rebase(kStart - kDay);
  owner.Arm(3, kStart - kDay + 100);
  owner.AdvanceTo(kStart - kDay + 200);
  CHECK(owner.fired() == 1);
  owner.AdvanceTo(kStart + 59'999);
  CHECK(owner.fired() == 1);
  owner.AdvanceTo(kStart + 60'016);
  CHECK(owner.fired() == 2);
  owner.AdvanceTo(kStart + 2 * kYear);
  REQUIRE(owner.wheel().NearsItsEnd());
  owner.Rebase(kStart + 2 * kYear);
  CHECK(owner.wheel().far_entries() == 0);
  owner.AdvanceTo(kStart + 3 * kYear - 1);
  CHECK(owner.fired() == 2);
  owner.AdvanceTo(kStart + 3 * kYear + 16);
  CHECK(owner.fired() == 3);
}

TEST_CASE("a time that does not go on, or goes back a little, fires nothing twice") {
  Owner owner;
  owner.Arm(1, kStart + 100);
  owner.AdvanceTo(kStart + 200);
  owner.AdvanceTo(kStart + 150);
  owner.AdvanceTo(kStart + 200);
  CHECK(owner.fired() == 1);
  // A deadline that the wheel has passed is due at once.
  owner.Arm(2, kStart + 50);
  owner.AdvanceTo(kStart + 200);
  CHECK(owner.fired() == 2);
}

TEST_CASE("a wheel says how long nothing is due") {
  Owner owner;
  CHECK(owner.wheel().MillisUntilDue(kStart) == INT64_MAX);
  owner.Arm(1, kStart + 500);
  const int64_t wait = owner.wheel().MillisUntilDue(kStart);
  CHECK(wait > 0);
  CHECK(wait <= 500 + 2 * Wheel::kTickMillis);
  owner.AdvanceTo(kStart + 499);
  CHECK(owner.wheel().MillisUntilDue(kStart + 10'000) == 0);
}

TEST_CASE("sifting drops what is not to be kept, and takes no memory") {
  Wheel wheel(kStart);
  const uint32_t tick = wheel.TickOf(kStart + 3'600'000);
  constexpr uint32_t kEntries = 1'000;
  for (uint32_t i = 0; i < kEntries; ++i) wheel.Add(BucketRef(i), tick);
  const uint32_t near = wheel.TickOf(kStart + 20);
  wheel.Add(BucketRef(kEntries), near);
  const size_t full = wheel.allocated_bytes();

  for (const uint32_t step : {1u, 3u, 15u}) {
    for (int level = 0; level < Wheel::kLevels; ++level) {
      for (uint32_t index = 0; index < Wheel::kSlotsPerLevel; ++index) {
        wheel.Sift({level, index}, [&](BucketRef ref) { return ref.bits() % step == 0; });
      }
    }
    INFO("every " << step);
    CHECK(wheel.entries() == (kEntries + step) / step);
    CHECK(wheel.allocated_bytes() == full);
  }
  // What stayed is what was to stay, once each.
  Wheel::Slot slot;
  std::vector<uint32_t> left;
  while (wheel.NextDue(kStart + 3'700'000, &slot)) {
    BucketRef refs[Wheel::kEntriesPerChunk];
    while (const uint32_t n = wheel.Take(slot, refs)) {
      for (uint32_t i = 0; i < n; ++i) {
        if (slot.level > 0 && tick > wheel.current()) {
          wheel.Add(refs[i], tick);
        } else {
          left.push_back(refs[i].bits());
        }
      }
    }
  }
  std::sort(left.begin(), left.end());
  std::vector<uint32_t> expected;
  for (uint32_t i = 0; i <= kEntries; i += 15) expected.push_back(i);
  CHECK(left == expected);
}

TEST_CASE("a wheel that is sifted empty gives its memory back") {
  Wheel wheel(kStart);
  const size_t empty = wheel.allocated_bytes();
  const uint32_t tick = wheel.TickOf(kStart + 20);
  for (uint32_t i = 0; i < 10'000; ++i) wheel.Add(BucketRef(i), tick);
  wheel.Sift({0, tick & 63}, [](BucketRef) { return false; });
  CHECK(wheel.entries() == 0);
  CHECK(wheel.MillisUntilDue(kStart) == INT64_MAX);
  CHECK(wheel.allocated_bytes() == empty);
}

TEST_CASE("an empty wheel gives its memory back") {
  Owner owner;
  const size_t empty = owner.wheel().allocated_bytes();
  for (uint32_t i = 0; i < 100'000; ++i) owner.Arm(i, kStart + 1 + i % 10'000);
  CHECK(owner.wheel().allocated_bytes() > empty + 100'000 * sizeof(uint32_t));
  owner.AdvanceTo(kStart + 20'000);
  CHECK(owner.fired() == 100'000);
  CHECK(owner.wheel().allocated_bytes() == empty);
  owner.Arm(1, kStart + 30'000);
  owner.AdvanceTo(kStart + 30'016);
  CHECK(owner.fired() == 100'001);
}

}  // namespace
}  // namespace alai
