// The position of a bit as an argument.
#pragma once

#include <cstdint>

#include "protocol/arg_reader.h"

namespace alai {

class Call;

// Reads a position below eight times proto-max-bulk-len. With `field_bits`, "#3" means the position of the
// fourth of fields of so many bits.
uint64_t ReadBitOffset(Call& call, ArgReader& args, int field_bits = 0);

}  // namespace alai
