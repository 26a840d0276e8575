// What commands on streams have among their arguments: ids, bounds of ranges, and what XREAD and XREADGROUP
// are told. Errors are latched by the reader, in the words of a stock server.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/containers/stream_id.h"
#include "server/command_spec.h"

namespace alai {

class ArgReader;

// Reads "<ms>-<seq>", or "<ms>" alone, to which `missing_seq` is added. "-", "+" and "(" are errors.
StreamId ReadStreamId(ArgReader& args, uint64_t missing_seq = 0);
// The same of several at once: true when all of them are ids.
bool AreStreamIds(std::span<const std::string_view> texts);

// Read a bound of a range, which is "-", "+", an id, or "(" and an id that is left out. What they give
// belongs to the range.
StreamId ReadRangeStart(ArgReader& args);
StreamId ReadRangeEnd(ArgReader& args);

// Reads a count of which negative numbers mean `below_zero`.
uint64_t ReadStreamCount(ArgReader& args, uint64_t below_zero);

// What XREAD and XREADGROUP are told. Refers to the arguments.
struct StreamReadRequest {
  std::string_view group;     // of XREADGROUP
  std::string_view consumer;  // of XREADGROUP
  uint64_t count_max = 0;     // entries of each stream; 0: all
  // How long to wait if there is nothing; INT64_MAX: until there is something.
  std::optional<int64_t> block_ns;
  bool no_ack = false;
  std::span<const std::string_view> keys;
  // As many; not looked at yet, as an error of an earlier key's comes first.
  std::span<const std::string_view> ids;
};

enum class StreamReader : uint8_t { kClient, kGroup };  // XREAD, XREADGROUP

// Reads all arguments of XREAD or XREADGROUP.
void ReadStreamRequest(ArgReader& args, StreamReader reader, UnixMillis now,
                       StreamReadRequest* request);

// From where on a stream is read.
struct ReadFrom {
  enum class Kind : uint8_t {
    kAfter,    // behind `after`
    kNew,      // "$" of XREAD: behind what is there; ">" of XREADGROUP: what nobody was given
    kLastOne,  // "+" of XREAD: the last entry
  };
  Kind kind = Kind::kAfter;
  StreamId after;
};

// What an id of XREAD or XREADGROUP means. False: it is an error, whose text `*error` becomes.
bool ParseReadFrom(std::string_view text, StreamReader reader, ReadFrom* from,
                   std::string_view* error);

// The keys behind STREAMS, for the rows of XREAD and XREADGROUP. Steps over the options before that word, of
// which a name may be the same.
bool FindStreamKeys(Arguments argv, KeyList& keys);
constexpr KeySpec KeysBehindStreams(int16_t start_from) {
  return {.use = kRO | kKeyAccess,
          .begin = KeySpec::Begin::kKeyword,
          .keyword = "STREAMS",
          .start_from = start_from,
          .last_key = -1,
          .limit = 2};
}

}  // namespace alai
