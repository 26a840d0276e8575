// Names that clients give to themselves and their libraries.
//
// Threads     The client's worker.
#pragma once

#include <algorithm>
#include <string_view>

#include "server/client.h"
#include "server/client_registry.h"
#include "server/worker.h"

namespace alai {

// Printable ASCII without blanks, so that CLIENT LIST stays one word per field. Empty: no name.
inline bool IsClientName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

inline void SetClientName(Client& client, std::string_view name) {
  client.worker().clients().Edit([&] { client.name = name; });
}

}  // namespace alai
