// What is known of keys besides their values: that one is being loaded, or written to its origin first, or that its
// origin has none.
//
// Any write to a key wipes its mark, whether the key was there or not, and so does emptying or exchanging its
// database; that a key expires or is evicted says nothing about its origin and leaves the mark. So a load,
// or a write that waits for the origin, that still finds its mark at the end knows that nobody has written meanwhile.
//
// Threads     With the shard's writer bit; absent() from any.
// Invariants  (1) A key has at most one mark.
//             (2) At most `absent_max` marks of absence, the oldest of which give way. How many loads and
//                 writes are under way is bounded by who begins them.
// Why         A key is known by its database and hash alone, which spares memory. Two keys with the same 64 bits
//             would share a mark: a load more, or once in many lives a key taken for absent for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "engine/base/clock.h"
#include "engine/base/counter.h"
#include "engine/key_view.h"

namespace alai {

class KeyMarks {
 public:
  KeyMarks() = default;
  KeyMarks(const KeyMarks&) = delete;
  KeyMarks& operator=(const KeyMarks&) = delete;

  bool any() const { return !marks_.empty(); }

  // A load of the key begins; `load` is not 0. What was known before is forgotten.
  void BeginLoad(int db, KeyView key, uint64_t load);
  // Whether the load has its mark still.
  bool Owns(int db, KeyView key, uint64_t load) const;
  // The origin has no such key, which is believed until then. Nothing is kept when `absent_max` is 0.
  void SetAbsent(int db, KeyView key, UnixMillis until, size_t absent_max);
  // Whether the key is known to be absent.
  bool Absent(int db, KeyView key, UnixMillis now);

  void Wipe(int db, KeyView key);
  void WipeDatabase(int db);

  // Marks of absence, those whose time is over included until they are met.
  size_t absent() const { return static_cast<size_t>(absent_count_.Get()); }
  // About what they take.
  static constexpr size_t kBytesPerMark = 112;

 private:
  struct Place {
    int db;
    uint64_t hash;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    size_t operator()(const Place& place) const {
      return place.hash ^ static_cast<uint64_t>(place.db) << 56;
    }
  };
  struct Mark {
    uint64_t load = 0;  // 0: absent
    UnixMillis absent_until = 0;
    std::list<Place>::iterator age;  // of one that is absent
  };
  using Marks = std::unordered_map<Place, Mark, PlaceHash>;

  void Remove(Marks::iterator at);

  Marks marks_;
  std::list<Place> absent_;  // the oldest first
  Counter absent_count_;
};

}  // namespace alai
