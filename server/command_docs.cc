#include "server/command_docs.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "engine/base/ascii.h"
#include "protocol/reply_writer.h"
#include "server/command_names.h"
#include "server/command_table.h"

namespace alai {
namespace {

constexpr std::pair<std::string_view, ArgumentType> kTypes[] = {
    {"string", ArgumentType::kString},        {"integer", ArgumentType::kInteger},
    {"double", ArgumentType::kDouble},        {"key", ArgumentType::kKey},
    {"pattern", ArgumentType::kPattern},      {"unix-time", ArgumentType::kUnixTime},
    {"pure-token", ArgumentType::kPureToken}, {"oneof", ArgumentType::kOneof},
    {"block", ArgumentType::kBlock},
};

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }
bool IsTokenChar(char c) {
  return IsCapital(c) || IsAsciiDigit(c) || c == '-' || c == '_' || c == '.';
}
bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || IsAsciiDigit(c) || c == '-' || c == '_';
}

// Recursive descent over the grammar in the header. The first error ends the parse.
class NotationParser {
 public:
  NotationParser(std::string_view text, int key_specs) : text_(text), key_specs_(key_specs) {}

  ArgumentDocs Parse() {
    ArgumentDocs docs;
    docs.arguments = List();
    SkipSpace();
    if (error_.empty() && at_ != text_.size()) Fail("unexpected character");
    docs.error = std::move(error_);
    if (!docs.error.empty()) docs.arguments.clear();
    return docs;
  }

 private:
  bool Failed() const { return !error_.empty(); }
  void Fail(std::string_view what) {
    if (!Failed()) error_ = std::string(what) + " at offset " + std::to_string(at_);
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void Expect(char c) {
    SkipSpace();
    if (!Take(c)) Fail(std::string("expected '") + c + "'");
  }
  void SkipSpace() {
    while (Peek() == ' ') ++at_;
  }
  template <class Predicate>
  std::string_view TakeWhile(Predicate predicate) {
    const size_t from = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }

  bool AtToken() const { return IsCapital(Peek()) || Peek() == '"'; }
  std::string Token() {
    if (!Take('"')) return std::string(TakeWhile(IsTokenChar));
    const std::string_view quoted = TakeWhile([](char c) { return c != '"'; });
    if (!Take('"')) Fail("unterminated token");
    return std::string(quoted);
  }
  std::string Name() {
    const std::string_view name = TakeWhile(IsNameChar);
    if (name.empty()) Fail("expected a name");
    return std::string(name);
  }

  std::vector<ArgumentDoc> List() {
    std::vector<ArgumentDoc> items;
    for (SkipSpace(); !Failed() && at_ < text_.size() && !AtListEnd(); SkipSpace()) {
      items.push_back(Item());
    }
    if (items.empty() && depth_ > 0) Fail("empty list");
    return items;
  }
  bool AtListEnd() const { return Peek() == ')' || Peek() == ']' || Peek() == '|'; }

  ArgumentDoc Item() {
    if (Take('[')) return OptionalItem({}, false);
    ArgumentDoc item;
    if (AtToken()) {
      item.token = Token();
      item.has_token = true;
      SkipSpace();
      if (Take('[')) return OptionalItem(std::move(item.token), true);
      if (!AtValue()) {
        item.name = ToLower(item.token);
        item.type = ArgumentType::kPureToken;
        Suffixes(item);
        return item;
      }
    }
    Value(item);
    Suffixes(item);
    return item;
  }

  // Whether a value comes next, which the token before it then belongs to: a group, or a name with
  // a type. `name=TOKEN` is an item of its own.
  bool AtValue() const {
    if (Peek() == '(') return true;
    size_t end = at_;
    while (end < text_.size() && IsNameChar(text_[end])) ++end;
    return end > at_ && end < text_.size() && text_[end] == ':';
  }

  // After '['.
  ArgumentDoc OptionalItem(std::string token, bool has_token) {
    SkipSpace();
    ArgumentDoc item;
    if (AtGroupWithoutParentheses()) {
      GroupBody(item);
    } else {
      item = Item();
    }
    if (has_token) {
      if (item.has_token) Fail("two tokens for one argument");
      item.token = std::move(token);
      item.has_token = true;
    }
    item.optional = true;
    Expect(']');
    Suffixes(item);
    return item;
  }

  // "name:" followed by a space begins a block or oneof, "name:type" does not.
  bool AtGroupWithoutParentheses() const {
    size_t end = at_;
    while (end < text_.size() && IsNameChar(text_[end])) ++end;
    return end > at_ && end + 1 < text_.size() && text_[end] == ':' && text_[end + 1] == ' ';
  }

  void Value(ArgumentDoc& item) {
    if (Take('(')) {
      SkipSpace();
      GroupBody(item);
      Expect(')');
      return;
    }
    item.name = Name();
    if (Take('=')) {
      item.type = ArgumentType::kPureToken;
      if (!AtToken()) Fail("expected a token");
      item.token = Token();
      item.has_token = true;
      return;
    }
    Expect(':');
    Type(item);
  }

  void Type(ArgumentDoc& item) {
    const std::string name = Name();
    const auto* const type =
        std::ranges::find(kTypes, name, &std::pair<std::string_view, ArgumentType>::first);
    if (type == std::end(kTypes) || type->second >= ArgumentType::kPureToken) {
      Fail("unknown type " + name);
      return;
    }
    item.type = type->second;
    if (item.type == ArgumentType::kKey && key_specs_ > 0) {
      item.key_spec = std::min(next_key_++, key_specs_ - 1);
    }
  }

  // "name: list" or "name: item | item …".
  void GroupBody(ArgumentDoc& item) {
    if (++depth_ > kDepthMax) Fail("nested too deeply");
    item.name = Name();
    Expect(':');
    if (!Failed()) item.children = List();
    if (Peek() == '|') {
      item.type = ArgumentType::kOneof;
      if (item.children.size() != 1) Fail("an alternative is one item");
      while (!Failed() && Take('|')) {
        std::vector<ArgumentDoc> alternative = List();
        if (alternative.size() != 1) {
          Fail("an alternative is one item");
          break;
        }
        item.children.push_back(std::move(alternative.front()));
      }
    } else {
      item.type = ArgumentType::kBlock;
    }
    --depth_;
  }

  void Suffixes(ArgumentDoc& item) {
    while (!Failed()) {
      if (Take('*')) {
        item.multiple = true;
        if (Take('*')) item.multiple_token = true;
      } else if (Take('@')) {
        item.since = Version();
      } else if (Take('!')) {
        item.deprecated_since = Version();
      } else if (Take('#')) {
        KeySpecNumber(item);
      } else if (Take('\'')) {
        item.display_text = TakeWhile([](char c) { return c != '\''; });
        if (!Take('\'')) Fail("unterminated display text");
      } else {
        return;
      }
    }
  }

  std::string Version() {
    const std::string_view version = TakeWhile([](char c) { return IsAsciiDigit(c) || c == '.'; });
    if (version.empty()) Fail("expected a version");
    return std::string(version);
  }

  void KeySpecNumber(ArgumentDoc& item) {
    if (item.type != ArgumentType::kKey) Fail("only a key has a key spec");
    if (item.key_spec >= 0) --next_key_;
    item.key_spec = -1;
    if (Take('-')) return;
    const std::string_view digits = TakeWhile(IsAsciiDigit);
    const auto end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, item.key_spec).ptr != end || digits.empty() ||
        item.key_spec >= key_specs_) {
      Fail("no such key spec");
    }
    next_key_ = std::max(next_key_, item.key_spec + 1);
  }

  static constexpr int kDepthMax = 16;

  const std::string_view text_;
  const int key_specs_;
  size_t at_ = 0;
  int next_key_ = 0;
  int depth_ = 0;
  std::string error_;
};

void WriteField(ReplyWriter& reply, std::string_view name, std::string_view value, size_t& pairs) {
  if (value.empty()) return;
  reply.Bulk(name);
  reply.Bulk(value);
  ++pairs;
}

void WriteArguments(const std::vector<ArgumentDoc>& arguments, ReplyWriter& reply);

void WriteArgument(const ArgumentDoc& argument, ReplyWriter& reply) {
  const auto map = reply.BeginMap();
  size_t pairs = 0;
  WriteField(reply, "name", argument.name, pairs);
  WriteField(reply, "type", ArgumentTypeName(argument.type), pairs);
  if (argument.type < ArgumentType::kPureToken) {
    const bool own_text = !argument.display_text.empty();
    WriteField(reply, "display_text", own_text ? argument.display_text : argument.name, pairs);
  }
  if (argument.key_spec >= 0) {
    reply.Bulk("key_spec_index");
    reply.Integer(argument.key_spec);
    ++pairs;
  }
  if (argument.has_token) {
    reply.Bulk("token");
    reply.Bulk(argument.token);
    ++pairs;
  }
  WriteField(reply, "since", argument.since, pairs);
  WriteField(reply, "deprecated_since", argument.deprecated_since, pairs);
  if (argument.optional || argument.multiple) {
    reply.Bulk("flags");
    reply.Set(size_t{argument.optional} + argument.multiple + argument.multiple_token);
    if (argument.optional) reply.SimpleString("optional");
    if (argument.multiple) reply.SimpleString("multiple");
    if (argument.multiple_token) reply.SimpleString("multiple_token");
    ++pairs;
  }
  if (!argument.children.empty()) {
    reply.Bulk("arguments");
    WriteArguments(argument.children, reply);
    ++pairs;
  }
  reply.EndMap(map, pairs);
}

void WriteArguments(const std::vector<ArgumentDoc>& arguments, ReplyWriter& reply) {
  reply.Array(arguments.size());
  for (const ArgumentDoc& argument : arguments) WriteArgument(argument, reply);
}

// "6.2.0: Added … | 7.0.0: Added …" as pairs.
size_t WriteHistory(std::string_view history, ReplyWriter& reply) {
  if (history.empty()) return 0;
  reply.Bulk("history");
  const auto set = reply.BeginSet();
  size_t entries = 0;
  for (size_t from = 0; from < history.size(); ++entries) {
    const size_t end = std::min(history.find(" | ", from), history.size());
    const std::string_view entry = history.substr(from, end - from);
    const size_t colon = std::min(entry.find(": "), entry.size());
    reply.Array(2);
    reply.Bulk(entry.substr(0, colon));
    reply.Bulk(entry.substr(std::min(colon + 2, entry.size())));
    from = end + 3;
  }
  reply.EndSet(set, entries);
  return 1;
}

size_t WriteDocFlags(const CommandSpec& spec, ReplyWriter& reply) {
  const bool deprecated = !spec.deprecated_since.empty();
  const bool system = spec.has(kSystemCommand);
  if (!deprecated && !system) return 0;
  reply.Bulk("doc_flags");
  reply.Set(size_t{deprecated} + system);
  if (deprecated) reply.SimpleString("deprecated");
  if (system) reply.SimpleString("syscmd");
  return 1;
}

int KeySpecCount(const CommandSpec& spec) {
  return static_cast<int>(std::ranges::count_if(
      spec.keys, [](const KeySpec& key) { return key.begin != KeySpec::Begin::kNone; }));
}

}  // namespace

std::string_view ArgumentTypeName(ArgumentType type) {
  return kTypes[static_cast<size_t>(type)].first;
}

ArgumentDocs ParseArgumentDocs(std::string_view notation, int key_specs) {
  return NotationParser(notation, key_specs).Parse();
}

void WriteCommandDocs(const CommandInfo& command, ReplyWriter& reply) {
  const CommandSpec& spec = *command.spec;
  const auto map = reply.BeginMap();
  size_t pairs = 0;
  WriteField(reply, "summary", spec.summary, pairs);
  WriteField(reply, "since", spec.since, pairs);
  WriteField(reply, "group", GroupName(spec.group), pairs);
  WriteField(reply, "complexity", spec.complexity, pairs);
  pairs += WriteDocFlags(spec, reply);
  WriteField(reply, "deprecated_since", spec.deprecated_since, pairs);
  WriteField(reply, "replaced_by", spec.replaced_by, pairs);
  pairs += WriteHistory(spec.history, reply);
  const ArgumentDocs docs = ParseArgumentDocs(spec.arguments, KeySpecCount(spec));
  if (!docs.arguments.empty()) {
    reply.Bulk("arguments");
    WriteArguments(docs.arguments, reply);
    ++pairs;
  }
  if (command.is_container()) {
    reply.Bulk("subcommands");
    reply.Map(command.subcommands.size());
    for (const CommandInfo& subcommand : command.subcommands) {
      reply.Bulk(subcommand.full_name);
      WriteCommandDocs(subcommand, reply);
    }
    ++pairs;
  }
  reply.EndMap(map, pairs);
}

}  // namespace alai
