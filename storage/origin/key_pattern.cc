#include "storage/origin/key_pattern.h"

#include <algorithm>
#include <climits>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "storage/origin/utf8.h"

namespace alai::origin {
namespace {

constexpr size_t kUuidBytes = 36;
constexpr size_t kCaptureNameBytesMax = 63;

struct TypeName {
  CaptureType type;
  std::string_view name;
  std::string_view sql;
};
constexpr TypeName kTypeNames[] = {
    {CaptureType::kInt, "int", "integer"}, {CaptureType::kBigint, "bigint", "bigint"},
    {CaptureType::kUuid, "uuid", "uuid"},  {CaptureType::kText, "text", "text"},
    {CaptureType::kSlug, "slug", "text"},
};

absl::Status Wrong(size_t at, const std::string& what) {
  return absl::InvalidArgumentError("pattern: " + what + " at character " + std::to_string(at + 1));
}

bool IsUuid(std::string_view text) {
  if (text.size() != kUuidBytes) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    if (dash ? c != '-' : !IsAsciiDigit(c) && (c < 'a' || c > 'f')) return false;
  }
  return true;
}

bool IsSlug(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAsciiAlnum(c) || c == '-' || c == '_'; });
}

bool IsOfType(std::string_view text, CaptureType type) {
  if (text.empty() || text.size() > KeyPattern::kCaptureBytesMax) return false;
  int64_t number;
  switch (type) {
    case CaptureType::kInt:
      return ParseInt64(text, &number) && number >= INT_MIN && number <= INT_MAX;
    case CaptureType::kBigint:
      return ParseInt64(text, &number);
    case CaptureType::kUuid:
      return IsUuid(text);
    case CaptureType::kText:
      return IsDatabaseText(text);
    case CaptureType::kSlug:
      return IsSlug(text);
  }
  return false;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kCaptureNameBytesMax && !IsAsciiDigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsAsciiAlnum(c) || c == '_'; });
}

// Reads "{name:type}", of which `text` is the rest of the pattern behind the brace and `at` its place.
absl::Status ReadCapture(std::string_view text, size_t at, KeyPattern::Capture* capture,
                         size_t* length) {
  const size_t end = text.find('}');
  if (end == std::string_view::npos) return Wrong(at - 1, "a brace is not closed");
  const std::string_view inside = text.substr(0, end);
  const size_t colon = inside.find(':');
  if (colon == std::string_view::npos) {
    return Wrong(at - 1, "a capture needs its type, as in {id:uuid}");
  }
  if (!IsName(inside.substr(0, colon))) {
    return Wrong(at, "a capture's name must be letters, digits and '_', and no digit first");
  }
  const std::string_view type = inside.substr(colon + 1);
  for (const TypeName& known : kTypeNames) {
    if (known.name != type) continue;
    *capture = {std::string(inside.substr(0, colon)), known.type, {}};
    *length = end + 1;
    return absl::OkStatus();
  }
  return Wrong(at + colon + 1, "a capture's type must be int, bigint, uuid, text or slug");
}

}  // namespace

std::string_view SqlType(CaptureType type) {
  for (const TypeName& known : kTypeNames) {
    if (known.type == type) return known.sql;
  }
  return {};
}

std::string_view CaptureTypeName(CaptureType type) {
  for (const TypeName& known : kTypeNames) {
    if (known.type == type) return known.name;
  }
  return {};
}

absl::Status KeyPattern::Parse(std::string_view text, KeyPattern* pattern) {
  if (text.size() > kTextBytesMax) return Wrong(kTextBytesMax, "the text is too long");
  if (!IsDatabaseText(text)) return Wrong(0, "the text must be UTF-8 without zero bytes");
  KeyPattern parsed;
  parsed.text_ = text;
  std::string* literal = &parsed.prefix_;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c != '{' && c != '}') {
      *literal += c;
      ++at;
    } else if (at + 1 < text.size() && text[at + 1] == c) {
      *literal += c;
      at += 2;
    } else if (c == '}') {
      return Wrong(at, "a brace is not opened; one that is meant is written twice");
    } else {
      if (!parsed.captures_.empty() && literal->empty()) {
        return Wrong(at, "two captures need text between them");
      }
      if (parsed.captures_.size() == kCapturesMax) return Wrong(at, "there are too many captures");
      Capture capture;
      size_t length = 0;
      absl::Status status = ReadCapture(text.substr(at + 1), at + 1, &capture, &length);
      if (!status.ok()) return status;
      for (const Capture& other : parsed.captures_) {
        if (other.name == capture.name) return Wrong(at + 1, "two captures have the same name");
      }
      parsed.captures_.push_back(std::move(capture));
      literal = &parsed.captures_.back().text_after;
      at += 1 + length;
    }
  }
  if (parsed.captures_.empty()) {
    return absl::InvalidArgumentError("pattern: a key needs a capture, as in memory:{id:uuid}");
  }
  *pattern = std::move(parsed);
  return absl::OkStatus();
}

bool KeyPattern::Match(std::string_view key, Captures* captures) const {
  if (captures != nullptr) captures->clear();
  if (captures_.empty() || !key.starts_with(prefix_)) return false;
  size_t at = prefix_.size();
  for (const Capture& capture : captures_) {
    const std::string_view after = capture.text_after;
    size_t end;
    if (&capture == &captures_.back()) {
      if (key.size() - at <= after.size() || !key.ends_with(after)) return false;
      end = key.size() - after.size();
    } else if (capture.type == CaptureType::kUuid) {
      end = at + kUuidBytes;
      if (end > key.size() || key.compare(end, after.size(), after) != 0) return false;
    } else {
      end = key.find(after, at + 1);
      if (end == std::string_view::npos) return false;
    }
    const std::string_view held = key.substr(at, end - at);
    if (!IsOfType(held, capture.type)) return false;
    if (captures != nullptr) captures->push_back(held);
    at = end + after.size();
  }
  return true;
}

bool KeyPattern::Build(const std::vector<std::string>& captures, std::string* key) const {
  if (captures.size() != captures_.size()) return false;
  std::string built = prefix_;
  for (size_t i = 0; i < captures.size(); ++i) {
    if (!IsOfType(captures[i], captures_[i].type)) return false;
    built.append(captures[i]).append(captures_[i].text_after);
  }
  // What is taken apart again must be the same: a text may hold what is to follow it.
  Captures again;
  if (!Match(built, &again) || !std::equal(again.begin(), again.end(), captures.begin())) {
    return false;
  }
  *key = std::move(built);
  return true;
}

bool KeyPattern::SameKeys(const KeyPattern& other) const {
  return prefix_ == other.prefix_ &&
         std::equal(captures_.begin(), captures_.end(), other.captures_.begin(),
                    other.captures_.end(), [](const Capture& a, const Capture& b) {
                      return a.type == b.type && a.text_after == b.text_after;
                    });
}

}  // namespace alai::origin
