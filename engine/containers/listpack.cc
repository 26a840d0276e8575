#include "engine/containers/listpack.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {
namespace {

uint32_t LoadBytes(const char* listpack) {
  uint32_t bytes;
  std::memcpy(&bytes, listpack, sizeof bytes);
  return bytes;
}

// The header's count after an edit. Once unknown it stays so: counting costs a walk.
size_t EditedCount(Listpack old, const ListpackEdit& edit) {
  if (old.header_count() == kListpackCountUnknown) return kListpackCountUnknown;
  return old.header_count() - edit.removed_count + edit.inserted.size();
}

char* WriteEntries(std::span<const PackedValue> values, char* out) {
  for (const PackedValue& value : values) out = PackedEntry(value).Write(out);
  return out;
}

// Whether two of the entries at `positions` are equal as text.
bool HasDuplicates(const char* bytes, std::vector<uint32_t>* positions) {
  const auto compare = [bytes](uint32_t a, uint32_t b) {
    char digits_a[kInt64CharsMax];
    char digits_b[kInt64CharsMax];
    return ReadPackedEntry(bytes + a).View(digits_a).compare(
        ReadPackedEntry(bytes + b).View(digits_b));
  };
  std::sort(positions->begin(), positions->end(),
            [&](uint32_t a, uint32_t b) { return compare(a, b) < 0; });
  return std::adjacent_find(positions->begin(), positions->end(), [&](uint32_t a, uint32_t b) {
           return compare(a, b) == 0;
         }) != positions->end();
}

}  // namespace

void WriteListpackHeader(size_t bytes, size_t count, char* out) {
  DASSERT(bytes <= UINT32_MAX);
  const auto bytes32 = static_cast<uint32_t>(bytes);
  const auto count16 = static_cast<uint16_t>(std::min<size_t>(count, kListpackCountUnknown));
  std::memcpy(out, &bytes32, sizeof bytes32);
  std::memcpy(out + sizeof bytes32, &count16, sizeof count16);
}

void WriteListpack(PackedRun run, size_t count, char* out) {
  WriteListpackHeader(run.bytes() + kListpackBytesMin, count, out);
  if (run.bytes() > 0) std::memcpy(out + kListpackHeaderBytes, run.begin, run.bytes());
  out[kListpackHeaderBytes + run.bytes()] = static_cast<char>(kListpackEnd);
}

size_t Listpack::bytes() const { return LoadBytes(bytes_); }

uint16_t Listpack::header_count() const {
  uint16_t count;
  std::memcpy(&count, bytes_ + sizeof(uint32_t), sizeof count);
  return count;
}

size_t Listpack::count() const {
  const uint16_t known = header_count();
  return known != kListpackCountUnknown ? known : run().CountEntries();
}

size_t Listpack::At(int64_t index) const {
  const uint16_t known = header_count();
  const auto count = static_cast<int64_t>(known);
  if (known != kListpackCountUnknown) {
    if (index < 0) index += count;
    if (index < 0 || index >= count) return End();
    return static_cast<size_t>(run().Seek(static_cast<size_t>(index), known) - bytes_);
  }
  if (index >= 0) {
    size_t at = Begin();
    for (; index > 0 && at < End(); --index) at = Next(at);
    return at;
  }
  size_t at = End();
  for (; index < 0; ++index) {
    if (at == Begin()) return End();
    at = Previous(at);
  }
  return at;
}

ListpackEdit ListpackEdit::Erase(Listpack old, size_t at, size_t count) {
  size_t end = at;
  size_t removed = 0;
  for (; removed < count && end < old.End(); ++removed) end = old.Next(end);
  return {at, end - at, removed, {}};
}

size_t ListpackEdit::inserted_bytes() const {
  size_t bytes = 0;
  for (const PackedValue& value : inserted) bytes += PackedEntry(value).bytes();
  return bytes;
}

size_t EditedListpackBytes(Listpack old, const ListpackEdit& edit) {
  return old.bytes() - edit.removed_bytes + edit.inserted_bytes();
}

void WriteEditedListpack(Listpack old, const ListpackEdit& edit, char* out) {
  const std::string_view bytes = old.view();
  std::memcpy(out, bytes.data(), edit.at);
  char* const tail = WriteEntries(edit.inserted, out + edit.at);
  const size_t kept_from = edit.at + edit.removed_bytes;
  const size_t kept = bytes.size() - kept_from;
  std::memcpy(tail, bytes.data() + kept_from, kept);
  WriteListpackHeader(static_cast<size_t>(tail - out) + kept, EditedCount(old, edit), out);
}

ListpackBuffer::ListpackBuffer(ListpackBuffer&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}

ListpackBuffer& ListpackBuffer::operator=(ListpackBuffer&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void ListpackBuffer::Assign(Listpack copied) {
  const std::string_view bytes = copied.view();
  if (capacity_ < bytes.size()) {
    Release();
    capacity_ = UsableSize(bytes.size());
    block_ = static_cast<char*>(Allocate(capacity_));
  }
  std::memcpy(block_, bytes.data(), bytes.size());
}

void ListpackBuffer::Clear() {
  if (block_ != nullptr) std::memcpy(block_, kEmptyListpack, sizeof kEmptyListpack);
}

void ListpackBuffer::Release() {
  if (block_ == nullptr) return;
  Free(block_, capacity_);
  block_ = nullptr;
  capacity_ = 0;
}

void ListpackBuffer::MoveTo(size_t capacity) {
  const std::string_view bytes = get().view();
  char* const block = static_cast<char*>(Allocate(capacity));
  std::memcpy(block, bytes.data(), bytes.size());
  Release();
  block_ = block;
  capacity_ = capacity;
}

void ListpackBuffer::Reserve(size_t bytes) {
  if (bytes > capacity_) MoveTo(UsableSize(bytes));
}

void ListpackBuffer::ShrinkToFit() {
  const size_t fitting = UsableSize(get().bytes());
  if (fitting < capacity_) MoveTo(fitting);
}

void ListpackBuffer::Apply(const ListpackEdit& edit) {
  const size_t inserted_bytes = edit.inserted_bytes();
  const size_t old_bytes = get().bytes();
  const size_t bytes = old_bytes - edit.removed_bytes + inserted_bytes;
  DASSERT(bytes <= kListpackBytesMax);
  Reserve(bytes);
  const size_t count = EditedCount(get(), edit);
  const size_t kept_from = edit.at + edit.removed_bytes;
  if (edit.removed_bytes != inserted_bytes) {
    std::memmove(block_ + edit.at + inserted_bytes, block_ + kept_from, old_bytes - kept_from);
  }
  WriteEntries(edit.inserted, block_ + edit.at);
  WriteListpackHeader(bytes, count, block_);
}

bool ValidateListpack(std::string_view bytes, const ListpackDemands& demands) {
  if (bytes.size() < kListpackBytesMin || bytes.size() > UINT32_MAX) return false;
  if (LoadBytes(bytes.data()) != bytes.size()) return false;
  if (static_cast<uint8_t>(bytes.back()) != kListpackEnd) return false;
  std::vector<uint32_t> compared;
  size_t count = 0;
  std::string_view rest = bytes.substr(kListpackHeaderBytes);
  rest.remove_suffix(1);
  while (!rest.empty()) {
    const size_t entry_bytes = MeasureEntry(rest);
    if (entry_bytes == 0) return false;
    if (demands.unique_stride != 0 && count % demands.unique_stride == 0) {
      compared.push_back(static_cast<uint32_t>(rest.data() - bytes.data()));
    }
    rest.remove_prefix(entry_bytes);
    ++count;
  }
  const uint16_t stated = Listpack(bytes.data()).header_count();
  if (stated != kListpackCountUnknown && stated != count) return false;
  if (demands.even_count && count % 2 != 0) return false;
  return demands.unique_stride == 0 || !HasDuplicates(bytes.data(), &compared);
}

}  // namespace alai
