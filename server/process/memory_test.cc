#include "server/process/memory_test.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/base/number.h"

namespace alai {
namespace {

constexpr int kPasses = 50;
constexpr int64_t kMegabytesMax = int64_t{1} << 24;

// xorshift64: the same sequence again when it is read back.
uint64_t Next(uint64_t state) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^ state << 17;
}

// Fills the words with what `make(index, word before)` gives, then counts those that differ.
template <class Make>
uint64_t FillAndCompare(std::span<volatile uint64_t> words, uint64_t seed, Make make) {
  uint64_t word = seed;
  for (size_t i = 0; i < words.size(); ++i) words[i] = word = make(i, word);
  uint64_t errors = 0;
  word = seed;
  for (size_t i = 0; i < words.size(); ++i) {
    word = make(i, word);
    if (words[i] != word) ++errors;
  }
  return errors;
}

uint64_t TestOnce(std::span<volatile uint64_t> words, uint64_t seed) {
  constexpr uint64_t kStripes = 0x5555555555555555;
  uint64_t errors = 0;
  // Each word its own number finds lines of the address bus that are stuck.
  errors += FillAndCompare(words, 0, [](size_t i, uint64_t) { return uint64_t{i}; });
  errors += FillAndCompare(words, seed, [](size_t, uint64_t word) { return Next(word); });
  for (const uint64_t pattern : {uint64_t{0}, ~uint64_t{0}, kStripes, ~kStripes}) {
    errors += FillAndCompare(words, 0, [&](size_t, uint64_t) { return pattern; });
  }
  errors += FillAndCompare(words, 0,
                           [&](size_t i, uint64_t) { return i % 2 == 0 ? kStripes : ~kStripes; });
  return errors;
}

}  // namespace

uint64_t TestMemory(std::span<volatile uint64_t> words, int passes, bool progress) {
  uint64_t errors = 0;
  for (int pass = 1; pass <= passes; ++pass) {
    errors += TestOnce(words, 0x9e3779b97f4a7c15 * static_cast<uint64_t>(pass));
    if (!progress) continue;
    std::printf("Pass %d of %d: %llu errors\n", pass, passes,
                static_cast<unsigned long long>(errors));
    std::fflush(stdout);
  }
  return errors;
}

int RunMemoryTest(const char* megabytes) {
  int64_t count;
  if (!ParseInt64(megabytes, &count) || count < 1 || count > kMegabytesMax) {
    std::fprintf(stderr,
                 "Please specify the amount of memory to test in megabytes.\n"
                 "Example: alai-server --test-memory 4096\n\n");
    return EXIT_FAILURE;
  }
  const size_t bytes = static_cast<size_t>(count) << 20;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "Unable to allocate %lld megabytes: %s\n", static_cast<long long>(count),
                 std::strerror(errno));
    return EXIT_FAILURE;
  }
  std::printf("Please keep the test running several minutes per GB of memory.\n");
  const uint64_t errors =
      TestMemory({static_cast<uint64_t*>(memory), bytes / sizeof(uint64_t)}, kPasses, true);
  munmap(memory, bytes);
  if (errors != 0) {
    std::printf("\nMEMORY ERROR DETECTED: %llu words did not keep what was written.\n",
                static_cast<unsigned long long>(errors));
    return EXIT_FAILURE;
  }
  std::printf(
      "\nYour memory passed this test.\n"
      "Run it for a longer time, or a memory tester without an operating system around it, "
      "if you are still in doubt.\n");
  return EXIT_SUCCESS;
}

}  // namespace alai
