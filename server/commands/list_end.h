// The end of a list as an argument of commands.
#pragma once

#include "engine/containers/packed_cursor.h"
#include "protocol/arg_reader.h"

namespace alai {

// LEFT or RIGHT, as the next argument.
inline ListEnd TakeListEnd(ArgReader& args) {
  if (args.TakeWord("LEFT")) return ListEnd::kFront;
  if (!args.TakeWord("RIGHT")) args.Fail(error_text::kSyntax);
  return ListEnd::kBack;
}

}  // namespace alai
