// Into the journal, and back from it when it is opened.
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "engine/base/log.h"
#include "storage/origin/origin.h"
#include "storage/origin/write_behind.h"

namespace alai::origin {
namespace {

// How often what failed is tried again.
constexpr auto kRetryPause = std::chrono::seconds(1);

std::string TextOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

WriteBehind::WriteBehind(const Clock& clock, std::function<RuleStates()> rules)
    : clock_(clock), rules_(std::move(rules)), trouble_("it has not been opened") {}

WriteBehind::~WriteBehind() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    journal_work_.notify_all();
  }
  if (journal_thread_.joinable()) journal_thread_.join();
  if (!opened_) return;
  (void)Keep();
  Sync();
}

void WriteBehind::Open(const std::string& path) {
  if (in_use_.exchange(true)) return;
  // What the path means must not change with the folder that the process is in.
  std::error_code error;
  path_ = std::filesystem::absolute(path, error);
  TryOpen();
  journal_thread_ = std::thread([this] { JournalMain(); });
}

void WriteBehind::TryOpen() {
  std::unique_ptr<WriteJournal> journal;
  WriteJournal::Found found;
  absl::Status status = WriteJournal::Open(path_, {}, &journal, &found);
  std::vector<JournalRecord> records;
  if (status.ok()) status = journal->Read(SIZE_MAX, UINT64_MAX, &records);
  if (!status.ok()) {
    return SetTrouble(TextOf(status));
  }
  if (found.torn_bytes != 0) {
    Log(LogLevel::kWarning, "Journal of writes: %llu bytes at its end were no whole write.",
        static_cast<unsigned long long>(found.torn_bytes));
  }
  Recover(*journal, std::move(records), rules_());
  {
    std::lock_guard file_lock(file_mutex_);
    std::lock_guard lock(mutex_);
    journal_ = std::move(journal);
    span_bytes_ = journal_->pending_bytes();
    opened_ = true;
  }
  SetTrouble({});
  // Those that have come meanwhile.
  Adopt(rules_());
}

void WriteBehind::Recover(WriteJournal& journal, std::vector<JournalRecord> records,
                          const RuleStates& states) {
  const int64_t now_ns = clock_.MonotonicNanos();
  size_t set_aside = 0;
  std::lock_guard lock(mutex_);
  for (JournalRecord& record : records) {
    auto write = std::make_shared<PendingWrite>();
    write->rule = std::move(record.rule);
    write->db = -1;
    write->request = std::move(record.request);
    write->bytes = WriteJournal::BytesOf({write->rule, write->request});
    write->sequence = record.sequence;
    write->since_ns = now_ns;
    const bool known = KnowsRule(states, write.get());
    set_aside += known ? 0 : 1;
    Insert(write, known ? live_ : aside_);
    written_sequence_ = write->sequence;
  }
  if (records.empty()) return;
  Log(LogLevel::kNotice, "Journal of writes: %zu wait for the database, %zu bytes.", records.size(),
      static_cast<size_t>(journal.pending_bytes()));
  if (set_aside == 0) return;
  Log(LogLevel::kWarning,
      "Journal of writes: %zu are by rules that are not there, and wait until those are.",
      set_aside);
}

absl::Status WriteBehind::Append(const Writes& writes) {
  std::vector<WriteJournal::Write> views;
  for (const auto& write : writes) views.push_back({write->rule, write->request});
  uint64_t sequence = 0;
  absl::Status status = journal_->Append(views, &sequence);
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  for (const auto& write : writes) write->sequence = sequence++;
  written_sequence_ = sequence - 1;
  span_bytes_ = journal_->pending_bytes();
  const bool first = !unsynced_;
  unsynced_ = limits_.sync_ms != 0;
  if (first && unsynced_) journal_work_.notify_all();
  return status;
}

absl::Status WriteBehind::Keep() {
  std::lock_guard file_lock(file_mutex_);
  Writes fresh;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(unwritten_, [](const auto& write) { return write->gone; });
    fresh.assign(unwritten_.begin(), unwritten_.end());
  }
  if (fresh.empty()) return absl::OkStatus();
  absl::Status status = Append(fresh);
  if (!status.ok()) {
    SetTrouble(TextOf(status));
    return status;
  }
  std::lock_guard lock(mutex_);
  unwritten_.erase(unwritten_.begin(),
                   unwritten_.begin() + static_cast<std::ptrdiff_t>(fresh.size()));
  work_.notify_one();
  return status;
}

uint64_t WriteBehind::AppliedSequence() const {
  uint64_t applied = written_sequence_;
  for (const List* list : {&live_, &aside_}) {
    const uint64_t first = list->empty() ? 0 : list->front()->sequence;
    if (first != 0) applied = std::min(applied, first - 1);
  }
  return applied;
}

void WriteBehind::Mark() {
  std::lock_guard mark_lock(mark_mutex_);
  uint64_t applied = 0;
  {
    std::lock_guard lock(mutex_);
    applied = AppliedSequence();
  }
  const absl::Status status = journal_->MarkApplied(applied);
  if (!status.ok()) SetTrouble(TextOf(status));
  MeasureSpan();
  Renew();
}

// What cannot be written for now keeps all behind it in the file. When that is much, and little of it waits
// still, it is appended again: after a crash the database gets it twice, in its order.
void WriteBehind::Renew() {
  constexpr uint64_t kSpanPerWaiting = 4;
  std::lock_guard file_lock(file_mutex_);
  Writes waiting;
  uint64_t before = 0;
  {
    std::lock_guard lock(mutex_);
    if (!unwritten_.empty() || rows_ == 0 || span_bytes_ < limits_.bytes_max / 2 ||
        span_bytes_ < kSpanPerWaiting * bytes_) {
      return;
    }
    waiting.assign(aside_.begin(), aside_.end());
    waiting.insert(waiting.end(), live_.begin(), live_.end());
    before = written_sequence_;
  }
  absl::Status status = Append(waiting);
  if (status.ok()) status = journal_->MarkApplied(before);
  if (!status.ok()) SetTrouble(TextOf(status));
  MeasureSpan();
}

// One at a time, or an older figure might stand in the place of a newer one.
void WriteBehind::MeasureSpan() {
  std::lock_guard lock(mutex_);
  span_bytes_ = journal_->pending_bytes();
}

void WriteBehind::Sync() {
  bool due = false;
  {
    std::lock_guard lock(mutex_);
    due = std::exchange(unsynced_, false) && !broken_;
  }
  if (!due) return;
  const absl::Status status = journal_->Sync();
  if (!status.ok()) SetTrouble(TextOf(status), true);
}

void WriteBehind::SetTrouble(const std::string& why, bool broken) {
  {
    std::lock_guard lock(mutex_);
    if (broken_ || trouble_ == why) return;
    broken_ = broken;
    trouble_ = why;
    journal_work_.notify_all();
  }
  if (!why.empty()) {
    Log(LogLevel::kWarning, "Journal of writes: %s", why.c_str());
  }
}

// Syncs, and tries again what failed.
void WriteBehind::JournalMain() {
  pthread_setname_np(pthread_self(), "alai-journal");
  std::unique_lock lock(mutex_);
  while (!closing_) {
    const auto due = [this] {
      return closing_ || !opened_ || unsynced_ || (!trouble_.empty() && !broken_);
    };
    journal_work_.wait(lock, due);
    const auto pause = unsynced_ ? std::chrono::milliseconds(limits_.sync_ms) : kRetryPause;
    journal_work_.wait_for(lock, pause, [this] { return closing_; });
    if (closing_) break;
    lock.unlock();
    if (!opened_) {
      TryOpen();
    } else {
      Sync();
      // With nothing to be appended it can be written for all that is known.
      if (Keep().ok()) SetTrouble({});
    }
    lock.lock();
  }
}

WriteBehind::JournalFigures WriteBehind::journal_figures() const {
  JournalFigures figures;
  if (opened_) {
    figures.file_bytes = journal_->file_bytes();
    figures.unsynced = journal_->unsynced_records();
  }
  std::lock_guard lock(mutex_);
  figures.set_aside = aside_.size();
  figures.trouble = trouble_;
  return figures;
}

}  // namespace alai::origin
