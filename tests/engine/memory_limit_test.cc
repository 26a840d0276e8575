// The figure that eviction goes by: what metered threads allocate and retire, whenever they publish it
// and whenever it is corrected.
#include "engine/memory_limit.h"

#include <array>
#include <cstdint>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

constexpr uint64_t kMegabyte = 1 << 20;

// A thread whose allocator is a pair of numbers.
struct Metered {
  explicit Metered(Store& store) : thread(*store.RegisterThread()) {
    thread.MeterAllocations(&allocated, &freed);
  }
  uint64_t allocated = 5 * kMegabyte;  // before it was metered
  uint64_t freed = 0;
  StoreThread& thread;
};

class Fixture : public StoreFixture {
 public:
  Fixture() {
    limit_.CountByThreads();
    limit_.Set(100 * kMegabyte);
  }
  void Correct(uint64_t allocated) { REQUIRE(limit_.Correct(limit_.Now(), allocated)); }
  MemoryLimit& limit_ = store_.memory_limit();
};

TEST_CASE_METHOD(StoreFixture, "without metered threads the store's own bytes count") {
  MemoryLimit& limit = store_.memory_limit();
  CHECK_FALSE(limit.on());
  limit.Set(kMegabyte);
  CHECK(limit.on());
  CHECK(limit.InUse(thread_) == static_cast<int64_t>(store_.UsedBytes()));
  CHECK(limit.Correct(limit.Now(), store_.UsedBytes() + 1000));
  for (uint64_t i = 0; i < 500; ++i) Put(Key(i), "value");
  CHECK(limit.InUse(thread_) == static_cast<int64_t>(store_.UsedBytes()) + 1000);
  CHECK(limit.Excess(thread_) == limit.InUse(thread_) - static_cast<int64_t>(kMegabyte));
}

TEST_CASE_METHOD(Fixture, "a thread sees at once what it allocates itself") {
  Metered a(store_);
  Correct(20 * kMegabyte);
  CHECK(limit_.InUse(a.thread) == 20 * kMegabyte);
  a.allocated += 100;
  CHECK(limit_.InUse(a.thread) == 20 * kMegabyte + 100);
  a.freed += kMegabyte;
  CHECK(limit_.InUse(a.thread) == 19 * kMegabyte + 100);
}

TEST_CASE_METHOD(Fixture, "others see it once it is much, or published") {
  Metered a(store_);
  Metered b(store_);
  Correct(20 * kMegabyte);
  limit_.InUse(a.thread);
  limit_.InUse(b.thread);
  a.allocated += 1000;
  limit_.InUse(a.thread);
  CHECK(limit_.InUse(b.thread) == 20 * kMegabyte);
  limit_.Publish(a.thread);
  CHECK(limit_.InUse(b.thread) == 20 * kMegabyte + 1000);
  a.allocated += kMegabyte;
  limit_.InUse(a.thread);
  CHECK(limit_.InUse(b.thread) == 21 * kMegabyte + 1000);
}

TEST_CASE_METHOD(Fixture, "a correction counts nothing twice") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  std::array<Metered, 3> threads{Metered(store_), Metered(store_), Metered(store_)};
  int64_t really = 20 * kMegabyte;
  Correct(static_cast<uint64_t>(really));
  for (int i = 0; i < 10'000; ++i) {
    Metered& one = threads[random.Below(3)];
    const uint64_t bytes = random.Below(2'000);
    if (random.Below(2) == 0) {
      one.allocated += bytes;
      really += static_cast<int64_t>(bytes);
    } else {
      one.freed += bytes;
      really -= static_cast<int64_t>(bytes);
    }
    if (random.Below(100) == 0) Correct(static_cast<uint64_t>(really));
    if (random.Below(50) == 0) limit_.Publish(one.thread);
    if (random.Below(50) == 0) limit_.InUse(one.thread);
  }
  for (Metered& one : threads) limit_.Publish(one.thread);
  CHECK(limit_.InUse(threads[0].thread) == really);
}

TEST_CASE_METHOD(Fixture, "a correction is of one moment, or says that it is not") {
  Metered a(store_);
  Correct(20 * kMegabyte);
  limit_.InUse(a.thread);
  // The allocator is asked before the thread frees.
  MemoryLimit::Moment asked = limit_.Now();
  a.freed += 2 * kMegabyte;
  CHECK_FALSE(limit_.Correct(asked, 20 * kMegabyte));
  CHECK(limit_.InUse(a.thread) == 18 * kMegabyte);
  CHECK(limit_.Correct(asked, 20 * kMegabyte, MemoryLimit::Fit::kApproximate));
  CHECK(limit_.InUse(a.thread) == 19 * kMegabyte);
  Correct(18 * kMegabyte);
  // As does a database that is flushed meanwhile, all of whose keys are still allocated.
  asked = limit_.Now();
  limit_.NoteDetached(3 * kMegabyte);
  CHECK_FALSE(limit_.Correct(asked, 18 * kMegabyte));
  CHECK(limit_.InUse(a.thread) == 15 * kMegabyte);
  Correct(18 * kMegabyte);
  CHECK(limit_.InUse(a.thread) == 15 * kMegabyte);
}

TEST_CASE_METHOD(Fixture, "what a thread held for a moment is not counted for longer") {
  Metered a(store_);
  Correct(20 * kMegabyte);
  a.allocated += 10'000;
  Correct(20 * kMegabyte + 10'000);
  a.freed += 10'000;
  CHECK(limit_.InUse(a.thread) == 20 * kMegabyte);
}

TEST_CASE_METHOD(Fixture, "what a thread published stays when the thread has gone") {
  Metered a(store_);
  {
    Metered gone(store_);
    Correct(20 * kMegabyte);
    gone.allocated += 3 * kMegabyte;
    limit_.Publish(gone.thread);
    store_.UnregisterThread(&gone.thread);
  }
  CHECK(limit_.InUse(a.thread) == 23 * kMegabyte);
  Correct(23 * kMegabyte);
  CHECK(limit_.InUse(a.thread) == 23 * kMegabyte);
}

TEST_CASE_METHOD(Fixture, "what was retired or flushed does not count but waits") {
  Metered a(store_);
  Correct(20 * kMegabyte);
  limit_.InUse(a.thread);
  a.thread.RetireBlock(Allocate(kMegabyte), kMegabyte);
  CHECK(limit_.InUse(a.thread) == 19 * kMegabyte);
  CHECK(limit_.waiting_bytes() == kMegabyte);
  for (int i = 0; i < 4; ++i) {
    thread_.Quiescent();
    a.thread.GoOffline();
    a.thread.GoOnline();
  }
  CHECK(limit_.waiting_bytes() == 0);
  limit_.NoteDetached(kMegabyte);
  a.freed += kMegabyte;
  CHECK(limit_.InUse(a.thread) == 18 * kMegabyte);
  limit_.NoteDetached(-static_cast<int64_t>(kMegabyte));
  CHECK(limit_.InUse(a.thread) == 19 * kMegabyte);
}

}  // namespace
}  // namespace alai
