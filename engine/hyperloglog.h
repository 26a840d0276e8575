// HyperLogLog: how many different elements there were, to within 0.81%, in at most 12 KB.
//
// A sketch is a string in Redis's format, byte for byte, so that clients, DUMP and other servers may read
// and write it:
//
//   offset 0        4          5       8                     16
//          +--------+----------+-------+---------------------+-----------------
//          | "HYLL" | encoding | zeros | count, little endian | registers …
//          +--------+----------+-------+---------------------+-----------------
//
// The count is that of the registers unless its highest bit is set. There are 16384 registers of 6 bits; an
// element raises the register that 14 bits of its hash choose to the number of zeros that the others begin
// with (from the low end), plus one.
//
//   dense    four registers in three bytes, the first one lowest
//   sparse   runs of equal registers:  00nnnnnn           n+1 zeros
//                                      01nnnnnn nnnnnnnn  n+1 zeros
//                                      1vvvvvnn           n+1 registers of v+1
//
// A sparse sketch becomes dense when a register exceeds 32 or the string a configured length. Which runs a
// sequence of elements leads to is part of what is compatible.
//
// Sources: Flajolet et al., "HyperLogLog" (2007); Heule et al., "HyperLogLog in Practice" (2013) for the
// sparse form; Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6
// for the estimate; MurmurHash64A of Austin Appleby for the hash.
//
// Threads     Pure functions on bytes: any.
// Invariants  Any bytes may come in. What is no sketch, or one whose runs do not cover the registers
//             exactly, is told; nothing beyond the bytes given is read or written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alai::hyperloglog {

constexpr uint32_t kRegisters = 16384;
constexpr size_t kHeaderBytes = 16;
constexpr size_t kDenseBytes = kHeaderBytes + kRegisters / 4 * 3;
constexpr size_t kCountOffset = 8;
constexpr size_t kCountBytes = 8;

// One byte a register.
using Registers = std::array<uint8_t, kRegisters>;

// Where an element belongs and how far it raises the register there.
struct Place {
  uint32_t index;
  uint8_t rank;  // 1 to 51
};
Place PlaceOf(std::string_view element);

// Whether a string is a sketch, as far as its header and length tell.
bool IsSketch(std::string_view value);

// The rest is for what IsSketch() has accepted.

inline bool IsDense(std::string_view sketch) { return sketch[4] == 0; }

// The count kept in the header, if it still holds.
std::optional<uint64_t> KeptCount(std::string_view sketch);
// Writes it there, kCountBytes at kCountOffset of a sketch.
void KeepCount(char* sketch, uint64_t count);
void ForgetCount(char* sketch);

// A sparse sketch of no elements.
std::string NewSketch();

enum class Raised : uint8_t { kNo, kYes, kCorrupt };

// Whether Raise() would change anything.
Raised WouldRaise(std::string_view sketch, Place place);

// Raises a register of a dense sketch.
bool RaiseDense(char* sketch, Place place);

// Where in a sparse sketch the search for a register may begin: at a run, and its first register. For
// who raises registers in ascending order.
struct SparsePosition {
  size_t offset = kHeaderBytes;
  uint32_t first = 0;
};

// Raises a register of either form. A sparse sketch that would grow beyond `sparse_bytes_max` becomes
// dense. The kept count is left as it is.
Raised Raise(std::string* sketch, Place place, uint64_t sparse_bytes_max,
             SparsePosition* from = nullptr);

// Makes a sparse sketch dense; false when its runs are corrupt.
bool MakeDense(std::string* sketch);

// Raises `registers` to those of the sketch; false when its runs are corrupt.
bool MergeInto(std::string_view sketch, Registers* registers);

// The estimate; nothing when the runs are corrupt.
std::optional<uint64_t> Estimate(std::string_view sketch);
uint64_t Estimate(const Registers& registers);

// The runs of a sparse sketch as PFDEBUG DECODE shows them: "Z:12711 v:2,1 z:3"; nothing when the last one
// is cut off.
std::optional<std::string> Describe(std::string_view sketch);

}  // namespace alai::hyperloglog
