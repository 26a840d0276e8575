// One collection in every form that RDB knows for its type.
//
// Threads     Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "storage/collection_writer.h"
#include "storage/rdb_types.h"
#include "tests/storage/old_encodings.h"

namespace alai {

struct CollectionForm {
  RdbType type;
  std::string value;
};

inline std::string PackedString(std::string_view packed, bool compress) {
  std::string out;
  RdbWriter writer(&out, compress);
  WritePacked(writer, packed);
  return out;
}

inline std::string ListpackOf(const std::vector<std::string>& texts) {
  ListpackBuffer buffer;
  for (const std::string& text : texts) buffer.Append(text);
  return std::string(buffer.get().view());
}

// Count, and every text as a string of its own; a hash has two for each it counts.
inline std::string PlainStrings(const std::vector<std::string>& texts, size_t counted,
                                bool compress) {
  std::string out;
  RdbWriter writer(&out, compress);
  writer.Length(counted);
  for (const std::string& text : texts) writer.String(RdbString::Of(text));
  return out;
}

// Of at least two elements.
inline std::vector<CollectionForm> ListForms(const std::vector<std::string>& texts, bool compress) {
  const std::vector<std::string> head(texts.begin(), texts.begin() + 1);
  const std::vector<std::string> tail(texts.begin() + 1, texts.end());
  std::string ziplists;
  RdbWriter ziplists_writer(&ziplists, compress);
  ziplists_writer.Length(2);
  WritePacked(ziplists_writer, Ziplist(head));
  WritePacked(ziplists_writer, Ziplist(tail));
  std::string nodes;
  RdbWriter nodes_writer(&nodes, compress);
  nodes_writer.Length(2);
  WritePlainNode(nodes_writer, texts[0]);
  const std::string listpack = ListpackOf(tail);
  WritePackedNode(nodes_writer, Listpack(listpack.data()).run(), tail.size());
  return {{RdbType::kList, PlainStrings(texts, texts.size(), compress)},
          {RdbType::kListZiplist, PackedString(Ziplist(texts), compress)},
          {RdbType::kListZiplists, ziplists},
          {RdbType::kListNodes, nodes}};
}

inline std::vector<CollectionForm> SetForms(const std::vector<std::string>& texts, bool compress) {
  std::vector<CollectionForm> forms = {
      {RdbType::kSet, PlainStrings(texts, texts.size(), compress)},
      {RdbType::kSetListpack, PackedString(ListpackOf(texts), compress)}};
  IntsetBuffer integers;
  for (const std::string& text : texts) {
    int64_t integer;
    if (!ParseInt64(text, &integer)) return forms;
    integers.Add(integer);
  }
  forms.push_back({RdbType::kSetIntset, PackedString(integers.get().view(), compress)});
  return forms;
}

// Fields and values in turn.
inline std::vector<CollectionForm> HashForms(const std::vector<std::string>& texts, bool compress) {
  return {{RdbType::kHash, PlainStrings(texts, texts.size() / 2, compress)},
          {RdbType::kHashZipmap, PackedString(Zipmap(texts, 1), compress)},
          {RdbType::kHashZiplist, PackedString(Ziplist(texts), compress)},
          {RdbType::kHashListpack, PackedString(ListpackOf(texts), compress)}};
}

// Members and scores, as Redis prints them, in turn.
inline std::vector<CollectionForm> SortedSetForms(const std::vector<std::string>& texts,
                                                  bool compress) {
  std::string decimal;
  std::string binary;
  RdbWriter decimal_writer(&decimal, compress);
  RdbWriter binary_writer(&binary, compress);
  decimal_writer.Length(texts.size() / 2);
  binary_writer.Length(texts.size() / 2);
  for (size_t i = 0; i < texts.size(); i += 2) {
    decimal_writer.String(RdbString::Of(texts[i]));
    binary_writer.String(RdbString::Of(texts[i]));
    double score = 0;
    ParseDouble(texts[i + 1], &score);
    binary_writer.Double(score);
    if (texts[i + 1] == "inf") {
      decimal += '\xfe';
    } else if (texts[i + 1] == "-inf") {
      decimal += '\xff';
    } else {
      decimal += static_cast<char>(texts[i + 1].size());
      decimal += texts[i + 1];
    }
  }
  return {{RdbType::kSortedSetText, decimal},
          {RdbType::kSortedSet, binary},
          {RdbType::kSortedSetZiplist, PackedString(Ziplist(texts), compress)},
          {RdbType::kSortedSetListpack, PackedString(ListpackOf(texts), compress)}};
}

}  // namespace alai
