#include "tests/commands/human_format.h"

#include "protocol/word_splitter.h"
#include "server/monitor.h"

namespace alai {
namespace {

constexpr size_t kVerbatimHeadBytes = 4;  // "txt:"

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    const size_t last = line.find_last_not_of(" \t\r");
    lines.emplace_back(line.substr(0, last + 1));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

bool IsAggregate(const Reply& reply) {
  return reply.type == Reply::Type::kArray || reply.type == Reply::Type::kSet ||
         reply.type == Reply::Type::kMap || reply.type == Reply::Type::kPush;
}

char MarkOf(Reply::Type type) {
  switch (type) {
    case Reply::Type::kSet:
      return '~';
    case Reply::Type::kMap:
      return '#';
    case Reply::Type::kPush:
      return '>';
    default:
      return ')';
  }
}

std::string_view EmptyText(Reply::Type type) {
  switch (type) {
    case Reply::Type::kSet:
      return "(empty set)";
    case Reply::Type::kMap:
      return "(empty hash)";
    case Reply::Type::kPush:
      return "(empty push)";
    default:
      return "(empty array)";
  }
}

std::string FormatScalar(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kBool:
      return reply.integer != 0 ? "(true)" : "(false)";
    case Reply::Type::kInteger:
      return "(integer) " + std::to_string(reply.integer);
    case Reply::Type::kBulk:
      return QuoteText(reply.text);
    case Reply::Type::kVerbatim:
      return "(verbatim " + reply.text.substr(0, kVerbatimHeadBytes - 1) + ") " +
             QuoteText(std::string_view(reply.text).substr(kVerbatimHeadBytes));
    case Reply::Type::kError:
      return "(error) " + reply.text;
    case Reply::Type::kDouble:
      return "(double) " + reply.text;
    case Reply::Type::kBigNumber:
      return "(bignum) " + reply.text;
    case Reply::Type::kStatus:
      return reply.text;
    default:
      return "(nil)";
  }
}

std::string Format(const Reply& reply, const std::string& prefix);

std::string FormatPair(const Reply& key, const Reply& value, const std::string& prefix) {
  const std::string text = Format(value, prefix);
  const std::string gap = text.find('\n') == std::string::npos ? "" : "\n" + prefix;
  return Format(key, prefix) + " => " + gap + text;
}

std::string FormatElement(const Reply& reply, size_t i, const std::string& prefix) {
  if (reply.type != Reply::Type::kMap) return Format(reply.elements[i], prefix);
  return FormatPair(reply.elements[2 * i], reply.elements[2 * i + 1], prefix);
}

std::string FormatAggregate(const Reply& reply, const std::string& prefix) {
  const size_t count = ElementCount(reply);
  if (count == 0) return std::string(EmptyText(reply.type));
  const size_t width = std::to_string(count).size();
  const std::string inner = prefix + std::string(width + 2, ' ');
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i + 1);
    if (i > 0) text += "\n" + prefix;
    text.append(width - number.size(), ' ').append(number);
    text += MarkOf(reply.type);
    text += ' ';
    text += FormatElement(reply, i, inner);
  }
  return text;
}

std::string Format(const Reply& reply, const std::string& prefix) {
  return IsAggregate(reply) ? FormatAggregate(reply, prefix) : FormatScalar(reply);
}

}  // namespace

std::string QuoteText(std::string_view bytes) {
  std::string text;
  AppendQuoted(&text, bytes);
  return text;
}

std::optional<std::vector<std::string>> SplitArguments(std::string_view line) {
  std::vector<std::string_view> words;
  UnquotedWords unquoted;
  if (!SplitWords(line, words, unquoted)) return std::nullopt;
  return std::vector<std::string>(words.begin(), words.end());
}

size_t ElementCount(const Reply& reply) {
  if (!IsAggregate(reply)) return 0;
  return reply.type == Reply::Type::kMap ? reply.elements.size() / 2 : reply.elements.size();
}

std::vector<std::string> FormatReply(const Reply& reply) { return Lines(Format(reply, "")); }

std::vector<std::vector<std::string>> FormatElements(const Reply& reply) {
  std::vector<std::vector<std::string>> elements;
  for (size_t i = 0; i < ElementCount(reply); ++i) {
    elements.push_back(Lines(FormatElement(reply, i, "")));
  }
  return elements;
}

}  // namespace alai
