// Assertions for our own bugs, never for what a client, a file or the network sent.
//
// ASSERT stays in release builds; DASSERT is for checks too dear for the hot path.
#pragma once

namespace alai {

// Prints the failed expression to stderr and aborts, so that the crash report shows the stack. The texts
// live forever.
[[noreturn]] void AssertionFailed(const char* expression, const char* file, int line);

// What has failed, for the crash report; nullptr while nothing has.
struct FailedAssertion {
  const char* expression;
  const char* file;
  int line;
};
const FailedAssertion* LastFailedAssertion();

}  // namespace alai

#define ASSERT(condition)                                      \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::alai::AssertionFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define DASSERT(condition) static_cast<void>(sizeof(!(condition)))
#else
#define DASSERT(condition) ASSERT(condition)
#endif
