// The type bytes of RDB: what a value in a file or payload is, and in which form.
//
// Source      rdb.fnordig.de/file_format.html for the older ones, rdb.h of Redis 7.0 and 7.2 for the rest;
//             for hashes with deadlines what DUMP gives on Valkey 9.1 and Redis 8.0.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/record.h"

namespace alai {

enum class RdbType : uint8_t {
  kString = 0,
  kList = 1,           // count, elements
  kSet = 2,            // count, members
  kSortedSetText = 3,  // count, members and scores in decimal
  kHash = 4,           // count, fields and values
  kSortedSet = 5,      // count, members and scores of eight bytes
  kModule = 7,
  // From here on a string that holds all, packed.
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kSortedSetZiplist = 12,
  kHashZiplist = 13,
  kListZiplists = 14,  // count, ziplists
  kStream = 15,        // Redis 5.0's; stream_reader.h has the parts of all three
  kHashListpack = 16,
  kSortedSetListpack = 17,
  kListNodes = 18,    // count, nodes: 1 and one long element, or 2 and a listpack
  kStream2 = 19,      // Redis 7.0's
  kSetListpack = 20,  // from Redis 7.2 on
  kStream3 = 21,      // likewise
  // Hashes some of whose fields have deadlines, in milliseconds.
  kHashValkey = 22,      // Valkey 9: count, fields, values and deadlines, -1 for none
  kHashDeadlines = 24,   // Redis 7.4: see collection_writer.h
  kHashListpackEx = 25,  // Redis 7.4: the earliest deadline; a listpack of threes
};

// What sort of collection it is; nullopt for everything else.
constexpr std::optional<Type> CollectionOf(RdbType type) {
  switch (type) {
    case RdbType::kList:
    case RdbType::kListZiplist:
    case RdbType::kListZiplists:
    case RdbType::kListNodes:
      return Type::kList;
    case RdbType::kSet:
    case RdbType::kSetIntset:
    case RdbType::kSetListpack:
      return Type::kSet;
    case RdbType::kSortedSetText:
    case RdbType::kSortedSet:
    case RdbType::kSortedSetZiplist:
    case RdbType::kSortedSetListpack:
      return Type::kSortedSet;
    case RdbType::kHash:
    case RdbType::kHashZipmap:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kHashValkey:
    case RdbType::kHashDeadlines:
    case RdbType::kHashListpackEx:
      return Type::kHash;
    default:
      return std::nullopt;
  }
}

// What a node of kListNodes is.
constexpr uint64_t kRdbPlainNode = 1;
constexpr uint64_t kRdbPackedNode = 2;

}  // namespace alai
