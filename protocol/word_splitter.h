// Splits a line into words in the syntax that inline requests and configuration files share.
//
// Blanks separate words. "…" understands \n \r \t \b \a, \xHH with two hexadecimal digits, and
// \ before any other character, which then stands for itself; '…' understands \' only. Quotes may
// start in the middle of a word, but a closing one must be followed by a blank or the end of the
// line.
//
// Threads     Pure functions: any.
#pragma once

#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

namespace alai {

// Words that had quotes, as what they stand for.
using UnquotedWords = std::forward_list<std::string>;

// Appends the words as views, into the line or, of words with quotes, into strings that are added to
// `unquoted`. False when quotes are not balanced; then `words` and `unquoted` hold rubbish.
bool SplitWords(std::string_view line, std::vector<std::string_view>& words,
                UnquotedWords& unquoted);

}  // namespace alai
