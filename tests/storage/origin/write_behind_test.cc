// What waits for the database: its order, its bounds, and that it is there again after the process has ended.
#include "storage/origin/write_behind.h"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include "engine/base/random.h"
#include "storage/origin/origin.h"
#include "storage/origin/rule_text.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"
#include "tests/server/temporary_folder.h"

namespace alai::origin {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;

std::shared_ptr<RuleState> StateOf(const std::string& name, const std::string& type = "string") {
  const std::vector<std::string> words = {name,     name + ":{id:text}",
                                          "type",   type,
                                          "write",  "behind",
                                          "upsert", "INSERT INTO t VALUES ($1, $2)",
                                          "delete", "DELETE FROM t WHERE id = $1",
                                          "query",  "SELECT v FROM t WHERE id = $1"};
  auto rule = std::make_shared<Rule>();
  REQUIRE(ReadRule(words, rule.get()).ok());
  return std::make_shared<RuleState>(std::move(rule));
}

// One process's view of a journal.
class Behind {
 public:
  explicit Behind(RuleStates states = {StateOf("s"), StateOf("h", "hash")})
      : states_(std::move(states)) {
    Open();
  }

  void Open() {
    behind_ = std::make_unique<WriteBehind>(clock, [this] { return states_; });
    behind_->SetLimits(limits);
    behind_->Open(folder.Path("journal"));
    behind_->Begin();
  }
  void Close() { behind_.reset(); }
  void Reopen() {
    Close();
    Open();
  }
  WriteBehind& operator*() { return *behind_; }
  WriteBehind* operator->() { return behind_.get(); }

  void SetRules(RuleStates states) {
    if (behind_ != nullptr) behind_->Adopt(states);
    states_ = std::move(states);
  }

  // A write by name, "s:1=value" or "s:1" for one that deletes.
  static std::shared_ptr<PendingWrite> Make(const std::string& text) {
    auto write = std::make_shared<PendingWrite>();
    const size_t equals = text.find('=');
    write->key = text.substr(0, equals);
    write->rule = write->key.substr(0, write->key.find(':'));
    write->type = write->rule == "h" ? Type::kHash : Type::kString;
    write->request.arguments = {write->key.substr(write->key.find(':') + 1)};
    if (equals != std::string::npos) write->request.value = text.substr(equals + 1);
    return write;
  }
  std::string Reserve(const std::string& text) {
    std::string why;
    return behind_->Reserve({Make(text)}, &why) ? "" : why;
  }
  void Add(const std::string& text) {
    const WriteBehind::Writes writes = {Make(text)};
    std::string why;
    const bool reserved = behind_->Reserve(writes, &why);
    INFO(why);
    REQUIRE(reserved);
    behind_->Add(writes);
    REQUIRE(behind_->Keep().ok());
  }
  WriteBehind::Batch Take(size_t items = 1000) { return behind_->Take(states_, items, UINT64_MAX); }
  static std::string TextOf(const WriteBehind::Item& item) {
    const PendingWrite& first = *item.writes.front();
    return first.key + (item.request().value ? "=" + *item.request().value : "");
  }
  static std::string TextOf(const WriteBehind::Batch& batch) {
    std::string text;
    for (const WriteBehind::Item& item : batch) text += (text.empty() ? "" : " ") + TextOf(item);
    return text;
  }
  // Writes one batch, and tells which.
  std::string Write(size_t items = 1000) {
    const WriteBehind::Batch batch = Take(items);
    behind_->Written(batch);
    behind_->Mark();
    return TextOf(batch);
  }
  WriteBehind::Known Look(const std::string& key, std::optional<std::string>* value = nullptr) {
    return behind_->Look(0, MakeKey(key), value);
  }

  const TemporaryFolder folder;
  FakeClock clock{1'700'000'000'000};
  WriteBehind::Limits limits;

 private:
  RuleStates states_;
  std::unique_ptr<WriteBehind> behind_;
};

using Known = WriteBehind::Known;

}  // namespace

TEST_CASE("Writes are taken in their order, whatever their keys and rules are") {
  Behind behind;
  for (const char* write : {"s:1=a", "h:1=b", "s:2=c", "h:2", "s:3=d"}) behind.Add(write);
  CHECK(behind.Write(2) == "s:1=a h:1=b");
  behind.Add("s:1=e");
  CHECK(behind.Write() == "s:2=c h:2 s:3=d s:1=e");
  CHECK(behind.Write().empty());
  CHECK(behind->writes() == 0);
}

TEST_CASE("Only the last of a string's values side by side is sent, at the place of the first") {
  Behind behind;
  for (const char* write : {"s:1=a", "s:2=x", "s:1=b", "s:1=c", "s:1", "s:1=d", "s:1=e"}) {
    behind.Add(write);
  }
  const WriteBehind::Batch batch = behind.Take();
  CHECK(Behind::TextOf(batch) == "s:1=c s:2=x s:1 s:1=e");
  CHECK(batch[0].writes.size() == 3);
  // What comes while they are under way is no part of them.
  behind.Add("s:1=f");
  CHECK(behind.Take().size() == 1);
}

TEST_CASE("Fields of a hash are all sent") {
  Behind behind;
  for (const char* write : {"h:1={a}", "h:1={b}", "h:1={a}"}) behind.Add(write);
  CHECK(behind.Write() == "h:1={a} h:1={b} h:1={a}");
}

TEST_CASE("What is tried again keeps its place") {
  Behind behind;
  for (const char* write : {"s:1=a", "s:2=b"}) behind.Add(write);
  const WriteBehind::Batch batch = behind.Take(1);
  CHECK(Behind::TextOf(batch) == "s:1=a");
  behind->Retry(batch);
  behind.Add("s:1=c");
  CHECK(behind.Write() == "s:1=c s:2=b");
}

TEST_CASE("A key that is held lets others go on, for longer each time") {
  Behind behind;
  for (const char* write : {"h:1={a}", "s:2=b", "h:1={c}", "h:1"}) behind.Add(write);
  const auto hold = [&] {
    return behind->Hold(behind.Take(1)[0], 100 * kNanosPerMilli, 300 * kNanosPerMilli);
  };
  CHECK(hold() == 1);
  CHECK(behind.Write() == "s:2=b");
  CHECK(behind->Idle());
  for (const int64_t ms : {100, 200, 300, 300}) {
    behind.clock.AdvanceMillis(ms - 1);
    CHECK(behind.Take().empty());
    behind.clock.AdvanceMillis(1);
    CHECK_FALSE(behind->Idle());
    hold();
  }
  behind.clock.AdvanceMillis(1000);
  behind->Drop(behind.Take(1)[0]);
  CHECK(behind.Write() == "h:1={c} h:1");
}

TEST_CASE("What waits is bounded in writes and in bytes, what is reserved included") {
  Behind behind;
  behind.limits.rows_max = 3;
  behind.limits.bytes_max = 1000;
  behind->SetLimits(behind.limits);
  behind.Add("s:1=a");
  const WriteBehind::Writes two = {Behind::Make("s:2=b"), Behind::Make("s:3=c")};
  std::string why;
  REQUIRE(behind->Reserve(two, &why));
  CHECK(behind.Reserve("s:4=d").starts_with("ORIGINBUSY the journal of writes is full: 3 writes"));
  behind->Release(two);
  behind.Add("s:4=d");
  CHECK(behind.Reserve("s:5=" + std::string(900, 'x')).starts_with("ORIGINBUSY"));
  behind.Add("s:5=e");
  CHECK(behind.Reserve("s:6=f").starts_with("ORIGINBUSY"));
  CHECK(behind.Write() == "s:1=a s:4=d s:5=e");
  CHECK(behind.Reserve("s:5=" + std::string(900, 'x')).empty());
}

TEST_CASE("Figures of what waits") {
  Behind behind;
  CHECK(behind->backlog().writes == 0);
  behind.Add("s:1=a");
  behind.clock.AdvanceMillis(70);
  behind.Add("h:1={b}");
  behind.clock.AdvanceMillis(30);
  CHECK(behind->backlog().writes == 2);
  CHECK(behind->backlog().oldest_ns == 100 * kNanosPerMilli);
  CHECK(behind->BacklogOf("h").writes == 1);
  CHECK(behind->BacklogOf("h").oldest_ns == 30 * kNanosPerMilli);
  CHECK(behind->BacklogOf("s").bytes + behind->BacklogOf("h").bytes == behind->backlog().bytes);
  CHECK(behind->BacklogOf("x").writes == 0);
  behind.Write(1);
  CHECK(behind->BacklogOf("s").writes == 0);
  CHECK(behind->backlog().oldest_ns == 30 * kNanosPerMilli);
}

TEST_CASE("What waits says what the database will have") {
  Behind behind;
  std::optional<std::string> value;
  CHECK(behind.Look("s:1", &value) == Known::kNothing);
  behind.Add("s:1=a");
  CHECK(behind.Look("s:1", &value) == Known::kWhole);
  CHECK(value == "a");
  behind.Add("s:1");
  CHECK(behind.Look("s:1", &value) == Known::kWhole);
  CHECK_FALSE(value.has_value());
  behind.Add("h:1={a}");
  CHECK(behind.Look("h:1") == Known::kPart);
  behind.Add("h:1");
  CHECK(behind.Look("h:1", &value) == Known::kWhole);
  CHECK_FALSE(value.has_value());
  const WriteBehind::Batch batch = behind.Take();
  CHECK(behind.Look("s:1") == Known::kWhole);
  behind->Written(batch);
  CHECK(behind.Look("s:1") == Known::kNothing);
  CHECK(behind.Look("h:1") == Known::kNothing);
}

TEST_CASE("What was not written is there again, in its order") {
  Behind behind;
  for (const char* write : {"s:1=a", "s:2=b", "h:1={c}", "s:1", "s:1=d"}) behind.Add(write);
  CHECK(behind.Write(1) == "s:1=a");
  behind.Reopen();
  CHECK(behind->writes() == 4);
  CHECK(behind.Look("s:2") == Known::kWhole);
  CHECK(behind.Look("h:1") == Known::kPart);
  behind.Add("s:3=e");
  CHECK(behind.Write() == "s:2=b h:1={c} s:1 s:1=d s:3=e");
  behind.Reopen();
  CHECK(behind->writes() == 0);
}

TEST_CASE("Writes of a rule that is not there wait until it is again") {
  Behind behind;
  for (const char* write : {"h:1={a}", "s:1=b", "h:2={c}", "s:2=d"}) behind.Add(write);
  behind.Close();
  behind.SetRules({});
  behind.Open();
  CHECK(behind.Take().empty());
  CHECK(behind->Idle());
  CHECK(behind->journal_figures().set_aside == 4);
  behind.SetRules({StateOf("s")});
  CHECK(behind.Look("s:1") == Known::kWhole);
  behind.Add("s:1=e");
  CHECK(behind.Write() == "s:1=e s:2=d");
  CHECK(behind->journal_figures().set_aside == 2);
  behind.Reopen();
  // What the others keep in the file comes again, which does no harm.
  CHECK(behind.Write() == "s:1=e s:2=d");
  behind.SetRules({StateOf("s"), StateOf("h", "hash")});
  CHECK(behind.Write() == "h:1={a} h:2={c}");
  behind.Reopen();
  CHECK(behind->writes() == 0);
}

TEST_CASE("A rule that goes while its writes wait leaves the others alone") {
  Behind behind;
  for (const char* write : {"h:1={a}", "s:1=b"}) behind.Add(write);
  behind.SetRules({StateOf("s")});
  CHECK(behind.Write() == "s:1=b");
  CHECK(behind->writes() == 1);
  CHECK(behind->Discard("s") == 0);
  CHECK(behind->Discard("h") == 1);
  behind.Reopen();
  CHECK(behind->writes() == 0);
}

TEST_CASE("What is held up does not fill the journal with what was written behind it") {
  Behind behind;
  behind.limits.bytes_max = 20'000;
  behind->SetLimits(behind.limits);
  behind.Add("s:held=a");
  behind->Hold(behind.Take(1)[0], INT64_MAX / 4, INT64_MAX / 4);
  for (int i = 0; i < 2000; ++i) {
    behind.Add("s:" + std::to_string(i) + "=value");
    if (i % 10 == 9) behind.Write();
  }
  behind.Add("s:held=b");
  behind.Add("s:last=c");
  behind.Reopen();
  CHECK(behind->writes() < 400);
  std::map<std::string, std::string> rows;
  while (behind->writes() > 0) {
    const WriteBehind::Batch batch = behind.Take();
    for (const auto& item : batch) rows[item.writes[0]->key] = *item.request().value;
    behind->Written(batch);
  }
  CHECK(rows["s:held"] == "b");
  CHECK(rows["s:last"] == "c");
}

TEST_CASE("A journal that another process has is opened when it is free") {
  Behind behind;
  behind.Add("s:1=a");
  behind.Close();
  std::unique_ptr<WriteJournal> other;
  WriteJournal::Found found;
  REQUIRE(WriteJournal::Open(behind.folder.Path("journal"), {}, &other, &found).ok());
  behind.Open();
  CHECK(behind.Reserve("s:2=b").starts_with("ORIGINERR the journal of writes cannot be written: "));
  CHECK(behind->journal_figures().trouble.find("another process") != std::string::npos);
  other.reset();
  while (!behind->journal_figures().trouble.empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  behind.Add("s:2=b");
  CHECK(behind.Write() == "s:1=a s:2=b");
}

TEST_CASE("What cannot be journalled waits in memory, and more is refused until it can be") {
  Behind behind;
  behind.Add("s:1=a");
  const rlimit unlimited = [] {
    rlimit now{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &now) == 0);
    return now;
  }();
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{behind->journal_figures().file_bytes, unlimited.rlim_max};
  const WriteBehind::Writes writes = {Behind::Make("s:2=b")};
  std::string why;
  REQUIRE(behind->Reserve(writes, &why));
  behind->Add(writes);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const absl::Status status = behind->Keep();
  const std::string refused = behind.Reserve("s:3=c");
  REQUIRE(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(status.ok());
  CHECK(refused.find("File too large") != std::string::npos);
  // By itself after a while.
  while (!behind.Reserve("s:3=c").empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  behind->Release({Behind::Make("s:3=c")});
  behind.Reopen();
  CHECK(behind.Write() == "s:1=a s:2=b");
}

TEST_CASE("After random work, failures and crashes the database has the last write of every key") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  Behind behind;
  std::map<std::string, std::string> expected;
  std::map<std::string, std::string> rows;
  uint64_t number = 0;
  const auto write = [&](const WriteBehind::Batch& batch) {
    for (const auto& item : batch) {
      rows[item.writes[0]->key] = item.request().value.value_or("");
    }
    behind->Written(batch);
    if (random.Below(3) != 0) behind->Mark();
  };
  for (int round = 0; round < 3000; ++round) {
    const WriteBehind::Batch batch =
        random.Below(2) == 0 ? behind.Take(1 + random.Below(8)) : WriteBehind::Batch();
    for (uint64_t n = random.Below(4); n > 0; --n) {
      const std::string key =
          (random.Below(2) == 0 ? "s:" : "h:") + std::to_string(random.Below(6));
      const bool deletes = random.Below(4) == 0;
      const std::string value = deletes ? "" : std::to_string(++number);
      behind.Add(deletes ? key : key + "=" + value);
      expected[key] = value;
    }
    const uint64_t outcome = random.Below(8);
    if (outcome == 0 && batch.size() == 1) {
      behind->Hold(batch[0], 10 * kNanosPerMilli, 40 * kNanosPerMilli);
    } else if (outcome <= 1) {
      behind->Retry(batch);
    } else {
      write(batch);
    }
    behind.clock.AdvanceMillis(static_cast<int64_t>(random.Below(5)));
    if (random.Below(50) == 0) behind.Reopen();
  }
  for (; behind->writes() > 0; behind.clock.AdvanceMillis(50)) write(behind.Take());
  CHECK(rows == expected);
}

TEST_CASE("Many who write and one who writes behind them go on side by side") {
  WITH_TEST_SEED(seed);
  Behind behind;
  constexpr size_t kKeys = 4;
  constexpr int kWriters = 3;
  constexpr int kWrites = 400;
  struct Key {
    std::mutex mutex;  // as that of the key's shard
    int last = 0;
  };
  Key keys[kKeys];
  std::atomic<int> running{kWriters};
  std::atomic<int> surprises{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, random = Random(seed + static_cast<uint64_t>(writer))]() mutable {
      for (int i = 0; i < kWrites; ++i) {
        Key& key = keys[random.Below(kKeys)];
        const std::string name = "s:" + std::to_string(&key - keys);
        std::unique_lock lock(key.mutex);
        const std::string value = std::to_string(++key.last);
        const WriteBehind::Writes writes = {Behind::Make(name + "=" + value)};
        std::string why;
        std::optional<std::string> known;
        if (!behind->Reserve(writes, &why)) ++surprises;
        behind->Add(writes);
        const Known look = behind.Look(name, &known);
        lock.unlock();
        // It may have been written by then, and nothing older is left.
        if (look != Known::kNothing && known != value) ++surprises;
        if (!behind->Keep().ok()) ++surprises;
      }
      --running;
    });
  }
  Random random(seed);
  std::map<std::string, int> rows;
  while (running > 0 || behind->writes() > 0) {
    const WriteBehind::Batch batch = behind.Take(1 + random.Below(8));
    if (random.Below(3) == 0) {
      behind->Retry(batch);
      continue;
    }
    for (const auto& item : batch) {
      int& row = rows[item.writes[0]->key];
      const int value = std::stoi(*item.request().value);
      if (value <= row) ++surprises;
      row = value;
    }
    behind->Written(batch);
    behind->Mark();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(surprises == 0);
  for (size_t i = 0; i < kKeys; ++i) CHECK(rows["s:" + std::to_string(i)] == keys[i].last);
  behind.Reopen();
  CHECK(behind->writes() == 0);
}

}  // namespace alai::origin
