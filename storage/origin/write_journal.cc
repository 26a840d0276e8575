#include "storage/origin/write_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/random.h"

namespace alai::origin {
namespace {

constexpr uint64_t kCopyBytes = 256 * 1024;

// Zero or errno.
int SyncFolderOf(const std::string& path, const std::function<int(int)>& sync) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = sync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

uint64_t RecordBytes(std::string_view payload) {
  return kJournalRecordHeaderBytes + payload.size();
}

}  // namespace

WriteJournal::WriteJournal(std::string path, Options options)
    : path_(std::move(path)), options_([&options] {
        if (!options.write) {
          options.write = [](int fd, const void* bytes, size_t size, off_t at) {
            return pwrite(fd, bytes, size, at);
          };
        }
        if (!options.sync) options.sync = [](int fd) { return fsync(fd); };
        return std::move(options);
      }()) {}

WriteJournal::~WriteJournal() {
  if (fd_ >= 0) close(fd_);
}

absl::Status WriteJournal::SystemError(std::string_view what, int error) const {
  return absl::InternalError("journal " + path_ + ": " + std::string(what) + ": " +
                             std::strerror(error));
}

absl::Status WriteJournal::Open(const std::string& path, Options options,
                                std::unique_ptr<WriteJournal>* journal, Found* found) {
  *found = {};
  std::unique_ptr<WriteJournal> opened(new WriteJournal(path, std::move(options)));
  opened->fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (opened->fd_ < 0 && errno != ENOENT) return opened->SystemError("cannot open it", errno);
  absl::Status status = opened->fd_ < 0 ? opened->Create() : opened->Load(found);
  if (status.ok()) *journal = std::move(opened);
  return status;
}

// A file without records takes the place of what there is.
absl::Status WriteJournal::Create() {
  salt_ = RandomSeed();
  end_ = applied_end_ = kJournalHeaderBytes;
  return Compact();
}

absl::Status WriteJournal::Load(Found* found) {
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError("journal " + path_ + ": another process has it");
  }
  struct stat status;
  if (fstat(fd_, &status) != 0) return SystemError("cannot look at it", errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) return Create();
  JournalWindow window(fd_, size);
  if (!ReadJournalHeader(window.Bytes(0, kJournalHeaderBytes), &salt_)) {
    return absl::FailedPreconditionError("journal " + path_ +
                                         ": it is no journal, or damaged at its start");
  }
  uint64_t end = size;
  absl::Status scanned = Scan(&end, found);
  if (!scanned.ok()) return scanned;
  if (end < size && ftruncate(fd_, static_cast<off_t>(end)) != 0) {
    return SystemError("cannot cut off its end", errno);
  }
  found->torn_bytes = size - end;
  found->records = next_sequence_ - 1 - applied_sequence_;
  CountPending(end);
  // What was found may never have been waited for; from here on it counts as kept.
  return Sync();
}

// Looks every record over; `end` becomes where the last sound one ends.
absl::Status WriteJournal::Scan(uint64_t* end, Found* found) {
  const auto damaged = [this](uint64_t at, const std::string& how) {
    return absl::DataLossError("journal " + path_ + " is damaged at byte " + std::to_string(at) +
                               ": " + how);
  };
  JournalWindow window(fd_, *end);
  uint64_t at = kJournalHeaderBytes;
  uint64_t first = 0;
  uint64_t last = 0;
  for (std::string_view payload; !(payload = window.Payload(at, salt_)).empty();
       at += RecordBytes(payload)) {
    JournalKind kind;
    JournalRecord record;
    if (!ReadJournalPayload(payload, &kind, &record)) return damaged(at, "a record is malformed");
    if (kind == JournalKind::kApplied) {
      applied_sequence_ = std::max(applied_sequence_, record.sequence);
      continue;
    }
    if (record.sequence == 0 || (last != 0 && record.sequence != last + 1)) {
      return damaged(at, "a record is missing");
    }
    if (first == 0) first = record.sequence;
    last = record.sequence;
  }
  const uint64_t sound = window.FindRecord(at + 1, salt_);
  if (window.error() != 0) return SystemError("cannot read it", window.error());
  if (sound < *end)
    return damaged(at, "there are records again from byte " + std::to_string(sound) + " on");
  if (last != 0 && applied_sequence_ > last) return damaged(at, "a record is missing");
  if (first != 0) applied_sequence_ = std::max(applied_sequence_, first - 1);
  next_sequence_ = std::max(last, applied_sequence_) + 1;
  *end = at;
  return absl::OkStatus();
}

// Finds where in a file that has been looked over the records begin that are not applied.
void WriteJournal::CountPending(uint64_t end) {
  JournalWindow window(fd_, end);
  end_ = end;
  applied_end_ = end;
  for (uint64_t at = kJournalHeaderBytes; at < end;) {
    const std::string_view payload = window.Payload(at, salt_);
    JournalKind kind;
    JournalRecord record;
    if (payload.empty() || !ReadJournalPayload(payload, &kind, &record)) break;
    if (kind != JournalKind::kApplied && record.sequence > applied_sequence_) {
      applied_end_ = std::min(applied_end_, at);
      pending_bytes_ += RecordBytes(payload);
    }
    at += RecordBytes(payload);
  }
}

// With `mutex_` held. A record that could not be written whole is taken back.
absl::Status WriteJournal::AppendBytes(std::string_view bytes) {
  if (failed_)
    return absl::InternalError("journal " + path_ + ": an earlier failure left it unusable");
  for (size_t written = 0; written < bytes.size();) {
    const ssize_t wrote = options_.write(fd_, bytes.data() + written, bytes.size() - written,
                                         static_cast<off_t>(end_ + written));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const int error = wrote < 0 ? errno : ENOSPC;
      failed_ = ftruncate(fd_, static_cast<off_t>(end_)) != 0;
      return SystemError("cannot write to it", error);
    }
    written += static_cast<size_t>(wrote);
  }
  end_ += bytes.size();
  return absl::OkStatus();
}

uint64_t WriteJournal::BytesOf(const Write& write) {
  return JournalRecordBytes(write.rule, write.request);
}

absl::Status WriteJournal::Append(std::span<const Write> writes, uint64_t* first_sequence) {
  std::lock_guard lock(mutex_);
  std::string records;
  uint64_t sequence = next_sequence_;
  for (const Write& write : writes) {
    if (BytesOf(write) == 0) {
      return absl::InvalidArgumentError("the write is larger than any record of the journal");
    }
    AppendWriteRecord(sequence++, write.rule, write.request, salt_, &records);
  }
  absl::Status status = AppendBytes(records);
  if (!status.ok()) return status;
  *first_sequence = next_sequence_;
  next_sequence_ = sequence;
  pending_bytes_ += records.size();
  return status;
}

absl::Status WriteJournal::Sync() {
  std::lock_guard sync_lock(sync_mutex_);
  uint64_t sequence;
  {
    std::lock_guard lock(mutex_);
    if (failed_)
      return absl::InternalError("journal " + path_ + ": an earlier failure left it unusable");
    sequence = next_sequence_ - 1;
  }
  const int error = options_.sync(fd_) == 0 ? 0 : errno;
  std::lock_guard lock(mutex_);
  if (error != 0) {
    // The kernel may have dropped what it could not write, and says so once only.
    failed_ = true;
    return SystemError("cannot sync it", error);
  }
  synced_sequence_ = std::max(synced_sequence_, sequence);
  return absl::OkStatus();
}

absl::Status WriteJournal::Read(size_t records_max, uint64_t bytes_max,
                                std::vector<JournalRecord>* records) {
  records->clear();
  std::unique_lock lock(mutex_);
  uint64_t at = applied_end_;
  const uint64_t end = end_;
  lock.unlock();
  JournalWindow window(fd_, end);
  uint64_t bytes = 0;
  while (at < end && records->size() < records_max) {
    const std::string_view payload = window.Payload(at, salt_);
    JournalKind kind;
    JournalRecord record;
    if (payload.empty() || !ReadJournalPayload(payload, &kind, &record)) {
      if (window.error() != 0) return SystemError("cannot read it", window.error());
      return absl::DataLossError("journal " + path_ + " is damaged at byte " + std::to_string(at));
    }
    at += RecordBytes(payload);
    if (kind == JournalKind::kApplied) continue;
    bytes += RecordBytes(payload);
    if (!records->empty() && bytes > bytes_max) break;
    records->push_back(std::move(record));
  }
  return absl::OkStatus();
}

absl::Status WriteJournal::MarkApplied(uint64_t sequence) {
  std::unique_lock lock(mutex_);
  sequence = std::min(sequence, next_sequence_ - 1);
  if (sequence <= applied_sequence_) return absl::OkStatus();
  uint64_t at = applied_end_;
  const uint64_t end = end_;
  lock.unlock();
  JournalWindow window(fd_, end);
  uint64_t bytes = 0;
  while (at < end) {
    const std::string_view payload = window.Payload(at, salt_);
    JournalKind kind;
    JournalRecord record;
    if (payload.empty() || !ReadJournalPayload(payload, &kind, &record)) {
      return absl::DataLossError("journal " + path_ + " is damaged at byte " + std::to_string(at));
    }
    if (kind != JournalKind::kApplied) {
      if (record.sequence > sequence) break;
      bytes += RecordBytes(payload);
    }
    at += RecordBytes(payload);
  }
  lock.lock();
  applied_end_ = at;
  applied_sequence_ = sequence;
  pending_bytes_ -= bytes;
  absl::Status status = AppendBytes(AppliedRecord(sequence, salt_));
  if (pending_bytes_ == 0) applied_end_ = end_;  // only marks are left behind it
  const uint64_t dead = applied_end_ - kJournalHeaderBytes;
  const bool compact = dead > std::max(options_.dead_bytes_min, end_ - applied_end_);
  lock.unlock();
  return status.ok() && compact ? Compact() : status;
}

// Copies bytes of the present file to another.
absl::Status WriteJournal::FillNewFile(int fd, uint64_t from, uint64_t to, uint64_t at) {
  JournalWindow window(fd_, to);
  while (from < to) {
    const std::string_view bytes = window.Bytes(from, kCopyBytes);
    if (bytes.empty())
      return SystemError("cannot read it", window.error() != 0 ? window.error() : EIO);
    const ssize_t wrote = options_.write(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return SystemError("cannot write to it", wrote < 0 ? errno : ENOSPC);
    from += static_cast<uint64_t>(wrote);
    at += static_cast<uint64_t>(wrote);
  }
  return absl::OkStatus();
}

// Puts a file with what is not applied in the place of the present one. Most is copied and on the disk before
// writers have to wait, and nobody's Sync() ends before the new file has its name for good.
absl::Status WriteJournal::Compact() {
  std::lock_guard sync_lock(sync_mutex_);
  std::unique_lock lock(mutex_);
  const uint64_t from = applied_end_;
  const uint64_t copied = end_;
  const uint64_t sequence = next_sequence_ - 1;
  lock.unlock();

  const std::string new_path = path_ + ".new";
  const int fd = open(new_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("cannot create its successor", errno);
  const auto give_up = [&](absl::Status status) {
    close(fd);
    unlink(new_path.c_str());
    return status;
  };
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return give_up(SystemError("cannot lock its successor", errno));
  const std::string header = JournalHeader(salt_);
  if (options_.write(fd, header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) {
    return give_up(SystemError("cannot write to its successor", errno));
  }
  absl::Status status = FillNewFile(fd, from, copied, kJournalHeaderBytes);
  if (!status.ok()) return give_up(std::move(status));
  if (options_.sync(fd) != 0) return give_up(SystemError("cannot sync its successor", errno));

  lock.lock();
  status = FillNewFile(fd, copied, end_, kJournalHeaderBytes + (copied - from));
  if (!status.ok()) return give_up(std::move(status));
  if (rename(new_path.c_str(), path_.c_str()) != 0) {
    return give_up(SystemError("cannot put its successor in its place", errno));
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  end_ -= from - kJournalHeaderBytes;
  applied_end_ = kJournalHeaderBytes;
  synced_sequence_ = std::max(synced_sequence_, sequence);
  lock.unlock();

  const int error = SyncFolderOf(path_, options_.sync);
  if (error == 0) return absl::OkStatus();
  lock.lock();
  failed_ = true;
  return SystemError("cannot sync its folder", error);
}

uint64_t WriteJournal::pending_records() const {
  std::lock_guard lock(mutex_);
  return next_sequence_ - 1 - applied_sequence_;
}

uint64_t WriteJournal::pending_bytes() const {
  std::lock_guard lock(mutex_);
  return pending_bytes_;
}

uint64_t WriteJournal::unsynced_records() const {
  std::lock_guard lock(mutex_);
  return next_sequence_ - 1 - synced_sequence_;
}

uint64_t WriteJournal::file_bytes() const {
  std::lock_guard lock(mutex_);
  return end_;
}

}  // namespace alai::origin
