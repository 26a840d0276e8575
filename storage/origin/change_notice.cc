#include "storage/origin/change_notice.h"

#include "engine/base/number.h"

namespace alai::origin {
namespace {

// Takes the digits and the byte behind them, which must be `end`, or the end of the text where it is zero.
bool TakeNumber(std::string_view* text, char end, uint64_t* number) {
  const size_t length = end == '\0' ? text->size() : text->find(end);
  if (length == std::string_view::npos) return false;
  if (!ParseUint64(text->substr(0, length), number)) return false;
  text->remove_prefix(end == '\0' ? length : length + 1);
  return true;
}

bool TakeTime(std::string_view text, int64_t* ms) {
  uint64_t number;
  if (!text.starts_with('@')) return false;
  text.remove_prefix(1);
  if (!TakeNumber(&text, '\0', &number) || number > INT64_MAX) return false;
  *ms = static_cast<int64_t>(number);
  return true;
}

}  // namespace

std::string ChangeNoticeText(const ChangeNotice& notice) {
  std::string text = notice.rule;
  if (notice.all) text += " *";
  for (const std::string& capture : notice.key) {
    text.append(" ").append(std::to_string(capture.size())).append(":").append(capture);
  }
  if (notice.sent_ms >= 0) text += " @" + std::to_string(notice.sent_ms);
  return text;
}

bool ParseChangeNotice(std::string_view payload, ChangeNotice* notice) {
  if (payload.size() > kNoticeBytesMax) return false;
  ChangeNotice parsed;
  const size_t name_end = payload.find(' ');
  if (name_end == 0 || name_end == std::string_view::npos) return false;
  parsed.rule = payload.substr(0, name_end);
  payload.remove_prefix(name_end);
  while (!payload.empty()) {
    if (payload[0] != ' ') return false;
    payload.remove_prefix(1);
    if (payload.starts_with('@')) {
      if (!TakeTime(payload, &parsed.sent_ms)) return false;
      break;
    }
    if (payload.starts_with('*')) {
      if (parsed.all || !parsed.key.empty()) return false;
      parsed.all = true;
      payload.remove_prefix(1);
      continue;
    }
    uint64_t length;
    if (parsed.all || parsed.key.size() == KeyPattern::kCapturesMax) return false;
    if (!TakeNumber(&payload, ':', &length) || length > payload.size()) return false;
    parsed.key.emplace_back(payload.substr(0, length));
    payload.remove_prefix(length);
  }
  if (!parsed.all && parsed.key.empty()) return false;
  *notice = std::move(parsed);
  return true;
}

}  // namespace alai::origin
