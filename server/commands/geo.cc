// GEOADD, GEOPOS, GEODIST, GEOHASH: positions as members of a sorted set.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/geo/distance.h"
#include "engine/geo/geohash.h"
#include "engine/types/sorted_sets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/geo_arguments.h"
#include "server/commands/geo_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sorted_sets::Members;
using sorted_sets::ScoredMember;

// The members of the first key; false when the call has failed.
bool ReadPlaces(Call& call, std::optional<Members>* members) {
  const Result<Record*> found =
      sorted_sets::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  members->emplace(*found);
  return true;
}

void GeoAdd(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  sorted_sets::AddOptions options;
  bool count_changed = false;
  for (;;) {
    if (args.TakeWord("NX")) {
      options.only_new = true;
    } else if (args.TakeWord("XX")) {
      options.only_existing = true;
    } else if (args.TakeWord("CH")) {
      count_changed = true;
    } else {
      break;
    }
  }
  const size_t words = args.remaining();
  if (words == 0 || words % 3 != 0 || (options.only_new && options.only_existing)) {
    return call.Fail(error_text::kSyntax);
  }
  std::vector<ScoredMember> pairs(words / 3);
  uint64_t bytes = 0;
  std::string error;
  for (ScoredMember& pair : pairs) {
    pair.score = geo::ScoreOf(TakePosition(args, &error));
    pair.member = args.String();
    bytes += pair.member.size();
  }
  if (!args.Done()) return call.Fail(args.error());
  if (RefusedAsLarge(call, key, bytes)) return;
  const Result<sorted_sets::AddOutcome> outcome = sorted_sets::Add(call.db(), key, options, pairs);
  if (!outcome.ok()) return call.Fail(outcome.error());
  call.reply().Integer(outcome->added + (count_changed ? outcome->updated : 0));
}

void GeoPos(Call& call) {
  std::optional<Members> members;
  if (!ReadPlaces(call, &members)) return;
  const Arguments names = call.argv().subspan(2);
  ReplyWriter& reply = call.reply();
  reply.Array(names.size());
  for (const std::string_view name : names) {
    const std::optional<double> score = members->Score(name);
    if (score.has_value()) {
      WritePosition(reply, geo::PositionOf(*score));
    } else {
      reply.NullArray();
    }
  }
}

void GeoHash(Call& call) {
  std::optional<Members> members;
  if (!ReadPlaces(call, &members)) return;
  const Arguments names = call.argv().subspan(2);
  ReplyWriter& reply = call.reply();
  reply.Array(names.size());
  for (const std::string_view name : names) {
    const std::optional<double> score = members->Score(name);
    if (score.has_value()) {
      geo::WriteText(*score, reply.BulkSpace(geo::kGeohashChars));
    } else {
      reply.Null();
    }
  }
}

void GeoDist(Call& call) {
  ArgReader args = call.args();
  args.String();
  const std::string_view from = args.String();
  const std::string_view to = args.String();
  double unit = 1;
  if (args.remaining() > 1) return call.Fail(error_text::kSyntax);
  if (args.remaining() == 1) unit = TakeUnit(args);
  if (!args.Done()) return call.Fail(args.error());
  std::optional<Members> members;
  if (!ReadPlaces(call, &members)) return;
  const std::optional<double> from_score = members->Score(from);
  const std::optional<double> to_score = members->Score(to);
  if (!from_score.has_value() || !to_score.has_value()) return call.reply().Null();
  const double meters =
      geo::MetersBetween(geo::PositionOf(*from_score), geo::PositionOf(*to_score));
  WriteDistance(call.reply(), meters / unit);
}

constexpr CommandSpec kGeoCommands[] = {
    {.name = "geoadd",
     .run = GeoAdd,
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kGeo,
     .since = "3.2.0",
     .complexity = "O(log(N)) for each member, where N is the size of the sorted set",
     .summary = "Adds members with positions to a sorted set, or moves them.",
     .arguments = "key:key [condition: NX | XX]@6.2.0 [change=CH]@6.2.0"
                  " (data: longitude:double latitude:double member:string)*",
     .history = "6.2.0: Added the `CH`, `NX` and `XX` options."},
    {.name = "geodist",
     .run = GeoDist,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kGeo,
     .since = "3.2.0",
     .complexity = "O(1)",
     .summary = "Gives the distance between two members.",
     .arguments = "key:key member1:string member2:string [unit: M | KM | FT | MI]"},
    {.name = "geohash",
     .run = GeoHash,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kGeo,
     .since = "3.2.0",
     .complexity = "O(1) for each member asked for",
     .summary = "Gives the positions of members as geohash texts.",
     .arguments = "key:key [member:string*]"},
    {.name = "geopos",
     .run = GeoPos,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kGeo,
     .since = "3.2.0",
     .complexity = "O(1) for each member asked for",
     .summary = "Gives the longitudes and latitudes of members.",
     .arguments = "key:key [member:string*]"},
};
static_assert(WellFormed(kGeoCommands));

}  // namespace

std::span<const CommandSpec> GeoCommands() { return kGeoCommands; }

}  // namespace alai
