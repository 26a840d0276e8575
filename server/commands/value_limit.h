// The limit that a key's class sets to the size of values (max-value-bytes).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/store.h"
#include "server/call.h"

namespace alai {

// The most bytes that the key's class lets a value have; UINT64_MAX when it sets no limit.
uint64_t ClassValueBytesMax(const Db& db, KeyView key);

// Fails the call because of that limit, and counts it.
void FailLargeValue(Call& call, KeyView key);

// The same when a value of so many bytes is too large for the key's class; whether it was.
bool RefusedByClass(Call& call, KeyView key, uint64_t bytes);
inline bool RefusedAsLarge(Call& call, KeyView key, uint64_t bytes) {
  return call.db().store().key_classes() != nullptr && RefusedByClass(call, key, bytes);
}
// When texts are too large together.
bool RefusedAsLarge(Call& call, KeyView key, std::span<const std::string_view> texts);

}  // namespace alai
