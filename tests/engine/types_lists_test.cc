// Lists against deques: what the operations give, both forms, what is logged and told.
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/lists.h"
#include "tests/catch.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/recorder.h"
#include "tests/engine/store_audit.h"

namespace alai {
namespace {

using Lines = std::vector<std::string>;
using Words = std::vector<std::string>;

// Lists as a client knows them, and the commands that effects are made of.
class Model {
 public:
  std::map<std::string, std::deque<std::string>> lists;

  void Apply(const Words& words) {
    const std::string& name = words[0];
    const std::string& key = words[1];
    std::deque<std::string>& list = lists[key];
    if (name == "LPUSH") {
      for (size_t i = 2; i < words.size(); ++i) list.push_front(words[i]);
    } else if (name == "RPUSH") {
      for (size_t i = 2; i < words.size(); ++i) list.push_back(words[i]);
    } else if (name == "LPOP" || name == "RPOP") {
      size_t count = words.size() > 2 ? std::stoull(words[2]) : 1;
      for (; count != 0 && !list.empty(); --count) Take(list, name == "LPOP");
    } else if (name == "LSET") {
      list.at(std::stoull(words[2])) = words[3];
    } else if (name == "LINSERT") {
      const auto at = std::find(list.begin(), list.end(), words[3]);
      if (at != list.end()) list.insert(words[2] == "AFTER" ? at + 1 : at, words[4]);
    } else if (name == "LREM") {
      Remove(list, std::stoll(words[2]), words[3]);
    } else if (name == "LTRIM") {
      const auto first = static_cast<std::ptrdiff_t>(std::stoull(words[2]));
      const auto last = static_cast<std::ptrdiff_t>(std::stoull(words[3]));
      list = {list.begin() + first, list.begin() + last + 1};
    } else if (name == "LMOVE") {
      const std::string text = Take(list, words[3] == "LEFT");
      std::deque<std::string>& to = lists[words[2]];
      words[4] == "LEFT" ? to.push_front(text) : to.push_back(text);
    } else {
      REQUIRE(name == "DEL");
      list.clear();
    }
    std::erase_if(lists, [](const auto& entry) { return entry.second.empty(); });
  }

  static size_t Remove(std::deque<std::string>& list, int64_t count, const std::string& text) {
    const bool back = count < 0;
    uint64_t left = count == 0 ? UINT64_MAX : static_cast<uint64_t>(back ? -count : count);
    if (back) std::reverse(list.begin(), list.end());
    const size_t removed = std::erase_if(
        list, [&](const std::string& other) { return other == text && left > 0 && left-- > 0; });
    if (back) std::reverse(list.begin(), list.end());
    return removed;
  }

 private:
  static std::string Take(std::deque<std::string>& list, bool front) {
    std::string text = front ? list.front() : list.back();
    front ? list.pop_front() : list.pop_back();
    return text;
  }
};

// Does to a model what is logged.
class Replay final : public ChangeLog {
 public:
  void Append(int db, std::span<const std::string_view> command) override {
    model.Apply(Words(command.begin(), command.end()));
  }
  bool Reserve(size_t bytes) override { return true; }

  Model model;
};

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

class Fixture {
 public:
  Fixture() : store_({.databases = 2, .shards = 2, .clock = &clock_}) {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
  }
  ~Fixture() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  }

  Db db() { return Db(store_, thread_, tally_, 0, Access::kLocked, clock_.WallMillis()); }
  Record* Find(const std::string& key) { return db().Find(MakeKey(key), Lookup::kPeek); }
  bool InRecord(const std::string& key) { return Find(key)->encoding() == Encoding::kListpack; }
  std::string Form(const std::string& key) { return std::string(keys::EncodingName(*Find(key))); }

  uint64_t Push(const std::string& key, ListEnd end, const Words& texts) {
    Db d = db();
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return *lists::Push(d, MakeKey(key), end, views);
  }
  Lines Pop(const std::string& key, ListEnd end, uint64_t count) {
    Db d = db();
    Lines popped;
    uint64_t begun = 0;
    const Result<uint64_t> number = lists::Pop(
        d, MakeKey(key), end, count, [&](uint64_t taken) { begun = taken; },
        [&](const PackedValue& value) { popped.push_back(TextOf(value)); });
    CHECK(popped.size() == begun);
    CHECK((number.ok() ? *number == begun : number.error() == Errc::kNoKey));
    return popped;
  }
  Lines Move(const std::string& from, const std::string& to, ListEnd from_end, ListEnd to_end) {
    Db d = db();
    Lines moved;
    const Result<bool> done =
        lists::Move(d, MakeKey(from), MakeKey(to), from_end, to_end,
                    [&](const PackedValue& value) { moved.push_back(TextOf(value)); });
    CHECK(*done == !moved.empty());
    return moved;
  }
  std::deque<std::string> All(const std::string& key, ListEnd from = ListEnd::kFront,
                              uint64_t skipped = 0) {
    std::deque<std::string> all;
    lists::Elements(Find(key)).Walk(from, skipped, [&](const PackedValue& value) {
      all.push_back(TextOf(value));
      return true;
    });
    return all;
  }

  FakeClock clock_{1'700'000'000'000};
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  Tally tally_;
  Recorder recorder_;
};

constexpr ListEnd kFront = ListEnd::kFront;
constexpr ListEnd kBack = ListEnd::kBack;

// One random run of operations: against a model that is told what is done, and one that is told the effects.
class Run {
 public:
  Run(Fixture& fixture, uint64_t seed) : f_(fixture), random_(seed) {
    constexpr int64_t kSizes[] = {-5, -2, -1, 0, 1, 3, 40, 128};
    f_.store_.set_change_log(&replay_);
    f_.store_.packing.list_size = kSizes[random_.Below(std::size(kSizes))];
    f_.store_.packing.list_depth = static_cast<int64_t>(random_.Below(3));
    longest_ = random_.OneIn(3) ? 5'000 : random_.OneIn(2) ? 150 : 6;
  }
  ~Run() { f_.store_.set_change_log(&f_.recorder_); }

  void Step() {
    const std::string key = RandomKey();
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return Push(key);
      case 3:
      case 4:
        return Pop(key);
      case 5:
        return Set(key);
      case 6:
        return Insert(key);
      case 7:
        return Remove(key);
      case 8:
        if (random_.OneIn(4)) return Trim(key);
        return Read(key);
      default:
        return Move(key, RandomKey());
    }
  }

  void Check() {
    for (const char* key : {"a", "b", "c"}) {
      INFO("key " << key);
      const auto at = model_.lists.find(key);
      const bool there = at != model_.lists.end();
      REQUIRE((f_.Find(key) != nullptr) == there);
      REQUIRE((there ? f_.All(key) == at->second : f_.All(key).empty()));
      if (there) ++(f_.InRecord(key) ? packed_seen : large_seen);
    }
    REQUIRE(replay_.model.lists == model_.lists);
  }

  uint64_t packed_seen = 0;
  uint64_t large_seen = 0;

 private:
  std::string RandomKey() { return std::string(1, static_cast<char>('a' + random_.Below(3))); }
  ListEnd RandomEnd() { return random_.OneIn(2) ? kFront : kBack; }
  std::string RandomText() {
    if (random_.OneIn(2)) return std::to_string(static_cast<int64_t>(random_.Below(10)) - 4);
    if (random_.OneIn(6)) return std::to_string(static_cast<int64_t>(random_.Next()));
    return std::string(random_.Below(longest_), static_cast<char>('x' + random_.Below(3)));
  }
  uint64_t Size(const std::string& key) {
    const auto at = model_.lists.find(key);
    return at == model_.lists.end() ? 0 : at->second.size();
  }
  int64_t RandomIndex(const std::string& key) {
    const auto size = static_cast<int64_t>(Size(key));
    return random_.OneIn(20) ? INT64_MIN
                             : static_cast<int64_t>(random_.Below(2 * size + 3)) - size - 1;
  }

  void Push(const std::string& key) {
    const ListEnd end = RandomEnd();
    Words words{end == kFront ? "LPUSH" : "RPUSH", key};
    uint64_t count = 1 + random_.Below(3);
    if (random_.OneIn(20)) count = random_.Below(300) + 1;
    if (Size(key) > 1'000) count = 1;
    for (; count != 0; --count) words.push_back(RandomText());
    model_.Apply(words);
    REQUIRE(f_.Push(key, end, {words.begin() + 2, words.end()}) == Size(key));
  }
  void Pop(const std::string& key) {
    const ListEnd end = RandomEnd();
    uint64_t count = random_.OneIn(3) ? random_.Below(20) : 1;
    if (random_.OneIn(10)) count = random_.Below(Size(key) + 1);
    if (random_.OneIn(100)) count = UINT64_MAX;
    const std::deque<std::string> list =
        Size(key) == 0 ? std::deque<std::string>{} : model_.lists[key];
    Lines expected;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, list.size()); ++i) {
      expected.push_back(end == kFront ? list[i] : list[list.size() - 1 - i]);
    }
    REQUIRE(f_.Pop(key, end, count) == expected);
    model_.Apply({end == kFront ? "LPOP" : "RPOP", key, std::to_string(count)});
  }
  void Move(const std::string& from, const std::string& to) {
    const ListEnd from_end = RandomEnd();
    const ListEnd to_end = RandomEnd();
    if (Size(from) == 0) {
      CHECK(f_.Move(from, to, from_end, to_end).empty());
      return;
    }
    const std::deque<std::string>& list = model_.lists[from];
    const std::string text = from_end == kFront ? list.front() : list.back();
    REQUIRE(f_.Move(from, to, from_end, to_end) == Lines{text});
    model_.Apply({"LMOVE", from, to, from_end == kFront ? "LEFT" : "RIGHT",
                  to_end == kFront ? "LEFT" : "RIGHT"});
  }
  void Set(const std::string& key) {
    int64_t index = RandomIndex(key);
    const std::string text = RandomText();
    Db d = f_.db();
    const Errc set = lists::Set(d, MakeKey(key), index, text);
    if (Size(key) == 0) {
      CHECK(set == Errc::kNoKey);
      return;
    }
    if (index < 0) index += static_cast<int64_t>(Size(key));
    const bool there = index >= 0 && index < static_cast<int64_t>(Size(key));
    REQUIRE(set == (there ? Errc::kOk : Errc::kOutOfRange));
    if (there) model_.Apply({"LSET", key, std::to_string(index), text});
  }
  void Insert(const std::string& key) {
    const bool after = random_.OneIn(2);
    const std::string pivot = RandomText();
    const std::string text = RandomText();
    Db d = f_.db();
    const uint64_t before = Size(key);
    const Result<int64_t> length = lists::Insert(d, MakeKey(key), after, pivot, text);
    model_.Apply({"LINSERT", key, after ? "AFTER" : "BEFORE", pivot, text});
    const int64_t unchanged = before == 0 ? 0 : -1;
    CHECK(*length == (Size(key) != before ? static_cast<int64_t>(Size(key)) : unchanged));
  }
  void Remove(const std::string& key) {
    const int64_t count = static_cast<int64_t>(random_.Below(7)) - 3;
    const std::string text = RandomText();
    Db d = f_.db();
    const uint64_t before = Size(key);
    const Result<uint64_t> removed = lists::Remove(d, MakeKey(key), count, text);
    model_.Apply({"LREM", key, std::to_string(count), text});
    CHECK(*removed == before - Size(key));
  }
  void Trim(const std::string& key) {
    const auto size = static_cast<int64_t>(Size(key));
    // Mostly little goes.
    int64_t start = static_cast<int64_t>(random_.Below(4));
    int64_t end = -1 - static_cast<int64_t>(random_.Below(4));
    if (random_.OneIn(8)) start = RandomIndex(key);
    if (random_.OneIn(8)) end = RandomIndex(key);
    Db d = f_.db();
    CHECK(lists::Trim(d, MakeKey(key), start, end) == Errc::kOk);
    if (size == 0) return;
    if (start < 0) start = std::max<int64_t>(start + size, 0);
    if (end < 0) end += size;
    end = std::min(end, size - 1);
    if (start > end) return model_.Apply({"DEL", key});
    model_.Apply({"LTRIM", key, std::to_string(start), std::to_string(end)});
  }
  void Read(const std::string& key) {
    if (Size(key) == 0) return;
    std::deque<std::string> rest = model_.lists[key];
    const ListEnd from = RandomEnd();
    const uint64_t skipped = random_.Below(rest.size() + 2);
    if (from == kBack) std::reverse(rest.begin(), rest.end());
    const auto first = static_cast<std::ptrdiff_t>(std::min<uint64_t>(skipped, rest.size()));
    rest.erase(rest.begin(), rest.begin() + first);
    CHECK(f_.All(key, from, skipped) == rest);
  }

  Fixture& f_;
  Random random_;
  Replay replay_;
  Model model_;
  uint64_t longest_;
};

TEST_CASE_METHOD(Fixture, "lists hold what deques hold, and effects say what was done") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  uint64_t packed = 0;
  uint64_t large = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    INFO("run " << i);
    Run run(*this, seed + i);
    for (int step = 0; step < 400; ++step) {
      run.Step();
      if (step % 8 == 0) run.Check();
      if (step % 64 == 0) {
        thread_.Quiescent();
        clock_.AdvanceMillis(1);
      }
    }
    run.Check();
    packed += run.packed_seen;
    large += run.large_seen;
    const std::string wrong = AuditStore(store_);
    REQUIRE(wrong == "");
    for (const char* key : {"a", "b", "c"}) db().Erase(MakeKey(key));
  }
  CHECK(packed > 100);
  CHECK(large > 100);
}

TEST_CASE_METHOD(Fixture, "what a list logs and tells") {
  Push("a", kBack, {"1", "2", "3"});
  CHECK(recorder_.Take() == Lines{"log0: RPUSH a 1 2 3", "event0: new a", "event0: rpush a"});
  Push("a", kFront, {"0"});
  CHECK(recorder_.Take() == Lines{"log0: LPUSH a 0", "event0: lpush a"});
  Db d = db();
  CHECK(*lists::PushIfThere(d, MakeKey("missing"), kBack, {}) == 0);
  CHECK(Pop("missing", kBack, 1).empty());
  CHECK(Pop("a", kBack, 0).empty());
  CHECK(recorder_.Take().empty());
  CHECK(Pop("a", kBack, 1) == Lines{"3"});
  CHECK(recorder_.Take() == Lines{"log0: RPOP a", "event0: rpop a"});
  CHECK(Move("a", "b", kFront, kBack) == Lines{"0"});
  CHECK(recorder_.Take() ==
        Lines{"log0: LMOVE a b LEFT RIGHT", "event0: new b", "event0: rpush b", "event0: lpop a"});
  Move("b", "a", kBack, kFront);
  CHECK(recorder_.Take() == Lines{"log0: LMOVE b a RIGHT LEFT", "event0: lpush a", "event0: rpop b",
                                  "log0: DEL b", "event0: del b"});
  Move("a", "a", kBack, kFront);
  CHECK(recorder_.Take() ==
        Lines{"log0: LMOVE a a RIGHT LEFT", "event0: lpush a", "event0: rpop a"});
  CHECK(lists::Set(d, MakeKey("a"), -1, "x") == Errc::kOk);
  CHECK(recorder_.Take() == Lines{"log0: LSET a 2 x", "event0: lset a"});
  CHECK(lists::Set(d, MakeKey("a"), 3, "x") == Errc::kOutOfRange);
  CHECK(*lists::Insert(d, MakeKey("a"), true, "nothing", "y") == -1);
  CHECK(*lists::Remove(d, MakeKey("a"), 0, "nothing") == 0);
  CHECK(recorder_.Take().empty());
  CHECK(*lists::Insert(d, MakeKey("a"), true, "x", "x") == 4);
  CHECK(recorder_.Take() == Lines{"log0: LINSERT a AFTER x x", "event0: linsert a"});
  CHECK(*lists::Remove(d, MakeKey("a"), -1, "x") == 1);
  CHECK(recorder_.Take() == Lines{"log0: LREM a -1 x", "event0: lrem a"});
  CHECK(lists::Trim(d, MakeKey("a"), 0, 10) == Errc::kOk);
  CHECK(recorder_.Take() == Lines{"event0: ltrim a"});
  CHECK(lists::Trim(d, MakeKey("a"), -2, -1) == Errc::kOk);
  CHECK(recorder_.Take() == Lines{"log0: LTRIM a 1 2", "event0: ltrim a"});
  CHECK(tally_.changes == 3 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1);
  CHECK(Pop("a", kFront, UINT64_MAX) == Lines{"0", "x"});
  CHECK(recorder_.Take() ==
        Lines{"log0: LPOP a 2", "event0: lpop a", "log0: DEL a", "event0: del a"});
}

TEST_CASE_METHOD(Fixture, "another type is neither read nor changed") {
  Record::Draft draft;
  draft.key = "s";
  draft.value = "text";
  db().Put(MakeKey("s"), draft);
  Push("l", kBack, {"1"});
  recorder_.Take();
  Db d = db();
  const std::string_view texts[] = {"x"};
  const auto nothing = [](const PackedValue&) { FAIL("visited"); };
  const KeyView s = MakeKey("s");
  const KeyView l = MakeKey("l");
  CHECK(lists::Find(d, s, Lookup::kUse).error() == Errc::kWrongType);
  CHECK(lists::Push(d, s, kBack, texts).error() == Errc::kWrongType);
  CHECK(lists::PushIfThere(d, s, kBack, texts).error() == Errc::kWrongType);
  CHECK(lists::Pop(
            d, s, kBack, 0, [](uint64_t) { FAIL("begun"); }, nothing)
            .error() == Errc::kWrongType);
  CHECK(lists::Move(d, s, l, kBack, kBack, nothing).error() == Errc::kWrongType);
  CHECK(lists::Move(d, l, s, kBack, kBack, nothing).error() == Errc::kWrongType);
  CHECK(lists::Set(d, s, 0, "x") == Errc::kWrongType);
  CHECK(lists::Insert(d, s, true, "x", "x").error() == Errc::kWrongType);
  CHECK(lists::Remove(d, s, 0, "x").error() == Errc::kWrongType);
  CHECK(lists::Trim(d, s, 0, 0) == Errc::kWrongType);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(Fixture, "short lists are in their records, and go back when little is left") {
  const std::string text(96, 'x');  // 99 bytes packed
  for (int i = 0; i < 5; ++i) Push("l", kBack, {text});
  CHECK(InRecord("l"));
  Push("l", kFront, {text});
  CHECK_FALSE(InRecord("l"));
  CHECK(Form("l") == "listpack");
  CHECK(Find("l")->read_under_lock());
  Pop("l", kFront, 4);
  CHECK_FALSE(InRecord("l"));
  Pop("l", kBack, 1);
  CHECK(InRecord("l"));
  CHECK_FALSE(Find("l")->read_under_lock());
  CHECK(All("l") == std::deque<std::string>{text});
  CHECK(AuditStore(store_) == "");
}

TEST_CASE_METHOD(Fixture, "the form that is told changes at a node's bytes and at half of them") {
  store_.packing.list_size = -1;
  const std::string text(1'000, 'x');  // 1004 bytes packed
  Push("l", kBack, {text, text, text});
  // 7 bytes of the listpack's own, and the text alone counts.
  Push("l", kBack, {std::string(4'096 - 7 - 3 * 1'004, 'y')});
  CHECK(Form("l") == "listpack");
  Pop("l", kBack, 1);
  Push("l", kBack, {std::string(4'096 - 7 - 3 * 1'004 + 1, 'y')});
  CHECK(Form("l") == "quicklist");
  Pop("l", kBack, 1);
  CHECK(Form("l") == "quicklist");
  Pop("l", kBack, 1);
  CHECK(Form("l") == "listpack");
  store_.packing.list_size = 2;
  Push("l", kBack, {"1"});
  CHECK(Form("l") == "quicklist");
  Db d = db();
  CHECK(keys::Copy(d, MakeKey("l"), d, MakeKey("copy"), false));
  CHECK(Form("copy") == "quicklist");
  CHECK(All("copy") == All("l"));
  Pop("copy", kFront, 2);
  CHECK(Form("copy") == "listpack");
  CHECK(InRecord("copy"));
  CHECK(Form("l") == "quicklist");
}

TEST_CASE_METHOD(Fixture, "a list has its deadline in whatever form it is") {
  Push("l", kBack, {"1"});
  const UnixMillis deadline = clock_.WallMillis() + 1'000;
  db().SetDeadline(MakeKey("l"), Find("l"), deadline);
  Push("l", kBack, {std::string(600, 'x')});
  CHECK_FALSE(InRecord("l"));
  CHECK(Find("l")->deadline() == deadline);
  Move("l", "other", kFront, kBack);
  CHECK_FALSE(Find("other")->has_deadline());
  Push("l", kBack, {"2", "3"});
  Pop("l", kFront, 1);
  CHECK(InRecord("l"));
  CHECK(Find("l")->deadline() == deadline);
  Move("l", "l", kFront, kBack);
  CHECK(Find("l")->deadline() == deadline);
}

TEST_CASE_METHOD(Fixture,
                 "a class gives lists their deadlines, the ones changed in place as well") {
  Push("c:long", kBack, {std::string(600, 'x'), "1"});
  store_.SetKeyClasses(thread_, {Rule("c", 5'000)});
  recorder_.Take();
  Push("c:short", kBack, {"1"});
  CHECK(Find("c:short")->deadline() == clock_.WallMillis() + 5'000);
  CHECK(recorder_.Take() == Lines{"log0: RPUSH c:short 1",
                                  "log0: PEXPIREAT c:short 1700000005000 NX", "event0: new c:short",
                                  "event0: rpush c:short"});
  Pop("c:long", kFront, 1);
  CHECK(Find("c:long")->deadline() == clock_.WallMillis() + 5'000);
  CHECK(InRecord("c:long"));
  CHECK(recorder_.Take() == Lines{"log0: LPOP c:long", "log0: PEXPIREAT c:long 1700000005000 NX",
                                  "event0: lpop c:long"});
  CHECK(AuditStore(store_) == "");
}

}  // namespace
}  // namespace alai
