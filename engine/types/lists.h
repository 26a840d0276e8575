// Lists: what the commands of this type mean, apart from how they are spoken.
//
// A small list is a listpack in its record. It is replaced as a whole, so reading it needs no lock, and so
// it is kept short: beyond half a kilobyte a list is a PackedList, changed in place. It goes back into its
// record when little is left of it.
//
// OBJECT ENCODING does not tell these two apart but says what Redis 7.2 says: "listpack" for what would fit
// into one node by `list-max-listpack-size`, "quicklist" for what has become larger, and "listpack" again
// when one node is left that is at most half as large as it may be.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             shards of all keys locked.
// Invariants  Each change appends its effect to the change log before it is made, and tells the key
//             events after. A list without elements does not exist.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/containers/container.h"
#include "engine/containers/listpack.h"
#include "engine/containers/packed_list.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/packing_limits.h"
#include "engine/record.h"

namespace alai::lists {

class ListContainer final : public Container {
 public:
  explicit ListContainer(PackedListLimits limits) : limits_(limits), list_(limits) {}

  // For what comes.
  void SetLimits(PackedListLimits limits) {
    limits_ = limits;
    list_.SetLimits(limits);
  }
  const PackedListLimits& limits() const { return limits_; }
  PackedList& list() { return list_; }
  const PackedList& list() const { return list_; }
  // Whether it has been more than one node of Redis's and has not become small enough since.
  bool quicklist() const { return quicklist_; }
  void set_quicklist(bool quicklist) { quicklist_ = quicklist; }

  size_t allocated_bytes() const override;
  uint64_t parts() const override { return list_.nodes(); }
  bool FreeSome(size_t nodes) override { return list_.FreeSome(nodes); }
  std::string_view encoding_name() const override { return quicklist_ ? "quicklist" : "listpack"; }
  Container* Copy() const override;

 private:
  PackedListLimits limits_;
  PackedList list_;
  bool quicklist_ = false;
};

// The list of a key. nullptr when there is none, kWrongType when it holds something else. Read.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);

// A look at a list's elements. Valid until the list is changed. Read.
class Elements {
 public:
  // Without a record there are none.
  explicit Elements(const Record* record);
  explicit Elements(Listpack listpack) : listpack_(listpack) {}
  explicit Elements(const PackedList& list) : list_(&list) {}

  uint64_t size() const;
  // Calls visit(const PackedValue&) for the elements from an end on, but for the first `skipped`, until it
  // gives false or there are no more. A value is valid during the call.
  template <class Visit>
  void Walk(ListEnd from, uint64_t skipped, Visit visit) const;

 private:
  Listpack listpack_;
  const PackedList* list_ = nullptr;
};

// Makes a list of elements that come from elsewhere, in the form in which pushing them would keep it.
class ListBuilder {
 public:
  // The limits are looked at while it builds.
  explicit ListBuilder(const PackingLimits& limits) : limits_(limits) {}

  // At the end.
  void Add(const PackedValue& element);
  uint64_t size() const { return size_; }
  // As long as nothing is added.
  Elements elements() const;
  // Gives the value to a draft, which refers to the builder until the record is made. The builder is not to
  // be used any more.
  void MoveTo(Record::Draft* draft);

 private:
  const PackingLimits& limits_;
  ListpackBuffer listpack_;
  std::unique_ptr<ListContainer> container_;  // once it is too long for a record
  uint64_t size_ = 0;
  uint64_t entry_bytes_ = 0;
};

// Puts a list in the place of whatever the key holds, or nothing when it has no elements. `event` is the name of
// the key event. Gives its length. The builder is not to be used any more.
uint64_t Store(Db& db, KeyView key, ListBuilder& list, std::string_view event);

// Adds elements at an end one after the other, to a list that is made if missing; gives its length.
Result<uint64_t> Push(Db& db, KeyView key, ListEnd end, std::span<const std::string_view> texts);
// The same if there is a list; otherwise 0.
Result<uint64_t> PushIfThere(Db& db, KeyView key, ListEnd end,
                             std::span<const std::string_view> texts);

// Takes up to `count` elements from an end. Calls begin(uint64_t) with their number, 0 only if `count` is,
// then visit(const PackedValue&) for each as it comes, before they go. Gives their number; kNoKey: there is no
// list, nothing was called.
template <class Begin, class Visit>
Result<uint64_t> Pop(Db& db, KeyView key, ListEnd end, uint64_t count, Begin begin, Visit visit);

// Takes an element from an end of a list and adds it at an end of another, which is made if missing, or the
// same. Calls visit(const PackedValue&) with it before. False: there is no first list. kTooLong: the other list
// takes no element of more than `bytes_max`.
template <class Visit>
Result<bool> Move(Db& db, KeyView from, KeyView to, ListEnd from_end, ListEnd to_end, Visit visit,
                  uint64_t bytes_max = UINT64_MAX);

// Indices from here on may be negative: counted from the end.

// kNoKey; kOutOfRange: no such element.
Errc Set(Db& db, KeyView key, int64_t index, std::string_view text);
// Beside the first element equal to `pivot`; gives the length, -1 when there is no pivot, 0 when no list.
Result<int64_t> Insert(Db& db, KeyView key, bool after, std::string_view pivot,
                       std::string_view text);
// Removes up to `count` elements equal to `text`, negative: from the back on, 0: all; gives how many.
Result<uint64_t> Remove(Db& db, KeyView key, int64_t count, std::string_view text);

// Elements from `first` on, of which there are `count`.
struct Range {
  uint64_t first = 0;
  uint64_t count = 0;
};
// What two indices of LRANGE and LTRIM, both inclusive, mean in a list of that size.
Range RangeOf(int64_t start, int64_t end, uint64_t size);
// Keeps a range of elements.
Errc Trim(Db& db, KeyView key, int64_t start, int64_t end);

// The halves of Pop and Move behind what they visit. The lists have been found: 0 < count <= size.
void PopFound(Db& db, KeyView key, Record* record, ListEnd end, uint64_t count);
// `to` has no record yet if `to_record` is nullptr.
void MoveFound(Db& db, KeyView from, Record* from_record, KeyView to, Record* to_record,
               ListEnd from_end, ListEnd to_end);

template <class Visit>
void Elements::Walk(ListEnd from, uint64_t skipped, Visit visit) const {
  const uint64_t elements = size();
  if (skipped >= elements) return;
  const bool forward = from == ListEnd::kFront;
  const uint64_t index = forward ? skipped : elements - 1 - skipped;
  if (list_ != nullptr) {
    PackedCursor cursor(list_->contents());
    bool more = cursor.Seek(index);
    while (more && visit(cursor.value())) more = forward ? cursor.Next() : cursor.Previous();
    return;
  }
  size_t at = listpack_.At(static_cast<int64_t>(index));
  const size_t last = forward ? listpack_.Previous(listpack_.End()) : listpack_.Begin();
  while (visit(listpack_.Read(at)) && at != last) {
    at = forward ? listpack_.Next(at) : listpack_.Previous(at);
  }
}

template <class Begin, class Visit>
Result<uint64_t> Pop(Db& db, KeyView key, ListEnd end, uint64_t count, Begin begin, Visit visit) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  const Elements elements(*found);
  count = std::min(count, elements.size());
  begin(count);
  if (count == 0) return count;
  uint64_t left = count;
  elements.Walk(end, 0, [&](const PackedValue& value) {
    visit(value);
    return --left != 0;
  });
  PopFound(db, key, *found, end, count);
  return count;
}

template <class Visit>
Result<bool> Move(Db& db, KeyView from, KeyView to, ListEnd from_end, ListEnd to_end, Visit visit,
                  uint64_t bytes_max) {
  const Result<Record*> from_found = Find(db, from, Lookup::kWrite);
  if (!from_found.ok()) return from_found.error();
  if (*from_found == nullptr) return false;
  const Result<Record*> to_found = Find(db, to, Lookup::kWrite);
  if (!to_found.ok()) return to_found.error();
  bool too_long = false;
  Elements(*from_found).Walk(from_end, 0, [&](const PackedValue& value) {
    too_long = *from_found != *to_found && value.length() > bytes_max;
    if (!too_long) visit(value);
    return false;
  });
  if (too_long) return Errc::kTooLong;
  MoveFound(db, from, *from_found, to, *to_found, from_end, to_end);
  return true;
}

}  // namespace alai::lists
