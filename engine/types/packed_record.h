// Collections that are packed into their records: how one record gives way to the next, and the effects
// of changes with many words.
//
// Threads     With the key's shard locked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/containers/listpack.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai {

// An effect with as many words as are added.
class Effect {
 public:
  Effect(Db& db, std::string_view command, KeyView key) : db_(db) {
    if (!db.logs_changes()) return;
    words_.push_back(command);
    words_.push_back(key.bytes);
  }
  Effect(Db& db, std::string_view command, std::string_view subcommand, KeyView key) : db_(db) {
    if (!db.logs_changes()) return;
    words_ = {command, subcommand, key.bytes};
  }
  void Add(std::string_view word) {
    if (!words_.empty()) words_.push_back(word);
  }
  void Log() {
    if (!words_.empty()) db_.LogEffect(words_);
  }

 private:
  Db& db_;
  std::vector<std::string_view> words_;
};

// Of effects that are logged in portions, all but the last have so many elements; or two that follow one another
// have PortionedEffect::kCopiesMax bytes.
constexpr uint64_t kPortionElementsMin = 128;

// An effect on as many elements as there are, logged in portions.
class PortionedEffect {
 public:
  // `command` and `key` outlive the effect.
  PortionedEffect(Db& db, std::string_view command, KeyView key)
      : db_(db), logs_(db.logs_changes()), command_(command), key_(key) {}

  // `element` outlives the effect.
  void Add(std::string_view element);
  void AddCopy(const PackedValue& element);
  // What has been added since the last time, if anything.
  void Log();

 private:
  friend bool ReserveElements(Db& db, KeyView key, uint64_t elements, uint64_t bytes);

  static constexpr size_t kWordsMax = 1024;
  static constexpr size_t kCopiesMax = 16 * 1024;
  static_assert(kWordsMax - 2 >= kPortionElementsMin);

  Db& db_;
  const bool logs_;
  const std::string_view command_;
  const KeyView key_;
  std::vector<std::string_view> words_;
  std::string copies_;
};

// For an effect on so many elements, of so many bytes together, that the request does not name: sets space aside
// in the change log for all portions of it, and for what else is logged of its key, the end of the old value and
// the deadline that its class gives. False: there is none; see Db::ReserveLog().
bool ReserveElements(Db& db, KeyView key, uint64_t elements, uint64_t bytes);

// The listpack of a record that holds one; an empty one without a record.
Listpack ListpackOf(const Record* record);

// A draft of a key's next packed record, which lives as long as the old one, if there is one.
Record::Draft SuccessorDraft(KeyView key, Type type, const Record* old);

// Publishes a draft, and tells when that makes the key.
Record* PutCollection(Db& db, KeyView key, const Record::Draft& draft);
// The same of a container, which the record takes over.
Record* PutContainer(Db& db, KeyView key, Type type, const Record* old, Container* container);
// Publish a listpack: what one edit makes of the old record's, written straight to its place; a copy of one;
// some entries.
void PutEdited(Db& db, KeyView key, Type type, const Record* old, const ListpackEdit& edit);
void PutListpack(Db& db, KeyView key, Type type, const Record* old, Listpack listpack);
void PutEntries(Db& db, KeyView key, Type type, const Record* old, PackedRun run, size_t count);

// Removes the key of a collection whose last element has gone.
void EraseEmpty(Db& db, KeyView key);

}  // namespace alai
