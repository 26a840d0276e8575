// Buckets and segments by themselves: tags, free slots, displacement, rebuilding, overflow chains.
#include "engine/segment.h"

#include <map>
#include <string>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

std::string Key(uint64_t i) { return "key:" + std::to_string(i); }

// Keys with tags of the test's choice, and the segment they are in.
class SegmentModel {
 public:
  explicit SegmentModel(uint32_t buckets) : segment_(BuildSegment({}, buckets, 0)) {}
  ~SegmentModel() { DeleteSegmentAndRecords(segment_); }
  SegmentModel(const SegmentModel&) = delete;
  SegmentModel& operator=(const SegmentModel&) = delete;

  KeyView View(const std::string& key) const { return {key, tags_.at(key)}; }

  // False when the segment has no room.
  bool Insert(const std::string& key, uint16_t tag) {
    SlotPlace place = FindRoom(segment_, tag);
    if (!place) {
      const Displacement made = MakeRoom(segment_, tag);
      place = made.room;
      if (place) {
        CHECK(segment_.buckets()[made.moved_to].MatchTag(made.moved.tag()));
        CHECK(place.word().bits() == made.moved.bits());
      }
    }
    bool grew = false;
    if (!place && segment_.has_overflow()) place = AddOverflowRoom(segment_, tag, &grew);
    if (!place) return false;
    place.bucket->Store(place.slot, SlotWord(tag, Record::Create({.key = key, .value = key})));
    tags_[key] = tag;
    return true;
  }

  void Erase(const std::string& key) {
    const SlotPlace place = LocateInSegment(segment_, View(key));
    REQUIRE(place);
    Record* record = place.word().record();
    place.bucket->Store(place.slot, SlotWord());
    record->Destroy();
    tags_.erase(key);
  }

  void Rebuild(uint32_t buckets) {
    std::vector<SlotWord> words;
    CollectWords(segment_, &words);
    const SegmentRef fresh = BuildSegment(words, buckets, 0);
    // The records live on in the other segment.
    for (uint32_t i = 0; i < segment_.count(); ++i) {
      for (uint32_t j = 0; j < kSlots; ++j) segment_.buckets()[i].Store(j, SlotWord());
    }
    for (Bucket* b = segment_.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
      for (uint32_t j = 0; j < kSlots; ++j) b->Store(j, SlotWord());
    }
    DeleteSegmentAndRecords(segment_);
    segment_ = fresh;
  }

  // Whether every key is found in both ways, at a place it may be at, and nothing else is there.
  void Verify() const {
    for (const auto& [key, tag] : tags_) {
      const Record* found = FindInSegment(segment_, View(key));
      REQUIRE(found != nullptr);
      REQUIRE(found->inline_value() == key);
      const SlotPlace place = LocateInSegment(segment_, View(key));
      REQUIRE(place.word().record() == found);
      const uint32_t home = HomeOf(tag, segment_.count());
      if (place.index != home) {
        REQUIRE(place.index == AlternateOf(tag, segment_.count(), home));
        REQUIRE(segment_.buckets()[home].MayOverflow(tag));
      }
    }
    REQUIRE(CountWords(segment_, UINT32_MAX) == tags_.size());
    REQUIRE_FALSE(LocateInSegment(segment_, {"none", 7}));
    REQUIRE(FindInSegment(segment_, {"none", 7}) == nullptr);
  }

  SegmentRef segment_;
  std::map<std::string, uint16_t> tags_;
};

TEST_CASE("a bucket finds tags and free slots as a loop would") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Record* plain = Record::Create({.key = "k"});
  Record* due = Record::Create({.key = "k", .deadline = 5});
  for (int round = 0; round < 20'000; ++round) {
    Bucket bucket;
    bucket.SetArmed(static_cast<uint32_t>(random.Next()));
    int first_free = -1;
    bool empty = true;
    for (int i = kSlots - 1; i >= 0; --i) {
      const auto slot = static_cast<uint32_t>(i);
      const auto tag = static_cast<uint16_t>(random.Below(4) == 0 ? 0 : random.Below(3) * 30'000);
      if (random.Below(2) == 0) {
        first_free = i;
      } else {
        empty = false;
        bucket.Store(slot, SlotWord(tag, random.Below(2) == 0 ? plain : due));
      }
    }
    REQUIRE(bucket.FreeSlot() == first_free);
    REQUIRE(bucket.Empty() == empty);
    for (const uint16_t tag : {0, 1, 30'000, 60'000, 65'535}) {
      uint32_t expected = 0;
      uint32_t matched = 0;
      for (uint32_t i = 0; i < kSlots; ++i) {
        if (bucket.Load(i).tag() == tag) expected |= 1u << i;
      }
      for (TagMatches m = bucket.MatchTag(tag); m; m.Next()) matched |= 1u << m.slot();
      REQUIRE(matched == expected);
    }
  }
  plain->Destroy();
  due->Destroy();
}

TEST_CASE("the parts of a control word do not touch each other") {
  Bucket bucket;
  bucket.SetArmed(0xdead'beef);
  for (uint16_t tag = 0; tag < 16; ++tag) {
    CHECK_FALSE(bucket.MayOverflow(tag));
    bucket.NoteOverflow(tag);
    CHECK(bucket.MayOverflow(tag));
    CHECK(bucket.MayOverflow(static_cast<uint16_t>(tag + 16 * 1'000)));
  }
  const uint64_t version = bucket.move_version();
  for (int i = 1; i < 65'536; ++i) {
    bucket.NoteMove();
    REQUIRE(bucket.move_version() != version);
  }
  bucket.NoteMove();
  CHECK(bucket.move_version() == version);
  CHECK(bucket.armed() == 0xdead'beef);
  bucket.SetArmed(1);
  CHECK(bucket.MayOverflow(9));
}

TEST_CASE("homes keep the order of tags, alternates are another bucket") {
  for (uint32_t buckets = 1; buckets <= kBucketsMax; ++buckets) {
    uint32_t before = 0;
    for (uint32_t tag = 0; tag <= 0xffff; tag += 13) {
      const uint32_t home = HomeOf(static_cast<uint16_t>(tag), buckets);
      REQUIRE(home >= before);
      REQUIRE(home < buckets);
      before = home;
      const uint32_t other = AlternateOf(static_cast<uint16_t>(tag), buckets, home);
      REQUIRE(other < buckets);
      REQUIRE((other != home || buckets == 1));
    }
    REQUIRE(HomeOf(0xffff, buckets) == buckets - 1);
  }
}

TEST_CASE("a segment's sizes go from 1 to 64, and a sparse one gets room to grow") {
  uint32_t buckets = 1;
  while (buckets < kBucketsMax) {
    const uint32_t next = NextBucketCount(buckets);
    REQUIRE(next > buckets);
    REQUIRE((next - buckets == 1 || (next - buckets) * 4 <= buckets));
    buckets = next;
  }
  CHECK(buckets == kBucketsMax);
  for (uint32_t records = 0; records <= kSegmentSlotsMax / 4; ++records) {
    const uint32_t fit = BucketCountFor(records);
    REQUIRE(fit * kSlots * 60 >= records * 100);
    // Much smaller than a segment in which so many are few, but for the smallest.
    if (records > 8) REQUIRE(records * 4 > fit * kSlots);
  }
  CHECK(BucketCountFor(0) == 1);
  CHECK(BucketCountFor(100'000) == kBucketsMax);
}

TEST_CASE("a segment behaves as a map through insertions, erasures and rebuilding") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (uint32_t buckets = 1; buckets <= kBucketsMax; buckets = NextBucketCount(buckets)) {
    SegmentModel model(buckets);
    for (int i = 0; i < 1'500; ++i) {
      const std::string key = Key(random.Below(kSegmentSlotsMax));
      if (model.tags_.contains(key)) {
        if (random.Below(3) != 0) model.Erase(key);
      } else if (!model.Insert(key, static_cast<uint16_t>(random.Next()))) {
        // Full by its own measure: well filled, unless it is tiny.
        const auto used = static_cast<uint32_t>(model.tags_.size());
        REQUIRE((used * 100 >= buckets * kSlots * 55 || buckets < 4));
        model.Rebuild(random.Below(2) == 0 ? buckets : NextBucketCount(buckets));
      }
      if (i % 50 == 0) model.Verify();
    }
    model.Verify();
  }
}

TEST_CASE("the load at which a segment of 64 buckets has no room is above 90%") {
  Random random(1);
  uint32_t sum = 0;
  constexpr uint32_t kRounds = 50;
  for (uint32_t round = 0; round < kRounds; ++round) {
    SegmentModel model(kBucketsMax);
    uint64_t i = 0;
    while (model.Insert(Key(i++), static_cast<uint16_t>(random.Next()))) {
    }
    sum += static_cast<uint32_t>(model.tags_.size());
  }
  CHECK(sum * 100 > kRounds * kSegmentSlotsMax * 90);
}

TEST_CASE("what even 64 buckets cannot hold goes to an overflow chain") {
  SegmentModel model(kBucketsMax);
  // Two buckets hold all that has one tag.
  for (uint64_t i = 0; i < 2 * kSlots; ++i) REQUIRE(model.Insert(Key(i), 77));
  REQUIRE_FALSE(model.Insert(Key(1'000), 77));
  model.Rebuild(kBucketsMax + 1);
  REQUIRE(model.segment_.has_overflow());
  CHECK(CountOverflowBuckets(model.segment_) == 1);
  for (uint64_t i = 2 * kSlots; i < 500; ++i) REQUIRE(model.Insert(Key(i), 77));
  model.Verify();
  CHECK(CountOverflowBuckets(model.segment_) == (500 - 2 * kSlots + kSlots - 1) / kSlots);
  CHECK(LocateInSegment(model.segment_, model.View(Key(499))).index == HomeOf(77, kBucketsMax));
  for (uint64_t i = 0; i < 500; i += 2) model.Erase(Key(i));
  model.Verify();
  // Rebuilding closes the holes; with few left the chain is given up.
  model.Rebuild(kBucketsMax + 1);
  CHECK(CountOverflowBuckets(model.segment_) == (250 - 2 * kSlots + kSlots - 1) / kSlots);
  model.Verify();
  for (uint64_t i = 21; i < 500; i += 2) model.Erase(Key(i));
  model.Rebuild(1);
  CHECK_FALSE(model.segment_.has_overflow());
  model.Verify();
}

TEST_CASE("counting records stops beyond the limit") {
  SegmentModel model(kBucketsMax);
  Random random(3);
  for (uint64_t i = 0; i < 300; ++i) model.Insert(Key(i), static_cast<uint16_t>(random.Next()));
  CHECK(CountWords(model.segment_, 300) == 300);
  CHECK(CountWords(model.segment_, 299) == 300);
  CHECK(CountWords(model.segment_, 50) > 50);
}

}  // namespace
}  // namespace alai
