#include "engine/types/packed_record.h"

#include "engine/base/number.h"
#include "engine/change_log.h"

namespace alai {

void PortionedEffect::Add(std::string_view element) {
  if (!logs_) return;
  if (words_.size() == kWordsMax) Log();
  if (words_.empty()) words_ = {command_, key_.bytes};
  words_.push_back(element);
}

void PortionedEffect::AddCopy(const PackedValue& element) {
  if (!logs_) return;
  char digits[kInt64CharsMax];
  const std::string_view text = element.View(digits);
  if (copies_.size() + text.size() > kCopiesMax || words_.size() == kWordsMax) Log();
  if (text.size() > kCopiesMax) return db_.LogEffect({command_, key_.bytes, text});
  // Never moved, since words refer to it.
  copies_.reserve(kCopiesMax);
  copies_ += text;
  Add(std::string_view(copies_).substr(copies_.size() - text.size()));
}

void PortionedEffect::Log() {
  if (!words_.empty()) db_.LogEffect(words_);
  words_.clear();
  copies_.clear();
}

bool ReserveElements(Db& db, KeyView key, uint64_t elements, uint64_t bytes) {
  constexpr uint64_t kHeadBytes = 4 * kEffectOverhead;  // command, key, and two short words
  constexpr uint64_t kOtherEffects = 2;
  if (!db.logs_changes()) return true;
  const uint64_t portions =
      elements / kPortionElementsMin + 2 * bytes / PortionedEffect::kCopiesMax + 2;
  return db.ReserveLog((portions + kOtherEffects) * (key.bytes.size() + kHeadBytes) +
                       elements * kEffectOverhead + bytes);
}

Listpack ListpackOf(const Record* record) {
  return record == nullptr ? Listpack() : Listpack(record->inline_value().data());
}

Record::Draft SuccessorDraft(KeyView key, Type type, const Record* old) {
  Record::Draft draft;
  draft.key = key.bytes;
  draft.type = type;
  draft.encoding = Encoding::kListpack;
  if (old != nullptr) {
    draft.deadline = old->deadline();
    draft.pinned = old->pinned();
  }
  return draft;
}

Record* PutCollection(Db& db, KeyView key, const Record::Draft& draft) {
  const Db::PutOutcome outcome = db.Put(key, draft);
  if (!outcome.replaced) db.Notify(KeyEventClass::kNew, "new", key);
  return outcome.record;
}

Record* PutContainer(Db& db, KeyView key, Type type, const Record* old, Container* container) {
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.encoding = Encoding::kContainer;
  draft.container = container;
  draft.read_under_lock = true;
  return PutCollection(db, key, draft);
}

void PutEdited(Db& db, KeyView key, Type type, const Record* old, const ListpackEdit& edit) {
  struct Edited : Record::Source {
    Listpack old;
    const ListpackEdit& edit;
  };
  const Listpack listpack = ListpackOf(old);
  const Edited edited{{EditedListpackBytes(listpack, edit),
                       [](const Record::Source& self, char* out) {
                         const auto& that = static_cast<const Edited&>(self);
                         WriteEditedListpack(that.old, that.edit, out);
                       }},
                      listpack,
                      edit};
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.source = &edited;
  PutCollection(db, key, draft);
}

void PutListpack(Db& db, KeyView key, Type type, const Record* old, Listpack listpack) {
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.value = listpack.view();
  PutCollection(db, key, draft);
}

void PutEntries(Db& db, KeyView key, Type type, const Record* old, PackedRun run, size_t count) {
  struct Entries : Record::Source {
    PackedRun run;
    size_t count;
  };
  const Entries entries{{run.bytes() + kListpackBytesMin,
                         [](const Record::Source& self, char* out) {
                           const auto& that = static_cast<const Entries&>(self);
                           WriteListpack(that.run, that.count, out);
                         }},
                        run,
                        count};
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.source = &entries;
  PutCollection(db, key, draft);
}

void EraseEmpty(Db& db, KeyView key) {
  db.Erase(key);
  db.Notify(KeyEventClass::kGeneric, "del", key);
}

}  // namespace alai
