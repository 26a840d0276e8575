// Packed lists against a deque of texts, with nodes of all sizes, folded or not, and while views of
// them are held.
#include "engine/containers/packed_list.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Model = std::deque<std::string>;

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

std::string Item(uint64_t number) {
  std::string digits = std::to_string(number);
  return "item:" + std::string(9 - digits.size(), '0') + digits;
}

// Mostly short, from few values so that some are equal; some of a node's size, some larger.
std::string RandomText(Random& random) {
  switch (random.Below(12)) {
    case 0:
      return std::string(random.Below(300), static_cast<char>('a' + random.Below(3)));
    case 1:
      if (random.OneIn(8)) return std::string(3'000 + random.Below(3'000), 'm');
      return std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64));
    case 2:
      if (random.OneIn(40)) return std::string(60'000 + random.Below(9'000), 'l');
      [[fallthrough]];
    case 3:
      return "";
    case 4:
      return std::to_string(random.Below(5));
    default:
      return Item(random.Below(1'000));
  }
}

void CheckContents(const PackedContents& contents, const Model& model) {
  REQUIRE(contents.size == model.size());
  PackedCursor cursor(contents);
  bool more = cursor.Seek(0);
  for (size_t i = 0; i < model.size(); ++i) {
    if (!more || cursor.index() != i || TextOf(cursor.value()) != model[i]) {
      INFO("index " << i << " of " << model.size());
      REQUIRE(more);
      REQUIRE(cursor.index() == i);
      REQUIRE(TextOf(cursor.value()) == model[i]);
    }
    more = cursor.Next();
  }
  REQUIRE_FALSE(more);
  REQUIRE_FALSE(cursor.valid());
  more = cursor.SeekEnd(ListEnd::kBack);
  for (size_t i = model.size(); i-- > 0;) {
    if (!more || TextOf(cursor.value()) != model[i]) REQUIRE(cursor.index() == i + model.size());
    more = cursor.Previous();
  }
  REQUIRE_FALSE(more);
}

// Each node within the limits, their elements those of the list, and their number the directory's.
void CheckNodes(const PackedList& list, const PackedListLimits& limits) {
  PackedCursor cursor(list.contents());
  uint64_t nodes = 0;
  uint64_t elements = 0;
  for (bool more = cursor.Seek(0); more; more = cursor.NextNode()) {
    const ListNode node = cursor.node();
    ++nodes;
    elements += node.count;
    const size_t bytes_max = limits.node < 0 ? 4096ul << (-limits.node - 1) : 8192;
    if (node.plain) {
      REQUIRE(node.count == 1);
      REQUIRE(node.run.bytes() + kPackedEntryExtraMax + 24 > bytes_max);
      continue;
    }
    REQUIRE(node.run.CountEntries() == node.count);
    REQUIRE(node.run.bytes() + 24 <= bytes_max);
    if (limits.node > 0) REQUIRE(node.count <= static_cast<uint32_t>(limits.node));
  }
  REQUIRE(nodes == list.nodes());
  REQUIRE(elements == list.size());
}

// A list and its model, changed alike.
class Pair {
 public:
  Pair(PackedListLimits limits, Random& random) : list_(limits), limits_(limits), random_(random) {}

  PackedList& list() { return list_; }
  const Model& model() const { return model_; }

  void Push(ListEnd end, const std::string& text) {
    list_.Push(end, text);
    end == ListEnd::kFront ? model_.push_front(text) : model_.push_back(text);
  }

  void Pop(ListEnd end) {
    const bool front = end == ListEnd::kFront;
    REQUIRE(TextOf(list_.Peek(end)) == (front ? model_.front() : model_.back()));
    list_.Pop(end);
    front ? model_.pop_front() : model_.pop_back();
  }

  void Erase(size_t index, size_t count) {
    list_.Erase(index, count);
    model_.erase(At(index), At(index + count));
  }

  void Insert(size_t index, const std::string& text) {
    list_.Insert(index, text);
    model_.insert(At(index), text);
  }

  void Set(size_t index, const std::string& text) {
    list_.Set(index, text);
    model_[index] = text;
  }

  void Remove(const std::string& text, size_t count_max, ListEnd from) {
    size_t removed = 0;
    if (from == ListEnd::kFront) {
      for (size_t i = 0; i < model_.size() && removed < count_max;) {
        if (model_[i] != text) {
          ++i;
        } else {
          model_.erase(At(i));
          ++removed;
        }
      }
    } else {
      for (size_t i = model_.size(); i-- > 0 && removed < count_max;) {
        if (model_[i] != text) continue;
        model_.erase(At(i));
        ++removed;
      }
    }
    REQUIRE(list_.Remove(text, count_max, from) == removed);
  }

  void CheckFind(const std::string& text, const PackedList::Search& search) {
    std::vector<uint64_t> expected;
    uint64_t skipped = 0;
    for (size_t n = 0; n < model_.size() && n < search.compared_max; ++n) {
      const size_t index = search.from == ListEnd::kFront ? n : model_.size() - 1 - n;
      if (model_[index] != text || skipped++ < search.skipped) continue;
      if (expected.size() < search.found_max) expected.push_back(index);
    }
    std::vector<uint64_t> found;
    list_.Find(text, search, &found);
    REQUIRE(found == expected);
    uint64_t first = UINT64_MAX;
    const auto it = std::find(model_.begin(), model_.end(), text);
    REQUIRE(list_.Find(text, &first) == (it != model_.end()));
    if (it != model_.end()) REQUIRE(first == static_cast<uint64_t>(it - model_.begin()));
  }

  // One change of any kind. While `growing`, more comes than goes.
  void Change(bool growing) {
    const ListEnd end = random_.OneIn(2) ? ListEnd::kFront : ListEnd::kBack;
    const size_t size = model_.size();
    switch (random_.Below(growing ? 8 : 13)) {
      case 0:
      case 1:
        for (uint64_t n = random_.Below(60); n > 0; --n) Push(end, RandomText(random_));
        return;
      case 2:
      case 3:
        Insert(random_.Below(size + 1), RandomText(random_));
        return;
      case 4: {
        // At one place again and again, as LINSERT at a pivot does.
        const size_t index = random_.Below(size + 1);
        for (uint64_t n = random_.Below(30); n > 0; --n) Insert(index, RandomText(random_));
        return;
      }
      case 5:
        if (size > 0) Set(random_.Below(size), RandomText(random_));
        return;
      case 6:
        if (size > 0) Remove(AnyText(), random_.Below(4), end);
        return;
      case 7:
      case 8:
        for (uint64_t n = std::min<uint64_t>(size, random_.Below(40)); n > 0; --n) Pop(end);
        return;
      case 9:
      case 10: {
        const size_t index = random_.Below(size + 1);
        Erase(index, random_.Below(std::min<size_t>(size - index, 100) + 1));
        return;
      }
      case 11:
        if (size > 0) Remove(AnyText(), SIZE_MAX, end);
        return;
      default:
        if (!random_.OneIn(10)) return;
        const size_t first = random_.Below(size / 4 + 1);
        const size_t count = random_.Below(size - first + 1);
        list_.Trim(first, count);
        model_.erase(At(first + count), model_.end());
        model_.erase(model_.begin(), At(first));
    }
  }

  void Check() {
    CheckContents(list_.contents(), model_);
    CheckNodes(list_, limits_);
  }

  std::string AnyText() {
    return model_.empty() || random_.OneIn(10) ? Item(random_.Below(1'000))
                                               : model_[random_.Below(model_.size())];
  }

 private:
  Model::iterator At(size_t index) { return model_.begin() + static_cast<ptrdiff_t>(index); }

  PackedList list_;
  Model model_;
  const PackedListLimits limits_;
  Random& random_;
};

TEST_CASE("a packed list agrees with a deque, whatever its limits") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  const PackedListLimits kLimits[] = {{-2, 0}, {-1, 0}, {-1, 1}, {-5, 2}, {1, 0},
                                      {2, 1},  {3, 3},  {20, 1}, {128, 0}};
  for (const PackedListLimits& limits : kLimits) {
    INFO("limits " << limits.node << " " << limits.plain_depth);
    Pair pair(limits, random);
    for (int step = 0; step < 300; ++step) {
      pair.Change(step % 150 < 90);
      const size_t size = pair.model().size();
      REQUIRE(pair.list().size() == size);
      if (step % 10 == 0) {
        pair.Check();
        pair.CheckFind(pair.AnyText(), {random.OneIn(2) ? ListEnd::kFront : ListEnd::kBack,
                                        random.Below(3), random.Below(4) + 1,
                                        random.OneIn(2) ? UINT64_MAX : random.Below(size + 2)});
      }
      if (size == 0) continue;
      PackedCursor cursor(pair.list().contents());
      const size_t index = random.Below(size);
      REQUIRE(cursor.Seek(index));
      REQUIRE(TextOf(cursor.value()) == pair.model()[index]);
      REQUIRE_FALSE(cursor.Seek(size));
    }
    while (!pair.list().empty()) pair.Pop(random.OneIn(2) ? ListEnd::kFront : ListEnd::kBack);
    REQUIRE(pair.list().allocated_bytes() == 0);
  }
}

TEST_CASE("a view shows a packed list as it was while the list changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const PackedListLimits& limits :
       {PackedListLimits{-1, 0}, PackedListLimits{-1, 1}, PackedListLimits{2, 0}}) {
    Pair pair(limits, random);
    for (int i = 0; i < 4'000; ++i) pair.Push(ListEnd::kBack, Item(random.Below(1'000)));
    for (int round = 0; round < 4; ++round) {
      const Model first_model = pair.model();
      const PackedContents first = pair.list().Freeze();
      for (int step = 0; step < 40; ++step) pair.Change(round % 2 == 0);
      const Model second_model = pair.model();
      const PackedContents second = pair.list().Freeze();
      for (int step = 0; step < 40; ++step) pair.Change(round % 2 == 0);
      CheckContents(first, first_model);
      CheckContents(second, second_model);
      pair.list().Release();
      const size_t held = pair.list().allocated_bytes();
      REQUIRE_FALSE(pair.list().FreeHeld(SIZE_MAX));
      REQUIRE(pair.list().allocated_bytes() == held);
      CheckContents(first, first_model);
      CheckContents(second, second_model);
      pair.list().Release();
      REQUIRE_FALSE(pair.list().FreeHeld(SIZE_MAX));
      REQUIRE(pair.list().allocated_bytes() < held);
      pair.Check();
    }
    // All of it goes while a view shows it.
    const Model model = pair.model();
    const PackedContents view = pair.list().Freeze();
    pair.Erase(0, pair.model().size());
    CheckContents(view, model);
    pair.list().Release();
    pair.list().FreeHeld(SIZE_MAX);
    REQUIRE(pair.list().allocated_bytes() == 0);
  }
}

TEST_CASE("what was held for views is freed in slices, as the list is") {
  constexpr uint64_t kNodes = 10'000;
  PackedList list({1, 0});
  for (uint64_t i = 0; i < kNodes; ++i) list.Push(ListEnd::kBack, Item(i));
  list.Freeze();
  list.Erase(0, kNodes);
  list.Push(ListEnd::kBack, "left");
  list.Release();
  const uint64_t held = list.allocated_bytes();
  int slices = 0;
  while (list.FreeSome(100)) ++slices;
  CHECK(slices > 50);
  CHECK(held > 100'000);
  CHECK(list.empty());
  CHECK(list.allocated_bytes() == 0);
}

TEST_CASE("a million items of 14 bytes take less than 16.5 bytes each") {
  PackedList list;
  size_t bytes_max = 0;
  for (uint64_t i = 0; i < 1'000'000; ++i) {
    list.Push(i % 2 == 0 ? ListEnd::kBack : ListEnd::kFront, Item(i));
    if (i > 10'000) bytes_max = std::max(bytes_max, list.allocated_bytes() / ((i + 1) / 100));
  }
  INFO(list.allocated_bytes() / 1e6 << " bytes each, " << list.nodes() << " nodes, at worst "
                                    << bytes_max << " bytes for a hundred");
  CHECK(list.allocated_bytes() < 16'200'000);
  // Two ends of 8 KB with nothing in them are more while the list is small.
  CHECK(bytes_max < 1'850);
  PackedCursor cursor(list.contents());
  REQUIRE(cursor.Seek(500'000));
  CHECK(TextOf(cursor.value()) == Item(0));
}

TEST_CASE("a packed list grows and shrinks in small steps") {
  PackedList list;
  size_t used = 0;
  for (int i = 0; i < 400; ++i) {
    list.Push(ListEnd::kBack, Item(static_cast<uint64_t>(i)));
    used += 16;
    REQUIRE(list.allocated_bytes() >= used);
    REQUIRE(list.allocated_bytes() <= (used + 24) * 5 / 4 + 16);
  }
  while (list.size() > 1) {
    list.Pop(ListEnd::kFront);
    used -= 16;
    REQUIRE(list.allocated_bytes() <= (used + 24) * 4 + 128);
  }
}

TEST_CASE("a packed list's nodes are merged when little is left in them") {
  PackedList list;
  for (uint64_t i = 0; i < 100'000; ++i) list.Push(ListEnd::kBack, std::to_string(i % 10));
  const uint64_t nodes = list.nodes();
  for (int digit = 0; digit < 9; ++digit)
    list.Remove(std::to_string(digit), SIZE_MAX, ListEnd::kBack);
  CHECK(list.size() == 10'000);
  CHECK(list.nodes() <= nodes / 4);
  CHECK(list.allocated_bytes() < 40'000);
  // One by one, everywhere.
  Random random(7);
  while (list.size() > 100) list.Erase(random.Below(list.size()), 1);
  CHECK(list.nodes() <= 2);
  CHECK(list.allocated_bytes() < 600);
  // Behind one that cannot take it, and then into the one before.
  PackedList two;
  for (uint64_t i = 0; i < 700; ++i) two.Push(ListEnd::kBack, Item(i));
  REQUIRE(two.nodes() == 2);
  two.Erase(600, 90);
  REQUIRE(two.nodes() == 2);
  two.Erase(10, 300);
  CHECK(two.nodes() == 1);
  CHECK(two.size() == 310);
}

TEST_CASE("a packed list's directory shrinks with it") {
  PackedList list({1, 0});
  for (uint64_t i = 0; i < 60; ++i) list.Push(ListEnd::kBack, "1");
  list.Push(ListEnd::kFront, "1");
  list.Erase(1, 58);
  CHECK(list.nodes() == 3);
  CHECK(list.allocated_bytes() <= 256);
}

// Leaves in the directory that are not folded although they are large enough for it to save something.
uint64_t UnfoldedInside(const PackedList& list) {
  uint64_t unfolded = 0;
  PackedPath path = list.contents().directory.First();
  do {
    const PackedLeaf& leaf = *path.leaf();
    if (!leaf.folded() && leaf.block_bytes > 512) ++unfolded;
  } while (path.Step(true));
  return unfolded;
}

TEST_CASE("a packed list folds what a change in the middle has unfolded") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedList list({-1, 1});
  for (uint64_t i = 0; i < 30'000; ++i) list.Push(ListEnd::kBack, Item(i));
  list.Push(ListEnd::kFront, "first");
  REQUIRE(UnfoldedInside(list) == 0);
  for (int i = 0; i < 200; ++i) {
    const uint64_t index = 500 + random.Below(list.size() - 1'000);
    list.Insert(index, Item(random.Below(1'000)));
    REQUIRE(UnfoldedInside(list) == 0);
    list.Set(index, "other");
    REQUIRE(UnfoldedInside(list) == 0);
    list.Erase(index - random.Below(100), random.Below(100));
    REQUIRE(UnfoldedInside(list) == 0);
  }
  list.Remove(Item(700), SIZE_MAX, ListEnd::kBack);
  CHECK(UnfoldedInside(list) == 0);
}

TEST_CASE("a packed list folds its inner nodes and unfolds them at its ends") {
  PackedList plain({-2, 0});
  PackedList folded({-2, 2});
  for (uint64_t i = 0; i < 50'000; ++i) {
    plain.Push(ListEnd::kBack, Item(i));
    folded.Push(ListEnd::kBack, Item(i));
  }
  CHECK(folded.nodes() == plain.nodes());
  CHECK(folded.allocated_bytes() < plain.allocated_bytes() / 2);
  CHECK(UnfoldedInside(folded) ==
        3);  // the front of the directory is the front of the list, the back is not
  for (uint64_t i = 0; i < 50'000; ++i) {
    if (TextOf(folded.Peek(ListEnd::kFront)) != Item(i)) REQUIRE(i == 50'000);
    folded.Pop(ListEnd::kFront);
  }
  CHECK(folded.allocated_bytes() == 0);
  // What does not compress stays as it is.
  Random random(3);
  for (uint64_t i = 0; i < 5'000; ++i) {
    std::string text(16, '\0');
    for (char& c : text) c = static_cast<char>(random.Next());
    folded.Push(ListEnd::kFront, text);
  }
  PackedPath path = folded.contents().directory.First();
  do REQUIRE_FALSE(path.leaf()->folded());
  while (path.Step(true));
}

TEST_CASE("a packed list takes whole listpacks and nodes of another list") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const PackedListLimits& limits : {PackedListLimits{-2, 1}, PackedListLimits{5, 0}}) {
    PackedList list(limits);
    Model model;
    for (int round = 0; round < 40; ++round) {
      ListpackBuffer buffer;
      for (uint64_t n = random.Below(random.OneIn(4) ? 3'000 : 30); n > 0; --n) {
        model.push_back(random.OneIn(500) ? std::string(9'000, 'x') : Item(random.Below(100)));
        buffer.Append(model.back());
      }
      list.Append(buffer.get());
    }
    CheckContents(list.contents(), model);
    CheckNodes(list, limits);
    PackedList copy(limits);
    PackedCursor cursor(list.contents());
    std::vector<std::string> listpacks;
    for (bool more = cursor.Seek(0); more; more = cursor.NextNode()) {
      const ListNode node = cursor.node();
      copy.Append(node);
      if (node.plain) continue;
      std::string written(node.run.bytes() + kListpackBytesMin, '\0');
      WriteListpack(node.run, node.count, written.data());
      REQUIRE(ValidateListpack(written));
    }
    CheckContents(copy.contents(), model);
    CheckNodes(copy, limits);
  }
}

TEST_CASE("a packed list is freed in slices") {
  PackedList list({100, 1});
  for (uint64_t i = 0; i < 100'000; ++i) list.Push(ListEnd::kFront, Item(i));
  const uint64_t nodes = list.nodes();
  int slices = 1;
  while (list.FreeSome(100)) ++slices;
  CHECK(slices == static_cast<int>((nodes + 99) / 100));
  CHECK(list.allocated_bytes() == 0);
  list.Push(ListEnd::kBack, "again");
  CHECK(list.size() == 1);
}

TEST_CASE("the directory of a packed list keeps its shape through many nodes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedList list({1, 0});
  // Three levels, filled from both ends and in the middle.
  for (uint64_t i = 0; i < 12'000; ++i) {
    const uint64_t place = random.Below(3);
    if (place == 2) {
      list.Insert(list.size() / 2, "1");
    } else {
      list.Push(place == 0 ? ListEnd::kFront : ListEnd::kBack, "1");
    }
  }
  REQUIRE(list.nodes() == 12'000);
  while (!list.empty()) {
    list.Erase(random.Below(list.size()), 1);
    REQUIRE(list.nodes() == list.size());
  }
  CHECK(list.allocated_bytes() == 0);
}

}  // namespace
}  // namespace alai
