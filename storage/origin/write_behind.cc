// What waits for the database, in memory. How it gets into the journal and back is in write_behind_journal.cc.
#include "storage/origin/write_behind.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/assert.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

// Whether only the last of several such writes side by side needs to be sent: a string's, of a value.
bool Replaceable(const PendingWrite& write) {
  return write.type == Type::kString && write.request.value.has_value();
}

std::shared_ptr<RuleState> StateFor(const RuleStates& states, const PendingWrite& write) {
  for (const std::shared_ptr<RuleState>& state : states) {
    const Rule& rule = *state->rule;
    if (rule.name != write.rule) continue;
    const bool fits = rule.pattern.captures().size() == write.request.arguments.size();
    return fits && !rule.upsert.empty() && !rule.erase.empty() ? state : nullptr;
  }
  return nullptr;
}

uint64_t BytesOf(const WriteBehind::Writes& writes) {
  uint64_t bytes = 0;
  for (const auto& write : writes) bytes += write->bytes;
  return bytes;
}

}  // namespace

bool WriteBehind::KnowsRule(const RuleStates& states, PendingWrite* write) {
  const std::shared_ptr<RuleState> state = StateFor(states, *write);
  if (state == nullptr) return false;
  if (write->db >= 0) return true;
  if (!state->rule->pattern.Build(write->request.arguments, &write->key)) return false;
  write->db = state->rule->db;
  write->type = state->rule->type;
  return true;
}

void WriteBehind::SetLimits(const Limits& limits) {
  std::lock_guard lock(mutex_);
  limits_ = limits;
}

bool WriteBehind::Reserve(const Writes& writes, std::string* why) {
  for (const auto& write : writes) {
    write->bytes = WriteJournal::BytesOf({write->rule, write->request});
    if (write->bytes == 0) {
      *why = "ORIGINERR the write is larger than any record of the journal";
      return false;
    }
  }
  const uint64_t bytes = BytesOf(writes);
  std::lock_guard lock(mutex_);
  if (!opened_ || !trouble_.empty()) {
    *why = "ORIGINERR the journal of writes cannot be written: " + trouble_;
    return false;
  }
  const uint64_t held_bytes = std::max(bytes_, span_bytes_.load()) + reserved_bytes_;
  const uint64_t held_rows = rows_ + reserved_rows_;
  if (held_bytes + bytes > limits_.bytes_max || held_rows + writes.size() > limits_.rows_max) {
    *why = "ORIGINBUSY the journal of writes is full: " + std::to_string(held_rows) +
           " writes wait for the database, " + std::to_string(held_bytes) + " bytes";
    return false;
  }
  reserved_bytes_ += bytes;
  reserved_rows_ += writes.size();
  return true;
}

void WriteBehind::Release(const Writes& writes) {
  std::lock_guard lock(mutex_);
  reserved_bytes_ -= BytesOf(writes);
  reserved_rows_ -= writes.size();
}

void WriteBehind::Add(const Writes& writes) {
  const int64_t now_ns = clock_.MonotonicNanos();
  std::lock_guard lock(mutex_);
  reserved_bytes_ -= BytesOf(writes);
  reserved_rows_ -= writes.size();
  for (const auto& write : writes) {
    write->since_ns = now_ns;
    Insert(write, live_);
    unwritten_.push_back(write);
  }
}

void WriteBehind::Insert(const std::shared_ptr<PendingWrite>& write, List& list) {
  write->aside = &list == &aside_;
  write->place = list.insert(list.end(), write);
  OfRule& of_rule = of_rules_[write->rule];
  write->place_in_rule = of_rule.writes.insert(of_rule.writes.end(), write.get());
  of_rule.bytes += write->bytes;
  bytes_ += write->bytes;
  rows_.fetch_add(1);
  Enter(write.get());
}

void WriteBehind::Enter(PendingWrite* write) {
  if (write->db < 0) return;
  std::deque<PendingWrite*>& writes = keys_[{write->db, write->key}].writes;
  // One whose rule has come back may be older than others.
  auto at = writes.end();
  while (at != writes.begin() && write->sequence != 0 &&
         ((*(at - 1))->sequence == 0 || (*(at - 1))->sequence > write->sequence)) {
    --at;
  }
  writes.insert(at, write);
}

void WriteBehind::Leave(PendingWrite* write) {
  if (write->db < 0) return;
  const auto at = keys_.find({write->db, write->key});
  ASSERT(at != keys_.end());
  std::deque<PendingWrite*>& writes = at->second.writes;
  const auto found = std::find(writes.begin(), writes.end(), write);
  ASSERT(found != writes.end());
  writes.erase(found);
  at->second.hold_until_ns = 0;
  at->second.holds = 0;
  if (writes.empty()) keys_.erase(at);
}

void WriteBehind::Remove(const std::shared_ptr<PendingWrite>& write) {
  Leave(write.get());
  const auto of_rule = of_rules_.find(write->rule);
  of_rule->second.writes.erase(write->place_in_rule);
  of_rule->second.bytes -= write->bytes;
  if (of_rule->second.writes.empty()) of_rules_.erase(of_rule);
  bytes_ -= write->bytes;
  rows_.fetch_sub(1);
  write->gone = true;
  (write->aside ? aside_ : live_).erase(write->place);
}

// Only what is in the journal is set aside, in its order.
void WriteBehind::SetAside(const std::shared_ptr<PendingWrite>& write) {
  auto at = aside_.end();
  while (at != aside_.begin() && (*std::prev(at))->sequence > write->sequence) --at;
  aside_.splice(at, live_, write->place);
  write->aside = true;
}

void WriteBehind::Adopt(const RuleStates& states) {
  std::lock_guard lock(mutex_);
  List back;
  for (auto at = aside_.begin(); at != aside_.end();) {
    const auto write = at++;
    const bool unknown = (*write)->db < 0;
    if (!KnowsRule(states, write->get())) continue;
    (*write)->aside = false;
    back.splice(back.end(), aside_, write);
    if (unknown) Enter(write->get());
  }
  live_.merge(back, [](const auto& a, const auto& b) {
    return a->sequence != 0 && (b->sequence == 0 || a->sequence < b->sequence);
  });
  work_.notify_one();
}

WriteBehind::Known WriteBehind::Look(int db, KeyView key, std::optional<std::string>* value) const {
  if (rows_ == 0) return Known::kNothing;
  std::lock_guard lock(mutex_);
  const auto at = keys_.find({db, std::string(key.bytes)});
  if (at == keys_.end()) return Known::kNothing;
  const PendingWrite& last = *at->second.writes.back();
  if (last.type != Type::kString && last.request.value.has_value()) return Known::kPart;
  if (value != nullptr) *value = last.request.value;
  return Known::kWhole;
}

bool WriteBehind::WaitForWork(int64_t window_us, size_t writes) {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return stopping_ || !live_.empty(); });
  work_.wait_for(lock, std::chrono::microseconds(window_us),
                 [&] { return stopping_ || hurry_ || live_.size() >= writes; });
  return !stopping_;
}

void WriteBehind::Rest(int64_t ms) {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_; });
}

void WriteBehind::Begin() {
  std::lock_guard lock(mutex_);
  stopping_ = false;
  hurry_ = false;
}

void WriteBehind::Stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  work_.notify_all();
}

void WriteBehind::Hurry() {
  std::lock_guard lock(mutex_);
  hurry_ = true;
  work_.notify_all();
}

// With the writes of the key behind it that it need not be sent for.
WriteBehind::Item WriteBehind::Gather(const std::shared_ptr<PendingWrite>& write,
                                      std::shared_ptr<RuleState> state) {
  Item item{std::move(state), {write}};
  write->taken = true;
  if (!Replaceable(*write)) return item;
  const std::deque<PendingWrite*>& writes = keys_.at({write->db, write->key}).writes;
  auto at = std::find(writes.begin(), writes.end(), write.get());
  for (++at; at != writes.end(); ++at) {
    PendingWrite& next = **at;
    if (!Replaceable(next) || next.rule != write->rule || next.aside) break;
    next.taken = true;
    item.writes.push_back(*next.place);
  }
  return item;
}

WriteBehind::Batch WriteBehind::Take(const RuleStates& states, size_t items_max,
                                     uint64_t bytes_max) {
  const int64_t now_ns = clock_.MonotonicNanos();
  Batch batch;
  uint64_t bytes = 0;
  std::lock_guard lock(mutex_);
  for (auto at = live_.begin(); at != live_.end() && batch.size() < items_max;) {
    const std::shared_ptr<PendingWrite> write = *at++;
    if (write->taken) continue;
    if (keys_.at({write->db, write->key}).hold_until_ns > now_ns) continue;
    std::shared_ptr<RuleState> state = StateFor(states, *write);
    if (state == nullptr) {
      if (write->sequence != 0) SetAside(write);
      continue;
    }
    bytes += write->bytes;
    if (!batch.empty() && bytes > bytes_max) break;
    batch.push_back(Gather(write, std::move(state)));
  }
  return batch;
}

void WriteBehind::Written(const Batch& batch) {
  std::lock_guard lock(mutex_);
  for (const Item& item : batch) {
    for (const auto& write : item.writes) Remove(write);
  }
}

void WriteBehind::Retry(const Batch& batch) {
  std::lock_guard lock(mutex_);
  for (const Item& item : batch) {
    for (const auto& write : item.writes) write->taken = false;
  }
}

int WriteBehind::Hold(const Item& item, int64_t first_ns, int64_t max_ns) {
  constexpr int kDoublingsMax = 20;
  const int64_t now_ns = clock_.MonotonicNanos();
  std::lock_guard lock(mutex_);
  const PendingWrite& first = *item.writes.front();
  KeyWrites& key = keys_.at({first.db, first.key});
  for (const auto& write : item.writes) write->taken = false;
  key.hold_until_ns = now_ns + std::min(first_ns << std::min(key.holds, kDoublingsMax), max_ns);
  return ++key.holds;
}

void WriteBehind::Drop(const Item& item) { Written({item}); }

uint64_t WriteBehind::Discard(std::string_view rule) {
  uint64_t count = 0;
  {
    std::lock_guard lock(mutex_);
    Writes gone;
    const auto of_rule = of_rules_.find(std::string(rule));
    if (of_rule == of_rules_.end()) return 0;
    for (PendingWrite* write : of_rule->second.writes) {
      if (!write->taken) gone.push_back(*write->place);
    }
    for (const auto& write : gone) Remove(write);
    count = gone.size();
  }
  Mark();
  return count;
}

WriteBehind::Backlog WriteBehind::BacklogFrom(uint64_t writes, uint64_t bytes,
                                              const PendingWrite* oldest) const {
  const int64_t since_ns = oldest == nullptr ? 0 : clock_.MonotonicNanos() - oldest->since_ns;
  return {writes, bytes, since_ns};
}

WriteBehind::Backlog WriteBehind::backlog() const {
  std::lock_guard lock(mutex_);
  const PendingWrite* oldest = live_.empty() ? nullptr : live_.front().get();
  if (!aside_.empty()) oldest = aside_.front().get();
  return BacklogFrom(rows_, bytes_, oldest);
}

WriteBehind::Backlog WriteBehind::BacklogOf(std::string_view rule) const {
  std::lock_guard lock(mutex_);
  const auto at = of_rules_.find(std::string(rule));
  if (at == of_rules_.end()) return {};
  const OfRule& of_rule = at->second;
  return BacklogFrom(of_rule.writes.size(), of_rule.bytes, of_rule.writes.front());
}

bool WriteBehind::Idle() const {
  const int64_t now_ns = clock_.MonotonicNanos();
  std::lock_guard lock(mutex_);
  return std::all_of(live_.begin(), live_.end(), [&](const auto& write) {
    return !write->taken && keys_.at({write->db, write->key}).hold_until_ns > now_ns;
  });
}

}  // namespace alai::origin
