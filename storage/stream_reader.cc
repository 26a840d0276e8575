#include "storage/stream_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "engine/containers/listpack.h"
#include "storage/byte_order.h"
#include "storage/stream_format.h"

namespace alai {
namespace {

using namespace stream_format;

// Of one entry: while it is read, each takes 32 bytes besides its own.
constexpr int64_t kFieldsMax = int64_t{1} << 22;

// A node that is larger than a block becomes several, which repeat its names; together these may be so many
// times the node.
constexpr uint64_t kRepeatedNamesMax = 8;

// Opens another block; and adds to the last as long as it can take more.
constexpr StreamLimits kNewBlock = {.block_bytes_max = 1, .block_entries_max = 1};
constexpr StreamLimits kSameBlock = {.block_bytes_max = 0, .block_entries_max = 0};

StreamId ReadId(RdbReader& reader) {
  const uint64_t ms = reader.Length();
  return {ms, reader.Length()};
}

StreamId ReadIdBytes(RdbReader& reader) {
  const std::string_view bytes = reader.Bytes(kIdBytes);
  if (bytes.empty()) return {};
  return {BigEndian(bytes.substr(0, kIdBytes / 2)), BigEndian(bytes.substr(kIdBytes / 2))};
}

// The words of a sound listpack in turn. The first error latches.
class Words {
 public:
  explicit Words(Listpack listpack) : listpack_(listpack), at_(listpack.Begin()) {}

  PackedValue Next() {
    if (at_ >= listpack_.End()) {
      ok_ = false;
      return PackedValue::Of(int64_t{0});
    }
    const PackedValue value = listpack_.Read(at_);
    at_ = listpack_.Next(at_);
    return value;
  }
  int64_t Integer() {
    const PackedValue value = Next();
    if (!value.is_integer) ok_ = false;
    return value.is_integer ? value.integer : 0;
  }
  // From 0 to `max`.
  int64_t Count(int64_t max) {
    const int64_t count = Integer();
    if (count < 0 || count > max) ok_ = false;
    return ok_ ? count : 0;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == listpack_.End(); }

 private:
  const Listpack listpack_;
  size_t at_;
  bool ok_ = true;
};

// Texts of a listpack, integers among them in digits that lie here.
class Texts {
 public:
  void Clear() {
    views_.clear();
    digits_.clear();
  }
  void Add(const PackedValue& value) {
    if (!value.is_integer) {
      // Never nullptr, which marks digits.
      views_.emplace_back(value.text.empty() ? "" : value.text.data(), value.text.size());
      return;
    }
    char digits[kInt64CharsMax];
    const size_t length = FormatInt64(value.integer, digits);
    digits_.append(digits, length);
    views_.emplace_back(static_cast<const char*>(nullptr), length);
  }
  void AddText(std::string_view text) { views_.push_back(text); }
  // Call once all are added.
  FieldValues Finish() {
    const char* at = digits_.data();
    for (std::string_view& view : views_) {
      if (view.data() != nullptr) continue;
      view = {at, view.size()};
      at += view.size();
    }
    return views_;
  }

 private:
  std::vector<std::string_view> views_;
  std::string digits_;
};

class StreamReader {
 public:
  StreamReader(RdbReader& reader, RdbType type, Stream& stream)
      : reader_(reader), type_(type), stream_(stream) {}

  bool Read() {
    for (uint64_t left = reader_.Length(); left > 0; --left) {
      if (!ReadNode()) return false;
    }
    if (!ReadFigures()) return false;
    for (uint64_t left = reader_.Length(); left > 0; --left) {
      if (!ReadGroup()) return false;
    }
    return reader_.ok();
  }
  uint64_t text_bytes() const { return text_bytes_; }

 private:
  struct Pending {
    StreamId id;
    UnixMillis delivered_at;
    uint64_t deliveries;
    bool owned;
  };

  bool ReadNode();
  bool ReadEntry(Words& words, FieldValues names, StreamId* id, bool* deleted);
  bool ReadPairs(Words& words, FieldValues names, bool same_fields);
  bool Append(StreamId id, FieldValues pairs, uint64_t node_bytes);
  bool ReadFigures();
  bool ReadGroup();
  bool ReadPending();
  bool ReadConsumer(ConsumerGroup& group);
  bool ReadOwned(ConsumerGroup& group, Consumer* consumer);
  // A name, whose bytes are the reader's or in `digits`.
  std::optional<std::string_view> ReadName(char* digits);

  RdbReader& reader_;
  const RdbType type_;
  Stream& stream_;
  uint64_t text_bytes_ = 0;

  // Of the node that is being read.
  StreamId node_id_;
  bool node_begun_ = false;
  uint64_t repeated_bytes_ = 0;
  Texts names_;
  Texts pairs_;

  // Of the group that is being read.
  std::vector<Pending> pending_;
  uint64_t owned_ = 0;
};

bool StreamReader::ReadNode() {
  const RdbString key = reader_.String();
  if (!reader_.ok() || key.is_integer || key.bytes.size() != kIdBytes) return false;
  node_id_ = {BigEndian(key.bytes.substr(0, kIdBytes / 2)),
              BigEndian(key.bytes.substr(kIdBytes / 2))};
  const RdbString packed = reader_.String();
  if (!reader_.ok() || packed.is_integer || !ValidateListpack(packed.bytes)) return false;
  Words words{Listpack(packed.bytes.data())};
  const int64_t live = words.Count(UINT32_MAX);
  const int64_t deleted = words.Count(UINT32_MAX);
  names_.Clear();
  for (int64_t left = words.Count(kFieldsMax); left > 0 && words.ok(); --left) {
    names_.Add(words.Next());
  }
  if (words.Integer() != 0 || !words.ok() || live + deleted == 0) return false;

  node_begun_ = false;
  repeated_bytes_ = 0;
  const FieldValues names = names_.Finish();
  std::vector<StreamId> gone;
  for (int64_t left = live + deleted; left > 0; --left) {
    StreamId id;
    bool is_deleted = false;
    if (!ReadEntry(words, names, &id, &is_deleted)) return false;
    if (!Append(id, pairs_.Finish(), packed.bytes.size())) return false;
    if (is_deleted) gone.push_back(id);
  }
  // Only now, as a block without live entries would not stay; and from the last one on, as the first live
  // entry is sought anew whenever it is deleted.
  for (auto id = gone.rbegin(); id != gone.rend(); ++id) stream_.Delete(*id);
  return words.at_end() && gone.size() == static_cast<uint64_t>(deleted);
}

bool StreamReader::ReadEntry(Words& words, FieldValues names, StreamId* id, bool* deleted) {
  const int64_t flags = words.Count(kDeleted | kSameFields);
  // Differences wrap around, so that all ids can be told.
  id->ms = node_id_.ms + static_cast<uint64_t>(words.Integer());
  id->seq = node_id_.seq + static_cast<uint64_t>(words.Integer());
  *deleted = (flags & kDeleted) != 0;
  return words.ok() && *id >= node_id_ && *id > stream_.last_id() &&
         ReadPairs(words, names, (flags & kSameFields) != 0);
}

// Also the count of words behind.
bool StreamReader::ReadPairs(Words& words, FieldValues names, bool same_fields) {
  const auto fields = same_fields ? static_cast<int64_t>(names.size()) : words.Count(kFieldsMax);
  pairs_.Clear();
  for (int64_t i = 0; i < fields && words.ok(); ++i) {
    if (same_fields) {
      pairs_.AddText(names[static_cast<size_t>(i)]);
    } else {
      pairs_.Add(words.Next());
    }
    pairs_.Add(words.Next());
  }
  const int64_t count = kWordsBefore + (same_fields ? fields : 1 + 2 * fields);
  return fields > 0 && words.Integer() == count && words.ok();
}

bool StreamReader::Append(StreamId id, FieldValues pairs, uint64_t node_bytes) {
  uint64_t bytes = 0;
  uint64_t name_bytes = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    name_bytes += pairs[i].size();
    bytes += pairs[i].size() + pairs[i + 1].size();
  }
  if (bytes > StreamBlock::kEntryBytesMax) return false;
  text_bytes_ += bytes;
  const uint64_t blocks = stream_.block_count();
  stream_.Append(id, pairs, node_begun_ ? kSameBlock : kNewBlock);
  if (node_begun_ && stream_.block_count() > blocks) {
    repeated_bytes_ += name_bytes;
    if (repeated_bytes_ > kRepeatedNamesMax * node_bytes) return false;
  }
  node_begun_ = true;
  return true;
}

bool StreamReader::ReadFigures() {
  const uint64_t length = reader_.Length();
  const StreamId last_id = ReadId(reader_);
  StreamId max_deleted_id;
  uint64_t entries_added = length;
  if (type_ != RdbType::kStream) {
    const StreamId first_id = ReadId(reader_);
    max_deleted_id = ReadId(reader_);
    entries_added = reader_.Length();
    // Redis leaves any first id behind when nothing is left.
    if (length > 0 && first_id != stream_.first_id()) return false;
  }
  if (!reader_.ok() || length != stream_.length() || last_id < stream_.last_id()) return false;
  if (entries_added < length || entries_added > INT64_MAX) return false;
  stream_.SetFigures(last_id, entries_added, max_deleted_id);
  return true;
}

std::optional<std::string_view> StreamReader::ReadName(char* digits) {
  const RdbString name = reader_.String();
  if (!reader_.ok()) return std::nullopt;
  const std::string_view text =
      name.is_integer ? std::string_view(digits, FormatInt64(name.integer, digits)) : name.bytes;
  text_bytes_ += text.size();
  return text;
}

bool StreamReader::ReadGroup() {
  char digits[kInt64CharsMax];
  const std::optional<std::string_view> name = ReadName(digits);
  if (!name || stream_.FindGroup(*name) != nullptr) return false;
  ConsumerGroup* group = stream_.AddGroup(*name, {}, ConsumerGroup::kReadUnknown);
  const StreamId last_id = ReadId(reader_);
  const int64_t read = type_ == RdbType::kStream ? stream_.CountUpTo(last_id)
                                                 : static_cast<int64_t>(reader_.Length());
  if (!reader_.ok() || (read < 0 && read != ConsumerGroup::kReadUnknown)) return false;
  group->SetPosition(last_id, read);
  if (!ReadPending()) return false;
  for (uint64_t left = reader_.Length(); left > 0; --left) {
    if (!ReadConsumer(*group)) return false;
  }
  return reader_.ok() && owned_ == pending_.size();
}

// All of a group; whose they are comes with the consumers.
bool StreamReader::ReadPending() {
  pending_.clear();
  owned_ = 0;
  for (uint64_t left = reader_.Length(); left > 0; --left) {
    const StreamId id = ReadIdBytes(reader_);
    const UnixMillis delivered_at = reader_.Millis();
    const uint64_t deliveries = reader_.Length();
    if (!reader_.ok() || delivered_at < 0) return false;
    if (!pending_.empty() && id <= pending_.back().id) return false;
    pending_.push_back({id, delivered_at, deliveries, false});
  }
  return reader_.ok();
}

bool StreamReader::ReadConsumer(ConsumerGroup& group) {
  char digits[kInt64CharsMax];
  const std::optional<std::string_view> name = ReadName(digits);
  if (!name || group.FindConsumer(*name) != nullptr) return false;
  Consumer* consumer = group.AddConsumer(*name, 0);
  const UnixMillis seen_at = reader_.Millis();
  const UnixMillis active_at = type_ == RdbType::kStream3 ? reader_.Millis() : seen_at;
  if (!reader_.ok() || seen_at < 0 || active_at < Consumer::kNever) return false;
  consumer->SetSeen(seen_at);
  consumer->SetActive(active_at);
  return ReadOwned(group, consumer);
}

bool StreamReader::ReadOwned(ConsumerGroup& group, Consumer* consumer) {
  auto from = pending_.begin();
  for (uint64_t left = reader_.Length(); left > 0; --left) {
    const StreamId id = ReadIdBytes(reader_);
    if (!reader_.ok()) return false;
    from = std::lower_bound(from, pending_.end(), id,
                            [](const Pending& a, StreamId b) { return a.id < b; });
    if (from == pending_.end() || from->id != id || from->owned) return false;
    group.Assign(id, {from->delivered_at, from->deliveries, consumer});
    from->owned = true;
    ++owned_;
  }
  return reader_.ok();
}

}  // namespace

bool ReadStream(RdbReader& reader, RdbType type, Stream* stream, uint64_t* text_bytes) {
  StreamReader stream_reader(reader, type, *stream);
  const bool read = stream_reader.Read();
  *text_bytes = stream_reader.text_bytes();
  return read;
}

}  // namespace alai
