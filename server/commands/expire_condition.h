// NX, XX, GT and LT of EXPIRE and its like.
#pragma once

#include <cstdint>

#include "protocol/arg_reader.h"

namespace alai {

class Call;

// Takes the word that `args` stands at, adding to keys::ExpireCondition bits. False: it is none of them, and the
// call has failed.
bool TakeExpireCondition(Call& call, ArgReader& args, uint8_t* conditions);

// False: some exclude each other, and the call has failed.
bool ExpireConditionsAgree(Call& call, uint8_t conditions);

}  // namespace alai
