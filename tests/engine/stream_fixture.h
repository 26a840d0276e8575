// What stream tests share: entries as plain values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/containers/stream.h"

namespace alai {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Entries = std::vector<std::pair<StreamId, Pairs>>;

inline Pairs PairsOf(const StreamEntry& entry) {
  Pairs pairs;
  StreamEntry::Fields fields(entry);
  while (fields.Next()) pairs.emplace_back(fields.field(), fields.value());
  return pairs;
}

inline Entries EntriesOf(StreamRange range, uint64_t count_max = UINT64_MAX) {
  Entries entries;
  while (entries.size() < count_max && range.Next()) {
    entries.emplace_back(range.id(), PairsOf(range.entry()));
  }
  return entries;
}

inline void AppendPairs(Stream& stream, StreamId id, const Pairs& pairs,
                        const StreamLimits& limits = {}) {
  std::vector<std::string_view> flat;
  for (const auto& [field, value] : pairs) {
    flat.push_back(field);
    flat.push_back(value);
  }
  stream.Append(id, flat, limits);
}

}  // namespace alai
