// BITFIELD and BITFIELD_RO: strings as arrays of integers of any width.
#include <string_view>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "engine/types/bitmaps.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/bit_offset.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using bitmaps::FieldOperation;
using bitmaps::FieldValue;
using bitmaps::Overflow;
using Kind = FieldOperation::Kind;

Overflow TakeOverflow(ArgReader& args) {
  if (args.TakeWord("WRAP")) return Overflow::kWrap;
  if (args.TakeWord("SAT")) return Overflow::kSaturate;
  if (!args.TakeWord("FAIL")) args.Fail("ERR Invalid OVERFLOW type specified");
  return Overflow::kFail;
}

// "i16", "u8": in lower case, up to i64 and u63.
void TakeEncoding(ArgReader& args, FieldOperation* operation) {
  const std::string_view text = args.String();
  int64_t width = 0;
  operation->is_signed = text.starts_with('i');
  if ((operation->is_signed || text.starts_with('u')) && ParseInt64(text.substr(1), &width) &&
      width >= 1 && width <= (operation->is_signed ? 64 : 63)) {
    operation->width = static_cast<uint8_t>(width);
    return;
  }
  args.Fail(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
      "i64 "
      "is.");
}

// Takes one word if as many arguments follow it.
bool TakeWordBefore(ArgReader& args, std::string_view word, size_t arguments) {
  return args.remaining() > arguments && args.TakeWord(word);
}

std::vector<FieldOperation> ReadOperations(Call& call, ArgReader& args) {
  std::vector<FieldOperation> operations;
  Overflow overflow = Overflow::kWrap;
  while (args.remaining() > 0) {
    if (TakeWordBefore(args, "OVERFLOW", 1)) {
      overflow = TakeOverflow(args);
      continue;
    }
    FieldOperation operation;
    operation.overflow = overflow;
    if (TakeWordBefore(args, "SET", 3)) {
      operation.kind = Kind::kSet;
    } else if (TakeWordBefore(args, "INCRBY", 3)) {
      operation.kind = Kind::kIncrement;
    } else if (!TakeWordBefore(args, "GET", 2)) {
      args.Fail(error_text::kSyntax);
      break;
    }
    TakeEncoding(args, &operation);
    operation.bit = ReadBitOffset(call, args, operation.width);
    if (operation.kind != Kind::kGet) operation.operand = args.Int64();
    operations.push_back(operation);
  }
  return operations;
}

void Run(Call& call, KeyView key, const std::vector<FieldOperation>& operations) {
  std::vector<FieldValue> values(operations.size());
  const Errc error =
      bitmaps::RunFields(call.db(), key, operations, ClassValueBytesMax(call.db(), key), values);
  if (error == Errc::kTooLong) return FailLargeValue(call, key);
  if (error != Errc::kOk) return call.Fail(error);
  ReplyWriter& reply = call.reply();
  reply.Array(values.size());
  for (const FieldValue& value : values) {
    if (value) {
      reply.Integer(*value);
    } else {
      reply.Null();
    }
  }
}

void BitField(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::vector<FieldOperation> operations = ReadOperations(call, args);
  if (!args.Done()) return call.Fail(args.error());
  Run(call, key, operations);
}

// OVERFLOW is accepted, as it changes nothing by itself.
void BitFieldReadOnly(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::vector<FieldOperation> operations = ReadOperations(call, args);
  if (!args.Done()) return call.Fail(args.error());
  for (const FieldOperation& operation : operations) {
    if (operation.kind != Kind::kGet) {
      return call.Fail("ERR BITFIELD_RO only supports the GET subcommand");
    }
  }
  Run(call, key, operations);
}

// With nothing but GET the key is only read.
uint16_t KeyUseOfBitField(Arguments argv) {
  constexpr uint16_t kChanges = kRW | kKeyAccess | kKeyUpdate;
  ArgReader args(argv.subspan(2));
  while (args.remaining() > 0) {
    if (TakeWordBefore(args, "GET", 2)) {
      args.Take(2);
    } else if (TakeWordBefore(args, "OVERFLOW", 1)) {
      args.Take(1);
    } else {
      return kChanges;
    }
  }
  return kRO | kKeyAccess;
}

constexpr CommandSpec kBitfieldCommands[] = {
    {.name = "bitfield",
     .run = BitField,
     .arity = -2,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate | kVariableFlags)},
     .group = Group::kBitmap,
     .since = "3.2.0",
     .complexity = "O(1) for each operation",
     .summary = "Reads, writes and increments integers of any width within a string.",
     .arguments = "key:key [operation: GET (get-block: encoding:string offset:integer)"
                  " | (write: OVERFLOW [overflow-block: WRAP | SAT | FAIL]"
                  " (write-operation: SET (set-block: encoding:string offset:integer value:integer)"
                  " | INCRBY (incrby-block: encoding:string offset:integer increment:integer)))]*",
     .key_use = KeyUseOfBitField},
    {.name = "bitfield_ro",
     .run = BitFieldReadOnly,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kBitmap,
     .since = "6.0.0",
     .complexity = "O(1) for each operation",
     .summary = "Reads integers of any width within a string.",
     .arguments = "key:key GET [get-block: encoding:string offset:integer]**"},
};
static_assert(WellFormed(kBitfieldCommands));

}  // namespace

std::span<const CommandSpec> BitFieldCommands() { return kBitfieldCommands; }

}  // namespace alai
