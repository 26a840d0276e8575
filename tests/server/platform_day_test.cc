// A day of a memories platform on a fake clock: sessions that slide, scores and memories that expire,
// rate limits by user and endpoint, logouts that purge and reset. Every reply and every figure of KEYCLASS STATS
// is compared with a model of maps and sets.
//
// Users come and go in waves: each is about for an hour or so, and then their session ends by itself.
// Before anything is asked the clock moves to a moment about which no key becomes due, so that every
// key's fate is certain: the server removes what is due, and purges, within a tenth of a second.
#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/reply_parser.h"
#include "tests/protocol/seeded.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

constexpr int64_t kSecond = 1000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kUsers = 10'000;
constexpr int64_t kMemories = 2'000;
constexpr int64_t kVisitsPerStep = 20;
constexpr int64_t kCheckEvery = kHour / 4;
constexpr int64_t kSweptWithin = 100;

constexpr int64_t kRefill = 600;  // 100 in 60 s
constexpr int64_t kAtOnce = 21;   // and 20 more

struct Figures {
  int64_t hits = 0;
  int64_t misses = 0;
  int64_t renewed = 0;
  int64_t expired = 0;
  int64_t purged = 0;
  int64_t allowed = 0;
  int64_t limited = 0;
};

// The keys of one class with their deadlines, in milliseconds.
class ModelClass {
 public:
  explicit ModelClass(int64_t ttl, bool sliding = false) : ttl_(ttl), sliding_(sliding) {}

  Figures figures;

  bool Read(const std::string& key, int64_t now) {
    const auto found = deadlines_.find(key);
    ++(found != deadlines_.end() ? figures.hits : figures.misses);
    if (found == deadlines_.end()) return false;
    const int64_t gain = ttl_ / 64;
    const int64_t renewed = now + ttl_ + gain;
    if (sliding_ && renewed - found->second >= gain) {
      ++figures.renewed;
      Put(key, renewed);
    }
    return true;
  }
  void Write(const std::string& key, int64_t now) { Put(key, now + ttl_); }
  void Put(const std::string& key, int64_t deadline) {
    Remove(key);
    deadlines_.emplace(key, deadline);
    by_deadline_.emplace(deadline, key);
  }
  bool Remove(const std::string& key) {
    const auto found = deadlines_.find(key);
    if (found == deadlines_.end()) return false;
    by_deadline_.erase({found->second, key});
    deadlines_.erase(found);
    return true;
  }
  int64_t Purge(const std::string& prefix) {
    std::vector<std::string> keys;
    for (const auto& [key, deadline] : deadlines_) {
      if (key.starts_with(prefix)) keys.push_back(key);
    }
    for (const std::string& key : keys) Remove(key);
    figures.purged += static_cast<int64_t>(keys.size());
    return static_cast<int64_t>(keys.size());
  }
  void Expire(int64_t now) {
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
      Remove(std::string(by_deadline_.begin()->second));
      ++figures.expired;
    }
  }
  bool DueWithin(int64_t from, int64_t to) const {
    const auto next = by_deadline_.lower_bound({from, {}});
    return next != by_deadline_.end() && next->first <= to;
  }
  // 0 when the key is not there.
  int64_t Deadline(const std::string& key) const {
    const auto found = deadlines_.find(key);
    return found == deadlines_.end() ? 0 : found->second;
  }
  int64_t keys() const { return static_cast<int64_t>(deadlines_.size()); }

 private:
  int64_t ttl_;
  bool sliding_;
  std::unordered_map<std::string, int64_t> deadlines_;
  std::set<std::pair<int64_t, std::string>> by_deadline_;
};

std::string Integers(const std::array<int64_t, 5>& numbers) {
  std::string text = "*5\r\n";
  for (const int64_t number : numbers) text += ":" + std::to_string(number) + "\r\n";
  return text;
}

int64_t RoundedUp(int64_t ms) { return (ms + kSecond - 1) / kSecond; }

struct PlatformFixture : LocalFixture {
  PlatformFixture() {
    KeyClassRule memory{.name = "memory", .prefix = "memory:", .ttl_seconds = 3600};
    KeyClassRule score{.name = "score", .prefix = "score:", .ttl_seconds = 900};
    KeyClassRule session{
        .name = "session", .prefix = "session:", .ttl_seconds = 1800, .sliding = true};
    KeyClassRule rate{
        .name = "rate", .prefix = "rate:", .limit = 100, .period_seconds = 60, .burst = 20};
    KeyClassRule admin{.name = "admin", .prefix = "rate:admin:", .unlimited = true};
    config.keyclass.set({memory, score, session, rate, admin});
  }
};

class Day {
 public:
  explicit Day(uint64_t seed) : random_(seed) {}

  void Run() {
    const int64_t begin = now();
    int64_t next_check = begin + kCheckEvery;
    while (now() < begin + kDay) {
      AdvanceTo(now() + random_.Between(1, 30 * kSecond));
      for (int64_t i = 0; i < kVisitsPerStep; ++i) Visit(begin);
      if (now() >= next_check) {
        CheckFigures();
        next_check += kCheckEvery;
      }
    }
    AdvanceTo(now() + 2 * kHour);  // nothing lives longer
    CheckFigures();
    CHECK(Ask({"DBSIZE"}) == ":0\r\n");
    CheckThatAllHappened();
  }

 private:
  int64_t now() const { return fixture_.clock.WallMillis(); }
  std::string Ask(std::initializer_list<std::string_view> words) {
    return client_.Ask(Request(words));
  }
  std::array<ModelClass*, 5> classes() { return {&memory_, &score_, &session_, &rate_, &admin_}; }

  // To `time`, or somewhat later when a key becomes due about then.
  void AdvanceTo(int64_t time) {
    fixture_.Advance(time - now());
    const auto due = [&](const ModelClass* keys) {
      return keys->DueWithin(now() - kSweptWithin, now() + kSweptWithin);
    };
    const auto all = classes();
    while (std::any_of(all.begin(), all.end(), due)) fixture_.Advance(kSweptWithin / 2);
    for (ModelClass* keys : all) keys->Expire(now());
  }

  // One user asks for a few things, and sometimes logs out. What the application would do after each
  // reply is known from the model, so the whole visit is one pipeline.
  void Visit(int64_t begin) {
    const int64_t wave = (now() - begin) * kUsers / kDay;
    const int64_t number = (wave + random_.Between(0, kUsers / 20)) % kUsers;
    const std::string user = "user-" + std::to_string(number);
    const bool is_admin = number % 500 == 0;
    requests_.clear();
    replies_.clear();
    if (!Get(session_, "session:" + user)) Set(session_, "session:" + user);
    const int64_t hurry = random_.Below(20) == 0 ? 80 : 4;
    for (int64_t i = random_.Between(1, hurry); i > 0; --i) {
      if (random_.Below(2) == 0) {
        if (Take(user, "memory", is_admin)) {
          GetOrSet(memory_, "memory:" + std::to_string(random_.Below(kMemories)));
        }
      } else if (Take(user, "score", is_admin)) {
        GetOrSet(score_, "score:" + user + ":today:" + std::to_string(random_.Below(20)));
      }
    }
    const bool logs_out = random_.Below(20) == 0;
    if (logs_out) Logout(user);
    INFO(user << " at " << now() - begin << " ms");
    client_.Send(requests_);
    fixture_.local().RunUntilIdle();
    if (logs_out) AdvanceTo(now() + kSweptWithin / 2);
    REQUIRE(client_.Receive() == replies_);
  }

  void Expect(std::initializer_list<std::string_view> words, std::string_view reply) {
    requests_ += Request(words);
    replies_ += reply;
  }
  bool Get(ModelClass& keys, const std::string& key) {
    const bool found = keys.Read(key, now());
    Expect({"GET", key}, found ? Bulk(key) : "$-1\r\n");
    return found;
  }
  // The value of a key is its name.
  void Set(ModelClass& keys, const std::string& key) {
    keys.Write(key, now());
    Expect({"SET", key, key}, "+OK\r\n");
  }
  void GetOrSet(ModelClass& keys, const std::string& key) {
    if (!Get(keys, key)) Set(keys, key);
  }

  bool Take(const std::string& user, std::string_view endpoint, bool is_admin) {
    if (is_admin) {
      ++admin_.figures.allowed;
      Expect({"RATE.TAKE", "rate:admin:" + user + ":" + std::string(endpoint)},
             Integers({0, -1, -1, -1, 0}));
      return true;
    }
    const std::string key = "rate:" + user + ":" + std::string(endpoint);
    const int64_t full_at = std::max(rate_.Deadline(key), now());
    const int64_t allowed_at = full_at + kRefill - kAtOnce * kRefill;
    if (allowed_at > now()) {
      ++rate_.figures.limited;
      const int64_t remaining = (now() + kAtOnce * kRefill - full_at) / kRefill;
      Expect({"RATE.TAKE", key}, Integers({1, kAtOnce, remaining, RoundedUp(allowed_at - now()),
                                           RoundedUp(full_at - now())}));
      return false;
    }
    ++rate_.figures.allowed;
    rate_.Put(key, full_at + kRefill);
    const int64_t remaining = (now() - allowed_at) / kRefill;
    Expect({"RATE.TAKE", key},
           Integers({0, kAtOnce, remaining, -1, RoundedUp(full_at + kRefill - now())}));
    return true;
  }

  void Logout(const std::string& user) {
    session_.Remove("session:" + user);
    Expect({"DEL", "session:" + user}, ":1\r\n");
    const std::string prefix = "score:" + user + ":";
    const std::string buckets[] = {"rate:" + user + ":memory", "rate:" + user + ":score"};
    const int reset = rate_.Remove(buckets[0]) + rate_.Remove(buckets[1]);
    Expect({"RATE.RESET", buckets[0], buckets[1]}, ":" + std::to_string(reset) + "\r\n");
    const int64_t purged = score_.Purge(prefix);
    if (random_.Below(2) == 0) {
      Expect({"KEYCLASS", "PURGE", "score", prefix}, "+OK\r\n");
    } else {
      Expect({"KEYCLASS", "PURGE", "score", prefix, "SYNC"}, ":" + std::to_string(purged) + "\r\n");
    }
  }

  void CheckFigures() {
    CheckFiguresOf("memory", memory_);
    CheckFiguresOf("score", score_);
    CheckFiguresOf("session", session_);
    CheckFiguresOf("rate", rate_);
    CheckFiguresOf("admin", admin_);
  }
  void CheckFiguresOf(std::string_view name, const ModelClass& model) {
    const std::string bytes = Ask({"KEYCLASS", "STATS", name});
    Reply reply;
    REQUIRE(ParseReply(bytes, &reply));
    INFO(name << " " << Show(reply));
    std::unordered_map<std::string, int64_t> shown;
    for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
      shown[reply.elements[i].text] = reply.elements[i + 1].integer;
    }
    CHECK(shown["keys"] == model.keys());
    CHECK((shown["bytes"] > 0) == (model.keys() > 0));
    CHECK(shown["renewed"] == model.figures.renewed);
    CHECK(shown["expired"] == model.figures.expired);
    CHECK(shown["purged"] == model.figures.purged);
    CHECK(shown["purges_pending"] == 0);
    CHECK(shown["evicted"] == 0);
    CHECK(shown["allowed"] == model.figures.allowed);
    CHECK(shown["limited"] == model.figures.limited);
    if (&model == &rate_ || &model == &admin_) return;
    CHECK(shown["hits"] == model.figures.hits);
    CHECK(shown["misses"] == model.figures.misses);
  }

  // A day on which nothing of some kind has happened would show little.
  void CheckThatAllHappened() const {
    CHECK(session_.figures.expired > 5'000);
    CHECK(session_.figures.renewed > 5'000);
    CHECK(score_.figures.purged > 1'000);
    CHECK(score_.figures.hits > 1'000);
    CHECK(memory_.figures.expired > 10'000);
    CHECK(rate_.figures.limited > 1'000);
    CHECK(admin_.figures.allowed > 50);
  }

  Random random_;
  PlatformFixture fixture_;
  Server::Local::Connection client_ = fixture_.Connect();
  std::string requests_;
  std::string replies_;
  ModelClass memory_{kHour};
  ModelClass score_{kHour / 4};
  ModelClass session_{kHour / 2, true};
  ModelClass rate_{0};
  ModelClass admin_{0};
};

TEST_CASE("A platform's day: every reply and figure is what a model says") {
  WITH_TEST_SEED(seed);
  Day(seed).Run();
}

}  // namespace
}  // namespace alai
