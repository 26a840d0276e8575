// Reads a command's arguments one after the other and remembers the first thing that was wrong, so
// a handler reads everything and checks once.
//
// Once an error is latched there is nothing left to read: remaining() is 0, numbers read as 0,
// strings as empty and no word matches, so option loops end by themselves.
//
// Threads     Belongs to the call that reads.
// Invariants  The error is the first one. Texts given to Fail() and to the readers outlive the
//             reader, as the constants of error_text.h do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/ascii.h"
#include "protocol/error_text.h"

namespace alai {

class ArgReader {
 public:
  // `args` are the arguments after the command's name; they outlive the reader.
  explicit ArgReader(std::span<const std::string_view> args)
      : next_(args.data()), end_(args.data() + args.size()) {}
  // error() may point into the reader.
  ArgReader(const ArgReader&) = delete;
  ArgReader& operator=(const ArgReader&) = delete;

  // The next argument. Like every reader below it fails with a syntax error when there is none,
  // which is what an option without its value means.
  std::string_view String() {
    if (next_ == end_) [[unlikely]] {
      Fail(error_text::kSyntax);
      return {};
    }
    return *next_++;
  }

  // A 64-bit integer in Redis's strict form: no blanks, no '+', no leading zeros.
  int64_t Int64(std::string_view error = error_text::kNotInteger);

  // The same, but outside of [min, max] fails with `range_error`, or when that is empty with
  // "ERR value is out of range, value must between … and …".
  int64_t Int64(int64_t min, int64_t max, std::string_view error = error_text::kNotInteger,
                std::string_view range_error = {});

  // A finite or infinite float; NaN is refused.
  double Double(std::string_view error = error_text::kNotFloat);
  long double LongDouble(std::string_view error = error_text::kNotFloat);

  // Whether the next argument is this word; written in capitals where it is used.
  bool PeekWord(std::string_view word) const {
    return next_ != end_ && EqualsIgnoreCase(*next_, word);
  }
  // The same, and steps over it if it is.
  bool TakeWord(std::string_view word) {
    if (!PeekWord(word)) return false;
    ++next_;
    return true;
  }

  // Arguments not read yet.
  size_t remaining() const { return static_cast<size_t>(end_ - next_); }
  std::span<const std::string_view> rest() const { return {next_, end_}; }
  // Reads the next `count` arguments at once, or fails when there are fewer.
  std::span<const std::string_view> Take(size_t count) {
    if (remaining() < count) [[unlikely]] {
      Fail(error_text::kSyntax);
      return {};
    }
    next_ += count;
    return {next_ - count, count};
  }

  // Latches an error found by the caller, unless there is an earlier one.
  void Fail(std::string_view error) {
    if (error_.empty()) error_ = error;
    next_ = end_;
  }

  bool ok() const { return error_.empty(); }
  // True when nothing was wrong and everything was read. An argument left over is a syntax error.
  bool Done() {
    if (next_ != end_) [[unlikely]]
      Fail(error_text::kSyntax);
    return ok();
  }
  // The error line without its '-'; empty when there is none.
  std::string_view error() const { return error_; }

 private:
  const std::string_view* next_;
  const std::string_view* const end_;
  std::string_view error_;
  char formatted_[104];  // holds the range error; written only when it is needed
};

}  // namespace alai
