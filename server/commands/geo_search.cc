// GEOSEARCH, GEOSEARCHSTORE and the older forms, GEORADIUS and its relatives: the members in an area.
#include "engine/types/geo_search.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/geo/area.h"
#include "engine/geo/geohash.h"
#include "engine/store.h"
#include "engine/types/sorted_sets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/geo_arguments.h"
#include "server/commands/geo_reply.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using geo::Area;
using geo::Matches;
using geo::Order;
using geo::Position;
using sorted_sets::Members;

enum class Form : uint8_t { kSearch, kSearchStore, kRadius, kRadiusOfMember };

struct Request {
  Form form = Form::kSearch;
  bool may_store = false;  // with an option of its own

  const Members* members = nullptr;  // nullptr without the key
  enum class From : uint8_t { kNone, kMember, kPosition } from = From::kNone;
  Position centre;
  enum class By : uint8_t { kNone, kRadius, kBox, kPolygon } by = By::kNone;
  double unit = 1;    // metres
  double width = 0;   // or the radius; in units
  double height = 0;  // in units
  std::vector<Position> corners;

  bool with_distance = false;
  bool with_hash = false;
  bool with_position = false;
  Order order = Order::kNone;
  int64_t count = 0;  // 0 for all
  bool any = false;
  std::optional<std::string_view> destination;
  bool store_distances = false;

  std::string error;  // what the reader of arguments refers to

  bool searches() const { return form == Form::kSearch || form == Form::kSearchStore; }
};

void TakeCentre(ArgReader& args, Request* request) {
  request->from = Request::From::kPosition;
  request->centre = TakePosition(args, &request->error);
}

// Without the key the name does not matter.
void TakeCentreMember(ArgReader& args, Request* request) {
  request->from = Request::From::kMember;
  const std::string_view member = args.String();
  if (request->members == nullptr || !args.ok()) return;
  const std::optional<double> score = request->members->Score(member);
  if (!score.has_value()) return args.Fail("ERR could not decode requested zset member");
  request->centre = geo::PositionOf(*score);
}

void TakeRadius(ArgReader& args, Request* request) {
  request->by = Request::By::kRadius;
  request->width = args.Double("ERR need numeric radius");
  if (request->width < 0) args.Fail("ERR radius cannot be negative");
  if (args.ok()) request->unit = TakeUnit(args);
}

void TakeBox(ArgReader& args, Request* request) {
  request->by = Request::By::kBox;
  request->width = args.Double("ERR need numeric width");
  request->height = args.Double("ERR need numeric height");
  if (request->width < 0 || request->height < 0) {
    args.Fail("ERR height or width cannot be negative");
  }
  if (args.ok()) request->unit = TakeUnit(args);
}

void TakePolygon(ArgReader& args, Request* request) {
  constexpr std::string_view kNoCount = "ERR invalid number of vertices";
  request->by = Request::By::kPolygon;
  request->unit = 1;
  const int64_t count = args.Int64(INT32_MIN, INT32_MAX, kNoCount, kNoCount);
  if (!args.ok()) return;
  if (count < 3 || static_cast<uint64_t>(count) > args.remaining() / 2) {
    return args.Fail("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
  }
  request->corners.clear();
  for (int64_t i = 0; i < count && args.ok(); ++i) {
    request->corners.push_back(TakePosition(args, &request->error));
  }
}

// What only GEOSEARCH and GEOSEARCHSTORE have. False when the next argument is nothing of it.
bool TakeArea(ArgReader& args, Request* request) {
  using From = Request::From;
  using By = Request::By;
  const size_t words = args.remaining();
  const From from = request->from;
  const By by = request->by;
  const bool polygon = by == By::kPolygon;
  if (words > 1 && from != From::kPosition && !polygon && args.TakeWord("FROMMEMBER")) {
    TakeCentreMember(args, request);
  } else if (words > 2 && from != From::kMember && !polygon && args.TakeWord("FROMLONLAT")) {
    TakeCentre(args, request);
  } else if (words > 2 && (by == By::kNone || by == By::kRadius) && args.TakeWord("BYRADIUS")) {
    TakeRadius(args, request);
  } else if (words > 3 && (by == By::kNone || by == By::kBox) && args.TakeWord("BYBOX")) {
    TakeBox(args, request);
  } else if (words > 1 && (by == By::kNone || polygon) && from == From::kNone &&
             args.TakeWord("BYPOLYGON")) {
    TakePolygon(args, request);
  } else if (request->form == Form::kSearchStore && args.TakeWord("STOREDIST")) {
    request->store_distances = true;
  } else {
    return false;
  }
  return true;
}

// Where to store, for GEORADIUS and GEORADIUSBYMEMBER. False when the next argument does not say so.
bool TakeDestination(ArgReader& args, Request* request) {
  if (!request->may_store || args.remaining() < 2) return false;
  const bool distances = args.PeekWord("STOREDIST");
  if (!args.TakeWord("STORE") && !args.TakeWord("STOREDIST")) return false;
  request->destination = args.String();
  request->store_distances = distances;
  return true;
}

void TakeOptions(ArgReader& args, Request* request) {
  while (args.remaining() > 0) {
    if (args.TakeWord("WITHDIST")) {
      request->with_distance = true;
    } else if (args.TakeWord("WITHHASH")) {
      request->with_hash = true;
    } else if (args.TakeWord("WITHCOORD")) {
      request->with_position = true;
    } else if (args.TakeWord("ANY")) {
      request->any = true;
    } else if (args.TakeWord("ASC")) {
      request->order = Order::kNearest;
    } else if (args.TakeWord("DESC")) {
      request->order = Order::kFarthest;
    } else if (args.remaining() > 1 && args.TakeWord("COUNT")) {
      request->count = args.Int64();
      if (request->count <= 0) args.Fail("ERR COUNT must be > 0");
    } else if (request->searches() ? !TakeArea(args, request) : !TakeDestination(args, request)) {
      args.Fail(error_text::kSyntax);
    }
  }
}

// What is missing, or does not go together.
void CheckOptions(Call& call, ArgReader& args, Request* request) {
  const std::string_view name = call.argv()[0];
  if (request->destination.has_value() &&
      (request->with_distance || request->with_hash || request->with_position)) {
    request->error = request->form == Form::kSearchStore ? "ERR GEOSEARCHSTORE"
                                                         : "ERR STORE option in GEORADIUS";
    request->error += " is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    return args.Fail(request->error);
  }
  if (request->searches()) {
    if (request->from == Request::From::kNone && request->by != Request::By::kPolygon) {
      request->error = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
      request->error += name;
      return args.Fail(request->error);
    }
    if (request->by == Request::By::kNone) {
      request->error = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
      request->error += name;
      return args.Fail(request->error);
    }
  }
  if (request->any && request->count == 0) {
    args.Fail("ERR the ANY argument requires COUNT argument");
  }
}

// Reads the arguments behind the source key. False when the call has failed.
bool TakeRequest(Call& call, ArgReader& args, Request* request) {
  if (request->form == Form::kRadius) {
    TakeCentre(args, request);
    TakeRadius(args, request);
  } else if (request->form == Form::kRadiusOfMember && request->members == nullptr) {
    // Whether the member is there and what its neighbourhood is does not matter without the key.
    args.Take(3);
  } else if (request->form == Form::kRadiusOfMember) {
    TakeCentreMember(args, request);
    TakeRadius(args, request);
  }
  TakeOptions(args, request);
  if (args.ok()) CheckOptions(call, args, request);
  if (!args.ok()) call.Fail(args.error());
  return args.ok();
}

Area AreaOf(Request* request) {
  switch (request->by) {
    case Request::By::kBox:
      return Area::Box(request->centre, request->width * request->unit,
                       request->height * request->unit);
    case Request::By::kPolygon:
      return Area::Polygon(std::move(request->corners));
    case Request::By::kRadius:
    case Request::By::kNone:
      break;
  }
  return Area::Circle(request->centre, request->width * request->unit);
}

Matches Search(Request* request) {
  const Area area = AreaOf(request);
  const auto count = request->count == 0 ? UINT64_MAX : static_cast<uint64_t>(request->count);
  Matches matches = geo::Search(*request->members, area, request->any ? count : UINT64_MAX);
  Order order = request->order;
  // The first few of no order would mean nothing.
  if (order == Order::kNone && count != UINT64_MAX && !request->any) order = Order::kNearest;
  if (order != Order::kNone) geo::Sort(&matches, order, count);
  return matches;
}

void Reply(ReplyWriter& reply, const Request& request, const Matches& matches) {
  reply.Array(matches.size());
  const size_t parts =
      size_t{1} + request.with_distance + request.with_hash + request.with_position;
  for (const geo::Match& match : matches) {
    if (parts > 1) reply.Array(parts);
    WriteValue(reply, match.member);
    if (request.with_distance) WriteDistance(reply, match.meters / request.unit);
    if (request.with_hash) reply.Integer(static_cast<int64_t>(match.score));
    if (request.with_position) WritePosition(reply, geo::PositionOf(match.score));
  }
}

// The members in the place of a key, with their positions or their distances.
void Store(Call& call, const Request& request, Matches matches) {
  const KeyView key = call.Key(*request.destination);
  for (geo::Match& match : matches) {
    if (request.store_distances) match.score = match.meters / request.unit;
  }
  std::sort(matches.begin(), matches.end(), [](const geo::Match& a, const geo::Match& b) {
    if (a.score != b.score) return a.score < b.score;
    char a_digits[kInt64CharsMax];
    char b_digits[kInt64CharsMax];
    return a.member.View(a_digits) < b.member.View(b_digits);
  });
  sorted_sets::Builder builder(call.db().store().packing);
  for (const geo::Match& match : matches) builder.Append(match.member, match.score);
  if (RefusedAsLarge(call, key, builder.member_bytes())) return;
  if (!builder.ReserveLog(call.db(), key)) return;
  builder.Store(call.db(), key, request.searches() ? "geosearchstore" : "georadiusstore");
  // Each member counts as a change, the first of which Store() has counted.
  if (!matches.empty()) call.db().tally().changes += static_cast<uint32_t>(matches.size() - 1);
  call.reply().Integer(static_cast<int64_t>(matches.size()));
}

void Run(Call& call, Form form, bool may_store = false) {
  ArgReader args = call.args();
  Request request;
  request.form = form;
  request.may_store = may_store;
  if (form == Form::kSearchStore) request.destination = args.String();
  const Result<Record*> found = sorted_sets::Find(call.db(), call.Key(args.String()), Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  const Members members(*found);
  if (*found != nullptr) request.members = &members;
  if (!TakeRequest(call, args, &request)) return;
  Matches matches;
  if (request.members != nullptr) matches = Search(&request);
  if (request.destination.has_value()) return Store(call, request, std::move(matches));
  Reply(call.reply(), request, matches);
}

void GeoSearch(Call& call) { Run(call, Form::kSearch); }
void GeoSearchStore(Call& call) { Run(call, Form::kSearchStore); }
void GeoRadius(Call& call) { Run(call, Form::kRadius, true); }
void GeoRadiusRo(Call& call) { Run(call, Form::kRadius); }
void GeoRadiusByMember(Call& call) { Run(call, Form::kRadiusOfMember, true); }
void GeoRadiusByMemberRo(Call& call) { Run(call, Form::kRadiusOfMember); }

// The source and every key that STORE or STOREDIST names: the last one counts, but all are locked.
bool FindStoreKeys(Arguments argv, size_t first_option, KeyList& keys) {
  keys.push_back({1, kRO | kKeyAccess});
  for (size_t i = first_option; i + 1 < argv.size(); ++i) {
    if (!EqualsIgnoreCase(argv[i], "STORE") && !EqualsIgnoreCase(argv[i], "STOREDIST")) continue;
    keys.push_back({static_cast<uint32_t>(++i), kOW | kKeyUpdate});
  }
  return true;
}
bool FindRadiusKeys(Arguments argv, KeyList& keys) { return FindStoreKeys(argv, 6, keys); }
bool FindMemberKeys(Arguments argv, KeyList& keys) { return FindStoreKeys(argv, 5, keys); }

constexpr KeySpec kSource = OneKey(kRO | kKeyAccess);
constexpr KeySpec StoreKey(std::string_view option, int16_t from) {
  return {.use = kOW | kKeyUpdate | kVariableFlags,
          .begin = KeySpec::Begin::kKeyword,
          .keyword = option,
          .start_from = from};
}

// What is the same of GEOSEARCH and GEOSEARCHSTORE, and what of the four older commands.
constexpr CommandSpec SearchRow(CommandSpec row) {
  row.group = Group::kGeo;
  row.since = "6.2.0";
  row.complexity =
      "O(N+M*log(M)) where N is the number of members in the cells around the area and M of those"
      " in it";
  row.history = "9.0.0: Added the `BYPOLYGON` option.";
  return row;
}
constexpr CommandSpec RadiusRow(CommandSpec row) {
  row.group = Group::kGeo;
  row.complexity =
      "O(N+M*log(M)) where N is the number of members in the cells around the circle and M of"
      " those in it";
  row.deprecated_since = "6.2.0";
  return row;
}

constexpr CommandSpec kGeoSearchCommands[] = {
    SearchRow({.name = "geosearch",
               .run = GeoSearch,
               .arity = -7,
               .flags = kReadOnly,
               .keys = {kSource},
               .summary = "Gives the members in a circle, a box or a polygon.",
               .arguments = "key:key"
                            " [from: FROMMEMBER member:string"
                            " | FROMLONLAT (fromlonlat: longitude:double latitude:double)]"
                            " (by: (circle: BYRADIUS radius:double (unit: M | KM | FT | MI))"
                            " | (box: BYBOX width:double height:double (unit: M | KM | FT | MI))"
                            " | (polygon: BYPOLYGON num-vertices:integer"
                            " (vertices: longitude:double latitude:double)*)@9.0.0)"
                            " [order: ASC | DESC] [count-block: COUNT count:integer [ANY]]"
                            " [WITHCOORD] [WITHDIST] [WITHHASH]"}),
    SearchRow({.name = "geosearchstore",
               .run = GeoSearchStore,
               .arity = -8,
               .flags = kWrite | kDenyOom,
               .keys = {OneKey(kOW | kKeyUpdate), OneKey(kRO | kKeyAccess, 2)},
               .summary = "Stores the members in a circle, a box or a polygon.",
               .arguments =
                   "destination:key source:key"
                   " [from: FROMMEMBER member:string"
                   " | FROMLONLAT (fromlonlat: longitude:double latitude:double)]"
                   " (by: (circle: BYRADIUS radius:double (unit: M | KM | FT | MI))"
                   " | (box: BYBOX width:double height:double (unit: M | KM | FT | MI))"
                   " | (polygon: BYPOLYGON num-vertices:integer"
                   " (vertices: longitude:double latitude:double)*)@9.0.0)"
                   " [order: ASC | DESC] [count-block: COUNT count:integer [ANY]] [STOREDIST]"}),
    RadiusRow({.name = "georadius",
               .run = GeoRadius,
               .arity = -6,
               .flags = kWrite | kDenyOom,
               .keys = {kSource, StoreKey("STORE", 6), StoreKey("STOREDIST", 6)},
               .since = "3.2.0",
               .summary = "Gives the members in a circle, or stores them.",
               .arguments = "key:key longitude:double latitude:double radius:double"
                            " (unit: M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH]"
                            " [count-block: COUNT count:integer [ANY]@6.2.0] [order: ASC | DESC]"
                            " [store: STORE storekey:key'key' | STOREDIST storedistkey:key'key']",
               .history = "6.2.0: Added the `ANY` option for `COUNT`. | 7.0.0: Added support for"
                          " uppercase unit names.",
               .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
               .find_keys = FindRadiusKeys}),
    RadiusRow({.name = "georadius_ro",
               .run = GeoRadiusRo,
               .arity = -6,
               .flags = kReadOnly,
               .keys = {kSource},
               .since = "3.2.10",
               .summary = "Gives the members in a circle.",
               .arguments = "key:key longitude:double latitude:double radius:double"
                            " (unit: M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH]"
                            " [count-block: COUNT count:integer [ANY]@6.2.0] [order: ASC | DESC]",
               .history = "6.2.0: Added the `ANY` option for `COUNT`.",
               .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"}),
    RadiusRow({.name = "georadiusbymember",
               .run = GeoRadiusByMember,
               .arity = -5,
               .flags = kWrite | kDenyOom,
               .keys = {kSource, StoreKey("STORE", 5), StoreKey("STOREDIST", 5)},
               .since = "3.2.0",
               .summary = "Gives the members in a circle around one of them, or stores them.",
               .arguments = "key:key member:string radius:double (unit: M | KM | FT | MI)"
                            " [WITHCOORD] [WITHDIST] [WITHHASH]"
                            " [count-block: COUNT count:integer [ANY]] [order: ASC | DESC]"
                            " [store: STORE storekey:key'key' | STOREDIST storedistkey:key'key']",
               .history = "6.2.0: Added the `ANY` option for `COUNT`. | 7.0.0: Added support for"
                          " uppercase unit names.",
               .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and"
                              " `FROMMEMBER` arguments",
               .find_keys = FindMemberKeys}),
    RadiusRow({.name = "georadiusbymember_ro",
               .run = GeoRadiusByMemberRo,
               .arity = -5,
               .flags = kReadOnly,
               .keys = {kSource},
               .since = "3.2.10",
               .summary = "Gives the members in a circle around one of them.",
               .arguments = "key:key member:string radius:double (unit: M | KM | FT | MI)"
                            " [WITHCOORD] [WITHDIST] [WITHHASH]"
                            " [count-block: COUNT count:integer [ANY]] [order: ASC | DESC]",
               .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"}),
};
static_assert(WellFormed(kGeoSearchCommands));

}  // namespace

std::span<const CommandSpec> GeoSearchCommands() { return kGeoSearchCommands; }

}  // namespace alai
