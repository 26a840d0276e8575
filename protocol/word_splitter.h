// Splits a line into words in the syntax that inline requests and configuration files share.
//
// Blanks separate words. "…" understands \n \r \t \b \a, \xHH with two hexadecimal digits, and
// \ before any other character, which then stands for itself; '…' understands \' only. Quotes may
// start in the middle of a word, but a closing one must be followed by a blank or the end of the
// line.
//
// Threads     Pure functions: any.
#pragma once

#include <string_view>
#include <vector>

namespace alai {

// Appends the words as views into the line, over which they are written: a word is never longer
// than its spelling. False when quotes are not balanced; then the line and `words` hold rubbish.
bool SplitWords(char* begin, char* end, std::vector<std::string_view>& words);

}  // namespace alai
