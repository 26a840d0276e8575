// Commands on keys whatever they hold: DEL, EXISTS, TYPE, RENAME, COPY, MOVE …
#include "engine/types/keys.h"

#include "engine/store.h"
#include "engine/types/collections.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

// A value is freed after the command, as readers may still see it; the cause says by whom.
void Delete(Call& call, FreeCause cause) {
  int64_t deleted = 0;
  for (const std::string_view bytes : call.argv().subspan(1)) {
    if (keys::Delete(call.db(), call.Key(bytes), cause)) ++deleted;
  }
  call.reply().Integer(deleted);
}

void Del(Call& call) { Delete(call, FreeCause::kDelete); }
void Unlink(Call& call) { Delete(call, FreeCause::kUnlink); }

// A key named twice counts twice.
void Exists(Call& call) {
  int64_t found = 0;
  for (const std::string_view bytes : call.argv().subspan(1)) {
    if (keys::Inspect(call.db(), call.Key(bytes)) != nullptr) ++found;
  }
  call.reply().Integer(found);
}

void Touch(Call& call) {
  int64_t found = 0;
  for (const std::string_view bytes : call.argv().subspan(1)) {
    if (call.db().Find(call.Key(bytes)) != nullptr) ++found;
  }
  call.reply().Integer(found);
}

void TypeOfKey(Call& call) {
  const Record* record = keys::Inspect(call.db(), call.Key(call.argv()[1]));
  call.reply().SimpleString(record != nullptr ? keys::TypeName(record->type()) : "none");
}

// Whether the class of `to` refuses what `from` holds and what would be put there; the call has failed then.
bool RefusedThere(Call& call, KeyView from, Db& to_db, KeyView to, bool replace) {
  Db& from_db = call.db();
  if (from_db.store().key_classes() == nullptr) [[likely]]
    return false;
  const uint64_t bytes_max = ClassValueBytesMax(to_db, to);
  if (bytes_max == UINT64_MAX) return false;
  const bool stays = from_db.index() == to_db.index() && from.bytes == to.bytes;
  const Record* record = stays ? nullptr : from_db.Find(from, Lookup::kPeek);
  if (record == nullptr || (!replace && to_db.Find(to, Lookup::kPeek) != nullptr)) return false;
  if (!HoldsMoreText(*record, call.now(), bytes_max)) return false;
  FailLargeValue(call, to);
  return true;
}

void Rename(Call& call) {
  ArgReader args = call.args();
  const KeyView from = call.Key(args.String());
  const KeyView to = call.Key(args.String());
  if (RefusedThere(call, from, call.db(), to, true)) return;
  const Errc error = keys::Rename(call.db(), from, to, true);
  if (error != Errc::kOk) return call.Fail(error_text::kNoSuchKey);
  call.reply().Ok();
}

void RenameNx(Call& call) {
  ArgReader args = call.args();
  const KeyView from = call.Key(args.String());
  const KeyView to = call.Key(args.String());
  if (RefusedThere(call, from, call.db(), to, false)) return;
  const Errc error = keys::Rename(call.db(), from, to, false);
  if (error == Errc::kNoKey) return call.Fail(error_text::kNoSuchKey);
  call.reply().Integer(error == Errc::kOk ? 1 : 0);
}

int ReadDatabase(Call& call, ArgReader& args) {
  const int64_t index = args.Int64(INT32_MIN, INT32_MAX);
  if (index < 0 || index >= call.db().store().databases()) {
    args.Fail(error_text::kDbIndexOutOfRange);
    return 0;
  }
  return static_cast<int>(index);
}

void Copy(Call& call) {
  ArgReader args = call.args();
  const KeyView from = call.Key(args.String());
  const KeyView to = call.Key(args.String());
  int database = call.db().index();
  bool replace = false;
  while (args.remaining() > 0) {
    if (args.TakeWord("REPLACE")) {
      replace = true;
    } else if (args.TakeWord("DB")) {
      database = ReadDatabase(call, args);
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.Done()) return call.Fail(args.error());
  if (database == call.db().index() && from.bytes == to.bytes) {
    return call.Fail(error_text::kSameObject);
  }
  Db target = call.db().Sibling(database);
  if (RefusedThere(call, from, target, to, replace)) return;
  call.reply().Integer(keys::Copy(call.db(), from, target, to, replace) ? 1 : 0);
}

void Move(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int database = ReadDatabase(call, args);
  if (!args.Done()) return call.Fail(args.error());
  if (database == call.db().index()) return call.Fail(error_text::kSameObject);
  Db target = call.db().Sibling(database);
  call.reply().Integer(keys::Move(call.db(), target, key) ? 1 : 0);
}

constexpr CommandSpec kKeyCommands[] = {
    {.name = "del",
     .run = Del,
     .arity = -2,
     .flags = kWrite,
     .keys = {KeyRange(kRM | kKeyDelete, 1)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys; their values are freed afterwards",
     .summary = "Removes keys.",
     .arguments = "key:key*",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "unlink",
     .run = Unlink,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {KeyRange(kRM | kKeyDelete, 1)},
     .categories = kCatKeyspace,
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of keys; their values are freed afterwards",
     .summary = "Removes keys.",
     .arguments = "key:key*",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "exists",
     .run = Exists,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = {KeyRange(kRO, 1)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Counts how many of the given keys exist.",
     .arguments = "key:key*",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .history = "3.0.3: Takes several keys."},
    {.name = "touch",
     .run = Touch,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = {KeyRange(kRO, 1)},
     .categories = kCatKeyspace,
     .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Marks keys as used now and counts how many of them exist.",
     .arguments = "key:key*",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "type",
     .run = TypeOfKey,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Tells the type of a key's value.",
     .arguments = "key:key"},
    {.name = "rename",
     .run = Rename,
     .arity = 3,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kOW | kKeyUpdate, 2)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives a key another name, in place of a key that had it.",
     .arguments = "key:key newkey:key"},
    {.name = "renamenx",
     .run = RenameNx,
     .arity = 3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kOW | kKeyInsert, 2)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives a key another name unless a key has it.",
     .arguments = "key:key newkey:key",
     .history = "3.2.0: The old name as the new one is no error."},
    {.name = "copy",
     .run = Copy,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRO | kKeyAccess), OneKey(kOW | kKeyUpdate, 2)},
     .categories = kCatKeyspace,
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements, O(1) for strings of usual length",
     .summary = "Copies a value and its time to live to another key or database.",
     .arguments = "source:key destination:key [DB destination-db:integer] [REPLACE]"},
    {.name = "move",
     .run = Move,
     .arity = 3,
     .flags = kWrite | kFast | kTwoDatabases,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Moves a key to another database unless it exists there.",
     .arguments = "key:key db:integer"},
};
static_assert(WellFormed(kKeyCommands));

}  // namespace

std::span<const CommandSpec> KeyCommands() { return kKeyCommands; }

}  // namespace alai
