// Formats replies into a connection's output, in RESP2 or RESP3.
//
// The same call serves both versions; where RESP2 has no such type it gets what Redis sends there:
// a map as a flat array, a set as an array, a double or verbatim text as a bulk string, a boolean
// as an integer. The replies that most commands give are written inline: one check for room, one
// store of a prepared header, a copy without a call.
//
// Threads     As the output buffer: one at a time.
// Invariants  What is written is well formed as long as the caller fills each aggregate with just
//             the elements it announced (for a map, pairs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "protocol/output_buffer.h"

namespace alai {

namespace reply_detail {

// Headers with numbers below kHeaders as they go over the wire, in one word each: the type's byte
// (zero here), the digits, "\r\n", and in the highest byte the length of all that.
inline constexpr size_t kHeaders = 128;
struct HeaderTable {
  uint64_t word[kHeaders];
};
constexpr HeaderTable MakeHeaderTable() {
  HeaderTable table{};
  for (unsigned n = 0; n < kHeaders; ++n) {
    uint64_t word = 0;
    unsigned at = 1;
    for (unsigned unit = n >= 100 ? 100 : n >= 10 ? 10 : 1; unit > 0; unit /= 10) {
      word |= static_cast<uint64_t>('0' + n / unit % 10) << (8 * at++);
    }
    word |= static_cast<uint64_t>('\r') << (8 * at++);
    word |= static_cast<uint64_t>('\n') << (8 * at++);
    table.word[n] = word | static_cast<uint64_t>(at) << 56;
  }
  return table;
}
alignas(64) inline constexpr HeaderTable kHeaderTable = MakeHeaderTable();

// Copies at most 64 bytes with fixed-size moves that overlap; a call to memcpy costs more.
inline void CopyShort(char* to, const char* from, size_t size) {
  // Of a short array on the stack GCC would say that a branch never taken reads beyond it.
  if (!__builtin_constant_p(size)) __asm__("" : "+r"(from));
  if (size >= 16) {
    if (size > 32) {
      std::memcpy(to, from, 32);
      std::memcpy(to + size - 32, from + size - 32, 32);
      return;
    }
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace reply_detail

class ReplyWriter {
 public:
  // An aggregate whose length is told when it ends.
  using Open = OutputBuffer::Gap;

  explicit ReplyWriter(OutputBuffer& output, int protocol = 2) : output_(&output) {
    SetProtocol(protocol);
  }

  // 2 or 3.
  void SetProtocol(int protocol);
  int protocol() const { return resp3_ ? 3 : 2; }
  bool resp3() const { return resp3_; }

  // CLIENT REPLY OFF and SKIP: while silent, replies are formatted as ever but nothing is kept.
  void SetSilent(bool silent) { output_->SetDiscard(silent); }
  bool silent() const { return output_->discarding(); }

  OutputBuffer& output() { return *output_; }

  void Ok() {
    constexpr char kText[9] = "+OK\r\n";
    std::memcpy(output_->Reserve(8), kText, 8);
    output_->Advance(5);
  }
  // A status line. Line ends inside become spaces.
  void SimpleString(std::string_view text);
  // The line starts with the error's code, without '-'. Line ends at the end are dropped, others
  // become spaces.
  void Error(std::string_view line);
  void Integer(int64_t value) {
    if (static_cast<uint64_t>(value) < reply_detail::kHeaders) {
      Header(':', static_cast<size_t>(value));
    } else {
      LongHeader(':', value);
    }
  }
  void Bulk(std::string_view bytes) {
    if (bytes.size() > kShortBulkMax) {
      LongBulk(bytes);
      return;
    }
    char* at = output_->Reserve(kShortBulkMax + 16);
    const uint64_t word = reply_detail::kHeaderTable.word[bytes.size()];
    const size_t header = word >> 56;
    const uint64_t text = word | '$';
    std::memcpy(at, &text, 8);
    reply_detail::CopyShort(at + header, bytes.data(), bytes.size());
    std::memcpy(at + header + bytes.size(), "\r\n", 2);
    output_->Advance(header + bytes.size() + 2);
  }
  // A bulk string with the decimal form of an integer.
  void BulkInteger(int64_t value);
  // A bulk string sent from where it is. Takes over the reference; short ones are copied.
  void BulkReference(const SharedBytes& bytes);
  // A bulk string of `size` bytes which the caller writes to the place returned.
  char* BulkSpace(size_t size);
  void Null() {
    std::memcpy(output_->Reserve(8), &null_, 8);
    output_->Advance(resp3_ ? 3 : 5);
  }
  // The null of commands that otherwise reply with an array: "*-1" in RESP2.
  void NullArray();
  void Array(size_t count) { Aggregate('*', count); }
  // `pairs` keys, each followed by its value.
  void Map(size_t pairs) { resp3_ ? Aggregate('%', pairs) : Aggregate('*', pairs * 2); }
  void Set(size_t count) { Aggregate(resp3_ ? '~' : '*', count); }
  // Out-of-band data; for RESP2 subscribers an array.
  void Push(size_t count) { Aggregate(resp3_ ? '>' : '*', count); }
  // Facts about the reply that follows. RESP2 cannot have them: false, and the caller writes none.
  bool Attribute(size_t pairs) {
    if (resp3_) Aggregate('|', pairs);
    return resp3_;
  }
  void Double(double value);
  // Without an exponent, as INCRBYFLOAT and sorted sets print.
  void LongDouble(long double value);
  // Decimal digits with an optional '-'.
  void BigNumber(std::string_view digits);
  // `extension` has three characters: "txt", "mkd".
  void Verbatim(std::string_view extension, std::string_view text);
  void Bool(bool value);
  // Formatted protocol text: replies of other servers, of scripts, shared messages.
  void Raw(std::string_view text) { output_->Append(text); }

  // Aggregates of a length that is known only at their end. They nest; each is ended with what its
  // beginning returned. Until then what was written since is not sent.
  Open BeginArray() { return output_->OpenGap(); }
  Open BeginMap() { return output_->OpenGap(); }
  Open BeginSet() { return output_->OpenGap(); }
  void EndArray(const Open& open, size_t count) { EndAggregate(open, '*', count); }
  void EndMap(const Open& open, size_t pairs) {
    resp3_ ? EndAggregate(open, '%', pairs) : EndAggregate(open, '*', pairs * 2);
  }
  void EndSet(const Open& open, size_t count) { EndAggregate(open, resp3_ ? '~' : '*', count); }

  // Undoing a reply, also one within an aggregate that stays open.
  OutputBuffer::Mark GetMark() const { return output_->GetMark(); }
  void Rollback(const OutputBuffer::Mark& mark) { output_->Rollback(mark); }

  // Errors written since ClearErrors(), silent ones included, and the last one's line as it was
  // sent but for '-' and line end.
  uint32_t errors_written() const { return errors_written_; }
  bool error_written() const { return errors_written_ != 0; }
  std::string_view last_error() const { return last_error_; }
  void ClearErrors() { errors_written_ = 0; }

 private:
  static constexpr size_t kShortBulkMax = 64;

  void Header(char type, size_t number) {
    const uint64_t word = reply_detail::kHeaderTable.word[number];
    const uint64_t text = word | static_cast<unsigned char>(type);
    std::memcpy(output_->Reserve(8), &text, 8);
    output_->Advance(word >> 56);
  }
  void Aggregate(char type, size_t count) {
    if (count < reply_detail::kHeaders) {
      Header(type, count);
    } else {
      LongHeader(type, static_cast<int64_t>(count));
    }
  }
  void LongHeader(char type, int64_t number);
  void LongBulk(std::string_view bytes);
  void Line(char type, std::string_view text);
  void Number(std::string_view text);
  void EndAggregate(const Open& open, char type, size_t count);

  OutputBuffer* output_;
  uint64_t null_;
  bool resp3_;
  uint32_t errors_written_ = 0;
  std::string last_error_;
};

}  // namespace alai
