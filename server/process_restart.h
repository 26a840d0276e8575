// Starting the running program anew with the arguments it was started with.
//
// Threads     Any, one at a time.
#pragma once

#include <cstdint>

namespace alai {

// Waits, then replaces this process by a fresh one of the same program. Sockets and files are closed by
// that. Returns only when it failed, after logging why.
void RestartProcess(int64_t delay_ms);

}  // namespace alai
