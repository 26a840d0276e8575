#include "server/config/directives.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "engine/base/ascii.h"
#include "engine/base/number.h"

namespace alai {
namespace {

std::string DecimalText(int64_t value) { return std::to_string(value); }

std::string OctalText(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%" PRIo64, value);
  return text;
}

// Digits 0-7 after at most a sign; an empty text counts as 0. False for anything else.
bool ParseOctal(std::string_view text, int64_t* value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int64_t sum = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || sum > INT64_MAX / 16) return false;
    sum = sum * 8 + (c - '0');
  }
  *value = negative ? -sum : sum;
  return true;
}

// Whether the setting asks for something that is not part of the server (kNotYet): its value is not
// the default, nor one that turns it off.
bool AsksInVain(const Directive& directive, const Config& config) {
  if (!directive.has(Directive::kNotYet)) return false;
  const std::string value = directive.Print(config);
  const bool asks = !value.empty() && value != "no" && value != "0";
  return asks && value != directive.Print(DefaultConfig());
}

}  // namespace

std::string Directive::Assign(Arguments args, Config* target, bool append) const {
  if (kind == Kind::kSpecial) {
    if (!has(kMultiArg) && args.size() != 1) return kWrongArgumentCount;
    return special->assign(args, target, append);
  }
  if (kind == Kind::kChoices) return AssignChoices(args, target);
  if (args.size() != 1) return kWrongArgumentCount;
  const std::string& word = args[0];
  switch (kind) {
    case Kind::kSwitch: {
      const bool yes = EqualsIgnoreCase(word, "yes");
      if (!yes && !EqualsIgnoreCase(word, "no")) return "argument must be 'yes' or 'no'";
      if (target != nullptr) store(*target, yes ? 1 : 0);
      return {};
    }
    case Kind::kChoice:
      return AssignChoices(args, target);
    case Kind::kText:
      return AssignText(word, target);
    case Kind::kMemory:
    case Kind::kMemoryOrPercent:
      return AssignMemory(word, target);
    default:
      return AssignNumber(word, target);
  }
}

std::string Directive::AssignChoices(Arguments args, Config* target) const {
  uint32_t bits = 0;
  for (const std::string& word : args) {
    const auto choice = std::find_if(choices.begin(), choices.end(), [&](const ChoiceName& c) {
      return EqualsIgnoreCase(c.name, word);
    });
    if (choice == choices.end()) return ChoicesError();
    bits |= choice->value;
  }
  if (args.empty()) return ChoicesError();
  if (check_bits != nullptr) {
    if (const std::string_view error = check_bits(bits); !error.empty()) return std::string(error);
  }
  if (target != nullptr) store(*target, bits);
  return {};
}

std::string Directive::ChoicesError() const {
  std::string error = "argument(s) must be one of the following: ";
  const size_t start = error.size();
  for (const ChoiceName& choice : choices) {
    if (!choice.listed) continue;
    if (error.size() > start) error += ", ";
    error += choice.name;
  }
  return error;
}

std::string Directive::AssignText(const std::string& word, Config* target) const {
  if (check != nullptr) {
    if (const std::string_view error = check(word); !error.empty()) return std::string(error);
  }
  if (target != nullptr) text(*target).set(word);
  return {};
}

std::string Directive::AssignMemory(const std::string& word, Config* target) const {
  if (kind == Kind::kMemoryOrPercent && word.ends_with('%')) {
    int64_t percent;
    if (!ParseInt64(std::string_view(word).substr(0, word.size() - 1), &percent) || percent < 0) {
      return "argument must be a memory or percent value";
    }
    if (percent > 100) return "percentage argument must be less or equal to 100";
    if (target != nullptr) store(*target, -percent);
    return {};
  }
  uint64_t bytes;
  if (!ParseMemorySize(word, &bytes)) {
    return kind == Kind::kMemoryOrPercent ? "argument must be a memory or percent value"
                                          : "argument must be a memory value";
  }
  if (bytes > max || (min > 0 && bytes < static_cast<uint64_t>(min))) return RangeError();
  if (target != nullptr) store(*target, static_cast<int64_t>(bytes));
  return {};
}

std::string Directive::AssignNumber(const std::string& word, Config* target) const {
  int64_t value;
  if (kind == Kind::kOctal ? !ParseOctal(word, &value) : !ParseInt64(word, &value)) {
    return kind == Kind::kOctal ? "argument couldn't be parsed as an octal number"
                                : "argument couldn't be parsed into an integer";
  }
  if (value < min || (value > 0 && static_cast<uint64_t>(value) > max)) return RangeError();
  if (target != nullptr) store(*target, value);
  return {};
}

std::string Directive::RangeError() const {
  const bool octal = kind == Kind::kOctal;
  return "argument must be between " +
         (octal ? OctalText(static_cast<uint64_t>(min)) : DecimalText(min)) + " and " +
         (octal ? OctalText(max) : std::to_string(max)) + " inclusive";
}

std::string Directive::Print(const Config& config) const {
  switch (kind) {
    case Kind::kSpecial:
      return special->print(config);
    case Kind::kText:
      return text(const_cast<Config&>(config)).get();
    case Kind::kSwitch:
      return load(config) != 0 ? "yes" : "no";
    case Kind::kNumber:
      return DecimalText(load(config));
    case Kind::kMemory:
      return std::to_string(static_cast<uint64_t>(load(config)));
    case Kind::kMemoryOrPercent: {
      const int64_t value = load(config);
      return value < 0 ? DecimalText(-value) + "%" : DecimalText(value);
    }
    case Kind::kOctal:
      return OctalText(static_cast<uint64_t>(load(config)));
    case Kind::kChoice:
    case Kind::kChoices:
      break;
  }
  const uint32_t value = static_cast<uint32_t>(load(config));
  std::string words;
  for (const ChoiceName& choice : choices) {
    if (choice.value == value) return std::string(choice.name);
    if (kind == Kind::kChoices && choice.value != 0 && (value & choice.value) == choice.value) {
      if (!words.empty()) words += ' ';
      words += choice.name;
    }
  }
  return words;
}

std::vector<Directive::Line> Directive::Lines(const Config& config, const Config& defaults) const {
  if (kind == Kind::kSpecial) return special->lines(config, defaults);
  const std::string value = Print(config);
  const bool forced = value != Print(defaults);
  if (kind == Kind::kText) {
    if (value.empty() && !forced) return {};
    return {{Quoted(value), forced}};
  }
  if (kind == Kind::kMemory || (kind == Kind::kMemoryOrPercent && !value.ends_with('%'))) {
    return {{MemoryText(static_cast<uint64_t>(load(config))), forced}};
  }
  return {{value, forced}};
}

std::vector<std::string> Directive::SplitValue(std::string_view value) const {
  if (special != nullptr && special->split != nullptr) return special->split(value);
  if (!has(kMultiArg)) return {std::string(value)};
  std::vector<std::string> words;
  if (value.empty()) return words;
  for (size_t start = 0;;) {
    const size_t space = value.find(' ', start);
    words.emplace_back(value.substr(start, space - start));
    if (space == std::string_view::npos) return words;
    start = space + 1;
  }
}

const Directive* FindDirective(std::string_view name) {
  for (const Directive& directive : Directives()) {
    if (EqualsIgnoreCase(directive.name, name)) return &directive;
    if (!directive.alias.empty() && EqualsIgnoreCase(directive.alias, name)) return &directive;
  }
  return nullptr;
}

bool IsObsoleteDirective(std::string_view name) {
  constexpr std::string_view kNames[] = {"list-max-ziplist-entries", "list-max-ziplist-value",
                                         "lua-replicate-commands"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view other) { return EqualsIgnoreCase(other, name); });
}

std::vector<std::string_view> SettingsWithoutEffect(const Config& config) {
  std::vector<std::string_view> names;
  for (const Directive& directive : Directives()) {
    if (AsksInVain(directive, config)) names.push_back(directive.name);
  }
  return names;
}

const Config& DefaultConfig() {
  static const Config* const defaults = new Config;
  return *defaults;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        quoted += '\\';
        quoted += c;
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\a':
        quoted += "\\a";
        break;
      case '\b':
        quoted += "\\b";
        break;
      default:
        if (c >= 0x20 && c < 0x7f) {
          quoted += c;
        } else {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
          quoted += escape;
        }
    }
  }
  return quoted += '"';
}

std::string MemoryText(uint64_t bytes) {
  constexpr uint64_t kMegabyte = 1024 * 1024;
  constexpr uint64_t kGigabyte = 1024 * kMegabyte;
  if (bytes != 0 && bytes % kGigabyte == 0) return std::to_string(bytes / kGigabyte) + "gb";
  if (bytes != 0 && bytes % kMegabyte == 0) return std::to_string(bytes / kMegabyte) + "mb";
  if (bytes != 0 && bytes % 1024 == 0) return std::to_string(bytes / 1024) + "kb";
  return std::to_string(bytes);
}

}  // namespace alai
