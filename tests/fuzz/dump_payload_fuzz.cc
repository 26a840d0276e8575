// Any bytes as a DUMP payload, and as the value of a collection. What decodes is encoded again and must
// come back the same; with a good footer put behind the bytes the checksum does not hide the decoder from
// the fuzzer.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "engine/types/stream_container.h"
#include "engine/types/strings.h"
#include "storage/collection_reader.h"
#include "storage/dump_payload.h"
#include "storage/record_writer.h"
#include "tests/storage/collection_recorder.h"
#include "tests/storage/dump_footer.h"

namespace alai {
namespace {

constexpr uint64_t kStringBytesMax = uint64_t{1} << 20;

const PackingLimits& Limits() {
  static PackingLimits limits;
  limits.hash_entries = 4;
  return limits;
}

Record* RecordOf(DumpedValue& value) {
  const KeyView key = MakeKey("k");
  Record::Draft draft;
  if (value.collection != nullptr) {
    draft = value.collection->TakeDraft(key);
  } else if (value.type == Type::kTokenBucket) {
    draft = {.key = "k", .type = value.type, .encoding = Encoding::kInt};
    draft.integer = value.arrival_ns;
  } else if (value.string.is_integer) {
    draft = {.key = "k", .encoding = Encoding::kInt};
    draft.integer = value.string.integer;
  } else {
    draft = strings::DraftOf(key, value.string.bytes);
  }
  return Record::Create(draft);
}

std::string TextOf(StreamId id) {
  char text[StreamId::kCharsMax];
  return {text, id.Format(text)};
}

void AddGroup(const ConsumerGroup& group, std::vector<std::string>* texts) {
  texts->insert(texts->end(), {std::string(group.name()), TextOf(group.last_id()),
                               std::to_string(group.entries_read())});
  for (const Consumer* consumer : group.consumers()) {
    texts->insert(texts->end(), {std::string(consumer->name()), std::to_string(consumer->seen_at()),
                                 std::to_string(consumer->pending().size())});
  }
  PendingRange pending(group, nullptr, StreamId::Min(), StreamId::Max());
  while (pending.Next()) {
    const PendingEntry& entry = pending.entry();
    texts->insert(texts->end(),
                  {TextOf(pending.id()), std::to_string(entry.delivered_at),
                   std::to_string(entry.deliveries), std::string(entry.consumer->name())});
  }
}

std::vector<std::string> StreamTexts(const Stream& stream) {
  std::vector<std::string> texts = {std::to_string(stream.length()), TextOf(stream.first_id()),
                                    TextOf(stream.last_id()), TextOf(stream.max_deleted_id()),
                                    std::to_string(stream.entries_added())};
  StreamRange range = stream.Range(StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    texts.push_back(TextOf(range.id()));
    StreamEntry::Fields fields(range.entry());
    while (fields.Next()) {
      texts.emplace_back(fields.field());
      texts.emplace_back(fields.value());
    }
  }
  for (const ConsumerGroup* group : stream.groups()) AddGroup(*group, &texts);
  return texts;
}

const Stream& StreamOf(const Record& record) {
  return static_cast<StreamContainer*>(record.container())->stream();
}

std::vector<std::string> TextsOf(const Record& record) {
  if (record.type() == Type::kString) return {std::string(strings::Text(record).view())};
  if (record.type() == Type::kTokenBucket) return {std::to_string(record.integer())};
  if (record.type() == Type::kStream) return StreamTexts(StreamOf(record));
  CollectionRecorder recorder;
  ASSERT(VisitCollection(record, 0, recorder));
  ASSERT(!recorder.texts.empty());
  return recorder.texts;
}

void CheckDecoding(std::string_view payload, bool check_crc) {
  const DumpDecodeOptions options{.check_crc = check_crc, .string_bytes_max = kStringBytesMax};
  DumpedValue value;
  if (DecodeDump(payload, options, Limits(), &value) != DumpError::kNone) return;
  Record* record = RecordOf(value);
  if (AllOver(*record, 0)) return record->Destroy();
  const std::vector<std::string> texts = TextsOf(*record);
  for (const bool compress : {false, true}) {
    DumpedValue again;
    const std::string encoded = EncodeDump(*record, 0, compress);
    // What comes in small strings can be longer as one.
    DumpDecodeOptions wide = options;
    wide.string_bytes_max *= 2;
    ASSERT(DecodeDump(encoded, wide, Limits(), &again) == DumpError::kNone);
    ASSERT(again.type == record->type());
    Record* second = RecordOf(again);
    // A table has its order from the hashes of what came before.
    std::vector<std::string> others = TextsOf(*second);
    ASSERT(others.size() == texts.size());
    const bool ordered =
        record->encoding() != Encoding::kContainer || record->type() == Type::kStream;
    if (ordered) ASSERT(others == texts);
    second->Destroy();
  }
  record->Destroy();
}

// The first byte is the type, the rest the value.
void CheckCollection(std::string_view input) {
  if (input.empty()) return;
  const auto form = static_cast<RdbType>(input[0]);
  const std::optional<Type> type = CollectionOf(form);
  RdbReader reader(input.substr(1), kStringBytesMax);
  CollectionRecorder recorder;
  if (!ReadCollection(reader, form, recorder)) return;
  ASSERT(type.has_value());
  ASSERT(!recorder.texts.empty());
  for (const bool compress : {false, true}) {
    const std::string written = WritePlain(*type, recorder, compress);
    RdbReader second_reader(written, kStringBytesMax);
    CollectionRecorder second;
    ASSERT(ReadCollection(second_reader, PlainFormOf(*type), second));
    ASSERT(second_reader.rest().empty());
    ASSERT(second.texts == recorder.texts);
  }
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  alai::CheckDecoding(input, true);
  alai::CheckDecoding(input, false);
  alai::CheckDecoding(alai::WithFooter(std::string(input)), true);
  alai::CheckCollection(input);
  return 0;
}
