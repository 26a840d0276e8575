// Question: how many bytes does an entry of a stream take, and one that is pending, and what do appending,
// reading, acknowledging and trimming cost?
// Trap: entries read in the order of their ids are in the cache; what is looked up by ids at random misses
// it twice or more, as it does in a server with many keys.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/containers/stream.h"

namespace alai {
namespace {

constexpr uint64_t kEntries = 1'000'000;

StreamId IdOf(uint64_t number) { return {1'700'000'000'000 + number / 3, number % 3}; }

// Prints what each of `count` steps of `work` took on average.
template <class Work>
void Time(const char* name, uint64_t count, Work work) {
  const Clock& clock = *SystemClock::Get();
  const int64_t start = clock.MonotonicNanos();
  work();
  const auto took = static_cast<double>(clock.MonotonicNanos() - start);
  std::printf("%-36s %8.1f ns\n", name, took / static_cast<double>(count));
}

void Append(Stream& stream, uint64_t number, Random& random) {
  char values[20];
  for (char& c : values) c = static_cast<char>('a' + random.Below(26));
  const std::string_view pairs[] = {"field1", {values, 10}, "field2", {values + 10, 10}};
  stream.Append(IdOf(number), pairs, {});
}

double BytesPerEntry(const Stream& stream, size_t before) {
  return static_cast<double>(stream.allocated_bytes() - before) / kEntries;
}

void Main() {
  Random random(1);
  Stream stream;
  Time("append", kEntries, [&] {
    for (uint64_t i = 0; i < kEntries; ++i) Append(stream, i, random);
  });
  std::printf("%-36s %8.1f bytes\n", "an entry", BytesPerEntry(stream, 0));
  uint64_t bytes = 0;
  Time("read in order", kEntries, [&] {
    StreamRange range = stream.Range(StreamId::Min(), StreamId::Max());
    while (range.Next()) {
      StreamEntry::Fields fields(range.entry());
      while (fields.Next()) bytes += fields.value().size();
    }
  });
  Time("look up at random", kEntries, [&] {
    for (uint64_t i = 0; i < kEntries; ++i) bytes += stream.Contains(IdOf(random.Below(kEntries)));
  });

  ConsumerGroup* group = stream.AddGroup("group", {}, 0);
  Consumer* consumer = group->AddConsumer("consumer", 0);
  const size_t before = stream.allocated_bytes();
  Time("deliver", kEntries, [&] {
    for (uint64_t i = 0; i < kEntries; ++i) stream.Deliver(*group, IdOf(i), consumer, 1);
  });
  std::printf("%-36s %8.1f bytes\n", "a pending entry", BytesPerEntry(stream, before));
  Time("acknowledge in order", kEntries / 2, [&] {
    for (uint64_t i = 0; i < kEntries / 2; ++i) group->Acknowledge(IdOf(i));
  });
  Time("acknowledge at random", kEntries / 2, [&] {
    for (uint64_t i = 0; i < kEntries / 2; ++i) group->Acknowledge(IdOf(random.Below(kEntries)));
  });

  uint64_t next = kEntries;
  for (const bool whole_blocks : {false, true}) {
    Time(whole_blocks ? "append and trim by blocks" : "append and trim", kEntries / 2, [&] {
      for (uint64_t i = 0; i < kEntries / 2; ++i) {
        Append(stream, next++, random);
        stream.Trim({.length_max = kEntries, .whole_blocks = whole_blocks});
      }
    });
  }
  Time("delete at random", kEntries / 4, [&] {
    for (uint64_t i = 0; i < kEntries / 4; ++i) stream.Delete(IdOf(next - random.Below(kEntries)));
  });
  std::printf("(read %lu)\n", static_cast<unsigned long>(bytes));
}

}  // namespace
}  // namespace alai

int main() { alai::Main(); }
