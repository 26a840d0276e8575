// RESTORE of any bytes as one type of value, FUZZED_TYPE, to a whole server in this process. What it refuses
// leaves no key behind. What it takes is a value like any other: it is dumped, restored and found equal, and
// every sort of command on it is answered well, up to its end.
//
// The first byte is the form, as in RDB, if it is one of this type's, else it chooses among those; the rest is
// the value.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "protocol/word_splitter.h"
#include "server/config/config.h"
#include "server/local.h"
#include "storage/rdb_types.h"
#include "tests/encode_request.h"
#include "tests/no_log.h"
#include "tests/protocol/reply_parser.h"
#include "tests/storage/dump_footer.h"

namespace alai {
namespace {

constexpr Type kType = FUZZED_TYPE;
constexpr int64_t kBulkBytesMax = 1 << 20;
constexpr uint8_t kFormsMax = 32;  // above all that RdbType has

// What is asked of a value "k", separated by blanks; readers first, then those that change it.
std::vector<std::string_view> CommandsOf(Type type) {
  switch (type) {
    case Type::kString:
      return {"GET k",         "STRLEN k",       "GETRANGE k -3 -1", "BITCOUNT k", "PFCOUNT k",
              "GETBIT k 100",  "BITPOS k 1",     "LCS k copy LEN",   "INCR k",     "PFADD k x",
              "APPEND k tail", "SETRANGE k 1 x", "SETBIT k 7 1",     "GETDEL k"};
    case Type::kList:
      return {"LLEN k",           "LRANGE k 0 -1",        "LINDEX k -1",   "LPOS k a RANK -1",
              "SORT k ALPHA",     "LINSERT k BEFORE a b", "LSET k 0 9999", "LMOVE k k LEFT RIGHT",
              "LREM k 0 a",       "RPUSH k 12 abc",       "LPOP k 2",      "LTRIM k 1 -2",
              "RPOP k 1000000000"};
    case Type::kSet:
      return {"SCARD k",          "SMEMBERS k",      "SRANDMEMBER k -5", "SISMEMBER k 5",
              "SINTER k copy",    "SUNIONSTORE d k", "SORT k ALPHA",     "SSCAN k 0 COUNT 100",
              "SADD k 7 seven",   "SREM k 7",        "SMOVE k d 1",      "SPOP k",
              "SPOP k 1000000000"};
    case Type::kSortedSet:
      return {"ZCARD k",
              "ZRANGE k 0 -1 WITHSCORES",
              "ZRANGE k -inf +inf BYSCORE",
              "ZRANGE k - + BYLEX",
              "ZRANDMEMBER k -5",
              "ZCOUNT k (0 5",
              "ZSCAN k 0 COUNT 100",
              "ZUNIONSTORE d 2 k copy",
              "ZRANK k a WITHSCORE",
              "ZADD k 1.5 added",
              "ZINCRBY k -1 added",
              "ZREM k added",
              "ZREMRANGEBYRANK k 0 0",
              "ZPOPMIN k",
              "ZPOPMAX k 1000000000"};
    case Type::kHash:
      return {"HLEN k",
              "HGETALL k",
              "HRANDFIELD k -5 WITHVALUES",
              "HSCAN k 0 COUNT 100",
              "HGET k f",
              "HPTTL k FIELDS 1 f",
              "HSET k f 1 g text",
              "HINCRBY k f 5",
              "HPEXPIRE k 10 FIELDS 1 g",
              "HPERSIST k FIELDS 1 g",
              "HDEL k f g",
              "HGETALL k",
              "DEL k"};
    case Type::kStream:
      return {"XLEN k",
              "XRANGE k - +",
              "XREVRANGE k + - COUNT 3",
              "XINFO STREAM k FULL",
              "XINFO GROUPS k",
              "XREAD COUNT 5 STREAMS k 0",
              "XADD k * f v",
              "XGROUP CREATE k fuzzed 0",
              "XREADGROUP GROUP fuzzed c COUNT 3 STREAMS k >",
              "XPENDING k fuzzed - + 10",
              "XAUTOCLAIM k fuzzed d 0 0",
              "XACK k fuzzed 1-1",
              "XTRIM k MAXLEN 2",
              "XGROUP DESTROY k fuzzed",
              "XDEL k 1-1",
              "DEL k"};
    case Type::kTokenBucket:
      return {"CL.THROTTLE k 5 10 60 0", "CL.THROTTLE k 5 10 60", "PTTL k", "DEL k"};
  }
  return {};
}

std::optional<Type> TypeOf(RdbType form) {
  switch (form) {
    case RdbType::kString:
      return Type::kString;
    case RdbType::kModule:
      return Type::kTokenBucket;
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return Type::kStream;
    default:
      return CollectionOf(form);
  }
}

std::vector<char> Forms() {
  std::vector<char> forms;
  for (uint8_t form = 0; form < kFormsMax; ++form) {
    if (TypeOf(static_cast<RdbType>(form)) == kType) forms.push_back(static_cast<char>(form));
  }
  return forms;
}

class Restorer {
 public:
  Restorer() : local_(Settings(config_), clock_), client_(local_.Connect()) {}

  void Restore(const std::string& payload) {
    const Reply taken = Ask({"RESTORE", "k", "0", payload});
    if (taken.is_error()) {
      ASSERT(Ask({"DBSIZE"}).integer == 0);
      return;
    }
    const Reply dumped = Ask({"DUMP", "k"});
    // Fields of a hash may all have been past their deadlines.
    if (!dumped.is_null()) {
      ASSERT(!Ask({"RESTORE", "copy", "0", dumped.text}).is_error());
      const Reply digests = Ask({"DEBUG", "DIGEST-VALUE", "k", "copy"});
      ASSERT(digests.elements.size() == 2 && digests.elements[0] == digests.elements[1]);
      for (const std::string_view line : CommandsOf(kType)) {
        std::vector<std::string_view> words;
        UnquotedWords unquoted;
        ASSERT(SplitWords(line, words, unquoted));
        Ask(words);
        Ask({"DUMP", "k"});
      }
    }
    Ask({"FLUSHALL", "SYNC"});
  }

 private:
  static Config& Settings(Config& config) {
    config.io_threads.set(1);
    config.enable_debug_command.set(ProtectedAction::kYes);
    config.proto_max_bulk_len.set(kBulkBytesMax);
    return config;
  }

  // One whole reply and nothing else.
  Reply Ask(const std::vector<std::string_view>& words) {
    const std::string bytes = client_.Ask(EncodeRequest(words));
    ReplyParser parser(bytes);
    Reply reply;
    ASSERT(parser.Next(&reply) == ReplyStatus::kReply);
    ASSERT(parser.rest().empty());
    return reply;
  }

  FakeClock clock_{1'700'000'000'000};
  Config config_;
  Server::Local local_;
  Server::Local::Connection client_;
};

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  alai::SilenceLog();
  alai::SeedHash("fuzz");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const std::vector<char> forms = alai::Forms();
  static alai::Restorer restorer;
  std::string body(reinterpret_cast<const char*>(data), size);
  if (std::find(forms.begin(), forms.end(), body[0]) == forms.end()) {
    body[0] = forms[data[0] % forms.size()];
  }
  restorer.Restore(alai::WithFooter(std::move(body)));
  return 0;
}
