#include "engine/base/assert.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace alai {

namespace {

std::atomic<const FailedAssertion*> last_failed{nullptr};

}  // namespace

void AssertionFailed(const char* expression, const char* file, int line) {
  // On the stack of a thread that does not return.
  const FailedAssertion failed = {expression, file, line};
  const FailedAssertion* none = nullptr;
  last_failed.compare_exchange_strong(none, &failed);
  std::fprintf(stderr, "=== ASSERTION FAILED ===\n==> %s:%d '%s' is not true\n", file, line,
               expression);
  std::fflush(stderr);
  std::abort();
}

const FailedAssertion* LastFailedAssertion() { return last_failed.load(); }

}  // namespace alai
