// Takes requests out of a connection's input, in place: RESP arrays of bulk strings, inline lines.
//
// Arguments are views into the input; nothing is copied and nothing is allocated per argument, but for
// the words with quotes of an inline line. The input stays as it was sent: requests behind one that
// has to wait are parsed anew. A request that is not complete yet leaves its state in the parser:
// positions relative to its first byte, because the input may move when it grows. No byte is looked at
// twice, so input that comes byte by byte costs no more than linear time.
//
// Threads     One at a time; a parser belongs to a connection.
// Invariants  (1) As long as Parse() says kPartial, the next call starts at the first byte that was
//             not consumed and sees at least the bytes that this one saw.
//             (2) Whatever way the input is cut, the requests and the error are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/word_splitter.h"

namespace alai {

struct RequestLimits {
  int64_t bulk_bytes_max = 512 * 1024 * 1024;  // one argument (proto-max-bulk-len)
  int64_t arguments_max = INT32_MAX;           // of one request
  size_t line_bytes_max = 64 * 1024;           // an inline request, or a header up to its '\r'
  // Before a client has authenticated it may only send what AUTH and HELLO need.
  bool authenticated = true;
  int64_t unauthenticated_arguments_max = 10;
  int64_t unauthenticated_bulk_bytes_max = 16384;
};

enum class ParseStatus : uint8_t {
  kRequest,  // one request was appended to the arguments
  kPartial,  // more bytes are needed; see RequestParser::bytes_needed()
  kError,    // malformed; see RequestParser::error()
};

struct ParseResult {
  ParseStatus status;
  // Bytes from `begin` that are done with, in any case: the request, and empty lines and empty
  // arrays before it. The bytes of a request stay where they are as long as its arguments are in
  // use.
  size_t consumed;
};

class RequestParser {
 public:
  // Parses the first request in [begin, end). With pipelined requests call again with what follows;
  // limits that depend on AUTH mean that an unauthenticated client's requests run one by one. What is
  // added to `unquoted` must stay there as long as the arguments are in use.
  ParseResult Parse(const char* begin, const char* end, std::vector<std::string_view>& argv,
                    UnquotedWords& unquoted, const RequestLimits& limits);

  // After kPartial: how many bytes, counted from the first not consumed, there must be before
  // another call can get further. It includes the whole of a big argument, so that the input can be
  // given room once.
  size_t bytes_needed() const { return bytes_needed_; }
  // Whether a request has been started and not finished.
  bool in_request() const { return stage_ != Stage::kStart; }
  // After kError: the error line without '-'. The connection cannot be used any more.
  std::string_view error() const { return error_; }
  // Forgets a request that was started: the connection was reset.
  void Reset();
  // Heap bytes held for the request that was started.
  size_t memory_used() const { return slices_.capacity() * sizeof(Slice) + error_.capacity(); }

 private:
  enum class Stage : uint8_t { kStart, kInline, kCount, kBulkHeader, kBulkBody, kFailed };
  // What one stage comes to: the next stage, more input needed, a request, or an error.
  enum class Step : uint8_t { kNext, kWait, kDone, kFailed };
  struct Slice {
    size_t offset;
    size_t size;
  };
  struct Input {
    const char* begin;  // the request's first byte
    const char* const end;
    std::vector<std::string_view>& argv;
    UnquotedWords& unquoted;
    const RequestLimits& limits;
  };

  ParseResult Resume(const char* begin, const char* end, std::vector<std::string_view>& argv,
                     UnquotedWords& unquoted, const RequestLimits& limits);
  void PutAside(const char* begin, size_t count, std::vector<std::string_view>& argv);
  Step Start(const Input& input);
  Step ReadInline(Input& input);
  Step ReadCount(Input& input);
  Step ReadBulkHeader(Input& input);
  Step ReadBulkBody(Input& input);
  Step Wait(size_t bytes_needed);
  Step Fail(std::string_view error);
  void StartArgument(size_t position);
  const char* FindLineEnd(const Input& input, char line_end);
  bool LineTooLong(const Input& input) const;
  void ForgetRequest();

  std::vector<Slice> slices_;  // arguments complete so far
  size_t position_ = 0;        // start of the line or argument that is being read
  size_t scanned_ = 0;         // end of what has been looked at
  int64_t arguments_left_ = 0;
  size_t bulk_size_ = 0;
  size_t bytes_needed_ = 1;
  Stage stage_ = Stage::kStart;
  std::string error_;
};

}  // namespace alai
