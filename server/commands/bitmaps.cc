// Commands on strings as arrays of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
#include "engine/types/bitmaps.h"

#include "engine/base/ascii.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/bit_offset.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using bitmaps::Part;
using bits::Combination;

void SetBit(Call& call) {
  constexpr std::string_view kNotBit = "ERR bit is not an integer or out of range";
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const uint64_t bit = ReadBitOffset(call, args);
  const bool value = args.Int64(0, 1, kNotBit, kNotBit) != 0;
  if (!args.Done()) return call.Fail(args.error());
  const Result<bool> old =
      bitmaps::Set(call.db(), key, bit, value, ClassValueBytesMax(call.db(), key));
  if (!old.ok()) {
    return old.error() == Errc::kTooLong ? FailLargeValue(call, key) : call.Fail(old.error());
  }
  call.reply().Integer(*old ? 1 : 0);
}

void GetBit(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const uint64_t bit = ReadBitOffset(call, args);
  if (!args.Done()) return call.Fail(args.error());
  const Result<bool> value = bitmaps::Get(call.db(), key, bit);
  if (!value.ok()) return call.Fail(value.error());
  call.reply().Integer(*value ? 1 : 0);
}

bool TakeUnit(ArgReader& args) {
  if (args.TakeWord("BIT")) return true;
  if (!args.TakeWord("BYTE")) args.Fail(error_text::kSyntax);
  return false;
}

void BitCount(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  if (args.remaining() == 1 || args.remaining() > 3) args.Fail(error_text::kSyntax);
  Part part;
  if (args.remaining() > 0) {
    part.first = args.Int64();
    part.last = args.Int64();
  }
  if (args.remaining() > 0) part.in_bits = TakeUnit(args);
  if (!args.Done()) return call.Fail(args.error());
  const Result<uint64_t> count = bitmaps::Count(call.db(), key, part);
  if (!count.ok()) return call.Fail(count.error());
  call.reply().Integer(static_cast<int64_t>(*count));
}

// Of the arguments that may be left out, the unit is looked at before the end.
void BitPos(Call& call) {
  constexpr std::string_view kNotBit = "ERR The bit argument must be 1 or 0.";
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const bool value = args.Int64(0, 1, error_text::kNotInteger, kNotBit) != 0;
  if (args.remaining() > 3) args.Fail(error_text::kSyntax);
  const bool bounded = args.remaining() > 1;
  Part part;
  if (args.remaining() > 0) part.first = args.Int64();
  if (args.remaining() == 2) {
    ArgReader unit(args.rest().subspan(1));
    part.in_bits = TakeUnit(unit);
    if (!unit.ok()) args.Fail(unit.error());
    part.last = args.Int64();
    args.String();
  } else if (args.remaining() == 1) {
    part.last = args.Int64();
  }
  if (!args.Done()) return call.Fail(args.error());
  const Result<int64_t> bit = bitmaps::Find(call.db(), key, value, part, bounded);
  if (!bit.ok()) return call.Fail(bit.error());
  call.reply().Integer(*bit);
}

Combination TakeCombination(ArgReader& args) {
  constexpr Combination kAll[] = {Combination::kAnd,   Combination::kOr,   Combination::kXor,
                                  Combination::kNot,   Combination::kDiff, Combination::kDiff1,
                                  Combination::kAndOr, Combination::kOne};
  for (const Combination combination : kAll) {
    if (args.TakeWord(bitmaps::CombinationName(combination))) return combination;
  }
  args.Fail(error_text::kSyntax);
  return Combination::kAnd;
}

// Why a combination cannot be made of so many sources; empty when it can.
std::string_view WrongSources(Combination combination, size_t sources) {
  switch (combination) {
    case Combination::kNot:
      return sources == 1 ? "" : "ERR BITOP NOT must be called with a single source key.";
    case Combination::kDiff:
      return sources > 1 ? "" : "ERR BITOP DIFF must be called with at least two source keys.";
    case Combination::kDiff1:
      return sources > 1 ? "" : "ERR BITOP DIFF1 must be called with at least two source keys.";
    case Combination::kAndOr:
      return sources > 1 ? "" : "ERR BITOP ANDOR must be called with at least two source keys.";
    case Combination::kAnd:
    case Combination::kOr:
    case Combination::kXor:
    case Combination::kOne:
      break;
  }
  return {};
}

void BitOp(Call& call) {
  ArgReader args = call.args();
  const Combination combination = TakeCombination(args);
  const KeyView target = call.Key(args.String());
  const Arguments sources = args.Take(args.remaining());
  if (!args.Done()) return call.Fail(args.error());
  const std::string_view refusal = WrongSources(combination, sources.size());
  if (!refusal.empty()) return call.Fail(refusal);
  const Result<uint64_t> length = bitmaps::Combine(call.db(), combination, target, sources,
                                                   ClassValueBytesMax(call.db(), target));
  if (!length.ok()) {
    return length.error() == Errc::kTooLong ? FailLargeValue(call, target)
                                            : call.Fail(length.error());
  }
  call.reply().Integer(static_cast<int64_t>(*length));
}

constexpr CommandSpec kBitmapsCommands[] = {
    {.name = "setbit",
     .run = SetBit,
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kBitmap,
     .since = "2.2.0",
     .complexity = "O(1) amortised",
     .summary = "Sets or clears a bit of a string, which grows as needed.",
     .arguments = "key:key offset:integer value:integer"},
    {.name = "getbit",
     .run = GetBit,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kBitmap,
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Gives a bit of a string.",
     .arguments = "key:key offset:integer"},
    {.name = "bitcount",
     .run = BitCount,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kBitmap,
     .since = "2.6.0",
     .complexity = "O(N) where N is the length of the part",
     .summary = "Counts the bits that are set in a string or a part of it.",
     .arguments = "key:key [range: start:integer end:integer [unit: BYTE | BIT]@7.0.0]",
     .history = "7.0.0: Knows BYTE and BIT."},
    {.name = "bitpos",
     .run = BitPos,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kBitmap,
     .since = "2.8.7",
     .complexity = "O(N) where N is the length of the part",
     .summary = "Finds the first bit of a string or a part of it that is set, or that is not.",
     .arguments = "key:key bit:integer [range: start:integer [end-unit-block: end:integer"
                  " [unit: BYTE | BIT]@7.0.0]]",
     .history = "7.0.0: Knows BYTE and BIT."},
    {.name = "bitop",
     .run = BitOp,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate, 2), KeyRange(kRO | kKeyAccess, 3)},
     .group = Group::kBitmap,
     .since = "2.6.0",
     .complexity = "O(N) where N is the length of all strings together",
     .summary = "Combines strings bit by bit and stores the result.",
     .arguments = "(operation: AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE) destkey:key"
                  " key:key*",
     .history = "8.2.0: Knows DIFF, DIFF1, ANDOR and ONE."},
};
static_assert(WellFormed(kBitmapsCommands));

}  // namespace

std::span<const CommandSpec> BitmapCommands() { return kBitmapsCommands; }

}  // namespace alai
