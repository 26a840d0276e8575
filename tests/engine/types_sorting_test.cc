// SORT against the standard library's stable sort; the lists that it stores.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/types/hashes.h"
#include "engine/types/lists.h"
#include "engine/types/sets.h"
#include "engine/types/sorted_sets.h"
#include "engine/types/sorting.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

using sorting::Order;
using sorting::ReferencePattern;
using Words = std::vector<std::string>;

class SortFixture : public TypesFixture {
 public:
  void Fill(const std::string& key, Type type, const Words& elements) {
    Db d = db();
    double score = 0;
    for (const std::string_view element : elements) {
      if (type == Type::kList) {
        REQUIRE(lists::Push(d, MakeKey(key), ListEnd::kBack, {&element, 1}).ok());
      } else if (type == Type::kSet) {
        REQUIRE(sets::Add(d, MakeKey(key), {&element, 1}).ok());
      } else {
        const sorted_sets::ScoredMember member{score++, element};
        REQUIRE(sorted_sets::Add(d, MakeKey(key), {}, {&member, 1}).ok());
      }
    }
  }
  Words Sort(const std::string& key, const Order& order) {
    Db d = db();
    sorting::Elements elements;
    REQUIRE(elements.Take(d, Find(key), order) == Errc::kOk);
    Words sorted;
    for (const auto& element : elements.sorted()) sorted.emplace_back(element.text);
    return sorted;
  }
  std::string Follow(std::string_view pattern, std::string_view element) {
    Db d = db();
    char digits[kInt64CharsMax];
    const auto value = ReferencePattern(pattern).Follow(d, element);
    return value.has_value() ? std::string(value->View(digits)) : "(nil)";
  }
  Words Elements(const std::string& key) {
    Words all;
    lists::Elements(Find(key)).Walk(ListEnd::kFront, 0, [&](const PackedValue& value) {
      char digits[kInt64CharsMax];
      all.emplace_back(value.View(digits));
      return true;
    });
    return all;
  }
  uint64_t Store(const std::string& key, const Words& elements) {
    lists::ListBuilder list(store_.packing);
    for (const std::string& element : elements) list.Add({.text = element});
    Db d = db();
    return lists::Store(d, MakeKey(key), list, "sortstore");
  }
};

// What a limit leaves of a whole.
Words Limited(Words all, const Order& order) {
  const size_t first =
      std::min(static_cast<size_t>(std::max<int64_t>(order.offset, 0)), all.size());
  const size_t count = order.count < 0 ? all.size() : static_cast<size_t>(order.count);
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(std::min(count, all.size() - first))};
}

double NumberOf(const std::string& text) {
  double number = 0;
  REQUIRE(ParseDoubleLoosely(text, &number));
  return number;
}

TEST_CASE_METHOD(SortFixture, "what a limit keeps is what sorting everything gives there") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 60; ++round) {
    const Type type = std::array{Type::kList, Type::kSet, Type::kSortedSet}[random.Below(3)];
    const size_t size = std::array<size_t, 4>{1, 10, 100, 1000}[random.Below(4)];
    Words elements;
    for (size_t i = 0; i < size; ++i) {
      std::string element = std::to_string(random.Below(2 * size));
      if (random.Below(8) == 0) element += ".5";
      const bool known = std::find(elements.begin(), elements.end(), element) != elements.end();
      if (type == Type::kList || !known) elements.push_back(element);
    }
    const std::string key = "k" + std::to_string(round);
    Fill(key, type, elements);
    Order order;
    order.descending = random.Below(2) == 0;
    order.alphabetic = random.Below(2) == 0;
    const auto less = [&](const std::string& a, const std::string& b) {
      if (!order.alphabetic && NumberOf(a) != NumberOf(b)) return NumberOf(a) < NumberOf(b);
      return a < b;
    };
    std::stable_sort(elements.begin(), elements.end(), [&](const auto& a, const auto& b) {
      return order.descending ? less(b, a) : less(a, b);
    });
    for (int limit = 0; limit < 5; ++limit) {
      CHECK(Sort(key, order) == Limited(elements, order));
      order.offset = static_cast<int64_t>(random.Below(size + 2)) - 1;
      order.count = static_cast<int64_t>(random.Below(size + 2)) - 1;
    }
  }
}

TEST_CASE_METHOD(SortFixture, "equal weights keep a list's order and set members apart") {
  Set("w_2", "x");
  Set("w_4", "x");
  Set("w_5", "a");
  Fill("list", Type::kList, {"4", "3", "5", "1", "2"});
  Fill("set", Type::kSet, {"4", "3", "5", "1", "2"});
  Fill("zset", Type::kSortedSet, {"4", "3", "5", "1", "2"});
  ReferencePattern by("w_*");
  Order order{.alphabetic = true, .by = &by};
  CHECK(Sort("list", order) == Words{"3", "1", "5", "4", "2"});
  CHECK(Sort("set", order) == Words{"1", "3", "5", "2", "4"});
  CHECK(Sort("zset", order) == Words{"1", "3", "5", "2", "4"});
  order.descending = true;
  CHECK(Sort("list", order) == Words{"4", "2", "5", "3", "1"});
  CHECK(Sort("set", order) == Words{"4", "2", "5", "3", "1"});
}

TEST_CASE_METHOD(SortFixture, "elements of every form are taken as they are") {
  Words many;
  for (int i = 0; i < 1000; ++i) many.push_back("member" + std::to_string(1000 + i));
  Fill("list", Type::kList, many);
  Fill("zset", Type::kSortedSet, many);
  Fill("set", Type::kSet, many);
  Order order{.unsorted = true, .offset = 500, .count = 2};
  CHECK(Sort("list", order) == Words{"member1500", "member1501"});
  CHECK(Sort("zset", order) == Words{"member1500", "member1501"});
  CHECK(Sort("set", order).size() == 2);
  order.descending = true;
  CHECK(Sort("list", order) == Words{"member1499", "member1498"});
  CHECK(Sort("zset", order) == Words{"member1499", "member1498"});
  order.count = -1;
  CHECK(Sort("list", order).size() == 500);
  CHECK(Sort("none", order).empty());
  store_.packing.list_depth = 1;
  Fill("compressed", Type::kList, many);
  CHECK(Sort("compressed", {.alphabetic = true}) == many);
}

TEST_CASE_METHOD(SortFixture, "what is no number cannot be compared as one") {
  Fill("list", Type::kList, {"1", "x"});
  Db d = db();
  sorting::Elements elements;
  CHECK(elements.Take(d, Find("list"), {.count = 0}) == Errc::kNotFloat);
  Fill("good", Type::kList, {"1", "2"});
  Set("w_1", "x");
  ReferencePattern by("w_*");
  sorting::Elements others;
  CHECK(others.Take(d, Find("good"), {.by = &by}) == Errc::kNotFloat);
}

TEST_CASE_METHOD(SortFixture, "patterns lead to strings, to fields or nowhere") {
  Set("a1z", "12");
  Set("b1", "text");
  Set("c1->", "arrow");
  Db d = db();
  const std::string_view pairs[] = {"f", "7", "g->h", "long"};
  REQUIRE(hashes::Set(d, MakeKey("h1"), pairs).ok());
  CHECK(Follow("a*z", "1") == "12");
  CHECK(Follow("b*", "1") == "text");
  CHECK(Follow("b*", "2") == "(nil)");
  CHECK(Follow("b1", "1") == "(nil)");
  CHECK(Follow("#", "1") == "1");
  CHECK(Follow("##", "1") == "(nil)");
  CHECK(Follow("h*->f", "1") == "7");
  CHECK(Follow("h*->g->h", "1") == "long");
  CHECK(Follow("h*->none", "1") == "(nil)");
  CHECK(Follow("h*", "1") == "(nil)");
  CHECK(Follow("b*->f", "1") == "(nil)");
  CHECK(Follow("c*->", "1") == "arrow");
  CHECK(Follow(std::string_view("\0b*", 3), "1") == "(nil)");
  CHECK(ReferencePattern("a*").leads_to_keys());
  CHECK_FALSE(ReferencePattern("#").leads_to_keys());
  CHECK_FALSE(ReferencePattern("a->b").leads_to_keys());
  CHECK_FALSE(ReferencePattern(std::string_view("a\0*", 3)).leads_to_keys());
}

TEST_CASE_METHOD(SortFixture, "a stored list takes the place of what was there") {
  CHECK(Store("k", {"b", "1", ""}) == 3);
  CHECK(recorder_.Take() == Lines{"log0: RPUSH k b 1 ", "event0: new k", "event0: sortstore k"});
  CHECK(Elements("k") == Words{"b", "1", ""});
  Set("k", "text", clock_.WallMillis() + 1000);
  recorder_.Take();
  tally_ = {};
  CHECK(Store("k", {"2", "3"}) == 2);
  CHECK(recorder_.Take() == Lines{"log0: DEL k", "log0: RPUSH k 2 3", "event0: sortstore k"});
  CHECK_FALSE(Find("k")->has_deadline());
  CHECK(tally_.changes == 2);
  CHECK(Store("k", {}) == 0);
  CHECK(recorder_.Take() == Lines{"log0: DEL k", "event0: del k"});
  CHECK(Find("k") == nullptr);
  CHECK(Store("k", {}) == 0);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(SortFixture, "the effect of a long list comes in portions") {
  Words many;
  for (int i = 0; i < 5000; ++i) many.push_back(std::to_string(i * 7));
  CHECK(Store("k", many) == many.size());
  CHECK(Elements("k") == many);
  size_t logged = 0;
  for (const std::string& line : recorder_.Take()) {
    if (!line.starts_with("log0: RPUSH k ")) continue;
    const auto words = std::count(line.begin(), line.end(), ' ');
    CHECK(words <= 1024);
    logged += static_cast<size_t>(words) - 2;
  }
  CHECK(logged == many.size());
  CHECK(Encoding("k") == "quicklist");
}

}  // namespace
}  // namespace alai
