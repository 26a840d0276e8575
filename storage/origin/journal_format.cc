#include "storage/origin/journal_format.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/byte_order.h"
#include "storage/crc64.h"

namespace alai::origin {
namespace {

constexpr std::string_view kMagic = "ALAIWJ1\n";
constexpr std::string_view kMark = "\xa1WJ\x1a";
constexpr uint64_t kWindowBytes = 256 * 1024;

std::string Framed(std::string_view payload, uint64_t salt) {
  std::string record(kMark);
  AppendLittleEndian(payload.size(), 4, &record);
  const uint64_t checksum = Crc64(Crc64(salt, record), payload);
  AppendLittleEndian(checksum, 8, &record);
  return record.append(payload);
}

// Takes bytes off the front; empty, and the text too, when there are not as many.
std::string_view Take(std::string_view* text, size_t size, bool* good) {
  *good = *good && text->size() >= size;
  if (!*good) return *text = {};
  const std::string_view taken = text->substr(0, size);
  text->remove_prefix(size);
  return taken;
}

}  // namespace

std::string JournalHeader(uint64_t salt) {
  std::string header(kMagic);
  AppendLittleEndian(salt, 8, &header);
  AppendLittleEndian(Crc64(0, header), 8, &header);
  return header;
}

bool ReadJournalHeader(std::string_view bytes, uint64_t* salt) {
  if (bytes.size() < kJournalHeaderBytes || !bytes.starts_with(kMagic)) return false;
  *salt = LittleEndian(bytes.substr(8, 8));
  return LittleEndian(bytes.substr(16, 8)) == Crc64(0, bytes.substr(0, 16));
}

std::string AppliedRecord(uint64_t sequence, uint64_t salt) {
  std::string payload(1, static_cast<char>(JournalKind::kApplied));
  AppendLittleEndian(sequence, 8, &payload);
  return Framed(payload, salt);
}

uint64_t JournalRecordBytes(std::string_view rule, const WriteRequest& request) {
  constexpr uint64_t kFixedBytes = 1 + 8 + 1 + 1;
  uint64_t size = kFixedBytes + rule.size() + (request.value ? request.value->size() : 0);
  for (const std::string& argument : request.arguments) size += argument.size() + 4;
  const bool fits =
      rule.size() <= UINT8_MAX && request.arguments.size() <= UINT8_MAX && size <= INT32_MAX;
  return fits ? size + kJournalRecordHeaderBytes : 0;
}

void AppendWriteRecord(uint64_t sequence, std::string_view rule, const WriteRequest& request,
                       uint64_t salt, std::string* out) {
  std::string payload(
      1, static_cast<char>(request.value ? JournalKind::kWrite : JournalKind::kDelete));
  AppendLittleEndian(sequence, 8, &payload);
  AppendLittleEndian(rule.size(), 1, &payload);
  payload.append(rule);
  AppendLittleEndian(request.arguments.size(), 1, &payload);
  for (const std::string& argument : request.arguments) {
    AppendLittleEndian(argument.size(), 4, &payload);
    payload.append(argument);
  }
  if (request.value) payload.append(*request.value);
  out->append(Framed(payload, salt));
}

bool ReadJournalPayload(std::string_view payload, JournalKind* kind, JournalRecord* record) {
  bool good = true;
  *record = {};
  const uint64_t kind_byte = LittleEndian(Take(&payload, 1, &good));
  record->sequence = LittleEndian(Take(&payload, 8, &good));
  if (!good || kind_byte < static_cast<uint64_t>(JournalKind::kApplied) ||
      kind_byte > static_cast<uint64_t>(JournalKind::kWrite)) {
    return false;
  }
  *kind = static_cast<JournalKind>(kind_byte);
  if (*kind == JournalKind::kApplied) return payload.empty();
  record->rule = Take(&payload, LittleEndian(Take(&payload, 1, &good)), &good);
  for (uint64_t n = LittleEndian(Take(&payload, 1, &good)); good && n > 0; --n) {
    record->request.arguments.emplace_back(
        Take(&payload, LittleEndian(Take(&payload, 4, &good)), &good));
  }
  if (*kind == JournalKind::kWrite) {
    record->request.value = payload;
    return good;
  }
  return good && payload.empty();
}

std::string_view JournalWindow::Bytes(uint64_t at, uint64_t size) {
  if (at >= end_) return {};
  size = std::min(size, end_ - at);
  if (at < start_ || at + size > start_ + bytes_.size()) {
    start_ = at;
    bytes_.resize(std::min(std::max(size, kWindowBytes), end_ - at));
    size_t read = 0;
    while (read < bytes_.size()) {
      const ssize_t got =
          pread(fd_, bytes_.data() + read, bytes_.size() - read, static_cast<off_t>(at + read));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error_ = errno;
      if (got <= 0) break;
      read += static_cast<size_t>(got);
    }
    bytes_.resize(read);
  }
  return std::string_view(bytes_).substr(at - start_, size);
}

std::string_view JournalWindow::Payload(uint64_t at, uint64_t salt) {
  const std::string_view header = Bytes(at, kJournalRecordHeaderBytes);
  if (header.size() < kJournalRecordHeaderBytes || !header.starts_with(kMark)) return {};
  const uint64_t length = LittleEndian(header.substr(4, 4));
  const uint64_t checksum = LittleEndian(header.substr(8, 8));
  if (length == 0 || length > end_ - at - kJournalRecordHeaderBytes) return {};
  const std::string_view record = Bytes(at, kJournalRecordHeaderBytes + length);
  if (record.size() < kJournalRecordHeaderBytes + length) return {};
  const std::string_view payload = record.substr(kJournalRecordHeaderBytes);
  return Crc64(Crc64(salt, record.substr(0, 8)), payload) == checksum ? payload
                                                                      : std::string_view();
}

uint64_t JournalWindow::FindRecord(uint64_t at, uint64_t salt) {
  while (at < end_) {
    const std::string_view bytes = Bytes(at, kWindowBytes);
    const size_t mark = bytes.find(kMark);
    if (mark != std::string_view::npos) {
      at += mark;
      if (!Payload(at, salt).empty()) return at;
      ++at;
    } else if (bytes.size() < kMark.size()) {
      break;
    } else {
      at += bytes.size() - (kMark.size() - 1);
    }
  }
  return end_;
}

}  // namespace alai::origin
