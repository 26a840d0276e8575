// A client in one line, as CLIENT LIST, CLIENT INFO and the log show it.
//
// Threads     Any, with the registry's lock held unless it is the client's own worker.
#pragma once

#include <string>

#include "engine/base/clock.h"

namespace alai {

class Client;

// "id=3 addr=127.0.0.1:50000 laddr=… flags=N …", without a line end.
std::string DescribeClient(const Client& client, UnixMillis now);

// The letters of `flags=`; "N" when there are none.
std::string FlagLetters(const Client& client);

}  // namespace alai
