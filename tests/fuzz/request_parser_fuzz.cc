// Whatever bytes a client sends and however the network cuts them, the parser gives the same
// requests and the same error, and stays within its input.
//
// The first byte sets the limits; the second says how many of the bytes that follow are the lengths
// of the reads. The rest is the input. Each read lies in a block of exactly its size, so that the
// sanitizer sees any step outside of it or back into an earlier one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/request_parser.h"

namespace alai {
namespace {

struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Outcome& other) const = default;
};

void Require(bool condition) {
  if (!condition) std::abort();
}

RequestLimits LimitsFrom(uint8_t choice) {
  RequestLimits limits;
  if ((choice & 1) != 0) limits.line_bytes_max = 16 + (choice >> 4);
  if ((choice & 2) != 0) limits.bulk_bytes_max = 100;
  if ((choice & 4) != 0) limits.arguments_max = 5;
  if ((choice & 8) != 0) {
    limits.authenticated = false;
    limits.unauthenticated_arguments_max = 3;
    limits.unauthenticated_bulk_bytes_max = 30;
  }
  return limits;
}

// Takes every complete request out of `pending`, and drops what is done with.
void Drain(RequestParser& parser, std::string* pending, const RequestLimits& limits,
           Outcome* outcome) {
  std::vector<char> block(pending->begin(), pending->end());
  char* begin = block.data();
  char* const end = begin + block.size();
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  for (;;) {
    argv.clear();
    const ParseResult result = parser.Parse(begin, end, argv, unquoted, limits);
    Require(result.consumed <= static_cast<size_t>(end - begin));
    begin += result.consumed;
    if (result.status == ParseStatus::kRequest) {
      Require(!argv.empty());
      outcome->requests.emplace_back(argv.begin(), argv.end());
      continue;
    }
    Require(argv.empty());
    if (result.status == ParseStatus::kError) {
      outcome->error = parser.error();
      Require(!outcome->error.empty());
    } else {
      Require(parser.bytes_needed() > static_cast<size_t>(end - begin));
    }
    break;
  }
  pending->erase(0, static_cast<size_t>(begin - block.data()));
}

Outcome Run(std::string_view input, std::string_view cuts, const RequestLimits& limits) {
  RequestParser parser;
  Outcome outcome;
  std::string pending;
  size_t next_cut = 0;
  while (!input.empty() && outcome.error.empty()) {
    size_t size = input.size();
    if (!cuts.empty()) size = 1 + static_cast<uint8_t>(cuts[next_cut++ % cuts.size()]) % 40;
    pending += input.substr(0, size);
    input.remove_prefix(std::min(size, input.size()));
    Drain(parser, &pending, limits, &outcome);
  }
  return outcome;
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace alai;
  if (size < 2) return 0;
  const RequestLimits limits = LimitsFrom(data[0]);
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view cuts = input.substr(0, data[1] % 16);
  input.remove_prefix(cuts.size());
  const Outcome whole = Run(input, {}, limits);
  Require(Run(input, cuts, limits) == whole);
  Require(Run(input, std::string_view("\0", 1), limits) == whole);
  return 0;
}
