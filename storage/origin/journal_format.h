// How the journal of writes lies in its file. Integers are little-endian.
//
//   file     | "ALAIWJ1\n" 8 | salt 8 | checksum of both 8 | record | record | …
//   record   | mark 4 | bytes of the payload 4 | checksum 8 | payload |
//   payload  | kind 1 | sequence 8 |                                                  applied up to here
//            | kind 1 | sequence 8 | n 1 | rule n | captures 1 | m 4 | capture m | … |  the key is deleted
//            | the same | value … |                                                 the key is written
//
// The checksum (crc64.h) of a record is over its mark, length and payload, and begins with the salt, which is
// random: what a client writes cannot look like a record of the journal that holds it.
//
// Threads     Pure functions; a JournalWindow belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/origin/source.h"

namespace alai::origin {

constexpr size_t kJournalHeaderBytes = 24;
constexpr size_t kJournalRecordHeaderBytes = 16;

enum class JournalKind : uint8_t { kApplied = 1, kDelete = 2, kWrite = 3 };

// One write that has been promised to the database.
struct JournalRecord {
  uint64_t sequence = 0;  // one more for each
  std::string rule;
  WriteRequest request;
};

std::string JournalHeader(uint64_t salt);
// False for what is not the header of a journal.
bool ReadJournalHeader(std::string_view bytes, uint64_t* salt);

std::string AppliedRecord(uint64_t sequence, uint64_t salt);
// What the record of a write takes; 0 for what is too long for any.
uint64_t JournalRecordBytes(std::string_view rule, const WriteRequest& request);
// Appends the record of a write that is not too long.
void AppendWriteRecord(uint64_t sequence, std::string_view rule, const WriteRequest& request,
                       uint64_t salt, std::string* out);

// A payload whose checksum is right. False when it is malformed all the same.
bool ReadJournalPayload(std::string_view payload, JournalKind* kind, JournalRecord* record);

// A stretch of a file in memory.
class JournalWindow {
 public:
  // `end`: what lies behind is not looked at.
  JournalWindow(int fd, uint64_t end) : fd_(fd), end_(end) {}

  // The bytes from `at` on, valid until the next call; fewer when the file ends or cannot be read.
  std::string_view Bytes(uint64_t at, uint64_t size);
  // The payload of the record at `at`, or nothing when there is no whole and sound record.
  std::string_view Payload(uint64_t at, uint64_t salt);
  // The first sound record at or behind `at`, or the end.
  uint64_t FindRecord(uint64_t at, uint64_t salt);
  // errno of a read that failed, or 0.
  int error() const { return error_; }

 private:
  int fd_;
  uint64_t end_;
  uint64_t start_ = 0;  // where in the file `bytes_` begin
  std::string bytes_;
  int error_ = 0;
};

}  // namespace alai::origin
