// DUMP and RESTORE: values in serialised form, from and for servers of the same kind.
#include <memory>
#include <optional>
#include <string>

#include "engine/access_clock.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "engine/types/token_buckets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/expiry_option.h"
#include "server/commands/string_reply.h"
#include "server/commands/value_limit.h"
#include "server/config/config.h"
#include "server/server.h"
#include "storage/dump_payload.h"
#include "storage/record_writer.h"

namespace alai {
namespace {

void Dump(Call& call) {
  const Record* record = call.db().Find(call.Key(call.argv()[1]));
  if (record == nullptr || AllOver(*record, call.now())) return call.reply().Null();
  std::string payload = EncodeDump(*record, call.now(), call.server().config().rdbcompression);
  if (payload.size() < kReferenceBytesMin) return call.reply().Bulk(payload);
  auto owner = std::make_unique<std::string>(std::move(payload));
  const std::string_view bytes = *owner;
  call.reply().BulkReference(
      {.data = bytes.data(),
       .size = bytes.size(),
       .owner = owner.release(),
       .release = [](void* text) { delete static_cast<std::string*>(text); }});
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  std::optional<int64_t> idle_seconds;
  std::optional<int64_t> frequency;

  void Take(ArgReader& args) {
    if (args.TakeWord("REPLACE")) {
      replace = true;
    } else if (args.TakeWord("ABSTTL")) {
      absolute = true;
    } else if (!frequency.has_value() && args.TakeWord("IDLETIME")) {
      idle_seconds =
          args.Int64(0, INT64_MAX, error_text::kNotInteger, error_text::kInvalidIdleTime);
    } else if (!idle_seconds.has_value() && args.TakeWord("FREQ")) {
      frequency = args.Int64(0, UINT8_MAX, error_text::kNotInteger, error_text::kInvalidFreq);
    } else {
      args.Fail(error_text::kSyntax);
    }
  }

  // What the access clock starts with, if the present policy's kind was given.
  std::optional<uint32_t> Access(const Store& store, UnixMillis now) const {
    if (store.access_clock() == AccessClock::kLfu) {
      if (!frequency.has_value()) return std::nullopt;
      return LfuMinutes(now) << 8 | static_cast<uint32_t>(*frequency);
    }
    if (!idle_seconds.has_value()) return std::nullopt;
    return (LruClock(now) - static_cast<uint32_t>(*idle_seconds)) & kAccessClockMask;
  }
};

// Of a `ttl` that is not negative, 0 meaning none; one beyond 64 bits has passed already, as in
// Redis.
UnixMillis RestoredDeadline(int64_t ttl, bool absolute, UnixMillis now) {
  if (ttl == 0) return kNoDeadline;
  UnixMillis deadline = 0;
  DeadlineFrom(ttl, absolute ? ExpiryUnit::kUnixMillis : ExpiryUnit::kMillis, now, &deadline);
  return deadline;
}

void LogRestore(Call& call, KeyView key, std::string_view payload, UnixMillis deadline) {
  if (!call.db().logs_changes()) return;
  char digits[kInt64CharsMax];
  const std::string_view ttl(digits, FormatInt64(deadline == kNoDeadline ? 0 : deadline, digits));
  call.db().LogEffect({"RESTORE", key.bytes, ttl, payload, "REPLACE", "ABSTTL"});
}

// A token bucket without a deadline is given its own.
Record::Draft DraftOf(KeyView key, const DumpedValue& value, UnixMillis deadline) {
  Record::Draft draft;
  if (value.collection != nullptr) {
    draft = value.collection->TakeDraft(key);
    draft.deadline = deadline;
    return draft;
  }
  if (value.type == Type::kTokenBucket) {
    draft = token_buckets::DraftOf(key, value.arrival_ns);
    if (deadline != kNoDeadline) draft.deadline = deadline;
    return draft;
  }
  draft = strings::DraftOf(key, value.string.bytes);
  if (value.string.is_integer) {
    draft.encoding = Encoding::kInt;
    draft.integer = value.string.integer;
  }
  draft.deadline = deadline;
  return draft;
}

// Options first, then the key, the time to live, and last the payload.
void Restore(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view ttl_text = args.String();
  const std::string_view payload = args.String();
  RestoreOptions options;
  while (args.remaining() > 0) options.Take(args);
  if (!args.Done()) return call.Fail(args.error());
  Db& db = call.db();
  if (!options.replace && db.Find(key, Lookup::kWrite) != nullptr) {
    return call.Fail(error_text::kBusyKey);
  }
  int64_t ttl;
  if (!ParseInt64(ttl_text, &ttl)) return call.Fail(error_text::kNotInteger);
  if (ttl < 0) return call.Fail(error_text::kInvalidTtl);
  DumpDecodeOptions decode;
  decode.check_crc = !call.server().debug_switches().skip_checksum_validation;
  decode.string_bytes_max = static_cast<uint64_t>(call.server().config().proto_max_bulk_len.get());
  DumpedValue value;
  switch (DecodeDump(payload, decode, db.store().packing, &value)) {
    case DumpError::kNone:
      break;
    case DumpError::kFooter:
      return call.Fail(error_text::kBadPayload);
    case DumpError::kFormat:
      return call.Fail(error_text::kBadDataFormat);
  }
  const UnixMillis deadline = RestoredDeadline(ttl, options.absolute, db.now());
  const bool full_bucket =
      value.type == Type::kTokenBucket && value.arrival_ns <= db.store().steady_time().Nanos();
  if (deadline <= db.now() || full_bucket) {
    keys::Delete(db, key);
    return call.reply().Ok();
  }
  if (RefusedAsLarge(call, key, value.text_bytes())) return;
  const Record::Draft draft = DraftOf(key, value, deadline);
  LogRestore(call, key, payload, draft.deadline);
  const std::optional<uint32_t> access = options.Access(db.store(), db.now());
  keys::Restore(db, key, draft, access.has_value() ? &*access : nullptr);
  call.reply().Ok();
}

constexpr std::string_view kRestoreArguments =
    "key:key ttl:integer serialized-value:string [REPLACE]@3.0.0 [ABSTTL]@5.0.0"
    " [IDLETIME seconds:integer]@5.0.0 [FREQ frequency:integer]@5.0.0";
constexpr std::string_view kRestoreHistory =
    "3.0.0: Knows REPLACE. | 5.0.0: Knows ABSTTL. | 5.0.0: Knows IDLETIME and FREQ.";

constexpr CommandSpec kDumpCommands[] = {
    {.name = "dump",
     .run = Dump,
     .arity = 2,
     .flags = kReadOnly | kNoReadThrough,
     .keys = {OneKey(kRO | kKeyAccess)},
     .categories = kCatKeyspace,
     .since = "2.6.0",
     .complexity = "O(N) where N is the size of the value",
     .summary = "Gives a value in serialised form.",
     .arguments = "key:key",
     .tips = "nondeterministic_output"},
    {.name = "restore",
     .run = Restore,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate)},
     .categories = kCatKeyspace | kCatDangerous,
     .since = "2.6.0",
     .complexity = "O(N) where N is the size of the value",
     .summary = "Stores a value that DUMP has serialised.",
     .arguments = kRestoreArguments,
     .history = kRestoreHistory},
    {.name = "restore-asking",
     .run = Restore,
     .arity = -4,
     .flags = kWrite | kDenyOom | kAsking,
     .keys = {OneKey(kOW | kKeyUpdate)},
     .categories = kCatKeyspace | kCatDangerous,
     .group = Group::kServer,
     .since = "3.0.0",
     .complexity = "O(N) where N is the size of the value",
     .summary = "RESTORE for keys that move between the nodes of a cluster.",
     .arguments = kRestoreArguments,
     .history = kRestoreHistory},
};
static_assert(WellFormed(kDumpCommands));

}  // namespace

std::span<const CommandSpec> DumpCommands() { return kDumpCommands; }

}  // namespace alai
