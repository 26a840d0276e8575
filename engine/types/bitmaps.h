// Bitmaps: strings as arrays of bits and of integers of any width; what SETBIT, BITCOUNT, BITFIELD and
// their relatives mean.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             shards of all keys locked.
// Invariants  Each change appends its effect to the change log before it can be seen, and tells the key
//             events after. Effects are values, not increments.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/bits.h"
#include "engine/db.h"
#include "engine/key_view.h"

namespace alai::bitmaps {

// A bit of a string, zero beyond its end. Read.
Result<bool> Get(Db& db, KeyView key, uint64_t bit);

// Sets a bit, in a string that grows as needed, and gives what it was; kTooLong when the string would
// exceed `bytes_max`.
Result<bool> Set(Db& db, KeyView key, uint64_t bit, bool value, uint64_t bytes_max);

// A part of a string, in bytes or bits; both ends are included, negative ones counted from the end.
struct Part {
  int64_t first = 0;
  int64_t last = -1;
  bool in_bits = false;
};

// How many bits are set. Read.
Result<uint64_t> Count(Db& db, KeyView key, const Part& part);

// The first bit that is `value`, or -1. A string goes on as zeros unless `bounded`, when the part's end was
// asked for. Read.
Result<int64_t> Find(Db& db, KeyView key, bool value, const Part& part, bool bounded);

// As BITOP spells it: "AND".
std::string_view CombinationName(bits::Combination combination);

// Combines strings into one that takes the place of `target`, which is removed if they are all empty. The
// length; kTooLong when that exceeds `bytes_max`.
Result<uint64_t> Combine(Db& db, bits::Combination combination, KeyView target,
                         std::span<const std::string_view> sources, uint64_t bytes_max);

// What happens to an integer that does not fit its field.
enum class Overflow : uint8_t { kWrap, kSaturate, kFail };

// One operation of BITFIELD.
struct FieldOperation {
  enum class Kind : uint8_t { kGet, kSet, kIncrement };

  Kind kind = Kind::kGet;
  Overflow overflow = Overflow::kWrap;
  bool is_signed = false;
  uint8_t width = 1;  // bits: 1 to 64, without a sign 1 to 63
  uint64_t bit = 0;
  int64_t operand = 0;

  uint64_t end() const { return bit + width; }
};

// Done in turn. `values` has room for what each of them gives: of kSet the integer that was there, of the
// others the one that is there then, nothing where Overflow::kFail refused. kTooLong when an operation that
// writes reaches beyond `bytes_max`, though it be refused itself. With nothing but kGet: read.
using FieldValue = std::optional<int64_t>;
Errc RunFields(Db& db, KeyView key, std::span<const FieldOperation> operations, uint64_t bytes_max,
               std::span<FieldValue> values);

}  // namespace alai::bitmaps
