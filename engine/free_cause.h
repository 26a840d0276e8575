// Why a value goes. When it is a large one, settings say for each cause who frees it (lazy_free.h).
#pragma once

#include <cstdint>

namespace alai {

enum class FreeCause : uint8_t {
  kUnlink,      // a client gives it up and does not want to wait, whatever the settings say
  kDelete,      // a client deletes it
  kSideEffect,  // a command with another aim replaces or removes it
  kExpired,     // its time has come
  kEvicted,     // memory is short
};

}  // namespace alai
