// A sink that notes what it is given, and refuses what comes twice as a builder would; and the elements
// written again in the plainest form.
//
// Threads     Belongs to its caller.
#pragma once

#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/types/collection_sink.h"
#include "storage/collection_writer.h"
#include "storage/rdb_types.h"

namespace alai {

class CollectionRecorder final : public CollectionSink {
 public:
  // Elements or members; fields and values in turn; members and scores in turn, these as their bits.
  std::vector<std::string> texts;

  bool Element(const PackedValue& element) override {
    Note(element);
    return true;
  }
  bool Member(const PackedValue& member) override { return Note(member); }
  bool Field(const PackedValue& field, const PackedValue& value) override {
    const bool fresh = Note(field);
    texts.push_back(TextOf(value));
    return fresh;
  }
  bool Scored(const PackedValue& member, double score) override {
    const bool fresh = Note(member);
    texts.push_back(BitsOf(score));
    return fresh;
  }

  static std::string TextOf(const PackedValue& value) {
    char digits[kInt64CharsMax];
    return std::string(value.View(digits));
  }
  static std::string BitsOf(double score) { return std::to_string(std::bit_cast<uint64_t>(score)); }

  // Gives the elements to another sink.
  bool Replay(Type type, CollectionSink& sink) const {
    const size_t stride = type == Type::kList || type == Type::kSet ? 1 : 2;
    for (size_t i = 0; i < texts.size(); i += stride) {
      const PackedValue first = PackedValue::Of(texts[i]);
      const bool taken =
          type == Type::kList  ? sink.Element(first)
          : type == Type::kSet ? sink.Member(first)
          : type == Type::kHash
              ? sink.Field(first, PackedValue::Of(texts[i + 1]))
              : sink.Scored(first, std::bit_cast<double>(uint64_t{std::stoull(texts[i + 1])}));
      if (!taken) return false;
    }
    return true;
  }

 private:
  // Whether it is new.
  bool Note(const PackedValue& value) {
    texts.push_back(TextOf(value));
    return seen_.insert(texts.back()).second;
  }

  std::set<std::string> seen_;
};

constexpr RdbType PlainFormOf(Type type) {
  switch (type) {
    case Type::kList:
      return RdbType::kList;
    case Type::kSet:
      return RdbType::kSet;
    case Type::kHash:
      return RdbType::kHash;
    default:
      return RdbType::kSortedSet;
  }
}

// The value, without its type, of what a recorder has noted.
inline std::string WritePlain(Type type, const CollectionRecorder& recorder, bool compress) {
  std::string out;
  RdbWriter writer(&out, compress);
  const bool single = type == Type::kList || type == Type::kSet;
  writer.Length(recorder.texts.size() / (single ? 1 : 2));
  ElementWriter elements(writer);
  recorder.Replay(type, elements);
  return out;
}

}  // namespace alai
