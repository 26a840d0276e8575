#include "engine/types/packed_record.h"

namespace alai {

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

void PutEdited(Db& db, KeyView key, Type type, const Record* old, const ListpackEdit& edit) {
  struct Source {
    Listpack listpack;
    const ListpackEdit& edit;
  };
  const Source source{ListpackOf(old), edit};
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.written_bytes = EditedListpackBytes(source.listpack, edit);
  draft.from = &source;
  draft.write = [](const void* from, char* out) {
    const auto* that = static_cast<const Source*>(from);
    WriteEditedListpack(that->listpack, that->edit, out);
  };
  db.Put(key, draft);
}

void PutListpack(Db& db, KeyView key, Type type, const Record* old, Listpack listpack) {
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.value = listpack.view();
  db.Put(key, draft);
}

void PutEntries(Db& db, KeyView key, Type type, const Record* old, PackedRun run, size_t count) {
  struct Source {
    PackedRun run;
    size_t count;
  };
  const Source source{run, count};
  Record::Draft draft = SuccessorDraft(key, type, old);
  draft.written_bytes = run.bytes() + kListpackBytesMin;
  draft.from = &source;
  draft.write = [](const void* from, char* out) {
    const auto* that = static_cast<const Source*>(from);
    WriteListpack(that->run, that->count, out);
  };
  db.Put(key, draft);
}

void EraseEmpty(Db& db, KeyView key) {
  db.Erase(key);
  db.Notify(KeyEventClass::kGeneric, "del", key);
}

}  // namespace alai
