#include "engine/types/lists.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/packed_record.h"

namespace alai::lists {
namespace {

// Of listpacks: up to the first a list stays in its record, from the second on down it goes back.
constexpr size_t kRecordBytesMax = 512;
constexpr size_t kRecordBytesAgain = 128;
// Numbers take at least half of the bytes that they are spelt with.
constexpr size_t kRecordTextBytesMax = 2 * kRecordBytesMax;

// What one node of Redis 7.2 holds by list-max-listpack-size. With a limit to the count there is another to
// the bytes, which matters when a list grows, but not when it has shrunk.
struct NodeLimits {
  uint64_t bytes = kCountedNodeBytesMax;
  uint64_t count = UINT64_MAX;
  bool counted = false;

  explicit NodeLimits(int64_t setting) : counted(setting >= 0) {
    if (counted) {
      count = std::max<uint64_t>(static_cast<uint64_t>(setting), 1);
    } else {
      bytes = kSmallestNodeBytes << (-std::max(setting, kNodeSizesMin) - 1);
    }
  }
  bool Exceeded(uint64_t by_bytes, uint64_t by_count) const {
    return by_bytes > bytes || by_count > count;
  }
  bool HalfFit(uint64_t has_bytes, uint64_t has_count) const {
    return counted ? has_count <= count / 2 : has_bytes <= bytes / 2;
  }

 private:
  static constexpr uint64_t kSmallestNodeBytes = 4096;
  static constexpr int64_t kNodeSizesMin = -5;
  static constexpr uint64_t kCountedNodeBytesMax = 8192;
};

int64_t NodeSetting(const PackingLimits& limits) {
  return limits.list_size.load(std::memory_order_relaxed);
}
int64_t NodeSetting(const Db& db) { return NodeSetting(db.store().packing); }

PackedListLimits LimitsOf(const PackingLimits& limits) {
  const int64_t depth = limits.list_depth.load(std::memory_order_relaxed);
  return {static_cast<int32_t>(std::clamp<int64_t>(NodeSetting(limits), INT32_MIN, INT32_MAX)),
          static_cast<uint32_t>(std::clamp<int64_t>(depth, 0, INT32_MAX))};
}
PackedListLimits LimitsOf(const Db& db) { return LimitsOf(db.store().packing); }

bool HasContainer(const Record* record) {
  return record != nullptr && record->encoding() == Encoding::kContainer;
}

ListContainer& ContainerOf(const Record& record) {
  return *static_cast<ListContainer*>(record.container());
}

// As long as one listpack with all elements would be.
uint64_t ListpackBytes(const PackedList& list) {
  uint64_t bytes = kListpackBytesMin;
  if (list.empty()) return bytes;
  PackedPlace place;
  list.contents().Find(0, &place);
  do {
    bytes += place.leaf->bytes();
  } while (list.contents().Step(&place, true));
  return bytes;
}

// Publishes a container with the same elements in the place of a listpack, or of nothing.
Record* MoveToContainer(Db& db, KeyView key, const Record* old) {
  auto* container = new ListContainer(LimitsOf(db));
  container->list().Append(ListpackOf(old));
  return PutContainer(db, key, Type::kList, old, container);
}

// A change of a container: counts what it grows by, and tells of it.
class ContainerChange {
 public:
  ContainerChange(Db& db, KeyView key, Record* record)
      : db_(db),
        key_(key),
        record_(record),
        container_(ContainerOf(*record)),
        before_(container_.allocated_bytes()) {
    container_.SetLimits(LimitsOf(db));
  }
  PackedList& list() { return container_.list(); }

  // Before so many elements are added, of so many bytes of text.
  void Grow(uint64_t count, uint64_t text_bytes) {
    if (container_.quicklist()) return;
    const NodeLimits limits(NodeSetting(db_));
    container_.set_quicklist(
        limits.Exceeded(ListpackBytes(list()) + text_bytes, list().size() + count));
  }

  void Done() { db_.ContainerChanged(key_, record_, before_); }

  // Done, and what is left may be small.
  void DoneShrinking() {
    Done();
    if (list().nodes() != 1) return;
    const uint64_t bytes = ListpackBytes(list());
    const NodeLimits limits(NodeSetting(db_));
    if (container_.quicklist() && limits.HalfFit(bytes, list().size())) {
      container_.set_quicklist(false);
    }
    if (container_.quicklist() || bytes > kRecordBytesAgain) return;
    PackedCursor cursor(list().contents());
    cursor.Seek(0);
    const ListNode node = cursor.node();
    PutEntries(db_, key_, Type::kList, db_.Find(key_, Lookup::kPeek), node.run, node.count);
  }

 private:
  Db& db_;
  KeyView key_;
  Record* record_;
  ListContainer& container_;
  size_t before_;
};

// Makes an edit that adds so many elements, of so many bytes of text, if the list stays in its record.
bool EditPacked(Db& db, KeyView key, const Record* record, const ListpackEdit& edit, uint64_t count,
                uint64_t text_bytes) {
  const Listpack old = ListpackOf(record);
  const NodeLimits limits(NodeSetting(db));
  if (limits.Exceeded(old.bytes() + text_bytes, old.count() + count)) return false;
  if (EditedListpackBytes(old, edit) > kRecordBytesMax) return false;
  PutEdited(db, key, Type::kList, record, edit);
  return true;
}

bool AddPacked(Db& db, KeyView key, const Record* record, ListEnd end,
               std::span<const std::string_view> texts, uint64_t text_bytes) {
  if (text_bytes > kRecordTextBytesMax || texts.size() > kRecordBytesMax) return false;
  PackedValue one;
  std::vector<PackedValue> many;
  std::span<const PackedValue> values(&one, 1);
  if (texts.size() == 1) {
    one = PackedValue::Of(texts[0]);
  } else {
    for (const std::string_view text : texts) many.push_back(PackedValue::Of(text));
    if (end == ListEnd::kFront) std::reverse(many.begin(), many.end());
    values = many;
  }
  const Listpack old = ListpackOf(record);
  return EditPacked(db, key, record,
                    end == ListEnd::kFront ? ListpackEdit::Prepend(old, values)
                                           : ListpackEdit::Append(old, values),
                    values.size(), text_bytes);
}

// Adds elements at an end, which have been logged.
void Add(Db& db, KeyView key, Record* record, ListEnd end,
         std::span<const std::string_view> texts) {
  uint64_t text_bytes = 0;
  for (const std::string_view text : texts) text_bytes += text.size();
  if (HasContainer(record) || !AddPacked(db, key, record, end, texts, text_bytes)) {
    if (!HasContainer(record)) record = MoveToContainer(db, key, record);
    ContainerChange change(db, key, record);
    change.Grow(texts.size(), text_bytes);
    for (const std::string_view text : texts) change.list().Push(end, text);
    change.Done();
  }
  db.Notify(KeyEventClass::kList, end == ListEnd::kFront ? "lpush" : "rpush", key);
}

// Removes elements from an end, which has been logged.
void TakeAway(Db& db, KeyView key, Record* record, ListEnd end, uint64_t count) {
  const bool front = end == ListEnd::kFront;
  const uint64_t size = Elements(record).size();
  if (count == size) {
    // Goes with its key.
  } else if (HasContainer(record)) {
    ContainerChange change(db, key, record);
    if (count == 1) {
      change.list().Pop(end);
    } else {
      change.list().Erase(front ? 0 : size - count, count);
    }
    change.DoneShrinking();
  } else {
    const Listpack old = ListpackOf(record);
    const size_t at = front ? old.Begin() : old.At(-static_cast<int64_t>(count));
    PutEdited(db, key, Type::kList, record, ListpackEdit::Erase(old, at, count));
  }
  db.tally().changes += static_cast<uint32_t>(count);
  db.Notify(KeyEventClass::kList, front ? "lpop" : "rpop", key);
  if (count == size) EraseEmpty(db, key);
}

// Moves the element at an end to the other.
void Rotate(Db& db, KeyView key, Record* record, ListEnd from) {
  const bool front = from == ListEnd::kFront;
  if (HasContainer(record)) {
    ContainerChange change(db, key, record);
    char digits[kInt64CharsMax];
    const std::string text(change.list().Peek(from).View(digits));
    change.list().Pop(from);
    change.list().Push(Opposite(from), text);
    return change.DoneShrinking();
  }
  const Listpack old = ListpackOf(record);
  const size_t at = front ? old.Begin() : old.Previous(old.End());
  ListpackBuffer buffer(old);
  buffer.Erase(at, 1);
  if (front) {
    buffer.Append(old.Read(at));
  } else {
    buffer.Prepend(old.Read(at));
  }
  PutListpack(db, key, Type::kList, record, buffer.get());
}

// The index of the first element equal to `text`, counted from an end.
std::optional<uint64_t> FindFrom(const Record* record, ListEnd from, std::string_view text) {
  const PackedNeedle needle(text);
  std::optional<uint64_t> found;
  uint64_t index = 0;
  Elements(record).Walk(from, 0, [&](const PackedValue& value) {
    if (needle.Equals(value)) found = index;
    ++index;
    return !found.has_value();
  });
  return found;
}

// Removes equal elements from a listpack and gives how many there were.
uint64_t RemovePacked(ListpackBuffer* buffer, std::string_view text, uint64_t count_max,
                      ListEnd from) {
  const PackedNeedle needle(text);
  uint64_t removed = 0;
  if (from == ListEnd::kFront) {
    for (size_t at = buffer->get().Begin(); removed < count_max; ++removed) {
      at = buffer->get().Find(at, needle);
      if (at == buffer->get().End()) break;
      buffer->Erase(at, 1);
    }
    return removed;
  }
  for (size_t at = buffer->get().End(); at != buffer->get().Begin() && removed < count_max;) {
    at = buffer->get().Previous(at);
    if (!needle.Equals(buffer->get().Read(at))) continue;
    buffer->Erase(at, 1);
    ++removed;
  }
  return removed;
}

// The index of an element from the front; nullopt when there is none.
std::optional<uint64_t> IndexOf(int64_t index, uint64_t size) {
  if (index < 0) index += static_cast<int64_t>(size);
  if (index < 0 || static_cast<uint64_t>(index) >= size) return std::nullopt;
  return static_cast<uint64_t>(index);
}

std::string_view SideName(ListEnd end) { return end == ListEnd::kFront ? "LEFT" : "RIGHT"; }

Result<uint64_t> Push(Db& db, KeyView key, Record* record, ListEnd end,
                      std::span<const std::string_view> texts) {
  DASSERT(!texts.empty());
  const uint64_t length = Elements(record).size() + texts.size();
  Effect effect(db, end == ListEnd::kFront ? "LPUSH" : "RPUSH", key);
  for (const std::string_view text : texts) effect.Add(text);
  effect.Log();
  db.tally().changes += static_cast<uint32_t>(texts.size());
  Add(db, key, record, end, texts);
  return length;
}

}  // namespace

size_t ListContainer::allocated_bytes() const {
  return UsableSize(sizeof(*this)) + list_.allocated_bytes();
}

Container* ListContainer::Copy() const {
  auto* copy = new ListContainer(limits_);
  copy->quicklist_ = quicklist_;
  PackedCursor cursor(list_.contents());
  for (bool more = cursor.Seek(0); more; more = cursor.NextNode()) {
    copy->list_.Append(cursor.node());
  }
  return copy;
}

void ListBuilder::Add(const PackedValue& element) {
  const PackedValue value = element.is_integer ? element : PackedValue::Of(element.text);
  ++size_;
  entry_bytes_ += PackedEntry(value).bytes();
  if (container_ == nullptr && kListpackBytesMin + entry_bytes_ <= kRecordBytesMax &&
      !NodeLimits(NodeSetting(limits_)).Exceeded(kListpackBytesMin + entry_bytes_, size_)) {
    return listpack_.Append(value);
  }
  if (container_ == nullptr) {
    container_ = std::make_unique<ListContainer>(LimitsOf(limits_));
    container_->list().Append(listpack_.get());
    listpack_.Release();
  }
  char digits[kInt64CharsMax];
  container_->list().Push(ListEnd::kBack, value.View(digits));
}

Elements ListBuilder::elements() const {
  return container_ != nullptr ? Elements(container_->list()) : Elements(listpack_.get());
}

void ListBuilder::MoveTo(Record::Draft* draft) {
  draft->type = Type::kList;
  if (container_ == nullptr) {
    draft->encoding = Encoding::kListpack;
    draft->value = listpack_.get().view();
    return;
  }
  container_->set_quicklist(
      NodeLimits(NodeSetting(limits_)).Exceeded(kListpackBytesMin + entry_bytes_, size_));
  draft->encoding = Encoding::kContainer;
  draft->container = container_.release();
  draft->read_under_lock = true;
}

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kList) return Errc::kWrongType;
  return record;
}

Elements::Elements(const Record* record) {
  if (HasContainer(record)) {
    list_ = &ContainerOf(*record).list();
  } else {
    listpack_ = ListpackOf(record);
  }
}

uint64_t Elements::size() const { return list_ != nullptr ? list_->size() : listpack_.count(); }

uint64_t Store(Db& db, KeyView key, ListBuilder& list, std::string_view event) {
  const uint64_t size = list.size();
  if (size == 0) {
    if (db.Erase(key)) {
      ++db.tally().changes;
      db.Notify(KeyEventClass::kGeneric, "del", key);
    }
    return 0;
  }
  if (db.logs_changes()) {
    if (db.Find(key, Lookup::kPeek) != nullptr) db.LogEffect({"DEL", key.bytes});
    PortionedEffect effect(db, "RPUSH", key);
    list.elements().Walk(ListEnd::kFront, 0, [&](const PackedValue& element) {
      effect.AddCopy(element);
      return true;
    });
    effect.Log();
  }
  Record::Draft draft = SuccessorDraft(key, Type::kList, nullptr);
  list.MoveTo(&draft);
  PutCollection(db, key, draft);
  db.tally().changes += static_cast<uint32_t>(size);
  db.Notify(KeyEventClass::kList, event, key);
  return size;
}

Result<uint64_t> Push(Db& db, KeyView key, ListEnd end, std::span<const std::string_view> texts) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  return Push(db, key, *found, end, texts);
}

Result<uint64_t> PushIfThere(Db& db, KeyView key, ListEnd end,
                             std::span<const std::string_view> texts) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return uint64_t{0};
  return Push(db, key, *found, end, texts);
}

void PopFound(Db& db, KeyView key, Record* record, ListEnd end, uint64_t count) {
  DASSERT(count != 0 && count <= Elements(record).size());
  Effect effect(db, end == ListEnd::kFront ? "LPOP" : "RPOP", key);
  char digits[kInt64CharsMax];
  if (count != 1) effect.Add({digits, FormatUint64(count, digits)});
  effect.Log();
  TakeAway(db, key, record, end, count);
}

void MoveFound(Db& db, KeyView from, Record* from_record, KeyView to, Record* to_record,
               ListEnd from_end, ListEnd to_end) {
  db.LogEffect({"LMOVE", from.bytes, to.bytes, SideName(from_end), SideName(to_end)});
  if (from_record == to_record) {
    if (from_end != to_end) Rotate(db, from, from_record, from_end);
    ++db.tally().changes;
    db.Notify(KeyEventClass::kList, to_end == ListEnd::kFront ? "lpush" : "rpush", to);
    db.Notify(KeyEventClass::kList, from_end == ListEnd::kFront ? "lpop" : "rpop", from);
    return;
  }
  Elements(from_record).Walk(from_end, 0, [&](const PackedValue& value) {
    char digits[kInt64CharsMax];
    const std::string_view text = value.View(digits);
    Add(db, to, to_record, to_end, {&text, 1});
    return false;
  });
  TakeAway(db, from, from_record, from_end, 1);
}

Errc Set(Db& db, KeyView key, int64_t index, std::string_view text) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return Errc::kNoKey;
  const std::optional<uint64_t> at = IndexOf(index, Elements(record).size());
  if (!at.has_value()) return Errc::kOutOfRange;
  char digits[kInt64CharsMax];
  db.LogEffect({"LSET", key.bytes, {digits, FormatUint64(*at, digits)}, text});
  bool packed = !HasContainer(record);
  if (packed) {
    const Listpack old = ListpackOf(record);
    const PackedValue value = PackedValue::Of(text);
    packed = EditPacked(db, key, record,
                        ListpackEdit::Replace(old, old.At(static_cast<int64_t>(*at)), {&value, 1}),
                        1, text.size());
    if (!packed) record = MoveToContainer(db, key, record);
  }
  if (!packed) {
    ContainerChange change(db, key, record);
    change.Grow(1, text.size());
    change.list().Set(*at, text);
    change.DoneShrinking();
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kList, "lset", key);
  return Errc::kOk;
}

Result<int64_t> Insert(Db& db, KeyView key, bool after, std::string_view pivot,
                       std::string_view text) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return int64_t{0};
  const std::optional<uint64_t> pivot_at = FindFrom(record, ListEnd::kFront, pivot);
  if (!pivot_at.has_value()) return int64_t{-1};
  const uint64_t at = *pivot_at + (after ? 1 : 0);
  const uint64_t length = Elements(record).size() + 1;
  db.LogEffect({"LINSERT", key.bytes, after ? "AFTER" : "BEFORE", pivot, text});
  bool packed = !HasContainer(record);
  if (packed) {
    const PackedValue value = PackedValue::Of(text);
    const size_t place = ListpackOf(record).At(static_cast<int64_t>(at));
    packed =
        EditPacked(db, key, record, ListpackEdit::InsertBefore(place, {&value, 1}), 1, text.size());
    if (!packed) record = MoveToContainer(db, key, record);
  }
  if (!packed) {
    ContainerChange change(db, key, record);
    change.Grow(1, text.size());
    change.list().Insert(at, text);
    change.Done();
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kList, "linsert", key);
  return static_cast<int64_t>(length);
}

Result<uint64_t> Remove(Db& db, KeyView key, int64_t count, std::string_view text) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  const ListEnd from = count < 0 ? ListEnd::kBack : ListEnd::kFront;
  const uint64_t magnitude =
      count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  const uint64_t count_max = count == 0 ? UINT64_MAX : magnitude;
  if (!FindFrom(record, from, text).has_value()) return uint64_t{0};
  char digits[kInt64CharsMax];
  db.LogEffect({"LREM", key.bytes, {digits, FormatInt64(count, digits)}, text});
  uint64_t removed;
  bool empty;
  if (HasContainer(record)) {
    ContainerChange change(db, key, record);
    removed = change.list().Remove(text, count_max, from);
    empty = change.list().empty();
    change.DoneShrinking();
  } else {
    ListpackBuffer buffer(ListpackOf(record));
    removed = RemovePacked(&buffer, text, count_max, from);
    empty = buffer.get().empty();
    if (!empty) PutListpack(db, key, Type::kList, record, buffer.get());
  }
  db.tally().changes += static_cast<uint32_t>(removed);
  db.Notify(KeyEventClass::kList, "lrem", key);
  if (empty) EraseEmpty(db, key);
  return removed;
}

Range RangeOf(int64_t start, int64_t end, uint64_t size) {
  const auto length = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + length, 0);
  if (end < 0) end += length;
  end = std::min(end, length - 1);
  if (start > end) return {};
  return {static_cast<uint64_t>(start), static_cast<uint64_t>(end - start) + 1};
}

Errc Trim(Db& db, KeyView key, int64_t start, int64_t end) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return Errc::kOk;
  const uint64_t size = Elements(record).size();
  const Range kept = RangeOf(start, end, size);
  if (kept.count != 0 && kept.count != size) {
    char first[kInt64CharsMax];
    char last[kInt64CharsMax];
    db.LogEffect({"LTRIM",
                  key.bytes,
                  {first, FormatUint64(kept.first, first)},
                  {last, FormatUint64(kept.first + kept.count - 1, last)}});
    if (HasContainer(record)) {
      ContainerChange change(db, key, record);
      change.list().Trim(kept.first, kept.count);
      change.DoneShrinking();
    } else {
      const Listpack old = ListpackOf(record);
      const char* const bytes = old.view().data();
      const PackedRun run{bytes + old.At(static_cast<int64_t>(kept.first)),
                          bytes + old.At(static_cast<int64_t>(kept.first + kept.count))};
      PutEntries(db, key, Type::kList, record, run, kept.count);
    }
  }
  db.tally().changes += static_cast<uint32_t>(size - kept.count);
  db.Notify(KeyEventClass::kList, "ltrim", key);
  if (kept.count == 0) EraseEmpty(db, key);
  return Errc::kOk;
}

}  // namespace alai::lists
