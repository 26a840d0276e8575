#include "engine/types/string_edit.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/blob.h"
#include "engine/types/strings.h"

namespace alai::strings {

uint64_t GrownCapacity(uint64_t length) {
  constexpr uint64_t kReserveBytesMax = 1 << 20;
  return length + std::min(length, kReserveBytesMax);
}

void InheritDeadline(const Record& old, Record::Draft* draft) {
  draft->deadline = old.deadline();
  draft->pinned = old.pinned();
}

void StoreAsBytes(Db& db, KeyView key, const Record& record) {
  if (record.encoding() != Encoding::kInt && record.encoding() != Encoding::kEmbedded) return;
  const Text text(record);
  Record::Draft draft;
  draft.key = key.bytes;
  draft.encoding = Encoding::kRaw;
  draft.value = text.view();
  InheritDeadline(record, &draft);
  db.Put(key, draft);
}

StringEdit::StringEdit(Db& db, KeyView key, Record* old, uint64_t length, uint64_t zeros_end)
    : db_(db), key_(key), old_(old) {
  const uint64_t old_length = old != nullptr ? Length(*old) : 0;
  length_ = std::max(length, old_length);
  in_place_ = BeginInPlace();
  if (!in_place_) BeginSuccessor(old_length);
  if (zeros_end > old_length) std::memset(bytes_ + old_length, 0, zeros_end - old_length);
}

StringEdit::~StringEdit() {
  if (!published_ && draft_.blob != nullptr) draft_.blob->Release();
}

bool StringEdit::BeginInPlace() {
  if (old_ == nullptr || old_->encoding() != Encoding::kBlob || !old_->read_under_lock()) {
    return false;
  }
  Blob& blob = *old_->blob();
  if (blob.shared() || blob.capacity() < length_) return false;
  bytes_ = blob.bytes();
  return true;
}

void StringEdit::BeginSuccessor(uint64_t old_length) {
  draft_.key = key_.bytes;
  if (old_ != nullptr) InheritDeadline(*old_, &draft_);
  if (length_ <= kInlineValueBytesMax) {
    draft_.encoding = Encoding::kRaw;
    draft_.value = {inline_value_, length_};
    bytes_ = inline_value_;
  } else {
    const bool grows = old_ != nullptr && length_ > old_length;
    draft_.encoding = Encoding::kBlob;
    draft_.read_under_lock = true;
    draft_.blob = Blob::Create(length_, grows ? GrownCapacity(length_) : length_);
    bytes_ = draft_.blob->bytes();
  }
  if (old_length > 0) std::memcpy(bytes_, Text(*old_).view().data(), old_length);
}

void StringEdit::Publish(std::string_view event, uint32_t changes) {
  DASSERT(!published_);
  published_ = true;
  bool was_there = true;
  if (in_place_) {
    Blob& blob = *old_->blob();
    if (length_ > blob.length()) blob.SetLength(length_);
    db_.Changed(key_, old_);
  } else {
    was_there = db_.Put(key_, draft_).replaced;
  }
  TellWritten(db_, key_, was_there, event, changes);
}

}  // namespace alai::strings
