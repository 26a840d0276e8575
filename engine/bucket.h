// A bucket of the hash table: one cache line with seven slots and a control word.
//
//   control   | armed tick 32 | move version 16 | overflow filter 16 |
//   slot      | tag 16 | record address 48, lowest bit: has a deadline |       0: free
//
// A key may be in its home bucket or in its alternate one. The home's filter has the bit `tag % 16`
// set when a key with such a tag may have gone to its alternate; the home's move version changes
// whenever one of its keys moves, so a reader that saw neither place full knows to look again.
//
// Threads     Readers load with acquire and take no lock. Stores need the shard's writer bit.
// Invariants  Home is the tag scaled to the number of buckets, so keys keep their order by tag when
//             that number changes.
#pragma once

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#include <atomic>
#include <bit>
#include <cstdint>

#include "engine/base/sanitizer.h"
#include "engine/record.h"

namespace alai {

constexpr uint32_t kSlots = 7;

// A slot's content.
class SlotWord {
 public:
  SlotWord() = default;
  explicit SlotWord(uint64_t bits) : bits_(bits) {}
  SlotWord(uint16_t tag, const Record* record)
      : bits_(uint64_t{tag} << 48 | reinterpret_cast<uint64_t>(record) |
              (record->has_deadline() ? 1 : 0) | (record->has_due_parts() ? 2 : 0)) {}

  explicit operator bool() const { return bits_ != 0; }
  uint64_t bits() const { return bits_; }
  uint16_t tag() const { return static_cast<uint16_t>(bits_ >> 48); }
  bool has_deadline() const { return (bits_ & 1) != 0; }
  // The value has, or had when this was stored, parts with deadlines of their own.
  bool has_due_parts() const { return (bits_ & 2) != 0; }
  // The bucket must be armed for it.
  bool comes_due() const { return (bits_ & 3) != 0; }
  Record* record() const { return reinterpret_cast<Record*>(bits_ & 0x0000'ffff'ffff'fff0); }

 private:
  uint64_t bits_ = 0;
};

// The slots of a bucket that matched a tag: every second bit of a mask, the lowest at bit 3.
class TagMatches {
 public:
  explicit TagMatches(uint32_t bits) : bits_(bits) {}
  explicit operator bool() const { return bits_ != 0; }
  uint32_t slot() const { return (static_cast<uint32_t>(std::countr_zero(bits_)) >> 1) - 1; }
  void Next() { bits_ &= bits_ - 1; }

 private:
  uint32_t bits_;
};

struct alignas(64) Bucket {
  std::atomic<uint64_t> control{0};
  std::atomic<uint64_t> slots[kSlots]{};

  SlotWord Load(uint32_t slot) const {
    return SlotWord(slots[slot].load(std::memory_order_acquire));
  }
  void Store(uint32_t slot, SlotWord word) {
    slots[slot].store(word.bits(), std::memory_order_release);
  }
  // Index of a free slot, or -1.
  int FreeSlot() const;
  bool Empty() const {
    uint64_t any = 0;
    for (const auto& slot : slots) any |= slot.load(std::memory_order_relaxed);
    return any == 0;
  }

  // The tick of the wheel at which this bucket is due; 0: not armed.
  uint32_t armed() const { return static_cast<uint32_t>(Control() >> 32); }
  void SetArmed(uint32_t tick) { SetControl((Control() & 0xffff'ffff) | uint64_t{tick} << 32); }
  uint64_t move_version() const { return control.load(std::memory_order_acquire) & 0xffff'0000; }
  bool MayOverflow(uint16_t tag) const { return MayOverflow(Control(), tag); }
  static bool MayOverflow(uint64_t control, uint16_t tag) {
    return (control >> (tag & 15) & 1) != 0;
  }
  // Called on the home bucket: one of its keys is in its alternate from now on, or moves.
  void NoteOverflow(uint16_t tag) { SetControl(Control() | uint64_t{1} << (tag & 15)); }
  void NoteMove() {
    const uint64_t c = Control();
    SetControl((c & ~uint64_t{0xffff'0000}) | ((c + 0x1'0000) & 0xffff'0000));
  }

  // The slots that may hold the tag (a free slot matches tag 0), not yet compared with the key.
  TagMatches MatchTag(uint16_t tag) const;

 private:
  uint64_t Control() const { return control.load(std::memory_order_relaxed); }
  void SetControl(uint64_t c) { control.store(c, std::memory_order_release); }
};

static_assert(sizeof(Bucket) == 64);

#if defined(__SSE4_1__) && !ALAI_TSAN
// All eight words at once: the tags, each the highest 16 bits of its word, are packed into one
// vector and compared. The control word's lane is masked out.
inline TagMatches Bucket::MatchTag(uint16_t tag) const {
  const auto* line = reinterpret_cast<const __m128i*>(this);
  const __m128i a = _mm_srli_epi64(_mm_load_si128(line), 48);
  const __m128i b = _mm_srli_epi64(_mm_load_si128(line + 1), 48);
  const __m128i c = _mm_srli_epi64(_mm_load_si128(line + 2), 48);
  const __m128i d = _mm_srli_epi64(_mm_load_si128(line + 3), 48);
  const __m128i tags = _mm_packus_epi32(_mm_packus_epi32(a, b), _mm_packus_epi32(c, d));
  const __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
  return TagMatches(static_cast<uint32_t>(_mm_movemask_epi8(equal)) & 0xaaa8);
}

inline int Bucket::FreeSlot() const {
  const auto* line = reinterpret_cast<const __m128i*>(this);
  const __m128i zero = _mm_setzero_si128();
  const auto is_free = [&](int pair) {
    return static_cast<uint32_t>(
        _mm_movemask_pd(_mm_castsi128_pd(_mm_cmpeq_epi64(_mm_load_si128(line + pair), zero))));
  };
  // Bit 0 is the control word's.
  const uint32_t free = (is_free(0) | is_free(1) << 2 | is_free(2) << 4 | is_free(3) << 6) >> 1;
  return free == 0 ? -1 : std::countr_zero(free);
}
#else
inline int Bucket::FreeSlot() const {
  for (uint32_t i = 0; i < kSlots; ++i) {
    if (slots[i].load(std::memory_order_relaxed) == 0) return static_cast<int>(i);
  }
  return -1;
}

inline TagMatches Bucket::MatchTag(uint16_t tag) const {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < kSlots; ++i) {
    if (Load(i).tag() == tag) bits |= 8u << (2 * i);
  }
  return TagMatches(bits);
}
#endif

// Which bucket of `buckets` a tag belongs to.
constexpr uint32_t HomeOf(uint16_t tag, uint32_t buckets) { return (tag * buckets) >> 16; }

// The other bucket; the same as home only when there is just one.
constexpr uint32_t AlternateOf(uint16_t tag, uint32_t buckets, uint32_t home) {
  const uint32_t mixed = (tag * 40503u) & 0xffff;
  const uint32_t other = home + 1 + ((mixed * (buckets - 1)) >> 16);
  return other >= buckets ? other - buckets : other;
}

}  // namespace alai
