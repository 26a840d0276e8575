// The limit that a key's class sets to the size of values (max-value-bytes).
//
// A string is judged as it would be after the command, a collection by what one command puts into it: elements,
// members without their scores, fields with their values. What RESTORE, COPY and RENAME put in the place of a key
// is judged as a whole. MOVE and moves within a list leave a value with the class that it has, and are not judged.
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
uint64_t BytesMaxByClass(const Db& db, KeyView key);
inline uint64_t ClassValueBytesMax(const Db& db, KeyView key) {
  if (db.store().key_classes() == nullptr) [[likely]]
    return UINT64_MAX;
  return BytesMaxByClass(db, key);
}

// Fails the call because of that limit, and counts it.
void FailLargeValue(Call& call, KeyView key);
// Counts a write that is refused because of that limit.
void CountLargeValue(Db& db, KeyView key);

// The same when a value of so many bytes is too large for the key's class; whether it was.
bool RefusedByClass(Call& call, KeyView key, uint64_t bytes);
inline bool RefusedAsLarge(Call& call, KeyView key, uint64_t bytes) {
  return call.db().store().key_classes() != nullptr && RefusedByClass(call, key, bytes);
}
// When texts are too large together.
bool RefusedAsLarge(Call& call, KeyView key, std::span<const std::string_view> texts);

}  // namespace alai
