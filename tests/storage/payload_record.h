// DUMP payloads with a content of the test's own, and the records that are made of payloads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/packing_limits.h"
#include "engine/record.h"
#include "engine/types/collections.h"
#include "storage/dump_payload.h"
#include "storage/rdb_types.h"
#include "tests/catch.h"
#include "tests/storage/dump_footer.h"

namespace alai {

struct RecordDeleter {
  void operator()(Record* record) const { record->Destroy(); }
};
using OwnedRecord = std::unique_ptr<Record, RecordDeleter>;

// A value with its type before it, version and checksum behind it.
inline std::string Payload(RdbType type, std::string_view value,
                           uint16_t version = kDumpVersionWritten) {
  std::string payload(1, static_cast<char>(type));
  payload += value;
  return WithFooter(std::move(payload), version);
}

// The collection in a payload, as key "k"; nullptr when what it says is refused.
inline OwnedRecord Restore(std::string_view payload, const PackingLimits& limits = {}) {
  DumpedValue value;
  const DumpError error = DecodeDump(payload, {}, limits, &value);
  REQUIRE(error != DumpError::kFooter);
  if (error != DumpError::kNone) return nullptr;
  REQUIRE(value.collection != nullptr);
  return OwnedRecord(Record::Create(value.collection->TakeDraft(MakeKey("k"))));
}

}  // namespace alai
