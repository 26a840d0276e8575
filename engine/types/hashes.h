// Hashes: what the commands of this type mean, apart from how they are spoken.
//
// A small hash is a listpack in its record, fields and values in turn, in the order in which they came. It
// is replaced as a whole, so reading it needs no lock. A hash that has become larger than PackingLimits
// allow, or whose fields have deadlines, is a PackedTable, and stays one.
//
// A field whose time has come is not there for who reads; it is removed by the shard's sweep.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             key's shard locked.
// Invariants  Each change appends its effect to the change log before anybody can see it, and tells the key
//             events after. Effects are values, not increments. A hash without fields does not exist.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/containers/container.h"
#include "engine/containers/listpack.h"
#include "engine/containers/packed_table.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::hashes {

class HashContainer final : public Container {
 public:
  PackedTable& table() { return table_; }
  const PackedTable& table() const { return table_; }

  size_t allocated_bytes() const override;
  uint64_t parts() const override { return table_.size(); }
  void Prefetch(std::span<const std::string_view> fields) const override {
    table_.Prefetch(fields);
  }
  bool FreeSome(size_t nodes) override { return table_.FreeSome(nodes); }
  std::string_view encoding_name() const override { return "hashtable"; }
  Container* Copy() const override;
  UnixMillis EarliestDeadline() const override { return table_.EarliestDeadline(); }
  void TakeDue(UnixMillis now, size_t limit, const PartGone& gone) override {
    table_.TakeDue(now, limit, [&](const PackedMember& field) { gone(field.member); });
  }
  bool empty() const override { return table_.size() == 0; }

 private:
  PackedTable table_{PackedTable::Kind::kMap};
};

// The table of a hash that is not packed.
inline const PackedTable& TableOf(const Record& record) {
  return static_cast<const HashContainer*>(record.container())->table();
}

// Copies the fields of a packed hash into an empty table. False: one is there twice, which no hash of a key
// is like.
bool FillTable(Listpack listpack, PackedTable* table);

// The hash of a key. nullptr when there is none, kWrongType when it holds something else. Read.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);

// A look at a hash's fields. What it gives is valid as long as the record, and of a table until it changes.
// Read.
class Fields {
 public:
  // Without a record there are no fields.
  Fields(const Record* record, UnixMillis now);

  // Fields whose time has come count until they are removed.
  size_t size() const;
  std::optional<PackedValue> Find(std::string_view field) const;
  // When a field ends, kNoDeadline if never; nullopt when it is not there.
  std::optional<UnixMillis> DeadlineOf(std::string_view field) const;
  // Calls visit(const PackedValue& field, const PackedValue& value) for each.
  template <class Visit>
  void ForEach(Visit visit) const;
  // Calls visit for fields from a cursor on, at least `count` of a table; gives the next cursor, 0 at the
  // end. A listpack is visited at once.
  template <class Visit>
  uint64_t Scan(uint64_t cursor, size_t count, Visit visit) const;
  // Calls visit for `count` fields, each drawn from all, unless all are over. There must be one.
  template <class Visit>
  void RandomRepeated(Random& random, size_t count, Visit visit) const;
  // Calls visit for `count` different fields, or all if there are fewer.
  template <class Visit>
  void RandomDistinct(Random& random, size_t count, Visit visit) const;

  const PackedTable* table() const { return table_; }

 private:
  bool Live(const PackedMember& member) const { return member.deadline > now_; }
  // Any of those that are not over, if there is one.
  PackedMember RandomLive(Random& random) const;
  static PackedValue Text(std::string_view text) { return {false, 0, text}; }

  Listpack listpack_;
  const PackedTable* table_ = nullptr;
  UnixMillis now_;
};

// Sets fields to values, in turn in `pairs`; gives how many fields are new.
Result<int64_t> Set(Db& db, KeyView key, std::span<const std::string_view> pairs);
// Unless the field is there.
Result<bool> SetIfMissing(Db& db, KeyView key, std::string_view field, std::string_view value);
// Removes fields; gives how many there were.
Result<int64_t> Erase(Db& db, KeyView key, std::span<const std::string_view> fields);
// kNotInteger: the field's value is none. kIntegerOverflow. kTooLong: the field and its new value have more
// than `bytes_max` together.
Result<int64_t> Increment(Db& db, KeyView key, std::string_view field, int64_t by,
                          uint64_t bytes_max = UINT64_MAX);
// Gives the new value as text in `out`, which has room for kLongDoubleCharsMax. kNotFloat: the field's value
// is none. kNanOrInfinity. kTooLong as above.
Result<std::string_view> IncrementFloat(Db& db, KeyView key, std::string_view field, long double by,
                                        char* out, uint64_t bytes_max = UINT64_MAX);

// What became of a field that was to get a deadline, or to lose it; numbers as clients know them.
enum class FieldChange : int8_t {
  kMissing = -2,     // there is no such field
  kNoDeadline = -1,  // it had none to lose
  kRefused = 0,      // the conditions said no
  kDone = 1,
  kErased = 2,  // its time has come
};
using TellChange = std::function<void(FieldChange)>;

// Sets the deadline of fields where `conditions` (keys::ExpireCondition) allow it; tells of each field what became of it.
// One that has passed erases the field. Without a hash all are missing.
Errc ExpireFields(Db& db, KeyView key, UnixMillis deadline, uint8_t conditions,
                  std::span<const std::string_view> fields, const TellChange& tell);
// Takes their deadlines away.
Errc PersistFields(Db& db, KeyView key, std::span<const std::string_view> fields,
                   const TellChange& tell);

enum class FieldsCondition : uint8_t { kNone, kAllMissing, kAllPresent };

struct SetFieldsOptions {
  FieldsCondition condition = FieldsCondition::kNone;
  UnixMillis deadline = kNoDeadline;
  bool keep_deadlines = false;
};
// Sets fields to values, in turn in `pairs`, with a deadline each; with one that has passed they are not
// there afterwards. False: the condition said no.
Result<bool> SetFields(Db& db, KeyView key, std::span<const std::string_view> pairs,
                       const SetFieldsOptions& options);

template <class Visit>
void Fields::ForEach(Visit visit) const {
  if (table_ != nullptr) {
    table_->ForEach([&](const PackedMember& member) {
      if (Live(member)) visit(Text(member.member), Text(member.value));
      return true;
    });
    return;
  }
  const size_t end = listpack_.End();
  for (size_t at = listpack_.Begin(); at < end;) {
    const size_t value = listpack_.Next(at);
    visit(listpack_.Read(at), listpack_.Read(value));
    at = listpack_.Next(value);
  }
}

template <class Visit>
uint64_t Fields::Scan(uint64_t cursor, size_t count, Visit visit) const {
  if (table_ == nullptr) {
    ForEach(visit);
    return 0;
  }
  return table_->Scan(cursor, count, [&](const PackedMember& member) {
    if (Live(member)) visit(Text(member.member), Text(member.value));
  });
}

template <class Visit>
void Fields::RandomRepeated(Random& random, size_t count, Visit visit) const {
  if (table_ != nullptr) {
    for (; count != 0; --count) {
      const PackedMember member = RandomLive(random);
      if (Live(member)) visit(Text(member.member), Text(member.value));
    }
    return;
  }
  const size_t pairs = size();
  for (; count != 0; --count) {
    const size_t at = listpack_.At(static_cast<int64_t>(2 * random.Below(pairs)));
    visit(listpack_.Read(at), listpack_.Read(listpack_.Next(at)));
  }
}

template <class Visit>
void Fields::RandomDistinct(Random& random, size_t count, Visit visit) const {
  if (table_ != nullptr) {
    table_->RandomDistinct(random, count, [&](const PackedMember& member) {
      if (Live(member)) visit(Text(member.member), Text(member.value));
    });
    return;
  }
  size_t left = size();
  size_t wanted = std::min(count, left);
  ForEach([&](const PackedValue& field, const PackedValue& value) {
    // Selection sampling, which keeps the order.
    if (random.Below(left--) >= wanted) return;
    --wanted;
    visit(field, value);
  });
}

}  // namespace alai::hashes
