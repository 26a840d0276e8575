#include "engine/record.h"

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/base/sanitizer.h"
#include "engine/blob.h"
#include "engine/containers/container.h"

namespace alai {
namespace {

constexpr bool kShareDeadlineWord = ALAI_TSAN == 0;
constexpr uint64_t kDeadline6Mask = (uint64_t{1} << 48) - 1;

size_t SourceBytes(const Record::Draft& draft) {
  return draft.source == nullptr ? 0 : draft.source->bytes;
}

int64_t PayloadOf(const Record::Draft& draft) {
  switch (draft.encoding) {
    case Encoding::kBlob:
      return reinterpret_cast<int64_t>(draft.blob);
    case Encoding::kContainer:
      return reinterpret_cast<int64_t>(draft.container);
    default:
      return draft.integer;
  }
}

}  // namespace

Record* Record::Create(const Draft& draft) {
  const bool inline_value = IsInline(draft.encoding);
  const size_t value_size =
      !inline_value ? 0 : SourceBytes(draft) + draft.value.size() + draft.value_tail.size();
  uint8_t layout = 0;
  if (draft.key.size() > UINT8_MAX) layout |= kLongKey;
  if (value_size > UINT8_MAX) layout |= kLongValue;
  if (!inline_value) layout |= kPayload;
  if (draft.read_under_lock) layout |= kReadUnderLock;
  if (draft.pinned) layout |= kPinned;
  if (draft.from_origin) layout |= kFromOrigin;
  if (draft.deadline != kNoDeadline) {
    const bool fits =
        draft.deadline >= 0 && static_cast<uint64_t>(draft.deadline) <= kDeadline6Mask;
    layout |= fits && kShareDeadlineWord ? kDeadline6 : kDeadline8;
  }
  const size_t size = BlockBytes(layout, draft.key.size() + value_size);

  auto* record = static_cast<Record*>(Allocate(size));
  new (&record->access_) std::atomic<uint32_t>(draft.access << 8 | layout);
  new (&record->generation_) std::atomic<uint8_t>(0);
  record->type_and_encoding_ = static_cast<uint8_t>(static_cast<unsigned>(draft.type) << 4 |
                                                    static_cast<unsigned>(draft.encoding));
  record->key_size_ = static_cast<uint8_t>(draft.key.size());
  record->value_size_ = static_cast<uint8_t>(value_size);

  char* at = reinterpret_cast<char*>(record) + 8;
  if ((layout & kPayload) != 0) {
    new (at) std::atomic<int64_t>(PayloadOf(draft));
    at += 8;
  }
  if ((layout & (kDeadline6 | kDeadline8)) != 0) {
    new (at) std::atomic<uint64_t>(static_cast<uint64_t>(draft.deadline));
  }
  at = reinterpret_cast<char*>(record) + SizesOffset(layout);
  if ((layout & kLongKey) != 0) {
    const auto long_size = static_cast<uint32_t>(draft.key.size());
    std::memcpy(at, &long_size, sizeof long_size);
    at += sizeof long_size;
  }
  if ((layout & kLongValue) != 0) {
    const auto long_size = static_cast<uint32_t>(value_size);
    std::memcpy(at, &long_size, sizeof long_size);
    at += sizeof long_size;
  }
  std::memcpy(at, draft.key.data(), draft.key.size());
  at += draft.key.size();
  if (inline_value) {
    if (!draft.value.empty()) std::memcpy(at, draft.value.data(), draft.value.size());
    if (!draft.value_tail.empty()) {
      std::memcpy(at + draft.value.size(), draft.value_tail.data(), draft.value_tail.size());
    }
    if (draft.source != nullptr) draft.source->write(*draft.source, at);
  }
  return record;
}

Record* Record::CopyWithDeadline(UnixMillis deadline, bool pinned, bool from_origin) const {
  Draft draft;
  draft.key = key();
  draft.type = type();
  draft.encoding = encoding();
  draft.deadline = deadline;
  draft.read_under_lock = read_under_lock();
  draft.pinned = pinned;
  draft.from_origin = from_origin;
  draft.access = access();
  switch (draft.encoding) {
    case Encoding::kInt:
      draft.integer = integer();
      break;
    case Encoding::kBlob:
      draft.blob = blob();
      draft.blob->Acquire();
      break;
    case Encoding::kContainer:
      draft.container = container();
      draft.container->Acquire();
      break;
    case Encoding::kEmbedded:
    case Encoding::kRaw:
    case Encoding::kListpack:
    case Encoding::kIntset:
      draft.value = inline_value();
      break;
  }
  return Create(draft);
}

Container* Record::DestroyButContainer() {
  Container* last = nullptr;
  if (IsOutside(encoding())) [[unlikely]] {
    if (encoding() == Encoding::kBlob) {
      blob()->Release();
    } else if (container()->Release()) {
      last = container();
    }
  }
  Free(this, block_size());
  return last;
}

void Record::Destroy() { delete DestroyButContainer(); }

UnixMillis Record::deadline() const {
  const uint8_t l = layout();
  if ((l & (kDeadline6 | kDeadline8)) == 0) return kNoDeadline;
  const uint64_t word = deadline_word().load(std::memory_order_acquire);
  return static_cast<UnixMillis>((l & kDeadline6) != 0 ? word & kDeadline6Mask : word);
}

UnixMillis Record::EarliestPart() const { return container()->EarliestDeadline(); }

bool Record::CanHoldDeadline(UnixMillis deadline) const {
  const uint8_t l = layout();
  if (deadline == kNoDeadline) return (l & (kDeadline6 | kDeadline8)) == 0;
  if ((l & kDeadline8) != 0) return true;
  return (l & kDeadline6) != 0 && deadline >= 0 &&
         static_cast<uint64_t>(deadline) <= kDeadline6Mask;
}

void Record::set_deadline(UnixMillis deadline) {
  DASSERT(CanHoldDeadline(deadline));
  auto word = static_cast<uint64_t>(deadline);
  if ((layout() & kDeadline6) != 0) {
    word |= deadline_word().load(std::memory_order_relaxed) & ~kDeadline6Mask;
  }
  deadline_word().store(word, std::memory_order_release);
}

size_t Record::OutsideBytes() const {
  return encoding() == Encoding::kBlob ? blob()->allocated_bytes() : container()->allocated_bytes();
}

size_t Record::owned_bytes() const {
  if (encoding() != Encoding::kContainer || !container()->shared()) return allocated_bytes();
  return UsableSize(block_size());
}

}  // namespace alai
