// How streams lie in RDB files and DUMP payloads, for those who read and write them.
//
//   value      length: nodes; each a string of 16 bytes, its id, and a string, its listpack
//              length: live entries
//              last id
//              from 7.0 on: first id, highest deleted id, length: entries ever added
//              length: groups
//   group      string: name; last delivered id; from 7.0 on a length: entries read, all ones if not known
//              length: pending entries; each 16 bytes of id, 8 of delivery time, length: deliveries
//              length: consumers
//   consumer   string: name; 8 bytes: when seen; from 7.2 on 8 bytes: when active
//              length: pending entries; each 16 bytes of id
//
// Ids are two lengths, milliseconds and number, or where they have 16 bytes two big-endian words. Times are
// little-endian milliseconds. What a node's listpack holds, each word an entry of it:
//
//   master     live, deleted, fields, name …, 0
//   entry      flags, milliseconds and number as differences to the node's id,
//              [fields,] name and value … or, with kSameFields, value …; how many words that were
//
// Source      rdb.c and t_stream.c of Redis 5.0 to 7.2, for what is where; antirez.com/news/128.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alai::stream_format {

constexpr size_t kIdBytes = 16;

// Flags of an entry.
constexpr int64_t kDeleted = 1;
constexpr int64_t kSameFields = 2;

// Words of an entry besides names and values: flags and two differences, and with fields of its own their
// count.
constexpr int64_t kWordsBefore = 3;

}  // namespace alai::stream_format
