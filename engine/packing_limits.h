// Up to which sizes collections stay packed in their records, and how large the nodes of lists and
// streams become: hash-max-listpack-entries and its like. OBJECT ENCODING shows the difference.
//
// Threads     Set from any thread; a change concerns what is written from then on.
#pragma once

#include <atomic>
#include <cstdint>

namespace alai {

struct PackingLimits {
  std::atomic<uint64_t> hash_entries{512};
  std::atomic<uint64_t> hash_value_bytes{64};  // of a field or value
  std::atomic<uint64_t> set_intset_entries{512};
  std::atomic<uint64_t> set_listpack_entries{128};
  std::atomic<uint64_t> set_value_bytes{64};
  std::atomic<uint64_t> sorted_set_entries{128};
  std::atomic<uint64_t> sorted_set_value_bytes{64};
  std::atomic<int64_t> list_size{-2};  // entries of a node, or -1 to -5: 4 KB to 64 KB
  std::atomic<int64_t> list_depth{0};  // nodes at each end that are not compressed; 0: none are
  std::atomic<uint64_t> stream_bytes{4096};  // of a node; 0: no limit
  std::atomic<uint64_t> stream_entries{100};
};

// What fits into a record at all: with more the value is moved out of it whatever the limits say, so that
// a write never copies more than that.
constexpr uint64_t kPackedBytesMax = 64 * 1024;

}  // namespace alai
