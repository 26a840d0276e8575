// HyperLogLogs of keys: values, effects, events, and the count that is kept.
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/blob.h"
#include "engine/types/hyperloglogs.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

constexpr hyperloglogs::Limits kLimits = {3000, kStringBytesMax};

class SketchFixture : public TypesFixture {
 public:
  Result<bool> Add(const std::string& key, std::vector<std::string_view> elements,
                   const hyperloglogs::Limits& limits = kLimits) {
    Db d = db();
    return hyperloglogs::Add(d, MakeKey(key), elements, limits);
  }
  Result<uint64_t> Count(const std::string& key) {
    Db d = db();
    return hyperloglogs::Count(d, MakeKey(key));
  }
  Errc Merge(std::vector<std::string_view> keys, const hyperloglogs::Limits& limits = kLimits) {
    Db d = db();
    return hyperloglogs::Merge(d, keys, limits);
  }
  void Fill(const std::string& key, const std::vector<std::string_view>& elements) {
    REQUIRE(Add(key, elements).ok());
  }
  // Many elements, so that it is dense.
  void AddMany(const std::string& key, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string element = std::to_string(i);
      Fill(key, {element});
    }
  }
};

TEST_CASE_METHOD(SketchFixture,
                 "PFADD logs the elements from the first one that changes something") {
  CHECK(*Add("k", {}));
  CHECK(recorder_.Take() == Lines{"log0: PFADD k", "event0: new k", "event0: pfadd k"});
  CHECK_FALSE(*Add("k", {}));
  CHECK(*Add("k", {"a", "a", "b"}));
  CHECK(recorder_.Take() == Lines{"log0: PFADD k a a b", "event0: pfadd k"});
  CHECK(tally_.changes == 3);
  CHECK(*Add("k", {"b", "a", "c", "a"}));
  CHECK(recorder_.Take() == Lines{"log0: PFADD k c a", "event0: pfadd k"});
  CHECK_FALSE(*Add("k", {"a", "b", "c"}));
  CHECK(recorder_.Take().empty());
  CHECK(*Count("k") == 3);
}

TEST_CASE_METHOD(SketchFixture, "a count is kept in the value, for which the lock is needed") {
  Fill("k", {"a", "b"});
  recorder_.Take();
  Db reader = db(0, Access::kOptimistic);
  CHECK(*hyperloglogs::Count(reader, MakeKey("k")) == 0);
  CHECK(tally_.needs_lock);
  tally_ = {};
  CHECK(*Count("k") == 2);
  CHECK(tally_.changes == 1);
  CHECK(recorder_.Take() == Lines{std::string("log0: SETRANGE k 8 \2\0\0\0\0\0\0\0", 27)});
  CHECK(hyperloglog::KeptCount(Get("k")) == 2);
  CHECK(*hyperloglogs::Count(reader, MakeKey("k")) == 2);
  CHECK(*Count("k") == 2);
  CHECK_FALSE(tally_.needs_lock);
  CHECK(tally_.changes == 1);
  CHECK(recorder_.Take().empty());
  CHECK(*Count("none") == 0);
}

TEST_CASE_METHOD(SketchFixture, "a dense sketch is changed where it is") {
  AddMany("k", 3000);
  REQUIRE(hyperloglog::IsDense(Get("k")));
  const char* own = Find("k")->blob()->bytes();
  const uint64_t before = *Count("k");
  AddMany("k", 6000);
  const uint64_t after = *Count("k");
  CHECK(Find("k")->blob()->bytes() == own);
  CHECK(before > 2900);
  CHECK(before < 3100);
  CHECK(after > 5800);
  CHECK(after < 6200);
  CHECK(Find("k")->deadline() == kNoDeadline);
}

TEST_CASE_METHOD(SketchFixture, "PFMERGE adds to what is there and keeps its deadline") {
  Fill("a", {"1", "2"});
  Fill("b", {"2", "3"});
  recorder_.Take();
  CHECK(Merge({"d", "a", "none", "b"}) == Errc::kOk);
  CHECK(recorder_.Take() == Lines{"event0: keymiss d", "event0: keymiss none",
                                  "log0: PFMERGE d a none b", "event0: new d", "event0: pfadd d"});
  CHECK(*Count("d") == 3);
  Db d = db();
  const std::string_view keys[] = {"a", "b", "none"};
  CHECK(*hyperloglogs::CountUnion(d, keys) == 3);
  d.SetDeadline(MakeKey("d"), Find("d"), clock_.WallMillis() + 1000);
  AddMany("large", 5000);
  CHECK(Merge({"d", "large"}) == Errc::kOk);
  CHECK(hyperloglog::IsDense(Get("d")));
  CHECK(Find("d")->deadline() == clock_.WallMillis() + 1000);
  CHECK(*Count("d") == *Count("large"));  // which has 1, 2 and 3
  CHECK(Merge({"small"}) == Errc::kOk);
  CHECK(Get("small").size() == hyperloglog::NewSketch().size());
}

TEST_CASE_METHOD(SketchFixture, "what is wrong with a value is told, and nothing changes") {
  SetList("list");
  Set("text", "abc");
  Set("corrupt", hyperloglog::NewSketch() + '\0');
  std::string cut = hyperloglog::NewSketch();
  hyperloglog::ForgetCount(cut.data());
  cut[16] = '\x60';  // ends before the last register
  Set("cut", cut);
  Fill("k", {"a"});
  recorder_.Take();
  CHECK(Add("list", {"a"}).error() == Errc::kWrongType);
  CHECK(Add("text", {"a"}).error() == Errc::kNotHyperLogLog);
  CHECK(Count("text").error() == Errc::kNotHyperLogLog);
  CHECK(Count("cut").error() == Errc::kBadHyperLogLog);
  CHECK(*Count("corrupt") == 0);  // kept
  CHECK(Merge({"k", "corrupt"}) == Errc::kBadHyperLogLog);
  CHECK(Merge({"corrupt", "k"}) == Errc::kBadHyperLogLog);
  CHECK(Merge({"k", "list"}) == Errc::kWrongType);
  Db d = db();
  CHECK(hyperloglogs::MakeDense(d, MakeKey("cut"), kLimits).error() == Errc::kBadHyperLogLog);
  CHECK(hyperloglogs::MakeDense(d, MakeKey("none"), kLimits).error() == Errc::kNoKey);
  CHECK(hyperloglogs::Copy(d, MakeKey("none")).error() == Errc::kNoKey);
  // Some of these belong to registers that the runs cover.
  std::vector<std::string> elements;
  for (int i = 0; i < 100; ++i) elements.push_back(std::to_string(i));
  CHECK(Add("cut", {elements.begin(), elements.end()}).error() == Errc::kBadHyperLogLog);
  CHECK(Get("cut") == cut);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(SketchFixture, "a sketch does not outgrow its limit") {
  const hyperloglogs::Limits limits = {3000, 25};
  CHECK(*Add("k", {"a"}, limits));
  CHECK(Add("k", {"b", "c", "d", "e"}, limits).error() == Errc::kTooLong);
  CHECK(*Count("k") == 1);
  AddMany("large", 100);
  CHECK(Merge({"k", "large"}, limits) == Errc::kTooLong);
  Db d = db();
  CHECK(hyperloglogs::MakeDense(d, MakeKey("k"), limits).error() == Errc::kTooLong);
  CHECK(*hyperloglogs::MakeDense(d, MakeKey("k"), kLimits));
  CHECK_FALSE(*hyperloglogs::MakeDense(d, MakeKey("k"), kLimits));
  // It may still count, as it does not grow.
  CHECK(*Add("k", {"b", "c", "d", "e"}, limits));
  CHECK(*Count("k") == 5);
}

}  // namespace
}  // namespace alai
