// DEBUG's views of single keys.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/access_clock.h"
#include "engine/blob.h"
#include "engine/containers/listpack.h"
#include "engine/containers/packed_table.h"
#include "engine/store.h"
#include "engine/types/hashes.h"
#include "engine/types/keys.h"
#include "engine/types/sets.h"
#include "engine/types/strings.h"
#include "protocol/error_text.h"
#include "server/commands/debug_subcommands.h"
#include "server/config/config.h"
#include "server/data_digest.h"
#include "server/monitor.h"
#include "server/server.h"
#include "storage/record_writer.h"

namespace alai {
namespace {

class LockedKeyWork final : public Suspension {
 public:
  LockedKeyWork(std::string_view key, KeyWork work) : key_(key), work_(std::move(work)) {}

  Next Resume(Call& call) override {
    const KeyView key = MakeKey(key_);
    Db& open = call.db();
    if (open.access() == Access::kLocked) {
      work_(call, open, key);
      return Next::kDone;
    }
    ShardLock& lock = open.store().LockOf(key.hash);
    if (!lock.TryLock()) return Next::kAgain;
    Tally tally;
    Db locked(open.store(), open.thread(), tally, open.index(), Access::kLocked, open.now());
    work_(call, locked, key);
    open.store().ServeWaiters(open.thread(), open.now(), open.store().ShardIndex(key.hash));
    lock.Unlock();
    return Next::kDone;
  }

 private:
  const std::string key_;
  const KeyWork work_;
};

// The key's record, or nullptr after replying that there is none.
const Record* FindOrFail(Call& call, Db& db, KeyView key) {
  const Record* record = db.Find(key, Lookup::kPeek);
  if (record == nullptr) call.Fail(error_text::kNoSuchKey);
  return record;
}

// Clients know INT_MAX as the count of Redis's shared small integers.
int ReferenceCount(const Record& record) {
  constexpr int64_t kSharedIntegers = 10000;
  const bool shared = record.encoding() == Encoding::kInt && record.integer() >= 0 &&
                      record.integer() < kSharedIntegers;
  return shared ? INT32_MAX : 1;
}

void ReplyObject(Call& call, Db& db, KeyView key) {
  const Record* record = FindOrFail(call, db, key);
  if (record == nullptr) return;
  const bool compress = call.server().config().rdbcompression;
  char line[320];
  std::snprintf(
      line, sizeof line,
      "Value at:%p refcount:%d encoding:%.*s serializedlength:%llu lru:%u "
      "lru_seconds_idle:%lld",
      static_cast<const void*>(record), ReferenceCount(*record),
      static_cast<int>(keys::EncodingName(*record).size()), keys::EncodingName(*record).data(),
      static_cast<unsigned long long>(WrittenBytes(*record, call.now(), compress)),
      record->access(), static_cast<long long>(LruIdleMillis(record->access(), call.now()) / 1000));
  call.reply().SimpleString(line);
}

void ReplySdsLen(Call& call, Db& db, KeyView key) {
  const Record* record = FindOrFail(call, db, key);
  if (record == nullptr) return;
  if (record->type() != Type::kString || record->encoding() == Encoding::kInt) {
    return call.Fail("ERR Not an sds encoded string.");
  }
  const bool blob = record->encoding() == Encoding::kBlob;
  const uint64_t length = strings::Length(*record);
  const uint64_t room = blob ? record->blob()->capacity() - record->blob()->length() : 0;
  // The key, and a value that is not a blob, are part of the record.
  const uint64_t blob_bytes = blob ? record->blob()->allocated_bytes() : 0;
  char line[256];
  std::snprintf(line, sizeof line,
                "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: %llu, val_sds_len:%llu, "
                "val_sds_avail:%llu, val_zmalloc: %llu",
                record->key().size(),
                static_cast<unsigned long long>(record->allocated_bytes() - blob_bytes),
                static_cast<unsigned long long>(length), static_cast<unsigned long long>(room),
                static_cast<unsigned long long>(blob_bytes));
  call.reply().SimpleString(line);
}

// For subcommands that look into containers of a kind that the key does not hold.
void FailForKind(Call& call, std::string_view error) {
  WithLockedKey(call, call.argv()[2], [error](Call& later, Db& db, KeyView key) {
    if (FindOrFail(later, db, key) != nullptr) later.Fail(error);
  });
}

// A listpack, line by line: where each entry lies, how many bytes it has, and what it is.
std::string Drawn(const Listpack& listpack) {
  std::string text = "listpack of " + std::to_string(listpack.view().size()) + " bytes, " +
                     std::to_string(listpack.count()) + " entries\n";
  for (size_t at = listpack.Begin(); at < listpack.End();) {
    const size_t next = listpack.Next(at);
    const PackedValue value = listpack.Read(at);
    char line[80];
    std::snprintf(line, sizeof line, "%8zu %6zu  %s ", at, next - at,
                  value.is_integer ? "integer" : "text   ");
    text += line;
    if (value.is_integer) {
      text += std::to_string(value.integer);
    } else {
      AppendQuoted(&text, value.text);
    }
    text += '\n';
    at = next;
  }
  return text;
}

// Draws it while the shard is locked, and prints it afterwards.
class ListpackPrint final : public Suspension {
 public:
  explicit ListpackPrint(std::string_view key) : key_(key) {}

  Next Resume(Call& call) override {
    std::string text;
    const KeyWork draw = [&text](Call& drawing, Db& db, KeyView key) {
      const Record* record = FindOrFail(drawing, db, key);
      if (record == nullptr) return;
      if (record->encoding() != Encoding::kListpack) {
        return drawing.Fail("ERR Not a listpack encoded object.");
      }
      text = Drawn(Listpack(record->inline_value().data()));
      drawing.reply().SimpleString("Listpack structure printed on stdout");
    };
    if (LockedKeyWork(key_, draw).Resume(call) == Next::kAgain) return Next::kAgain;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return Next::kDone;
  }

 private:
  const std::string key_;
};

// How many nodes of a table have how many members.
std::string NodeFigures(const PackedTable& table) {
  std::map<size_t, size_t> nodes;
  size_t all = 0;
  table.ForEachNode([&](size_t members) {
    ++nodes[members];
    ++all;
  });
  std::string text = " nodes: " + std::to_string(all) + "\n Members of a node:\n";
  for (const auto& [members, count] : nodes) {
    char line[80];
    std::snprintf(line, sizeof line, "   %zu: %zu (%.02f%%)\n", members, count,
                  100.0 * static_cast<double>(count) / static_cast<double>(all));
    text += line;
  }
  return text;
}

// Of a hash, set or sorted set that is a table.
std::string DescribeTable(const Record& record, bool full) {
  const Container& container = *record.container();
  const auto elements = static_cast<unsigned long long>(container.parts());
  const size_t bytes = container.allocated_bytes();
  char text[256];
  std::snprintf(text, sizeof text,
                "Hash table 0 stats (main hash table):\n number of elements: %llu\n table bytes: "
                "%zu\n bytes per element: %.2f\n",
                elements, bytes, static_cast<double>(bytes) / static_cast<double>(elements));
  if (full && record.type() == Type::kHash) return text + NodeFigures(hashes::TableOf(record));
  if (full && record.type() == Type::kSet) {
    return text + NodeFigures(static_cast<const sets::SetContainer&>(container).table());
  }
  return text;
}

void ReplyTable(Call& call, Db& db, KeyView key, bool full) {
  const Record* record = FindOrFail(call, db, key);
  if (record == nullptr) return;
  const bool table = record->encoding() == Encoding::kContainer &&
                     (record->type() == Type::kHash || record->type() == Type::kSet ||
                      record->type() == Type::kSortedSet);
  if (!table) {
    return call.Fail(
        "ERR The value stored at the specified key is not represented using an hash table");
  }
  call.reply().Verbatim("txt", DescribeTable(*record, full));
}

// One key after the other; each digest is of a value as it was at some moment.
class ValueDigests final : public Suspension {
 public:
  explicit ValueDigests(Arguments keys) : keys_(keys.begin(), keys.end()) {}

  Next Resume(Call& call) override {
    while (digests_.size() < keys_.size()) {
      const KeyWork add = [this](Call&, Db& db, KeyView key) {
        DataDigest digest;
        const Record* record = db.Find(key, Lookup::kPeek);
        if (record != nullptr) digest.AddValue(*record, db.now());
        digests_.push_back(digest.Hex());
      };
      if (LockedKeyWork(keys_[digests_.size()], add).Resume(call) == Next::kAgain) {
        return Next::kAgain;
      }
    }
    call.reply().Array(digests_.size());
    for (const std::string& digest : digests_) call.reply().SimpleString(digest);
    return Next::kDone;
  }

 private:
  const std::vector<std::string> keys_;
  std::vector<std::string> digests_;
};

}  // namespace

void WithLockedKey(Call& call, std::string_view key, KeyWork work) {
  auto locked = std::make_unique<LockedKeyWork>(key, std::move(work));
  if (locked->Resume(call) == Suspension::Next::kAgain) call.Suspend(std::move(locked));
}

void DebugObject(Call& call) { WithLockedKey(call, call.argv()[2], ReplyObject); }

void DebugSdsLen(Call& call) { WithLockedKey(call, call.argv()[2], ReplySdsLen); }

void DebugListpack(Call& call) {
  auto print = std::make_unique<ListpackPrint>(call.argv()[2]);
  if (print->Resume(call) == Suspension::Next::kAgain) call.Suspend(std::move(print));
}

void DebugQuicklist(Call& call) { FailForKind(call, "ERR Not a quicklist encoded object."); }

void DebugHtStatsKey(Call& call) {
  ArgReader args(call.argv().subspan(3));
  const bool full = args.TakeWord("FULL");
  if (args.remaining() > 0) {
    return call.Fail(error_text::SubcommandSyntax("debug", call.argv()[1]));
  }
  WithLockedKey(call, call.argv()[2],
                [full](Call& later, Db& db, KeyView key) { ReplyTable(later, db, key, full); });
}

void DebugDigestValue(Call& call) {
  auto digests = std::make_unique<ValueDigests>(call.argv().subspan(2));
  if (digests->Resume(call) == Suspension::Next::kAgain) call.Suspend(std::move(digests));
}

}  // namespace alai
