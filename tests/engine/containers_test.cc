// Containers as values of records: shared by a record and its successor, copied by COPY, counted with their
// keys, and freed when the last record that refers to one is gone; in slices when they are large.
#include <functional>
#include <utility>

#include "engine/containers/container.h"
#include "engine/lazy_free.h"
#include "engine/types/keys.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

int alive = 0;

// So many blocks of a kilobyte, none of which is there.
class Blocks final : public Container {
 public:
  explicit Blocks(size_t count) : count_(count) { ++alive; }
  ~Blocks() override { --alive; }
  size_t allocated_bytes() const override { return count_ * 1024; }
  uint64_t parts() const override { return count_; }
  bool FreeSome(size_t nodes) override {
    count_ -= std::min(count_, nodes);
    return count_ != 0;
  }
  std::string_view encoding_name() const override { return "blocks"; }
  Container* Copy() const override { return new Blocks(count_); }
  void Grow(size_t blocks) { count_ += blocks; }

 private:
  size_t count_;
};

class Fixture : public StoreFixture {
 public:
  // The records of a store that holds nothing else.
  Record* PutBlocks(const std::string& key, size_t count, UnixMillis deadline = kNoDeadline) {
    return db()
        .Put(MakeKey(key), {.key = key,
                            .type = Type::kHash,
                            .encoding = Encoding::kContainer,
                            .deadline = deadline,
                            .container = new Blocks(count),
                            .read_under_lock = true})
        .record;
  }
  uint64_t RecordBytes() { return store_.Memory().record_bytes; }
  // Lets everything that is retired be freed.
  void Settle() {
    for (int i = 0; i < 4; ++i) {
      thread_.GoOffline();
      thread_.GoOnline();
    }
  }
  LazyFree& lazy_free() { return store_.reclaimer().lazy_free(); }
  int alive_before_ = alive;
};

TEST_CASE_METHOD(Fixture, "an optimistic lookup does not show a container") {
  PutBlocks("k", 1);
  Tally tally;
  Db optimistic(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
  CHECK(optimistic.Find(MakeKey("k")) == nullptr);
  CHECK(tally.needs_lock);
  CHECK(keys::EncodingName(*db().Find(MakeKey("k"))) == "blocks");
}

TEST_CASE_METHOD(Fixture, "a container counts with its key, however it changes") {
  const uint64_t before = RecordBytes();
  Record* record = PutBlocks("k", 10);
  CHECK(RecordBytes() >= before + 10 * 1024);
  const size_t bytes = record->container()->allocated_bytes();
  static_cast<Blocks*>(record->container())->Grow(5);
  db().ContainerChanged(MakeKey("k"), record, bytes);
  CHECK(RecordBytes() >= before + 15 * 1024);
  CHECK(RecordBytes() < before + 16 * 1024);
  CHECK(Erase("k"));
  CHECK(RecordBytes() == before);
  Settle();
  CHECK(alive == alive_before_);
}

TEST_CASE_METHOD(Fixture, "a deadline or a new name leaves the container where it is") {
  Record* record = PutBlocks("k", 10);
  Container* container = record->container();
  record = db().SetDeadline(MakeKey("k"), record, clock_.WallMillis() + 1000);
  CHECK(record->container() == container);
  Db locked = db();
  CHECK(keys::Rename(locked, MakeKey("k"), MakeKey("other"), true) == Errc::kOk);
  record = db().Find(MakeKey("other"));
  REQUIRE(record != nullptr);
  CHECK(record->container() == container);
  CHECK(record->deadline() == clock_.WallMillis() + 1000);
  // Only the records were given up.
  CHECK(store_.Memory().retired_bytes < 1024);
  Settle();
  CHECK_FALSE(container->shared());
  CHECK(alive == alive_before_ + 1);
}

TEST_CASE_METHOD(Fixture, "a copy has a container of its own") {
  PutBlocks("k", 10);
  Db locked = db();
  CHECK(keys::Copy(locked, MakeKey("k"), locked, MakeKey("copy"), false));
  CHECK(alive == alive_before_ + 2);
  CHECK(Erase("k"));
  Settle();
  CHECK(alive == alive_before_ + 1);
  CHECK(db().Find(MakeKey("copy"))->container()->allocated_bytes() == 10 * 1024);
}

TEST_CASE_METHOD(Fixture, "large containers are freed in slices by who has the time") {
  int woken = 0;
  lazy_free().set_wake([&woken] { ++woken; });
  PutBlocks("small", 2);
  PutBlocks("large", 1000);
  PutBlocks("expiring", 100, clock_.WallMillis() + 10);
  CHECK(Erase("small"));
  CHECK(Erase("large"));
  clock_.AdvanceMillis(50);
  SweepAll();
  Settle();
  CHECK(alive == alive_before_ + 2);
  CHECK(woken == 2);
  CHECK(lazy_free().pending() == 2);
  CHECK(store_.detached_bytes() == 1100 * 1024);
  CHECK(store_.memory_limit().waiting_bytes() == 1100 * 1024);
  while (store_.FreeDetached(thread_, 1'000'000)) {
  }
  CHECK(alive == alive_before_);
  CHECK(lazy_free().pending() == 0);
  CHECK(lazy_free().freed() == 2);
  CHECK(store_.detached_bytes() == 0);
}

TEST_CASE_METHOD(Fixture, "a container is pending from its removal on until it is freed") {
  PutBlocks("whole", 100);
  PutBlocks("few parts", 10);
  CHECK(Erase("few parts"));
  CHECK(lazy_free().pending() == 0);
  CHECK(Erase("whole"));
  CHECK(lazy_free().pending() == 1);
  CHECK(lazy_free().freed() == 0);
  Settle();
  while (store_.FreeDetached(thread_, 1'000'000)) {
  }
  CHECK(lazy_free().pending() == 0);
  CHECK(lazy_free().freed() == 1);
}

TEST_CASE_METHOD(Fixture, "a container that its key keeps is not pending for long") {
  Record* record = PutBlocks("k", 100);
  db().SetDeadline(MakeKey("k"), record, clock_.WallMillis() + 1000);
  Settle();
  CHECK(lazy_free().pending() == 0);
  CHECK(lazy_free().freed() == 0);
  CHECK(alive == alive_before_ + 1);
}

TEST_CASE_METHOD(Fixture, "for each cause it can be said that large containers are freed at once") {
  LazyFree& lazy = lazy_free();
  const auto erase = [&](const char* key) { CHECK(db().Erase(MakeKey(key), FreeCause::kDelete)); };
  const auto unlink = [&](const char* key) { CHECK(db().Erase(MakeKey(key), FreeCause::kUnlink)); };
  const auto replace = [&](const char* key) {
    db().Put(MakeKey(key), {.key = key, .value = "text"});
  };
  const auto expire = [&](const char*) {
    clock_.AdvanceMillis(100);
    SweepAll();
  };
  const std::pair<FreeCause, std::function<void(const char*)>> kCauses[] = {
      {FreeCause::kDelete, erase},
      {FreeCause::kSideEffect, replace},
      {FreeCause::kExpired, expire},
  };
  for (const auto& [cause, remove] : kCauses) {
    for (const bool is_lazy : {false, true}) {
      lazy.SetLazy(cause, is_lazy);
      CHECK(lazy.lazy(cause) == is_lazy);
      PutBlocks("k", 1000, clock_.WallMillis() + 50);
      remove("k");
      Settle();
      CHECK(lazy.pending() == (is_lazy ? 1 : 0));
      CHECK(alive == alive_before_ + (is_lazy ? 1 : 0));
      while (store_.FreeDetached(thread_, 1'000'000)) {
      }
    }
  }
  CHECK(lazy.freed() == 3);
  lazy.SetLazy(FreeCause::kDelete, false);
  PutBlocks("k", 1000);
  unlink("k");
  Settle();
  CHECK(lazy.pending() == 1);
}

TEST_CASE_METHOD(Fixture, "what has many parts counts as freed lazily") {
  LazyFree& lazy = lazy_free();
  for (const size_t count : {1, 10, 64, 65, 200}) {
    PutBlocks("k", count);
    CHECK(Erase("k"));
    Settle();
    while (store_.FreeDetached(thread_, 1'000'000)) {
    }
    CHECK(lazy.freed() == (count >= 200 ? 2 : count >= 65 ? 1 : 0));
  }
  lazy.ResetFreed();
  CHECK(lazy.freed() == 0);
  CHECK(alive == alive_before_);
}

TEST_CASE("what still waits goes with the store") {
  const int before = alive;
  {
    Fixture fixture;
    fixture.PutBlocks("large", 1000);
    fixture.PutBlocks("left", 1000);
    CHECK(fixture.Erase("large"));
    fixture.Settle();
    fixture.PutBlocks("retired", 1000);
    CHECK(fixture.Erase("retired"));
  }
  CHECK(alive == before);
}

}  // namespace
}  // namespace alai
