#include "server/commands/bit_offset.h"

#include "engine/base/number.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/config/config.h"
#include "server/server.h"

namespace alai {

uint64_t ReadBitOffset(Call& call, ArgReader& args, int field_bits) {
  std::string_view text = args.String();
  if (!args.ok()) return 0;
  const bool counts_fields = field_bits > 0 && text.starts_with('#');
  if (counts_fields) text.remove_prefix(1);
  const int64_t unit = counts_fields ? field_bits : 1;
  int64_t offset = 0;
  if (!ParseInt64(text, &offset) || __builtin_mul_overflow(offset, unit, &offset) || offset < 0 ||
      offset / 8 >= call.server().config().proto_max_bulk_len.get()) {
    args.Fail(error_text::kOffsetNotBit);
    return 0;
  }
  return static_cast<uint64_t>(offset);
}

}  // namespace alai
