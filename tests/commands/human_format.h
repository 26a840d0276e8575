// Replies as the lines that redis-cli shows on a terminal, and its quoting of arguments: what
// human_format.py does for the runner over TCP.
//
// Threads     Pure functions: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/protocol/reply_parser.h"

namespace alai {

// "text" with escapes.
std::string QuoteText(std::string_view bytes);

// Splits at blanks; "..." with escapes, '...' with \' only. Nothing when quotes do not pair up.
std::optional<std::vector<std::string>> SplitArguments(std::string_view line);

// The lines of a reply, without blanks at their ends.
std::vector<std::string> FormatReply(const Reply& reply);

// Each element of an aggregate as lines of its own; of a map each pair.
std::vector<std::vector<std::string>> FormatElements(const Reply& reply);

// How many elements, or pairs, an aggregate has; zero for any other reply.
size_t ElementCount(const Reply& reply);

}  // namespace alai
