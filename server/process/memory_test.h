// `--test-memory`: writes patterns over memory and reads them back, to find broken chips.
//
// Threads     The main thread.
#pragma once

#include <cstdint>
#include <span>

namespace alai {

// Words that did not read back as they were written, over all passes. `progress` prints a line for
// each pass.
uint64_t TestMemory(std::span<volatile uint64_t> words, int passes, bool progress);

// What `--test-memory <megabytes>` does; `megabytes` as it was given. The exit status.
int RunMemoryTest(const char* megabytes);

}  // namespace alai
