// Makes a hash of fields that come from elsewhere, in the form in which HSET would keep it: packed as long
// as PackingLimits allow, in the order in which they come, and a table from then on.
//
// Threads     Belongs to its caller.
// Why         Fields that come twice are looked for once, when all are there or go into a table: comparing
//             each with all before would let a hostile payload cost a square.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/containers/listpack.h"
#include "engine/packing_limits.h"
#include "engine/types/collections.h"
#include "engine/types/hashes.h"

namespace alai::hashes {

class Builder final : public CollectionBuilder {
 public:
  explicit Builder(const PackingLimits& limits) : limits_(limits) {}

  bool Field(const PackedValue& field, const PackedValue& value) override;
  bool FieldUntil(const PackedValue& field, const PackedValue& value, UnixMillis deadline) override;
  bool Finish() override;
  Record::Draft TakeDraft(KeyView key) override;
  uint64_t text_bytes() const override { return text_bytes_; }

 private:
  bool MakeTable();
  bool AddToTable(const PackedValue& field, const PackedValue& value, UnixMillis deadline);
  bool StaysPacked(const PackedValue& field, const PackedValue& value) const;

  const PackingLimits& limits_;
  ListpackBuffer listpack_;
  std::unique_ptr<HashContainer> container_;  // of a hash that is not packed
  uint64_t text_bytes_ = 0;
};

}  // namespace alai::hashes
