// `--check-system`: what about this machine would make the server slow.
//
// Threads     The main thread.
#pragma once

namespace alai {

// Prints a line for each check and advice below those that fail. True when none fails.
bool CheckSystem();

}  // namespace alai
