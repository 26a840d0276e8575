#include "storage/origin/postgres_text.h"

#include <utility>

namespace alai::origin {
namespace {

constexpr std::string_view kHexMark = "\\x";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void ArrayLiteral::Add(std::string_view element) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  for (const char c : element) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

std::string ArrayLiteral::Finish() {
  text_ += '}';
  return std::move(text_);
}

size_t ByteaSize(std::string_view text) {
  return text.starts_with(kHexMark) ? (text.size() - kHexMark.size()) / 2 : text.size();
}

bool DecodeBytea(std::string_view text, std::string* bytes) {
  if (!text.starts_with(kHexMark) || text.size() % 2 != 0) return false;
  text.remove_prefix(kHexMark.size());
  bytes->resize(text.size() / 2);
  for (size_t i = 0; i < bytes->size(); ++i) {
    const int high = HexDigit(text[2 * i]), low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    (*bytes)[i] = static_cast<char>(high << 4 | low);
  }
  return true;
}

}  // namespace alai::origin
