// Reads RESP2 and RESP3 replies into a tree, strictly: what a client library would stumble over is
// malformed here. For tests.
//
// Threads     Pure functions: any.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alai {

struct Reply {
  // Named by the byte on the wire. The two nulls of RESP2 are kept apart.
  enum class Type : char {
    kStatus = '+',
    kError = '-',
    kInteger = ':',
    kBulk = '$',
    kArray = '*',
    kNull = '_',
    kNullBulk = 'b',
    kNullArray = 'a',
    kDouble = ',',
    kBool = '#',
    kBigNumber = '(',
    kVerbatim = '=',
    kMap = '%',
    kSet = '~',
    kPush = '>',
  };

  Type type = Type::kNull;
  std::string text;             // of lines and strings; of a double or integer as it was written
  int64_t integer = 0;          // kInteger, and 0 or 1 for kBool
  std::vector<Reply> elements;  // of a map: key, value, key, value …
  std::vector<Reply> attributes;

  bool is_null() const {
    return type == Type::kNull || type == Type::kNullBulk || type == Type::kNullArray;
  }
  bool is_error() const { return type == Type::kError; }
  bool operator==(const Reply& other) const = default;
};

enum class ReplyStatus : uint8_t { kReply, kPartial, kMalformed };

class ReplyParser {
 public:
  explicit ReplyParser(std::string_view bytes) : rest_(bytes) {}

  // Reads the next reply; the bytes that remain are those behind it.
  ReplyStatus Next(Reply* reply) { return Read(reply, 0); }
  std::string_view rest() const { return rest_; }

 private:
  static constexpr int kDepthMax = 100;

  ReplyStatus Read(Reply* reply, int depth) {
    if (rest_.empty()) return ReplyStatus::kPartial;
    if (depth > kDepthMax) return ReplyStatus::kMalformed;
    const char type = rest_[0];
    const size_t end = rest_.find("\r\n");
    if (end == std::string_view::npos) return ReplyStatus::kPartial;
    const std::string_view line = rest_.substr(1, end - 1);
    if (line.find_first_of("\r\n") != std::string_view::npos) return ReplyStatus::kMalformed;
    rest_.remove_prefix(end + 2);
    reply->type = static_cast<Reply::Type>(type);
    switch (type) {
      case '+':
      case '-':
        reply->text = line;
        return ReplyStatus::kReply;
      case ':':
        reply->text = line;
        return Number(line, &reply->integer);
      case ',':
        reply->text = line;
        return IsDouble(line) ? ReplyStatus::kReply : ReplyStatus::kMalformed;
      case '(':
        reply->text = line;
        return IsBigNumber(line) ? ReplyStatus::kReply : ReplyStatus::kMalformed;
      case '#':
        reply->integer = line == "t" ? 1 : 0;
        return line == "t" || line == "f" ? ReplyStatus::kReply : ReplyStatus::kMalformed;
      case '_':
        return line.empty() ? ReplyStatus::kReply : ReplyStatus::kMalformed;
      case '$':
      case '=':
        return ReadString(line, reply);
      case '*':
      case '%':
      case '~':
      case '>':
        return ReadElements(line, reply, depth);
      case '|':
        return ReadAttributed(line, reply, depth);
      default:
        return ReplyStatus::kMalformed;
    }
  }

  static ReplyStatus Number(std::string_view text, int64_t* value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
    const bool all = error == std::errc() && end == text.data() + text.size();
    return all ? ReplyStatus::kReply : ReplyStatus::kMalformed;
  }
  static bool IsDouble(std::string_view text) {
    if (text == "inf" || text == "-inf" || text == "nan") return true;
    const std::string copy(text);
    char* end = nullptr;
    std::strtod(copy.c_str(), &end);
    return !copy.empty() && *end == '\0' && copy.find_first_not_of("0123456789+-.e") == copy.npos;
  }
  static bool IsBigNumber(std::string_view text) {
    if (!text.empty() && text[0] == '-') text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  }

  ReplyStatus ReadString(std::string_view line, Reply* reply) {
    int64_t size = 0;
    if (Number(line, &size) != ReplyStatus::kReply) return ReplyStatus::kMalformed;
    if (size == -1 && reply->type == Reply::Type::kBulk) {
      reply->type = Reply::Type::kNullBulk;
      return ReplyStatus::kReply;
    }
    const bool verbatim = reply->type == Reply::Type::kVerbatim;
    if (size < (verbatim ? 4 : 0)) return ReplyStatus::kMalformed;
    const size_t bytes = static_cast<size_t>(size);
    if (rest_.size() < bytes + 2) return ReplyStatus::kPartial;
    reply->text = rest_.substr(0, bytes);
    if (rest_.substr(bytes, 2) != "\r\n") return ReplyStatus::kMalformed;
    rest_.remove_prefix(bytes + 2);
    return verbatim && reply->text[3] != ':' ? ReplyStatus::kMalformed : ReplyStatus::kReply;
  }

  ReplyStatus ReadElements(std::string_view line, Reply* reply, int depth) {
    int64_t count = 0;
    if (Number(line, &count) != ReplyStatus::kReply) return ReplyStatus::kMalformed;
    if (count == -1 && reply->type == Reply::Type::kArray) {
      reply->type = Reply::Type::kNullArray;
      return ReplyStatus::kReply;
    }
    if (count < 0) return ReplyStatus::kMalformed;
    if (reply->type == Reply::Type::kMap) count *= 2;
    for (; count > 0; --count) {
      const ReplyStatus status = Read(&reply->elements.emplace_back(), depth + 1);
      if (status != ReplyStatus::kReply) return status;
    }
    return ReplyStatus::kReply;
  }

  ReplyStatus ReadAttributed(std::string_view line, Reply* reply, int depth) {
    Reply attributes;
    attributes.type = Reply::Type::kMap;
    const ReplyStatus status = ReadElements(line, &attributes, depth);
    if (status != ReplyStatus::kReply) return status;
    const ReplyStatus reply_status = Read(reply, depth + 1);
    reply->attributes = std::move(attributes.elements);
    return reply_status;
  }

  std::string_view rest_;
};

// One reply that must be all there is; anything else gives false.
inline bool ParseReply(std::string_view bytes, Reply* reply) {
  ReplyParser parser(bytes);
  return parser.Next(reply) == ReplyStatus::kReply && parser.rest().empty();
}

// The tree on one line, for failure messages: [1, "a", +OK, %{"k": nil}].
inline std::string Show(const Reply& reply) {
  std::string text;
  if (!reply.attributes.empty()) {
    text += "|{";
    for (const Reply& attribute : reply.attributes) text += Show(attribute) + " ";
    text += "}";
  }
  const char type = static_cast<char>(reply.type);
  switch (reply.type) {
    case Reply::Type::kNull:
      return text + "nil";
    case Reply::Type::kNullBulk:
      return text + "$nil";
    case Reply::Type::kNullArray:
      return text + "*nil";
    case Reply::Type::kBulk:
      return text + '"' + reply.text + '"';
    case Reply::Type::kInteger:
      return text + reply.text;
    case Reply::Type::kBool:
      return text + (reply.integer != 0 ? "true" : "false");
    case Reply::Type::kArray:
    case Reply::Type::kSet:
    case Reply::Type::kPush:
    case Reply::Type::kMap:
      break;
    default:
      return text + type + reply.text;
  }
  if (reply.type != Reply::Type::kArray) text += type;
  text += '[';
  for (size_t i = 0; i < reply.elements.size(); ++i) {
    if (i > 0) text += ", ";
    text += Show(reply.elements[i]);
  }
  return text + ']';
}

}  // namespace alai
