#include "protocol/request_parser.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "protocol/error_text.h"
#include "protocol/word_splitter.h"

namespace alai {
namespace {

// The shortest argument, "$0\r\n\r\n", and as many bytes as a header is read at once.
constexpr ptrdiff_t kArgumentBytesMin = 6;
// Digits that always fit the type they are read into.
constexpr int kDigitsMax = 9;
// Requests of more arguments are read one step at a time.
constexpr uint32_t kArgumentsAtOnceMax = 1024;
// Table of arguments that a parser without a request keeps.
constexpr size_t kIdleSlicesMax = 64;

// The number in a header, and the byte behind the header; nullptr when it is not there as a whole or
// is not a number in canonical form.
struct Header {
  const char* behind;
  uint32_t number;
};

inline uint32_t Digit(char c) { return static_cast<uint32_t>(c) - '0'; }

// Goes on behind the third digit of a header at `at`.
[[gnu::noinline]] Header ReadLongHeader(const char* at, const char* end, uint32_t number) {
  for (int i = 4; i <= kDigitsMax && end - at >= i + 3; ++i) {
    if (Digit(at[i]) > 9) break;
    number = number * 10 + Digit(at[i]);
    if (at[i + 1] == '\r') return {at + i + 3, number};
  }
  return {nullptr, 0};
}

// Reads a header such as "$16\r\n" at `at`, where kArgumentBytesMin bytes can be read. As in Redis,
// '\r' ends it and the byte that follows is taken for the line feed unseen.
inline Header ReadHeader(const char* at, const char* end) {
  uint32_t number = Digit(at[1]);
  if (number > 9) [[unlikely]]
    return {nullptr, 0};
  if (at[2] == '\r') return {at + 4, number};
  if (Digit(at[2]) > 9 || number == 0) [[unlikely]]
    return {nullptr, 0};
  number = number * 10 + Digit(at[2]);
  if (at[3] == '\r') return {at + 5, number};
  if (Digit(at[3]) > 9) [[unlikely]]
    return {nullptr, 0};
  number = number * 10 + Digit(at[3]);
  if (at[4] == '\r') return {at + 6, number};
  return ReadLongHeader(at, end, number);
}

[[gnu::noinline]] void MakeRoom(std::vector<std::string_view>& argv) {
  argv.reserve(std::max(argv.size() + kArgumentsAtOnceMax, argv.capacity() * 2));
}

}  // namespace

ParseResult RequestParser::Parse(const char* begin, const char* end,
                                 std::vector<std::string_view>& argv, UnquotedWords& unquoted,
                                 const RequestLimits& limits) {
  if (stage_ != Stage::kStart || end - begin < kArgumentBytesMin || *begin != '*' ||
      !limits.authenticated) [[unlikely]] {
    return Resume(begin, end, argv, unquoted, limits);
  }
  const Header first = ReadHeader(begin, end);
  const uint32_t count = first.number;
  // A count of 0 is as much out of the ordinary as one that is too large.
  if (first.behind == nullptr || count - 1 >= kArgumentsAtOnceMax || count > limits.arguments_max)
      [[unlikely]] {
    return Resume(begin, end, argv, unquoted, limits);
  }
  if (argv.capacity() - argv.size() < count) [[unlikely]]
    MakeRoom(argv);
  const char* const last = end - kArgumentBytesMin;
  const char* at = first.behind;
  uint32_t left = count;
  for (;;) {
    if (at > last || *at != '$') [[unlikely]]
      break;
    const auto [body, size] = ReadHeader(at, end);
    if (body == nullptr || size > limits.bulk_bytes_max) [[unlikely]]
      break;
    if (end - body < static_cast<ptrdiff_t>(size) + 2) [[unlikely]]
      break;
    if (argv.size() == argv.capacity()) __builtin_unreachable();  // MakeRoom() has seen to it
    argv.emplace_back(body, size);
    at = body + size + 2;
    if (--left == 0) return {ParseStatus::kRequest, static_cast<size_t>(at - begin)};
  }
  arguments_left_ = left;
  StartArgument(static_cast<size_t>(at - begin));
  PutAside(begin, count - left, argv);
  return Resume(begin, end, argv, unquoted, limits);
}

// Turns the last `count` arguments back into positions: the request is cut short, or goes on in an
// unusual way.
[[gnu::noinline]] void RequestParser::PutAside(const char* begin, size_t count,
                                               std::vector<std::string_view>& argv) {
  const size_t first = argv.size() - count;
  for (size_t i = first; i < argv.size(); ++i) {
    slices_.push_back({static_cast<size_t>(argv[i].data() - begin), argv[i].size()});
  }
  argv.resize(first);
}

ParseResult RequestParser::Resume(const char* begin, const char* end,
                                  std::vector<std::string_view>& argv, UnquotedWords& unquoted,
                                  const RequestLimits& limits) {
  Input input = {begin, end, argv, unquoted, limits};
  for (;;) {
    Step step;
    switch (stage_) {
      case Stage::kStart:
        step = Start(input);
        break;
      case Stage::kInline:
        step = ReadInline(input);
        break;
      case Stage::kCount:
        step = ReadCount(input);
        break;
      case Stage::kBulkHeader:
        step = ReadBulkHeader(input);
        break;
      case Stage::kBulkBody:
        step = ReadBulkBody(input);
        break;
      case Stage::kFailed:
      default:
        step = Step::kFailed;
        break;
    }
    if (step == Step::kNext) continue;
    const size_t consumed = static_cast<size_t>(input.begin - begin);
    if (step == Step::kWait) return {ParseStatus::kPartial, consumed};
    if (step == Step::kDone) return {ParseStatus::kRequest, consumed};
    return {ParseStatus::kError, consumed};
  }
}

RequestParser::Step RequestParser::Start(const Input& input) {
  if (input.begin == input.end) return Wait(1);
  stage_ = *input.begin == '*' ? Stage::kCount : Stage::kInline;
  position_ = scanned_ = 0;
  return Step::kNext;
}

// Looks for the end of the line that starts at position_. A zero byte hides everything behind it,
// as it does in Redis, until the line is too long.
const char* RequestParser::FindLineEnd(const Input& input, char line_end) {
  const char* const stop =
      input.begin + std::min<size_t>(static_cast<size_t>(input.end - input.begin),
                                     position_ + input.limits.line_bytes_max + 1);
  const char* at = input.begin + scanned_;
  while (at < stop && *at != line_end && *at != '\0') ++at;
  scanned_ = static_cast<size_t>(at - input.begin);
  return at < stop && *at == line_end ? at : nullptr;
}

bool RequestParser::LineTooLong(const Input& input) const {
  return static_cast<size_t>(input.end - input.begin) - position_ > input.limits.line_bytes_max;
}

RequestParser::Step RequestParser::ReadInline(Input& input) {
  const char* const line_feed = FindLineEnd(input, '\n');
  if (line_feed == nullptr) {
    if (LineTooLong(input)) return Fail(error_text::kTooBigInline);
    return Wait(static_cast<size_t>(input.end - input.begin) + 1);
  }
  const char* line_end = line_feed;
  if (line_end > input.begin && line_end[-1] == '\r') --line_end;
  const size_t first = input.argv.size();
  const std::string_view line(input.begin, static_cast<size_t>(line_end - input.begin));
  if (!SplitWords(line, input.argv, input.unquoted)) {
    input.argv.resize(first);
    return Fail(error_text::kUnbalancedQuotes);
  }
  input.begin = line_feed + 1;
  stage_ = Stage::kStart;
  return input.argv.size() > first ? Step::kDone : Step::kNext;
}

RequestParser::Step RequestParser::ReadCount(Input& input) {
  const char* const line_end = FindLineEnd(input, '\r');
  if (line_end == nullptr && LineTooLong(input)) return Fail(error_text::kTooBigCountLine);
  if (line_end == nullptr || input.end - line_end < 2) {
    return Wait(static_cast<size_t>(input.end - input.begin) + 1);
  }
  const RequestLimits& limits = input.limits;
  int64_t count;
  const char* digits = input.begin + 1;
  if (!ParseInt64({digits, static_cast<size_t>(line_end - digits)}, &count) ||
      count > limits.arguments_max) {
    return Fail(error_text::kInvalidCount);
  }
  if (!limits.authenticated && count > limits.unauthenticated_arguments_max) {
    return Fail(error_text::kUnauthenticatedCount);
  }
  if (count <= 0) {
    input.begin = line_end + 2;
    stage_ = Stage::kStart;
    return Step::kNext;
  }
  arguments_left_ = count;
  StartArgument(static_cast<size_t>(line_end + 2 - input.begin));
  return Step::kNext;
}

void RequestParser::StartArgument(size_t position) {
  position_ = scanned_ = position;
  stage_ = Stage::kBulkHeader;
}

RequestParser::Step RequestParser::ReadBulkHeader(Input& input) {
  const char* const line_end = FindLineEnd(input, '\r');
  if (line_end == nullptr && LineTooLong(input)) return Fail(error_text::kTooBigBulkLine);
  if (line_end == nullptr || input.end - line_end < 2) {
    return Wait(static_cast<size_t>(input.end - input.begin) + 1);
  }
  const RequestLimits& limits = input.limits;
  const char* line = input.begin + position_;
  if (*line != '$') return Fail(error_text::ExpectedBulk(*line));
  int64_t size;
  if (!ParseInt64({line + 1, static_cast<size_t>(line_end - line - 1)}, &size) || size < 0 ||
      size > limits.bulk_bytes_max) {
    return Fail(error_text::kInvalidBulk);
  }
  if (!limits.authenticated && size > limits.unauthenticated_bulk_bytes_max) {
    return Fail(error_text::kUnauthenticatedBulk);
  }
  position_ = static_cast<size_t>(line_end + 2 - input.begin);
  bulk_size_ = static_cast<size_t>(size);
  stage_ = Stage::kBulkBody;
  return Step::kNext;
}

// The two bytes behind an argument are not looked at, as in Redis.
RequestParser::Step RequestParser::ReadBulkBody(Input& input) {
  const size_t behind = position_ + bulk_size_ + 2;
  if (static_cast<size_t>(input.end - input.begin) < behind) return Wait(behind);
  slices_.push_back({position_, bulk_size_});
  StartArgument(behind);
  if (--arguments_left_ > 0) return Step::kNext;
  for (const Slice& slice : slices_) {
    input.argv.emplace_back(input.begin + slice.offset, slice.size);
  }
  input.begin += behind;
  ForgetRequest();
  return Step::kDone;
}

RequestParser::Step RequestParser::Wait(size_t bytes_needed) {
  bytes_needed_ = bytes_needed;
  return Step::kWait;
}

RequestParser::Step RequestParser::Fail(std::string_view error) {
  ForgetRequest();
  error_ = error;
  stage_ = Stage::kFailed;
  return Step::kFailed;
}

void RequestParser::ForgetRequest() {
  stage_ = Stage::kStart;
  slices_.clear();
  if (slices_.capacity() > kIdleSlicesMax) slices_.shrink_to_fit();
}

void RequestParser::Reset() {
  ForgetRequest();
  error_.clear();
  bytes_needed_ = 1;
}

}  // namespace alai
