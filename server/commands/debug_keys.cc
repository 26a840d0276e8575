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
#include "engine/types/lists.h"
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

// The container of a list that a stock server would keep in several nodes; nullptr for other values.
const lists::ListContainer* QuicklistOf(const Record& record) {
  if (record.type() != Type::kList || record.encoding() != Encoding::kContainer) return nullptr;
  const auto* container = static_cast<const lists::ListContainer*>(record.container());
  return container->quicklist() ? container : nullptr;
}

// Calls visit(const PackedLeaf&, size_t bytes) for each node, with what it has when it is not compressed: a
// plain text, or a listpack with its header and end, which an empty one is.
template <class Visit>
void ForEachNode(const PackedList& list, Visit visit) {
  if (list.empty()) return;
  const PackedContents& contents = list.contents();
  PackedPlace place;
  contents.Find(0, &place);
  do {
    visit(*place.leaf, place.leaf->bytes() + (place.leaf->plain ? 0 : kListpackBytesMin));
  } while (contents.Step(&place, true));
}

std::string QuicklistFigures(const lists::ListContainer& container) {
  const PackedList& list = container.list();
  unsigned long long bytes = 0;
  ForEachNode(list, [&bytes](const PackedLeaf&, size_t node_bytes) { bytes += node_bytes; });
  char text[160];
  std::snprintf(text, sizeof text,
                " ql_nodes:%llu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d "
                "ql_uncompressed_size:%llu",
                static_cast<unsigned long long>(list.nodes()),
                static_cast<double>(list.size()) / static_cast<double>(list.nodes()),
                container.limits().node, container.limits().plain_depth != 0 ? 1 : 0, bytes);
  return text;
}

void ReplyObject(Call& call, Db& db, KeyView key) {
  const Record* record = FindOrFail(call, db, key);
  if (record == nullptr) return;
  const bool compress = call.server().config().rdbcompression;
  const lists::ListContainer* quicklist = QuicklistOf(*record);
  const std::string figures = quicklist != nullptr ? QuicklistFigures(*quicklist) : "";
  char line[480];
  std::snprintf(
      line, sizeof line,
      "Value at:%p refcount:%d encoding:%.*s serializedlength:%llu lru:%u "
      "lru_seconds_idle:%lld%s",
      static_cast<const void*>(record), ReferenceCount(*record),
      static_cast<int>(keys::EncodingName(*record).size()), keys::EncodingName(*record).data(),
      static_cast<unsigned long long>(WrittenBytes(*record, call.now(), compress)),
      record->access(), static_cast<long long>(LruIdleMillis(record->access(), call.now()) / 1000),
      figures.c_str());
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

// The nodes of a list, line by line: how many elements each has, its bytes, and how it is kept.
std::string Drawn(const PackedList& list) {
  std::string text = "quicklist of " + std::to_string(list.nodes()) + " nodes, " +
                     std::to_string(list.size()) + " elements\n";
  ForEachNode(list, [&text](const PackedLeaf& leaf, size_t bytes) {
    char line[80];
    std::snprintf(line, sizeof line, "%6d %8zu  %s%s\n", int{leaf.count}, bytes,
                  leaf.plain ? "plain" : "packed", leaf.folded() ? ", compressed" : "");
    text += line;
  });
  return text;
}

// Reply, and give what is to be printed.
std::string DrawListpack(Call& call, const Record& record) {
  if (record.encoding() != Encoding::kListpack) {
    call.Fail("ERR Not a listpack encoded object.");
    return {};
  }
  call.reply().SimpleString("Listpack structure printed on stdout");
  return Drawn(Listpack(record.inline_value().data()));
}

std::string DrawQuicklist(Call& call, const Record& record) {
  const lists::ListContainer* quicklist = QuicklistOf(record);
  if (quicklist == nullptr) {
    call.Fail("ERR Not a quicklist encoded object.");
    return {};
  }
  call.reply().SimpleString("Quicklist structure printed on stdout");
  return Drawn(quicklist->list());
}

// Draws a value while its shard is locked, and prints it afterwards.
class ValuePrint final : public Suspension {
 public:
  using Draw = std::string (*)(Call& call, const Record& record);

  ValuePrint(std::string_view key, Draw draw) : key_(key), draw_(draw) {}

  Next Resume(Call& call) override {
    std::string text;
    const KeyWork draw = [this, &text](Call& drawing, Db& db, KeyView key) {
      const Record* record = FindOrFail(drawing, db, key);
      if (record != nullptr) text = draw_(drawing, *record);
    };
    if (LockedKeyWork(key_, draw).Resume(call) == Next::kAgain) return Next::kAgain;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return Next::kDone;
  }

  static void Begin(Call& call, Draw draw) {
    auto print = std::make_unique<ValuePrint>(call.argv()[2], draw);
    if (print->Resume(call) == Next::kAgain) call.Suspend(std::move(print));
  }

 private:
  const std::string key_;
  const Draw draw_;
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

void DebugListpack(Call& call) { ValuePrint::Begin(call, DrawListpack); }

void DebugQuicklist(Call& call) { ValuePrint::Begin(call, DrawQuicklist); }

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
