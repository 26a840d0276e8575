// Sets: what the commands of this type mean, apart from how they are spoken.
//
// A small set lies in its record, as an intset while all its members are integers, else as a listpack in
// the order in which they came. It is replaced as a whole, so reading it needs no lock. A set that has
// become larger than PackingLimits allow is a PackedTable, and stays one until it is made anew: by
// SINTERSTORE and its like, or when most of it is popped at once. set_builder.h has the rules.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             shards of all keys locked.
// Invariants  The effect of a change is in the change log before the shard is unlocked, and the key
//             events are told after it. Effects are values: what was drawn at random is named. A set
//             without members does not exist.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/containers/container.h"
#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "engine/containers/packed_table.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::sets {

class SetBuilder;

class SetContainer final : public Container {
 public:
  PackedTable& table() { return table_; }
  const PackedTable& table() const { return table_; }

  size_t allocated_bytes() const override;
  uint64_t parts() const override { return table_.size(); }
  void Prefetch(std::span<const std::string_view> members) const override {
    table_.Prefetch(members);
  }
  bool FreeSome(size_t nodes) override { return table_.FreeSome(nodes); }
  std::string_view encoding_name() const override { return "hashtable"; }
  Container* Copy() const override;

 private:
  PackedTable table_{PackedTable::Kind::kSet};
};

// The set of a key. nullptr when there is none, kWrongType when it holds something else. Read.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);

// A look at a set's members. What it gives is valid as long as the record, and of a table until it changes.
// Read.
class Members {
 public:
  Members() = default;
  // Without a record there are no members.
  explicit Members(const Record* record);
  explicit Members(Intset intset)
      : form_(Form::kIntset), packed_(intset.view().data()), size_(intset.count()) {}
  explicit Members(Listpack listpack)
      : form_(Form::kListpack), packed_(listpack.view().data()), size_(listpack.count()) {}
  explicit Members(const PackedTable& table)
      : form_(Form::kTable), table_(&table), size_(table.size()) {}

  size_t size() const { return size_; }
  bool Contains(std::string_view member) const;
  bool Contains(const PackedValue& member) const;
  // Whether both look at the very same set.
  bool SameAs(const Members& other) const {
    return form_ == other.form_ && packed_ == other.packed_ && table_ == other.table_;
  }

  // Calls visit(const PackedValue&) for each, which returns false to stop.
  template <class Visit>
  void ForEach(Visit visit) const;
  // Calls visit for members from a cursor on, at least `count` of a table; gives the next cursor, 0 at the
  // end. What is packed is visited at once.
  template <class Visit>
  uint64_t Scan(uint64_t cursor, size_t count, Visit visit) const;
  // Calls visit for `count` members, each drawn from all. There must be one.
  template <class Visit>
  void RandomRepeated(Random& random, size_t count, Visit visit) const;
  // Calls visit for `count` different members, or all if there are fewer.
  template <class Visit>
  void RandomDistinct(Random& random, size_t count, Visit visit) const;

 private:
  enum class Form : uint8_t { kIntset, kListpack, kTable };

  static PackedValue Text(std::string_view text) { return {false, 0, text}; }
  Intset intset() const { return Intset(packed_); }
  Listpack listpack() const { return Listpack(packed_); }

  Form form_ = Form::kIntset;
  const char* packed_ = kEmptyIntset;
  const PackedTable* table_ = nullptr;
  size_t size_ = 0;
};

// Gives how many members are new.
Result<int64_t> Add(Db& db, KeyView key, std::span<const std::string_view> members);
// Gives how many members there were.
Result<int64_t> Remove(Db& db, KeyView key, std::span<const std::string_view> members);
// False when the member is not in `from`. With the same key twice nothing changes. kTooLong when `to` would get a
// member of more than `bytes_max`.
Result<bool> Move(Db& db, KeyView from, KeyView to, std::string_view member,
                  uint64_t bytes_max = UINT64_MAX);
// Removes `count` members of a set that Find() returned, each selection with the same probability, or all if
// there are fewer; `visit` sees each before it goes. `count` is not 0. False as Db::ReserveLog().
bool Pop(Db& db, KeyView key, Record* record, size_t count,
         const std::function<void(const PackedValue&)>& visit);
// Puts a set in the place of whatever the key holds, or nothing when it has no members. `event` is the name
// of the key event. Gives its size. The builder is not to be used any more.
int64_t Store(Db& db, KeyView key, SetBuilder& set, std::string_view event);

template <class Visit>
void Members::ForEach(Visit visit) const {
  if (form_ == Form::kTable) {
    table_->ForEach([&](const PackedMember& member) { return visit(Text(member.member)); });
  } else if (form_ == Form::kIntset) {
    const Intset set = intset();
    for (uint32_t i = 0; i < size_; ++i) {
      if (!visit(PackedValue::Of(set.At(i)))) return;
    }
  } else {
    const Listpack list = listpack();
    const size_t end = list.End();
    for (size_t at = list.Begin(); at < end; at = list.Next(at)) {
      if (!visit(list.Read(at))) return;
    }
  }
}

template <class Visit>
uint64_t Members::Scan(uint64_t cursor, size_t count, Visit visit) const {
  if (form_ == Form::kTable) {
    return table_->Scan(cursor, count,
                        [&](const PackedMember& member) { visit(Text(member.member)); });
  }
  ForEach([&](const PackedValue& member) {
    visit(member);
    return true;
  });
  return 0;
}

template <class Visit>
void Members::RandomRepeated(Random& random, size_t count, Visit visit) const {
  if (form_ == Form::kTable) {
    table_->RandomRepeated(random, count,
                           [&](const PackedMember& member) { visit(Text(member.member)); });
  } else if (form_ == Form::kIntset) {
    for (; count != 0; --count) visit(PackedValue::Of(intset().Sample(random)));
  } else if (count == 1) {
    const Listpack list = listpack();
    visit(list.Read(list.At(static_cast<int64_t>(random.Below(size_)))));
  } else {
    // Seeking an entry costs as much as noting all places does on the way.
    const Listpack list = listpack();
    std::vector<uint32_t> places;
    places.reserve(size_);
    for (size_t at = list.Begin(); at < list.End(); at = list.Next(at)) {
      places.push_back(static_cast<uint32_t>(at));
    }
    for (; count != 0; --count) visit(list.Read(places[random.Below(places.size())]));
  }
}

template <class Visit>
void Members::RandomDistinct(Random& random, size_t count, Visit visit) const {
  if (form_ == Form::kTable) {
    table_->RandomDistinct(random, count,
                           [&](const PackedMember& member) { visit(Text(member.member)); });
    return;
  }
  // Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S).
  size_t left = size_;
  size_t wanted = std::min(count, left);
  ForEach([&](const PackedValue& member) {
    if (random.Below(left--) < wanted) {
      --wanted;
      visit(member);
    }
    return wanted != 0;
  });
}

}  // namespace alai::sets
