// Who is told that a key has changed: keyspace notifications, WATCH, client-side caching and
// blocked commands all listen here.
//
// Threads     Called with the key's shard locked; implementations only note what happened and act
//             after the shard is released.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/key_view.h"

namespace alai {

// Classes of events, with the letters that `notify-keyspace-events` gives them.
enum class KeyEventClass : uint8_t {
  kGeneric,    // g
  kString,     // $
  kList,       // l
  kSet,        // s
  kHash,       // h
  kSortedSet,  // z
  kStream,     // t
  kExpired,    // x
  kEvicted,    // e
  kNew,        // n
  kMiss,       // m
};

class KeyEventSink {
 public:
  virtual ~KeyEventSink() = default;

  // `name` is the event's name as subscribers see it: "set", "del", "expired" …
  virtual void OnKeyEvent(KeyEventClass event_class, std::string_view name, int db,
                          KeyView key) = 0;

  // A whole database was emptied or exchanged for another (FLUSHDB, FLUSHALL, SWAPDB).
  virtual void OnDatabaseReplaced(int db) = 0;
};

}  // namespace alai
