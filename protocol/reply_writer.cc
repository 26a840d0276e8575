#include "protocol/reply_writer.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"

namespace alai {

namespace {

// Shorter values are copied: a piece of its own and a vector in the system call cost more.
constexpr size_t kReferenceBytesMin = 2048;
// A type's byte, a number and a line end.
constexpr size_t kHeaderBytesMax = 1 + kInt64CharsMax + 2;
static_assert(kHeaderBytesMax <= OutputBuffer::kGapBytes);

size_t FormatHeader(char type, int64_t number, char* out) {
  out[0] = type;
  const size_t size = 1 + FormatInt64(number, out + 1);
  std::memcpy(out + size, "\r\n", 2);
  return size + 2;
}

bool IsLineEnd(char c) { return c == '\r' || c == '\n'; }

}  // namespace

void ReplyWriter::SetProtocol(int protocol) {
  DASSERT(protocol == 2 || protocol == 3);
  resp3_ = protocol == 3;
  std::memcpy(&null_, resp3_ ? "_\r\n\0\0\0\0" : "$-1\r\n\0\0", 8);
}

void ReplyWriter::LongHeader(char type, int64_t number) {
  char* at = output_->Reserve(kHeaderBytesMax);
  output_->Advance(FormatHeader(type, number, at));
}

void ReplyWriter::LongBulk(std::string_view bytes) {
  Aggregate('$', bytes.size());
  output_->Append(bytes);
  output_->Append("\r\n");
}

void ReplyWriter::Line(char type, std::string_view text) {
  char* at = output_->Reserve(text.size() + 3);
  at[0] = type;
  for (size_t i = 0; i < text.size(); ++i) at[1 + i] = IsLineEnd(text[i]) ? ' ' : text[i];
  std::memcpy(at + 1 + text.size(), "\r\n", 2);
  output_->Advance(text.size() + 3);
}

void ReplyWriter::SimpleString(std::string_view text) { Line('+', text); }

void ReplyWriter::Error(std::string_view line) {
  while (!line.empty() && IsLineEnd(line.back())) line.remove_suffix(1);
  Line('-', line);
  ++errors_written_;
  last_error_.assign(line);
  for (char& c : last_error_) {
    if (IsLineEnd(c)) c = ' ';
  }
}

void ReplyWriter::BulkInteger(int64_t value) {
  char digits[24] = {};
  static_assert(sizeof digits >= kInt64CharsMax);
  const size_t size = FormatInt64(value, digits);
  char* at = output_->Reserve(8 + sizeof digits + 2);
  const uint64_t word = reply_detail::kHeaderTable.word[size];
  const size_t header = word >> 56;
  const uint64_t text = word | '$';
  std::memcpy(at, &text, 8);
  std::memcpy(at + header, digits, sizeof digits);
  std::memcpy(at + header + size, "\r\n", 2);
  output_->Advance(header + size + 2);
}

void ReplyWriter::BulkReference(const SharedBytes& bytes) {
  if (bytes.size < kReferenceBytesMin) {
    LongBulk({bytes.data, bytes.size});
    if (bytes.release != nullptr) bytes.release(bytes.owner);
    return;
  }
  Aggregate('$', bytes.size);
  output_->AppendShared(bytes);
  output_->Append("\r\n");
}

char* ReplyWriter::BulkSpace(size_t size) {
  Aggregate('$', size);
  char* at = output_->Reserve(size + 2);
  std::memcpy(at + size, "\r\n", 2);
  output_->Advance(size + 2);
  return at;
}

void ReplyWriter::NullArray() { output_->Append(resp3_ ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::Double(double value) {
  char text[kDoubleCharsMax];
  Number({text, FormatDouble(value, text)});
}

void ReplyWriter::LongDouble(long double value) {
  char text[kLongDoubleCharsMax];
  Number({text, FormatLongDouble(value, text)});
}

void ReplyWriter::Number(std::string_view text) { resp3_ ? Line(',', text) : Bulk(text); }

void ReplyWriter::BigNumber(std::string_view digits) { resp3_ ? Line('(', digits) : Bulk(digits); }

void ReplyWriter::Verbatim(std::string_view extension, std::string_view text) {
  DASSERT(extension.size() == 3);
  if (!resp3_) {
    Bulk(text);
    return;
  }
  Aggregate('=', text.size() + 4);
  output_->Append(extension);
  output_->Append(":");
  output_->Append(text);
  output_->Append("\r\n");
}

void ReplyWriter::Bool(bool value) {
  if (resp3_) {
    output_->Append(value ? "#t\r\n" : "#f\r\n");
  } else {
    Integer(value ? 1 : 0);
  }
}

void ReplyWriter::EndAggregate(const Open& open, char type, size_t count) {
  char header[kHeaderBytesMax];
  output_->CloseGap(open, {header, FormatHeader(type, static_cast<int64_t>(count), header)});
}

}  // namespace alai
