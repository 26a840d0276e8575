#include "engine/containers/stream_id.h"

#include <charconv>

#include "engine/base/number.h"

namespace alai {

namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool ParsePart(std::string_view text, uint64_t* value) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end;
}

}  // namespace

std::optional<StreamId> StreamId::Next() const {
  if (seq != UINT64_MAX) return StreamId{ms, seq + 1};
  if (ms != UINT64_MAX) return StreamId{ms + 1, 0};
  return std::nullopt;
}

std::optional<StreamId> StreamId::Previous() const {
  if (seq != 0) return StreamId{ms, seq - 1};
  if (ms != 0) return StreamId{ms - 1, UINT64_MAX};
  return std::nullopt;
}

std::optional<StreamId> StreamId::Parse(std::string_view text, uint64_t missing_seq) {
  if (text.size() > kTextBytesMax) return std::nullopt;
  StreamId id{0, missing_seq};
  const size_t dash = text.find('-');
  if (!ParsePart(text.substr(0, dash), &id.ms)) return std::nullopt;
  if (dash != std::string_view::npos && !ParsePart(text.substr(dash + 1), &id.seq)) {
    return std::nullopt;
  }
  return id;
}

size_t StreamId::Format(char* out) const {
  size_t length = FormatUint64(ms, out);
  out[length++] = '-';
  return length + FormatUint64(seq, out + length);
}

}  // namespace alai
