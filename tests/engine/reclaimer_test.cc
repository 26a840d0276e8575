// When retired memory is freed: not while a thread may see it, and soon after that.
#include "engine/reclaimer.h"

#include <string>

#include "engine/blob.h"
#include "engine/change_log.h"
#include "tests/catch.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

// A blob whose last reference shows when the record that held it has been freed.
struct Watched {
  explicit Watched(StoreThread& thread) {
    blob->Acquire();
    Record* record = Record::Create({.key = "k", .encoding = Encoding::kBlob, .blob = blob});
    thread.RetireRecord(record, record->allocated_bytes(), FreeCause::kDelete);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() { blob->Release(); }
  bool freed() const { return !blob->shared(); }

  Blob* const blob = Blob::Copy("watched");
};

void Turns(StoreThread& thread, int n = 200) {
  for (int i = 0; i < n; ++i) thread.Quiescent();
}

TEST_CASE("nothing is freed while a thread has not announced itself since") {
  Reclaimer reclaimer;
  StoreThread& writer = *reclaimer.Register();
  StoreThread& reader = *reclaimer.Register();
  Watched watched(writer);
  Turns(writer);
  CHECK_FALSE(watched.freed());
  CHECK(reclaimer.retired_bytes() > 0);
  for (int i = 0; i < 3; ++i) {
    reader.Quiescent();
    Turns(writer);
  }
  CHECK(watched.freed());
  CHECK(reclaimer.retired_bytes() == 0);
}

TEST_CASE("one announcement is not enough when it was that of an older epoch") {
  Reclaimer reclaimer;
  StoreThread& writer = *reclaimer.Register();
  StoreThread& reader = *reclaimer.Register();
  // The reader lags one epoch behind when the record is retired.
  Watched earlier(writer);
  Turns(writer, 65);
  const uint64_t lagging = reclaimer.epoch();
  Watched watched(writer);
  Turns(writer);
  CHECK_FALSE(watched.freed());
  CHECK(reclaimer.epoch() <= lagging + 1);
  for (int i = 0; i < 3; ++i) {
    reader.Quiescent();
    Turns(writer);
  }
  CHECK(watched.freed());
}

TEST_CASE("a thread that is offline holds nothing up, and does again when it is back") {
  Reclaimer reclaimer;
  StoreThread& writer = *reclaimer.Register();
  StoreThread& parked = *reclaimer.Register();
  parked.GoOffline();
  {
    Watched watched(writer);
    Turns(writer);
    CHECK(watched.freed());
  }
  parked.GoOnline();
  Watched watched(writer);
  Turns(writer);
  CHECK_FALSE(watched.freed());
  parked.GoOffline();
  Turns(writer);
  CHECK(watched.freed());
}

TEST_CASE("what a thread leaves behind when it goes is freed by the others") {
  Reclaimer reclaimer;
  StoreThread& stays = *reclaimer.Register();
  StoreThread& reader = *reclaimer.Register();
  StoreThread* goes = reclaimer.Register();
  Watched watched(*goes);
  goes->expired.Add(3);
  reclaimer.Unregister(goes);
  CHECK(reclaimer.retired_bytes() > 0);
  CHECK(reclaimer.expired() == 3);
  Watched trigger(stays);
  Turns(stays);
  CHECK_FALSE(watched.freed());
  for (int i = 0; i < 3; ++i) {
    reader.Quiescent();
    Turns(stays);
  }
  CHECK(watched.freed());
  CHECK(reclaimer.retired_bytes() == 0);
}

TEST_CASE("how much is retired is of the moment at which somebody looks at what is allocated") {
  Reclaimer reclaimer;
  StoreThread& thread = *reclaimer.Register();
  const Watched watched(thread);
  const uint64_t bytes = reclaimer.retired_bytes();
  REQUIRE(bytes > 0);

  int looks = 0;
  CHECK(reclaimer.RetiredDuring([&] { ++looks; }) == bytes);
  CHECK(looks == 1);

  // What was freed during the first look has to be gone from both figures.
  looks = 0;
  CHECK(reclaimer.RetiredDuring([&] {
    if (++looks == 1) Turns(thread);
  }) == 0);
  CHECK(looks == 2);
}

TEST_CASE("what is still retired at the end is freed with the reclaimer") {
  auto reclaimer = std::make_unique<Reclaimer>();
  StoreThread& writer = *reclaimer->Register();
  Watched watched(writer);
  reclaimer.reset();
  CHECK(watched.freed());
}

constexpr size_t kBig = 1 << 20;
constexpr size_t kTooMany = Reclaimer::kRetiredBytesMax / kBig + 2;

TEST_CASE_METHOD(StoreFixture,
                 "writers wait while too much is retired, and go on when it is freed") {
  StoreThread* reader = store_.RegisterThread();
  const auto overwrite = [&] {
    Db locked = db();
    locked.Put(MakeKey("k"),
               {.key = "k", .encoding = Encoding::kBlob, .blob = Blob::Create(kBig, kBig)});
  };
  overwrite();
  size_t written = 0;
  for (; store_.MayWrite(0) && written < 2 * kTooMany; ++written) {
    overwrite();
    if (written % 2 == 0) thread_.Quiescent();
  }
  CHECK(written <= kTooMany);
  CHECK(store_.Memory().retired_bytes > Reclaimer::kRetiredBytesMax);
  // This thread's own announcements do not help.
  Turns(thread_);
  CHECK_FALSE(store_.MayWrite(0));
  // What is due has to wait, too, as it would be retired.
  Put("due", "v", clock_.WallMillis() + 10);
  clock_.AdvanceMillis(100);
  CHECK(store_.Sweep(thread_, clock_.WallMillis(), 1'000'000).removed == 0);
  for (int i = 0; i < 3; ++i) {
    reader->Quiescent();
    thread_.Quiescent();
  }
  CHECK(store_.MayWrite(0));
  CHECK(store_.Memory().retired_bytes < Reclaimer::kRetiredBytesMax / 8);
  CHECK(store_.Sweep(thread_, clock_.WallMillis(), 1'000'000).removed == 1);
  store_.UnregisterThread(reader);
}

TEST_CASE_METHOD(StoreFixture, "a thread alone never waits for itself") {
  for (size_t i = 0; i < 2 * kTooMany; ++i) {
    REQUIRE(store_.MayWrite(0));
    db().Put(MakeKey("k"),
             {.key = "k", .encoding = Encoding::kBlob, .blob = Blob::Create(kBig, kBig)});
    thread_.Quiescent();
  }
}

// A log with room for so many bytes.
class SmallLog final : public ChangeLog {
 public:
  void Append(int, std::span<const std::string_view>) override {}
  bool Reserve(size_t bytes) override { return bytes <= room; }

  size_t room = 0;
};

TEST_CASE_METHOD(StoreFixture, "writers wait while the change log has no space") {
  CHECK(store_.MayWrite(SIZE_MAX));
  SmallLog log;
  store_.set_change_log(&log);
  CHECK(store_.MayWrite(0));
  CHECK_FALSE(store_.MayWrite(100));
  log.room = 100;
  CHECK(store_.MayWrite(100));
  CHECK_FALSE(store_.MayWrite(101));
  store_.set_change_log(nullptr);
}

}  // namespace
}  // namespace alai
