// The journal of `write behind`: writes that have been answered and that the database has still to see.
//
// Append() writes a record to the file at once, so that it outlives the process; Sync() makes what was appended
// outlive the machine, and what is lost at most is what was appended after the last Sync(). Records are
// read in their order, and MarkApplied() says how far the database has got. A mark is not waited for, so after a
// crash the last records may be applied again: statements must not mind. When more of the file is applied
// than not, the rest is copied to a new one that takes its place.
//
// A file may end in the middle of a record, or in bytes that never got to the disk: that tail is cut off when
// the journal is opened, and reported. Where something sound follows behind something that is not, the file is
// damaged, which is an error, and it is left as it is.
//
// Threads     Append(), Sync() and the figures: any. Read() and MarkApplied(): one at a time.
// Invariants  (1) Sequences of records grow by one. How many there may be is up to who appends them.
//             (2) A record is in the file whole, or not at all.
//             (3) The file is at most about twice as long as what is not applied, and `dead_bytes_min`.
//             (4) One process has the journal: the file is locked.
#pragma once

#include <absl/status/status.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/origin/journal_format.h"

namespace alai::origin {

class WriteJournal {
 public:
  struct Options {
    uint64_t dead_bytes_min = 1024 * 1024;  // of what is applied, before the file is written anew
    // The system's calls; tests give their own.
    std::function<ssize_t(int fd, const void* bytes, size_t size, off_t at)> write;
    std::function<int(int fd)> sync;
  };
  // What was found when the journal was opened.
  struct Found {
    uint64_t records = 0;     // to be applied
    uint64_t torn_bytes = 0;  // cut off at the end
  };

  // Opens a journal, or makes one where there is no file or an empty one. DATA_LOSS: the file is damaged, and
  // stays as it is; FAILED_PRECONDITION: it is no journal, or another process has it.
  static absl::Status Open(const std::string& path, Options options,
                           std::unique_ptr<WriteJournal>* journal, Found* found);
  ~WriteJournal();
  WriteJournal(const WriteJournal&) = delete;
  WriteJournal& operator=(const WriteJournal&) = delete;

  // What is to be appended; a view.
  struct Write {
    std::string_view rule;
    const WriteRequest& request;
  };
  // What a write takes in the file; 0: no record can hold it.
  static uint64_t BytesOf(const Write& write);
  // Appends writes side by side, and gives the sequence of the first. On failure nothing was appended.
  absl::Status Append(std::span<const Write> writes, uint64_t* first_sequence);
  // Waits until the disk has all that was appended before. Once it has failed, so does everything that writes.
  absl::Status Sync();
  // The first records that are not applied, at least one if there is any.
  absl::Status Read(size_t records_max, uint64_t bytes_max, std::vector<JournalRecord>* records);
  // All records up to this one have been applied. On failure they count as applied until the journal is opened
  // the next time.
  absl::Status MarkApplied(uint64_t sequence);

  uint64_t pending_records() const;
  uint64_t pending_bytes() const;
  // Records appended since the last Sync().
  uint64_t unsynced_records() const;
  uint64_t file_bytes() const;

 private:
  WriteJournal(std::string path, Options options);

  absl::Status Create();
  absl::Status Load(Found* found);
  absl::Status Scan(uint64_t* end, Found* found);
  void CountPending(uint64_t end);
  absl::Status AppendBytes(std::string_view bytes);
  absl::Status Compact();
  absl::Status FillNewFile(int fd, uint64_t from, uint64_t to, uint64_t at);
  absl::Status SystemError(std::string_view what, int error) const;

  const std::string path_;
  const Options options_;
  uint64_t salt_ = 0;

  // Held while the disk is waited for and while the file is replaced; taken before `mutex_`.
  std::mutex sync_mutex_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  uint64_t end_ = 0;          // of the file
  uint64_t applied_end_ = 0;  // all records before this place are applied
  uint64_t next_sequence_ = 1;
  uint64_t applied_sequence_ = 0;
  uint64_t synced_sequence_ = 0;
  uint64_t pending_bytes_ = 0;
  bool failed_ = false;  // what the file holds is not known
};

}  // namespace alai::origin
