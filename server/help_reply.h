// The answer to HELP, which every container command gives in the same form.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "protocol/reply_writer.h"

namespace alai {

// `command` in capitals. `lines` come in the order of the subcommands: its syntax on one line, what
// it does on the next ones, indented by four spaces. The line for HELP itself is added.
inline void ReplyHelp(ReplyWriter& reply, std::string_view command,
                      std::initializer_list<std::string_view> lines) {
  reply.Array(lines.size() + 3);
  reply.SimpleString(std::string(command) +
                     " <subcommand> [<arg> ...], where <subcommand> is one of:");
  for (const std::string_view line : lines) reply.SimpleString(line);
  reply.SimpleString("HELP");
  reply.SimpleString("    Show these lines.");
}

}  // namespace alai
