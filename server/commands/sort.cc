// SORT and SORT_RO.
#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/store.h"
#include "engine/types/lists.h"
#include "engine/types/packed_record.h"
#include "engine/types/sorting.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sorting::Elements;
using sorting::ReferencePattern;

constexpr std::string_view kNotComparable = "ERR One or more scores can't be converted into double";

enum class Form : uint8_t { kReadOnly, kMayStore };

struct Request {
  sorting::Order order;
  std::optional<ReferencePattern> by;
  std::vector<ReferencePattern> gets;
  std::optional<KeyView> destination;
};

// The last BY counts, but any that leads nowhere leaves the elements as they are.
void TakeBy(ArgReader& args, Request* request) {
  request->by.emplace(args.String());
  request->order.by = &*request->by;
  if (!request->by->leads_to_keys()) request->order.unsorted = true;
}

void TakeOptions(Call& call, ArgReader& args, Form form, Request* request) {
  sorting::Order& order = request->order;
  while (args.remaining() != 0) {
    const size_t words = args.remaining();
    if (args.TakeWord("ASC")) {
      order.descending = false;
    } else if (args.TakeWord("DESC")) {
      order.descending = true;
    } else if (args.TakeWord("ALPHA")) {
      order.alphabetic = true;
    } else if (words > 2 && args.TakeWord("LIMIT")) {
      order.offset = args.Int64();
      order.count = args.Int64();
    } else if (form == Form::kMayStore && words > 1 && args.TakeWord("STORE")) {
      request->destination = call.Key(args.String());
    } else if (words > 1 && args.TakeWord("BY")) {
      TakeBy(args, request);
    } else if (words > 1 && args.TakeWord("GET")) {
      request->gets.emplace_back(args.String());
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
}

// Calls visit(const std::optional<PackedValue>&) for everything that the reply or the new list consists of.
template <class Visit>
void ForEachResult(Db& db, const Elements& elements, Request& request, Visit visit) {
  for (const Elements::Element& element : elements.sorted()) {
    if (request.gets.empty()) visit(std::optional(PackedValue{.text = element.text}));
    for (ReferencePattern& get : request.gets) visit(get.Follow(db, element.text));
  }
}

void Reply(Call& call, const Elements& elements, Request& request) {
  ReplyWriter& reply = call.reply();
  reply.Array(elements.sorted().size() * std::max<size_t>(request.gets.size(), 1));
  ForEachResult(call.db(), elements, request, [&](const std::optional<PackedValue>& value) {
    if (value.has_value()) {
      WriteValue(reply, *value);
    } else {
      reply.Null();
    }
  });
}

void Store(Call& call, const Elements& elements, Request& request) {
  Db& db = call.db();
  lists::ListBuilder list(db.store().packing);
  uint64_t bytes = 0;
  ForEachResult(db, elements, request, [&](const std::optional<PackedValue>& value) {
    const PackedValue element = value.value_or(PackedValue{});
    bytes += element.length();
    list.Add(element);
  });
  if (RefusedAsLarge(call, *request.destination, bytes)) return;
  if (!ReserveElements(db, *request.destination, list.size(), bytes)) return;
  const uint64_t size = lists::Store(db, *request.destination, list, "sortstore");
  call.reply().Integer(static_cast<int64_t>(size));
}

void Sort(Call& call, Form form) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  Request request;
  TakeOptions(call, args, form, &request);
  if (!args.Done()) return call.Fail(args.error());
  const Record* record = call.db().Find(key, Lookup::kUse);
  if (record != nullptr && !Elements::Accepts(*record)) return call.Fail(Errc::kWrongType);
  sorting::Order& order = request.order;
  // What is stored of a set does not depend on how the set is kept.
  if (order.unsorted && request.destination.has_value() && record != nullptr &&
      record->type() == Type::kSet) {
    order.unsorted = false;
    order.alphabetic = true;
    order.by = nullptr;
  }
  Elements elements;
  if (elements.Take(call.db(), record, order) != Errc::kOk) return call.Fail(kNotComparable);
  if (request.destination.has_value()) return Store(call, elements, request);
  Reply(call, elements, request);
}

void SortAny(Call& call) { Sort(call, Form::kMayStore); }
void SortReadOnly(Call& call) { Sort(call, Form::kReadOnly); }

// What the options of a call say about keys.
struct KeysOfOptions {
  size_t destination = 0;  // the place of the last one; 0: none
  bool refers = false;     // a pattern leads to keys
};

KeysOfOptions FindInOptions(Arguments argv) {
  KeysOfOptions found;
  for (size_t i = 2; i + 1 < argv.size(); ++i) {
    if (EqualsIgnoreCase(argv[i], "LIMIT")) {
      i += 2;
    } else if (EqualsIgnoreCase(argv[i], "BY") || EqualsIgnoreCase(argv[i], "GET")) {
      found.refers = found.refers || ReferencePattern(argv[++i]).leads_to_keys();
    } else if (EqualsIgnoreCase(argv[i], "STORE")) {
      found.destination = ++i;
    }
  }
  return found;
}

KeyReach ReachOfSort(Arguments argv) {
  const KeysOfOptions found = FindInOptions(argv);
  if (found.refers) return KeyReach::kAnyKey;
  return found.destination != 0 ? KeyReach::kNamedKeys : KeyReach::kFirstKey;
}

bool FindSortKeys(Arguments argv, KeyList& keys) {
  keys.push_back({1, kRO | kKeyAccess});
  const size_t destination = FindInOptions(argv).destination;
  if (destination != 0) keys.push_back({static_cast<uint32_t>(destination), kOW | kKeyUpdate});
  return true;
}

constexpr KeySpec KeysSomewhere(uint16_t use) {
  return {.use = use, .begin = KeySpec::Begin::kUnknown};
}

constexpr CommandSpec kSortCommands[] = {
    {.name = "sort",
     .run = SortAny,
     .arity = -2,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRO | kKeyAccess), KeysSomewhere(kRO | kKeyAccess),
              KeysSomewhere(kOW | kKeyUpdate)},
     .categories = kCatList | kCatSet | kCatSortedSet | kCatDangerous,
     .group = Group::kGeneric,
     .since = "1.0.0",
     .complexity =
         "O(N+M*log(M)) where N is the number of elements and M how many are returned, O(N)"
         " when they are not sorted",
     .summary = "Sorts the elements of a list, a set or a sorted set, and stores them if asked to.",
     .arguments = "key:key [BY by-pattern:pattern'pattern'] LIMIT [limit: offset:integer"
                  " count:integer] [GET get-pattern:pattern'pattern'**] [order: ASC | DESC]"
                  " [sorting=ALPHA] [STORE destination:key#2]",
     .find_keys = FindSortKeys,
     .reach = ReachOfSort},
    {.name = "sort_ro",
     .run = SortReadOnly,
     .arity = -2,
     .flags = kReadOnly | kReadThrough,
     .keys = {OneKey(kRO | kKeyAccess), KeysSomewhere(kRO | kKeyAccess)},
     .categories = kCatList | kCatSet | kCatSortedSet | kCatDangerous,
     .group = Group::kGeneric,
     .since = "7.0.0",
     .complexity =
         "O(N+M*log(M)) where N is the number of elements and M how many are returned, O(N)"
         " when they are not sorted",
     .summary = "Sorts the elements of a list, a set or a sorted set.",
     .arguments = "key:key [BY by-pattern:pattern'pattern'] LIMIT [limit: offset:integer"
                  " count:integer] [GET get-pattern:pattern'pattern'**] [order: ASC | DESC]"
                  " [sorting=ALPHA]",
     .reach = ReachOfSort},
};
static_assert(WellFormed(kSortCommands));

}  // namespace

std::span<const CommandSpec> SortCommands() { return kSortCommands; }

}  // namespace alai
