// What DEBUG turns on and off in a running server, for tests.
//
// Threads     Any.
#pragma once

#include "server/config/setting.h"

namespace alai {

struct DebugSwitches {
  // RESTORE and the loader accept payloads with a wrong checksum.
  Relaxed<bool> skip_checksum_validation{false};
  // Nothing happens by the clock: no sampling of rates, no sweep, no time-out of idle clients.
  Relaxed<bool> pause_cron{false};
  // Whether buffers for replies shrink when they are little used.
  Relaxed<bool> reply_buffer_resizing{true};
};

}  // namespace alai
