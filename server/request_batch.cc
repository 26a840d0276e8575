#include "server/request_batch.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/store.h"

namespace alai {
namespace {

// Views kept for the next batch after one that had unusually many arguments.
constexpr size_t kIdleArgumentsMax = 4096;

}  // namespace

RequestBatch::RequestBatch(const CommandTable& commands, Store& store)
    : commands_(commands), store_(store) {
  requests_.reserve(kRequestsMax);
}

const RequestBatch::KnownName& RequestBatch::LookupInTable(Arguments argv, KnownName& slot) {
  KnownName found;
  found.command = commands_.Find(argv[0]);
  if (found.command == nullptr) return other_ = found;
  if (found.command->is_container()) {
    const CommandInfo* subcommand =
        argv.size() > 1 ? commands_.FindSubcommand(*found.command, argv[1]) : nullptr;
    if (subcommand != nullptr) found.command = subcommand;
  }
  if (FirstKeyIsFixed(*found.command)) {
    found.first_key = static_cast<size_t>(found.command->first_key);
    found.part = found.command->spec->part;
  }
  if (argv[0].size() > kKnownNameBytes || found.command->container != nullptr ||
      found.command->is_container()) {
    return other_ = found;
  }
  found.words = NameWords(argv[0]);
  found.size = argv[0].size();
  return slot = found;
}

inline const RequestBatch::KnownName& RequestBatch::Lookup(Arguments argv) {
  const std::string_view name = argv[0];
  if (name.empty() || name.size() > kKnownNameBytes) return LookupInTable(argv, other_);
  KnownName& known = known_[(static_cast<unsigned char>(name[0]) + name.size()) % kKnownNames];
  const NameWords words(name);
  if (known.size == name.size() && known.words.a == words.a && known.words.b == words.b) [[likely]]
    return known;
  return LookupInTable(argv, known);
}

const RequestBatch::Run& RequestBatch::Parse(Client& client, RequestParser& parser,
                                             std::span<char> bytes, const RequestLimits& limits,
                                             int db, size_t requests_max) {
  char* at = bytes.data();
  char* const end = at + bytes.size();
  const size_t first_request = requests_.size();
  const size_t stop = std::min(kRequestsMax - first_request, requests_max) + first_request;
  Ending ending = Ending::kFull;
  while (requests_.size() < stop) {
    const size_t first_argument = arguments_.size();
    const ParseResult result = parser.Parse(at, end, arguments_, unquoted_, limits);
    at += result.consumed;
    if (result.status != ParseStatus::kRequest) {
      ending = result.status == ParseStatus::kPartial ? Ending::kExhausted : Ending::kMalformed;
      break;
    }
    const Arguments argv(arguments_.data() + first_argument, arguments_.size() - first_argument);
    const KnownName& known = Lookup(argv);
    uint64_t hash = 0;
    uint8_t part = 0;
    if (known.first_key < argv.size()) {
      hash = Hash(argv[known.first_key]);
      store_.PrefetchBucket(db, hash);
      if (known.part < argv.size()) part = known.part;
      names_parts_ |= part != 0;
    }
    requests_.push_back({known.command, hash, static_cast<uint32_t>(first_argument),
                         static_cast<uint32_t>(argv.size()), result.consumed, part});
    if (at == end) {
      ending = Ending::kExhausted;
      break;
    }
  }
  runs_.push_back({&client, bytes.data(), bytes.size(), static_cast<size_t>(at - bytes.data()), db,
                   static_cast<uint32_t>(first_request),
                   static_cast<uint32_t>(requests_.size() - first_request), ending});
  return runs_.back();
}

void RequestBatch::PrefetchRecords() const {
  for (const Run& run : runs_) {
    for (const Request& request : requests(run)) {
      if (request.hash != 0) store_.PrefetchRecord(run.db, request.hash);
    }
  }
}

void RequestBatch::PrefetchParts() {
  if (!names_parts_) return;
  std::string_view names[kRequestsMax];
  size_t count = 0;
  int db = 0;
  KeyView key;
  const auto prefetch = [&] {
    // One by itself would be waited for here rather than there.
    if (count > 1) store_.PrefetchParts(db, key, {names, count});
    count = 0;
  };
  for (const Run& run : runs_) {
    for (const Request& request : requests(run)) {
      if (request.part == 0) continue;
      if (request.hash != key.hash || run.db != db) {
        prefetch();
        key = {arguments(request)[static_cast<size_t>(request.command->first_key)], request.hash};
        db = run.db;
      }
      names[count++] = arguments(request)[request.part];
    }
  }
  prefetch();
}

void RequestBatch::Clear() {
  names_parts_ = false;
  runs_.clear();
  requests_.clear();
  arguments_.clear();
  unquoted_.clear();
  if (arguments_.capacity() > kIdleArgumentsMax) std::vector<std::string_view>().swap(arguments_);
}

}  // namespace alai
