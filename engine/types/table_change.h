// A change of a collection's table, in place: counts what it grows by, and tells of it.
#pragma once

#include <cstddef>

#include "engine/base/clock.h"
#include "engine/containers/container.h"
#include "engine/containers/packed_table.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai {

// Threads     With the key's shard locked. Made before the change.
class TableChange {
 public:
  // `table` is that of the record's container.
  TableChange(Db& db, KeyView key, Record* record, PackedTable& table)
      : db_(db),
        key_(key),
        record_(record),
        table_(table),
        bytes_before_(record->container()->allocated_bytes()),
        earliest_before_(table.EarliestDeadline()) {}

  PackedTable& table() { return table_; }

  // After the change, which ends the record.
  void Done() {
    if (table_.EarliestDeadline() < earliest_before_) db_.PartsChanged(key_);
    db_.ContainerChanged(key_, record_, bytes_before_);
  }

 private:
  Db& db_;
  const KeyView key_;
  Record* const record_;
  PackedTable& table_;
  const size_t bytes_before_;
  const UnixMillis earliest_before_;
};

}  // namespace alai
