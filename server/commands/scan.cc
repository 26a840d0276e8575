// Commands on all the keys of a database: KEYS, SCAN, RANDOMKEY, DBSIZE.
//
// KEYS and a SCAN with a large COUNT visit so many keys that they are done in slices, between which
// the worker serves its other connections; nothing is locked. Each key that is there from the first
// slice to the last is found, by KEYS exactly once.
#include <optional>

#include "engine/base/ascii.h"
#include "engine/base/glob.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/scan_options.h"
#include "server/server.h"

namespace alai {
namespace {

// What SCAN and KEYS ask of a key.
class KeyFilter {
 public:
  explicit KeyFilter(std::string_view pattern) : pattern_(pattern) {}

  // Only keys of this type; a name that no type has lets no key pass.
  void SetTypeName(std::string_view name) {
    by_type_ = true;
    type_.reset();
    for (const Type type : {Type::kString, Type::kList, Type::kSet, Type::kSortedSet, Type::kHash,
                            Type::kStream, Type::kTokenBucket}) {
      if (EqualsIgnoreCase(name, keys::TypeName(type))) type_ = type;
    }
  }

  // Asking for the type counts as a look at the key.
  bool Passes(const Record& record, Tally& tally) const {
    if (!pattern_.Matches(record.key())) return false;
    if (!by_type_) return true;
    ++tally.hits;
    return record.type() == type_;
  }

 private:
  GlobPattern pattern_;
  bool by_type_ = false;
  std::optional<Type> type_;
};

// Visits keys from a cursor on and collects those that pass, in a buffer of its own: messages that
// the client gets meanwhile must not end up inside of the reply.
class KeyWalk final : public Suspension {
 public:
  // What the reply consists of.
  enum class Answer : uint8_t { kKeys, kCursorAndKeys };

  KeyWalk(Call& call, Answer answer, KeyFilter filter, uint64_t cursor, uint64_t count)
      : answer_(answer),
        stop_(answer == Answer::kKeys ? ScanStop::kSegmentEnd : ScanStop::kAnywhere),
        filter_(std::move(filter)),
        cursor_(cursor),
        left_(count),
        writer_(found_, call.reply().protocol()) {}

  Next Resume(Call& call) override { return Walk(call, kSliceNanos) ? Next::kDone : Next::kAgain; }

  // True: all was visited within the budget, and the reply is written.
  bool Walk(Call& call, int64_t budget_ns) {
    const Clock& clock = call.server().clock();
    const int64_t until_ns =
        budget_ns == INT64_MAX ? INT64_MAX : clock.MonotonicNanos() + budget_ns;
    const Db& db = call.db();
    const auto visit = [this, &db](const Record& record) {
      ++visited_;
      if (!filter_.Passes(record, db.tally())) return;
      writer_.Bulk(record.key());
      ++keys_;
    };
    do {
      visited_ = 0;
      cursor_ = db.store().Scan(db.thread(), db.index(), cursor_, std::min(left_, kKeysPerStep),
                                db.now(), std::ref(visit), stop_);
      left_ -= std::min(left_, visited_);
    } while (cursor_ != 0 && left_ != 0 &&
             (until_ns == INT64_MAX || clock.MonotonicNanos() < until_ns));
    if (cursor_ != 0 && left_ != 0) return false;
    Finish(call.reply());
    return true;
  }

  static constexpr int64_t kSliceNanos = 100'000;

 private:
  static constexpr uint64_t kKeysPerStep = 512;

  void Finish(ReplyWriter& reply) {
    if (answer_ == Answer::kCursorAndKeys) {
      char digits[kInt64CharsMax];
      reply.Array(2);
      reply.Bulk({digits, FormatUint64(cursor_, digits)});
    }
    reply.Array(keys_);
    reply.output().Splice(std::move(found_));
  }

  const Answer answer_;
  const ScanStop stop_;
  const KeyFilter filter_;
  uint64_t cursor_;
  uint64_t left_;  // keys still to be visited
  uint64_t visited_ = 0;
  size_t keys_ = 0;  // in found_
  OutputBuffer found_;
  ReplyWriter writer_;
};

// With the shards locked, in a transaction, all is done at once.
void Start(Call& call, std::unique_ptr<KeyWalk> walk) {
  const bool atomic = call.db().access() == Access::kLocked;
  if (walk->Walk(call, atomic ? INT64_MAX : KeyWalk::kSliceNanos)) return;
  call.Suspend(std::move(walk));
}

void Keys(Call& call) {
  Start(call, std::make_unique<KeyWalk>(call, KeyWalk::Answer::kKeys, KeyFilter(call.argv()[1]), 0,
                                        UINT64_MAX));
}

void Scan(Call& call) {
  ArgReader args = call.args();
  uint64_t cursor;
  if (!ParseCursor(args.String(), &cursor)) return call.Fail(error_text::kInvalidCursor);
  std::string_view pattern = "*";
  std::optional<std::string_view> type;
  int64_t count = 10;
  while (args.remaining() > 0) {
    if (args.TakeWord("COUNT")) {
      count = args.Int64(1, INT64_MAX, error_text::kNotInteger, error_text::kSyntax);
    } else if (args.TakeWord("MATCH")) {
      pattern = args.String();
    } else if (args.TakeWord("TYPE")) {
      type = args.String();
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.Done()) return call.Fail(args.error());
  KeyFilter filter(pattern);
  if (type.has_value()) filter.SetTypeName(*type);
  Start(call, std::make_unique<KeyWalk>(call, KeyWalk::Answer::kCursorAndKeys, std::move(filter),
                                        cursor, static_cast<uint64_t>(count)));
}

void RandomKey(Call& call) {
  Db& db = call.db();
  const Record* record = db.store().RandomRecord(db.thread(), db.index(), db.now());
  if (record == nullptr) return call.reply().Null();
  call.reply().Bulk(record->key());
}

void DbSize(Call& call) {
  call.reply().Integer(static_cast<int64_t>(call.db().store().KeyCount(call.db().index())));
}

constexpr CommandSpec kScanCommands[] = {
    {.name = "keys",
     .run = Keys,
     .arity = 2,
     .flags = kReadOnly | kOwnLocking,
     .categories = kCatKeyspace | kCatDangerous,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys in the database",
     .summary = "Gives the names of all keys that match a pattern.",
     .arguments = "pattern:pattern",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
    {.name = "scan",
     .run = Scan,
     .arity = -2,
     .flags = kReadOnly | kOwnLocking,
     .categories = kCatKeyspace,
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for a whole iteration where N is the number of keys",
     .summary = "Goes on with an iteration over the names of all keys.",
     .arguments = "cursor:integer [MATCH pattern:pattern] [COUNT count:integer]"
                  " [TYPE type:string]@6.0.0",
     .tips = "nondeterministic_output request_policy:special response_policy:special",
     .history = "6.0.0: Knows TYPE."},
    {.name = "randomkey",
     .run = RandomKey,
     .arity = 1,
     .flags = kReadOnly | kOwnLocking,
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives the name of a key, each with the same probability.",
     .tips = "request_policy:all_shards response_policy:special nondeterministic_output"},
    {.name = "dbsize",
     .run = DbSize,
     .arity = 1,
     .flags = kReadOnly | kFast | kOwnLocking,
     .categories = kCatKeyspace,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Counts the keys of this database.",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
};
static_assert(WellFormed(kScanCommands));

}  // namespace

std::span<const CommandSpec> ScanCommands() { return kScanCommands; }

}  // namespace alai
