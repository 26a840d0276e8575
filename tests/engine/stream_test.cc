// Streams against a map of entries, packed texts and ids at their boundaries.
#include "engine/containers/stream.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/containers/packed_text.h"
#include "tests/catch.h"
#include "tests/engine/stream_fixture.h"

namespace alai {
namespace {

using Model = std::map<StreamId, Pairs>;

std::string Formatted(StreamId id) {
  char out[StreamId::kCharsMax];
  return {out, id.Format(out)};
}

TEST_CASE("ids have neighbours, an order and a text") {
  CHECK(StreamId{5, 7}.Next() == StreamId{5, 8});
  CHECK(StreamId{5, UINT64_MAX}.Next() == StreamId{6, 0});
  CHECK_FALSE(StreamId::Max().Next());
  CHECK(StreamId{5, 7}.Previous() == StreamId{5, 6});
  CHECK(StreamId{5, 0}.Previous() == StreamId{4, UINT64_MAX});
  CHECK_FALSE(StreamId::Min().Previous());
  CHECK(StreamId{1, 9} < StreamId{2, 0});
  CHECK(StreamId{2, 0} < StreamId{2, 1});
  CHECK(Formatted({0, 0}) == "0-0");
  CHECK(Formatted(StreamId::Max()) == "18446744073709551615-18446744073709551615");
}

TEST_CASE("ids are read as a stock server reads them") {
  CHECK(StreamId::Parse("12-34", 9) == StreamId{12, 34});
  CHECK(StreamId::Parse("12", 9) == StreamId{12, 9});
  CHECK(StreamId::Parse("18446744073709551615-18446744073709551615", 0) == StreamId::Max());
  for (const char* text : {"05-1", "+5-1", " 5-1", "5- 1", "5-+1", "5-01", "\t5-1"}) {
    INFO(text);
    CHECK(StreamId::Parse(text, 9) == StreamId{5, 1});
  }
  for (const char* text : {"", "-", "+", "*", "5-", "-5", "-5-1", "5-1-1", "5-1 ", "5-*", "0x5-1",
                           "18446744073709551616-1", "5-18446744073709551616", "(5-1", "++5-1"}) {
    INFO(text);
    CHECK_FALSE(StreamId::Parse(text, 9));
  }
  CHECK(StreamId::Parse(std::string(125, '0') + "-1", 9) == StreamId{0, 1});
  CHECK_FALSE(StreamId::Parse(std::string(126, '0') + "-1", 9));
}

// Packs a text and reads it back; gives the bytes it took.
size_t PackedAndRead(std::string_view text) {
  std::string packed(PackedTextBytes(text), '?');
  REQUIRE(WritePackedText(text, packed.data()) == packed.data() + packed.size());
  char digits[kInt64CharsMax];
  const char* at = packed.data();
  const bool same = ReadPackedText(&at, digits) == text;
  REQUIRE(same);
  REQUIRE(at == packed.data() + packed.size());
  return packed.size();
}

TEST_CASE("packed texts read back as they were, short ones and numbers in few bytes") {
  CHECK(PackedAndRead("") == 1);
  CHECK(PackedAndRead("7") == 2);
  CHECK(PackedAndRead("127") == 2);
  CHECK(PackedAndRead("-128") == 2);
  CHECK(PackedAndRead("128") == 3);
  CHECK(PackedAndRead("-129") == 3);
  CHECK(PackedAndRead("1700000000000") == 7);
  CHECK(PackedAndRead("9223372036854775807") == 9);
  CHECK(PackedAndRead("-9223372036854775808") == 9);
  CHECK(PackedAndRead("9223372036854775808") == 20);
  for (const char* text : {"007", "-0", "+12345", "12345 ", "1.5", "-", "12a"}) {
    INFO(text);
    CHECK(PackedAndRead(text) == 1 + std::string_view(text).size());
  }
  for (const size_t length : {239u, 240u, 255u, 256u, 65'535u, 65'536u, 16'777'215u, 16'777'216u}) {
    INFO(length);
    const size_t head = length < 240       ? 1
                        : length < 256     ? 2
                        : length < 65'536  ? 3
                        : length < 1 << 24 ? 4
                                           : 5;
    CHECK(PackedAndRead(std::string(length, 'x')) == head + length);
  }
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int i = 0; i < 2'000; ++i) {
    PackedAndRead(std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64)));
    std::string bytes(random.Below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    PackedAndRead(bytes);
  }
}

// A stream and a map that live through the same.
class Twins {
 public:
  explicit Twins(uint64_t seed) : random_(seed) {}
  ~Twins() { ReleaseViews(); }

  void Step() {
    const uint64_t choice = random_.Below(100);
    if (choice < 60) {
      Append();
    } else if (choice < 80) {
      Delete();
    } else if (choice < 84) {
      Trim();
    } else if (choice < 98) {
      CheckSomeRange();
    } else if (views_.size() < 3 && random_.OneIn(4)) {
      views_.push_back({stream_.Freeze(), model_});
    } else if (random_.OneIn(20)) {
      ReleaseViews();
    }
    CheckFigures();
  }

  void CheckAll() {
    REQUIRE(EntriesOf(stream_.Range(StreamId::Min(), StreamId::Max())) == AllOf(model_));
    Entries reversed = AllOf(model_);
    std::reverse(reversed.begin(), reversed.end());
    REQUIRE(EntriesOf(stream_.ReverseRange(StreamId::Min(), StreamId::Max())) == reversed);
  }

  void ReleaseViews() {
    for (Frozen& frozen : views_) {
      REQUIRE(frozen.view.length == frozen.model.size());
      REQUIRE(EntriesOf(frozen.view.Range(StreamId::Min(), StreamId::Max())) ==
              AllOf(frozen.model));
      stream_.Release(frozen.view);
    }
    views_.clear();
  }

  StreamLimits limits;

 private:
  struct Frozen {
    StreamView view;
    Model model;
  };

  static Entries AllOf(const Model& model) { return {model.begin(), model.end()}; }

  std::string SomeText() {
    switch (random_.Below(8)) {
      case 0:
        return "";
      case 1:
        return std::to_string(static_cast<int64_t>(random_.Next()) >> random_.Below(64));
      case 2:
        return std::string(random_.Below(random_.OneIn(30) ? 9'000 : 300), 'y');
      default: {
        std::string bytes(10, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random_.Next());
        return bytes;
      }
    }
  }

  void Append() {
    Pairs pairs = {{"field", SomeText()}, {"2", SomeText()}};
    if (random_.OneIn(6)) pairs.emplace_back(SomeText(), SomeText());
    if (random_.OneIn(12)) std::swap(pairs[0], pairs[1]);
    if (random_.OneIn(200)) pairs.resize(260 + random_.Below(20), {"f", "v"});
    if (random_.OneIn(9)) pairs.resize(1);
    if (random_.Below(3) == 0) {
      last_ = *last_.Next();
    } else {
      last_ = {last_.ms + 1 + random_.Below(uint64_t{1} << random_.Below(40)),
               random_.OneIn(2) ? 0 : random_.Next() >> random_.Below(64) >> 1};
    }
    AppendPairs(stream_, last_, pairs, limits);
    model_.emplace(last_, pairs);
    ++added_;
  }

  // An id that is there, mostly.
  StreamId SomeId() {
    if (model_.empty()) return {1, 1};
    auto it = model_.begin();
    if (random_.OneIn(3)) {
      it = std::prev(model_.end());
    } else if (random_.OneIn(2)) {
      const StreamId above = {random_.Below(last_.ms + 1), 0};
      it = model_.lower_bound(above);
      if (it == model_.end()) --it;
    }
    switch (random_.Below(6)) {
      case 0:
        return it->first.Next().value_or(StreamId::Max());
      case 1:
        return it->first.Previous().value_or(StreamId::Min());
      default:
        return it->first;
    }
  }

  void Delete() {
    // Sometimes a run of neighbours, so that blocks are repacked and go.
    StreamId id = SomeId();
    for (uint64_t left = random_.OneIn(20) ? random_.Below(200) : 1; left > 0; --left) {
      const bool there = model_.erase(id) == 1;
      REQUIRE(stream_.Delete(id) == there);
      REQUIRE_FALSE(stream_.Contains(id));
      if (there) max_deleted_ = std::max(max_deleted_, id);
      const auto next = model_.upper_bound(id);
      if (next == model_.end()) break;
      id = next->first;
    }
  }

  void Trim() {
    TrimRule rule;
    if (random_.OneIn(2)) {
      const uint64_t less = random_.Below(random_.OneIn(4) ? 300 : 5);
      rule.length_max = model_.size() > less ? model_.size() - less : 0;
    } else {
      const auto it =
          std::next(model_.begin(),
                    static_cast<int64_t>(random_.Below(std::min<size_t>(model_.size(), 200) + 1)));
      rule.id_min = it == model_.end() ? StreamId{1, 0} : it->first;
    }
    rule.whole_blocks = random_.OneIn(2);
    if (rule.whole_blocks && random_.OneIn(3)) rule.removed_max = random_.Below(300);
    const uint64_t removed = stream_.Trim(rule);

    uint64_t expected = 0;
    auto stays = model_.begin();
    while (stays != model_.end() && (rule.length_max ? model_.size() - expected > *rule.length_max
                                                     : stays->first < rule.id_min)) {
      ++stays;
      ++expected;
    }
    if (rule.removed_max != 0) expected = std::min(expected, rule.removed_max);
    if (rule.whole_blocks) {
      // Less than a block short of it, and what is left begins with a block.
      REQUIRE(removed <= expected);
      REQUIRE(removed + limits.block_entries_max > expected);
      stays = std::next(model_.begin(), static_cast<int64_t>(removed));
    } else {
      REQUIRE(removed == expected);
    }
    model_.erase(model_.begin(), stays);
  }

  void CheckSomeRange() {
    StreamId from = SomeId();
    StreamId to = SomeId();
    if (random_.OneIn(4)) from = StreamId::Min();
    if (random_.OneIn(4)) to = StreamId::Max();
    const uint64_t count = random_.OneIn(20) ? 400 : random_.Below(8);
    Entries expected;
    for (auto it = model_.lower_bound(from);
         it != model_.end() && it->first <= to && expected.size() < count; ++it) {
      expected.push_back(*it);
    }
    REQUIRE(EntriesOf(stream_.Range(from, to), count) == expected);
    expected.clear();
    for (auto it = model_.upper_bound(to);
         it != model_.begin() && std::prev(it)->first >= from && expected.size() < count;) {
      expected.push_back(*--it);
    }
    REQUIRE(EntriesOf(stream_.ReverseRange(from, to), count) == expected);

    StreamEntry entry;
    const auto it = model_.find(from);
    REQUIRE(stream_.Find(from, &entry) == (it != model_.end()));
    if (it != model_.end()) REQUIRE(PairsOf(entry) == it->second);
  }

  void CheckFigures() {
    REQUIRE(stream_.length() == model_.size());
    REQUIRE(stream_.entries_added() == added_);
    REQUIRE(stream_.last_id() == last_);
    REQUIRE(stream_.max_deleted_id() == max_deleted_);
    REQUIRE(stream_.first_id() == (model_.empty() ? StreamId{} : model_.begin()->first));
  }

  Random random_;
  Stream stream_;
  Model model_;
  std::vector<Frozen> views_;
  StreamId last_;
  StreamId max_deleted_;
  uint64_t added_ = 0;
};

TEST_CASE("a stream holds what a map holds, whatever happens, and so do views of it") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  for (const StreamLimits limits : {StreamLimits{}, StreamLimits{4096, 5}, StreamLimits{200, 100},
                                    StreamLimits{1 << 20, 2'000}}) {
    Twins twins(seed + limits.block_bytes_max);
    twins.limits = limits;
    for (int i = 0; i < 8'000; ++i) {
      twins.Step();
      if (i % 499 == 0) twins.CheckAll();
    }
    twins.ReleaseViews();
    twins.CheckAll();
  }
}

TEST_CASE("ids up to the highest one are kept exactly") {
  Stream stream;
  Entries expected;
  for (int bit = 0; bit < 64; ++bit) {
    for (const StreamId next :
         {StreamId{uint64_t{1} << bit, 0}, StreamId{uint64_t{1} << bit, (uint64_t{1} << bit) - 1},
          StreamId{uint64_t{1} << bit, uint64_t{1} << bit},
          StreamId{uint64_t{1} << bit, UINT64_MAX}}) {
      if (next <= stream.last_id()) continue;
      AppendPairs(stream, next, {{"a", "b"}});
      expected.push_back({next, {{"a", "b"}}});
    }
  }
  AppendPairs(stream, StreamId::Max(), {{"a", "b"}});
  expected.push_back({StreamId::Max(), {{"a", "b"}}});
  CHECK(EntriesOf(stream.Range(StreamId::Min(), StreamId::Max())) == expected);
  for (const auto& [there, pairs] : expected) {
    REQUIRE(stream.Contains(there));
    REQUIRE(EntriesOf(stream.ReverseRange(there, there)).size() == 1);
  }
  CHECK(expected.size() > 200);
}

TEST_CASE("a block takes as many entries and bytes as its limits say") {
  for (const uint64_t entries_max : {1u, 2u, 7u, 100u}) {
    Stream stream;
    for (uint64_t i = 1; i <= 700; ++i) {
      AppendPairs(stream, {i, 0}, {{"a", "b"}}, {4096, entries_max});
      REQUIRE(stream.block_count() == (i + entries_max - 1) / entries_max);
    }
    // What was deleted from the last block counts as well.
    Stream deleting;
    for (uint64_t i = 1; i <= entries_max; ++i) {
      AppendPairs(deleting, {i, 0}, {{"a", "b"}}, {4096, entries_max});
      if (i > 1) deleting.Delete({i, 0});
    }
    AppendPairs(deleting, {1'000, 0}, {{"a", "b"}}, {4096, entries_max});
    CHECK(deleting.block_count() == 2);
  }
  // Even what was taken out of it before it became the last one again.
  Stream shrinking;
  for (uint64_t i = 1; i <= 11; ++i) AppendPairs(shrinking, {i, 0}, {{"a", "b"}}, {4096, 10});
  for (const uint64_t i : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 11u})
    REQUIRE(shrinking.Delete({i, 0}));
  REQUIRE(shrinking.block_count() == 1);
  AppendPairs(shrinking, {12, 0}, {{"a", "b"}}, {4096, 10});
  CHECK(shrinking.block_count() == 2);

  Stream stream;
  uint64_t id = 0;
  while (stream.block_count() < 3) {
    AppendPairs(stream, {++id, 0}, {{"a", std::string(100, 'v')}}, {4096, 0});
  }
  // Two full blocks of 56 bytes, the field, and some 105 an entry.
  CHECK(id > 2 * 37);
  CHECK(id <= 2 * 39 + 1);
  // Without limits, there is still one.
  Stream unlimited;
  for (id = 1; unlimited.block_count() < 2; ++id) {
    AppendPairs(unlimited, {id, 0}, {{"a", std::string(100, 'v')}}, {0, 0});
  }
  CHECK(id > 300);
  CHECK(id < 330);
}

TEST_CASE("a large entry is alone in its block, and its memory goes with it") {
  Stream stream;
  AppendPairs(stream, {1, 0}, {{"a", "b"}});
  const size_t small = stream.allocated_bytes();
  const Pairs large = {{std::string(100'000, 'f'), std::string(3'000'000, 'v')}, {"a", "b"}};
  AppendPairs(stream, {2, 0}, large);
  AppendPairs(stream, {3, 0}, {{"a", "b"}});
  CHECK(stream.block_count() == 3);
  CHECK(stream.allocated_bytes() > 3'100'000);
  StreamEntry entry;
  REQUIRE(stream.Find({2, 0}, &entry));
  const bool same = PairsOf(entry) == large;
  CHECK(same);
  CHECK(stream.Delete({2, 0}));
  CHECK(stream.allocated_bytes() < small + 400);
}

TEST_CASE("entries that are deleted one by one free their memory before their block is empty") {
  Stream stream;
  for (uint64_t i = 1; i <= 1'000; ++i) AppendPairs(stream, {i, 0}, {{"a", std::string(30, 'v')}});
  const size_t full = stream.allocated_bytes();
  for (uint64_t i = 1; i <= 1'000; ++i) {
    if (i % 20 != 0) stream.Delete({i, 0});
  }
  CHECK(stream.block_count() == 10);
  // The last block keeps its bytes.
  CHECK(stream.allocated_bytes() < full * 3 / 10);
}

TEST_CASE("a trim by id takes a block as a whole when its last entry is below, though deleted") {
  // Seen with a stock server: what was deleted last still says how far the block reaches.
  for (const bool repacked : {false, true}) {
    Stream stream;
    for (uint64_t i = 1; i <= 10; ++i) AppendPairs(stream, {i, 0}, {{"a", "b"}}, {4096, 5});
    stream.Delete({5, 0});
    if (repacked) {
      stream.Delete({3, 0});
      stream.Delete({2, 0});
    }
    TrimRule rule{.length_max = {}, .id_min = {5, 0}, .whole_blocks = true};
    CHECK(stream.Trim(rule) == 0);
    rule.id_min = {6, 0};
    CHECK(stream.Trim(rule) == (repacked ? 2 : 4));
    CHECK(stream.first_id() == StreamId{6, 0});
  }
}

TEST_CASE("a lower last id drops what was deleted behind it, so that ids go on from there") {
  for (const bool viewed : {false, true}) {
    Stream stream;
    for (uint64_t i = 1; i <= 5; ++i) AppendPairs(stream, {i, 0}, {{"a", std::to_string(i)}});
    const Entries before = EntriesOf(stream.Range(StreamId::Min(), StreamId::Max()));
    StreamView view;
    if (viewed) view = stream.Freeze();
    stream.Delete({5, 0});
    stream.Delete({4, 0});
    stream.SetFigures({3, 0}, 5, {});
    for (uint64_t seq = 1; seq <= 3; ++seq) AppendPairs(stream, {3, seq}, {{"a", "b"}});
    CHECK_FALSE(stream.Contains({4, 0}));
    const Entries after = EntriesOf(stream.Range({2, 0}, StreamId::Max()));
    CHECK(after == Entries{{{2, 0}, {{"a", "2"}}},
                           {{3, 0}, {{"a", "3"}}},
                           {{3, 1}, {{"a", "b"}}},
                           {{3, 2}, {{"a", "b"}}},
                           {{3, 3}, {{"a", "b"}}}});
    Entries backwards = EntriesOf(stream.ReverseRange({2, 0}, StreamId::Max()));
    std::reverse(backwards.begin(), backwards.end());
    CHECK(backwards == after);
    if (!viewed) continue;
    CHECK(EntriesOf(view.Range(StreamId::Min(), StreamId::Max())) == before);
    stream.Release(view);
  }
}

TEST_CASE("a trim with a limit stops before the block that would exceed it") {
  Stream stream;
  for (uint64_t i = 1; i <= 20; ++i) AppendPairs(stream, {i, 0}, {{"a", "b"}}, {4096, 5});
  CHECK(stream.Trim({.length_max = 0, .id_min = {}, .whole_blocks = true, .removed_max = 4}) == 0);
  CHECK(stream.Trim({.length_max = 0, .id_min = {}, .whole_blocks = true, .removed_max = 14}) ==
        10);
  CHECK(stream.Trim({.length_max = 7, .id_min = {}, .whole_blocks = true, .removed_max = 0}) == 0);
  CHECK(stream.Trim({.length_max = 5, .id_min = {}, .whole_blocks = true, .removed_max = 0}) == 5);
  CHECK(stream.length() == 5);
}

TEST_CASE("a stream of short entries takes few bytes beyond its values") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Stream stream;
  constexpr uint64_t kEntries = 50'000;
  for (uint64_t i = 0; i < kEntries; ++i) {
    Pairs pairs = {{"name", "abcdefghij"}, {"colour", "0123456789"}};
    for (auto& [field, value] : pairs) {
      for (char& c : value) c = static_cast<char>('a' + random.Below(26));
    }
    AppendPairs(stream, {1'700'000'000'000 + i, 0}, pairs);
  }
  // 22 bytes of values with their lengths, 2 of id, 2 of slot, and the rest of a size class.
  const double bytes_per_entry = static_cast<double>(stream.allocated_bytes()) / kEntries;
  CHECK(bytes_per_entry > 26);
  CHECK(bytes_per_entry < 31.5);
}

TEST_CASE("a stream is freed in slices, groups and all") {
  for (const size_t slice : {size_t{1}, size_t{50}}) {
    Stream stream;
    const size_t empty = stream.allocated_bytes();
    for (uint64_t i = 1; i <= 10'000; ++i) AppendPairs(stream, {i, 0}, {{"a", "b"}});
    for (const char* name : {"g", "h"}) {
      ConsumerGroup* group = stream.AddGroup(name, {}, 0);
      Consumer* consumers[] = {group->AddConsumer("c", 1), group->AddConsumer("d", 1)};
      for (uint64_t i = 1; i <= 3'000; ++i) stream.Deliver(*group, {i, 0}, consumers[i % 2], 1);
    }
    size_t slices = 1;
    size_t before = stream.allocated_bytes();
    while (stream.FreeSome(slice)) {
      ++slices;
      REQUIRE(stream.allocated_bytes() < before);
      before = stream.allocated_bytes();
    }
    // 100 blocks, and at least 25 entries and 62 ids to a node.
    CHECK(slices > 100 / slice + 6'000 / 62 / slice);
    CHECK(slices < 500 / slice + 5);
    CHECK(stream.allocated_bytes() == empty);
  }
}

TEST_CASE("a view costs a stream only what changes meanwhile") {
  Stream stream;
  for (uint64_t i = 1; i <= 10'000; ++i) AppendPairs(stream, {i, 0}, {{"a", "b"}});
  const size_t before = stream.allocated_bytes();
  StreamView view = stream.Freeze();
  CHECK(stream.allocated_bytes() == before);
  stream.Delete({5'000, 0});
  // A block, a leaf and an inner node.
  CHECK(stream.allocated_bytes() < before + 4'096);
  CHECK(stream.allocated_bytes() > before);
  CHECK(EntriesOf(view.Range({5'000, 0}, {5'000, 0})).size() == 1);
  stream.Release(view);
  stream.FreeGarbage(SIZE_MAX);
  CHECK(stream.allocated_bytes() <= before);
}

}  // namespace
}  // namespace alai
