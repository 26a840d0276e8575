// Writes the values of collections as Redis 7.0 has them, and as Redis 7.4 if fields have deadlines. What is packed in memory as Redis packs it is
// written as it lies there, everything else one element after the other:
//
//   type                    value
//   kHashListpack           a string: the listpack
//   kSortedSetListpack      a string: the listpack
//   kSetIntset              a string: the intset
//   kListNodes              length: how many nodes; each with WritePackedNode() or WritePlainNode()
//   kHash, kSet,            length: how many elements; each through an ElementWriter
//   kSortedSet, kList
//   kHashDeadlines          the earliest deadline; length: how many fields; for each the length that
//                           its deadline is behind the earliest, plus 1, or 0 when it has none, and then
//                           through an ElementWriter
//
// Sets in listpacks are written as kSet, since Redis 7.0 does not know kSetListpack. Lists are written by
// their nodes if they have some; kList is read everywhere, too, but slowly.
//
// Threads     Belongs to its caller.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/containers/packed_entry.h"
#include "engine/types/collection_sink.h"
#include "storage/rdb_codec.h"

namespace alai {

// A listpack or intset.
inline void WritePacked(RdbWriter& writer, std::string_view packed) {
  writer.String(RdbString::Of(packed));
}

// A list's node of `count` entries, which gets the head and end of a listpack.
void WritePackedNode(RdbWriter& writer, PackedRun run, size_t count);
// A list's element that is too long to share a node.
void WritePlainNode(RdbWriter& writer, std::string_view element);

class ElementWriter final : public CollectionSink {
 public:
  // With `earliest`, fields are written with their deadlines, none of which is before it.
  explicit ElementWriter(RdbWriter& writer, UnixMillis earliest = kNoDeadline)
      : writer_(writer), earliest_(earliest) {}

  bool Element(const PackedValue& element) override { return Put(element); }
  bool Member(const PackedValue& member) override { return Put(member); }
  bool Field(const PackedValue& field, const PackedValue& value) override {
    if (earliest_ != kNoDeadline) writer_.Length(0);
    return Put(field) && Put(value);
  }
  bool FieldUntil(const PackedValue& field, const PackedValue& value,
                  UnixMillis deadline) override {
    writer_.Length(static_cast<uint64_t>(deadline - earliest_) + 1);
    return Put(field) && Put(value);
  }
  bool Scored(const PackedValue& member, double score) override {
    Put(member);
    writer_.Double(score);
    return true;
  }

 private:
  bool Put(const PackedValue& value) {
    writer_.String(RdbString::Of(value));
    return true;
  }

  RdbWriter& writer_;
  const UnixMillis earliest_;
};

}  // namespace alai
