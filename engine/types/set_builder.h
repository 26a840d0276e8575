// Makes a set in the form that its members want: SADD of several, SINTERSTORE and its like.
//
//   intset ──── something that is no integer, and few enough of all ───> listpack
//      │                                                                    │
//      └── more than set-max-intset-entries ──> table <── too many or long ─┘
//
// A set never goes back by itself. These are the rules of Redis since 7.2, as far as OBJECT ENCODING shows
// them; what is packed has kPackedBytesMax besides.
//
// Threads     One at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "engine/packing_limits.h"
#include "engine/record.h"
#include "engine/types/sets.h"

namespace alai::sets {

// The limits as they were at one moment.
struct SetLimits {
  explicit SetLimits(const PackingLimits& limits);

  // Whether a packed set of so many members and bytes may take one more like this.
  bool IntsetTakes(Intset intset, int64_t value) const;
  bool ListpackTakes(size_t members, size_t bytes, size_t text_bytes) const;

  uint64_t intset_entries;
  uint64_t listpack_entries;
  uint64_t value_bytes;
};

class SetBuilder {
 public:
  explicit SetBuilder(const PackingLimits& limits) : limits_(limits) {}

  // Begins with what is packed in a record. Called first if at all.
  void Assign(const Record& record);
  // `count` members are about to be added, `first` before the others: chooses the form that would hold
  // them if all are new.
  void Expect(std::string_view first, size_t count);

  // False when the member is there. It is not one of this set's own.
  bool Add(const PackedValue& member);
  bool Add(std::string_view member) { return Add(PackedValue::Of(member)); }

  Members members() const;
  size_t size() const { return members().size(); }
  // The length of all members that were added.
  uint64_t added_bytes() const { return added_bytes_; }

  // Gives the value to a draft, which refers to the builder until the record is made. The builder is not to
  // be used any more.
  void MoveTo(Record::Draft* draft);

 private:
  enum class Form : uint8_t { kIntset, kListpack, kTable };

  bool AddAny(const PackedValue& member);
  bool AddToTable(const PackedValue& member);
  void MakeListpack();
  void MakeTable();

  const SetLimits limits_;
  Form form_ = Form::kIntset;
  IntsetBuffer intset_;
  ListpackBuffer listpack_;
  std::unique_ptr<SetContainer> container_;
  uint64_t added_bytes_ = 0;
};

}  // namespace alai::sets
