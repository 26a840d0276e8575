// The grammar of a `keyclass` line:
//
//   keyclass NAME "PREFIX*" [ttl SECONDS] [sliding yes|no] [max-value-bytes SIZE]
//            [limit N period SECONDS [burst N]] [unlimited yes|no]
//
// Without `burst` the whole limit may come at once.
//
// Threads     As Directive::Assign().
#include "server/config/key_class_directive.h"

#include <algorithm>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "engine/key_classes.h"
#include "engine/token_bucket.h"
#include "server/config/special_directives.h"

namespace alai {
namespace {

// False when the word is neither "yes" nor "no".
bool ParseSwitch(const std::string& word, bool* value) {
  *value = EqualsIgnoreCase(word, "yes");
  return *value || EqualsIgnoreCase(word, "no");
}

std::string OptionError(std::string_view option, std::string_view requirement) {
  return "keyclass option '" + std::string(option) + "' " + std::string(requirement);
}

std::string RangeError(std::string_view option, int64_t min, int64_t max) {
  return OptionError(option, "must be between " + std::to_string(min) + " and " +
                                 std::to_string(max) + " inclusive");
}

bool IsNameCharacter(char c) { return IsAsciiAlnum(c) || c == '-' || c == '_' || c == '.'; }

std::string ReadName(const std::string& name, KeyClassRule* rule) {
  constexpr size_t kNameBytesMax = 64;
  if (name.empty()) return "keyclass name must not be empty";
  if (name.size() > kNameBytesMax || !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return "keyclass name must be at most 64 letters, digits, '-', '_' and '.'";
  }
  rule->name = name;
  return {};
}

std::string ReadPrefix(const std::string& pattern, KeyClassRule* rule) {
  rule->prefix = pattern.substr(0, pattern.empty() ? 0 : pattern.size() - 1);
  if (!pattern.ends_with('*') || rule->prefix.find_first_of("*?[\\") != std::string::npos) {
    return "keyclass pattern must be a literal prefix followed by '*'";
  }
  return {};
}

std::string ReadOption(const std::string& option, const std::string& value, KeyClassRule* rule) {
  const auto is = [&](std::string_view name) { return EqualsIgnoreCase(option, name); };
  if (is("sliding") || is("unlimited")) {
    bool* const field = is("sliding") ? &rule->sliding : &rule->unlimited;
    return ParseSwitch(value, field) ? std::string() : OptionError(option, "must be 'yes' or 'no'");
  }
  if (is("max-value-bytes")) {
    if (!ParseMemorySize(value, &rule->max_value_bytes) || rule->max_value_bytes == 0) {
      return OptionError(option, "must be a memory value of at least 1");
    }
    return rule->max_value_bytes > INT64_MAX ? RangeError(option, 1, INT64_MAX) : std::string();
  }
  int64_t* const field = is("ttl")      ? &rule->ttl_seconds
                         : is("limit")  ? &rule->limit
                         : is("period") ? &rule->period_seconds
                         : is("burst")  ? &rule->burst
                                        : nullptr;
  if (field == nullptr) return "unknown keyclass option '" + option + "'";
  const int64_t min = is("burst") ? 0 : 1;
  constexpr int64_t kMax = INT32_MAX;
  if (!ParseInt64(value, field) || *field < min || *field > kMax) {
    return RangeError(option, min, kMax);
  }
  return {};
}

}  // namespace

std::string ReadKeyClassRule(Directive::Arguments args, KeyClassRule* rule) {
  if (args.size() < 2 || args.size() % 2 != 0) return "Bad directive or wrong number of arguments";
  if (std::string error = ReadName(args[0], rule); !error.empty()) return error;
  if (std::string error = ReadPrefix(args[1], rule); !error.empty()) return error;
  bool burst_given = false;
  for (size_t i = 2; i < args.size(); i += 2) {
    if (std::string error = ReadOption(args[i], args[i + 1], rule); !error.empty()) return error;
    burst_given = burst_given || EqualsIgnoreCase(args[i], "burst");
  }
  if (rule->sliding && rule->ttl_seconds == 0) return OptionError("sliding", "needs 'ttl'");
  if ((rule->limit == 0) != (rule->period_seconds == 0)) {
    return "keyclass options 'limit' and 'period' belong together";
  }
  if (burst_given && rule->limit == 0) return OptionError("burst", "needs 'limit' and 'period'");
  if (rule->unlimited && rule->limit != 0) return OptionError("unlimited", "excludes 'limit'");
  if (!burst_given && rule->limit != 0) rule->burst = rule->limit - 1;
  if (rule->limit != 0 && !TokenQuota::Make(rule->burst, rule->limit, rule->period_seconds).ok()) {
    return OptionError("limit", "is out of range together with 'period' and 'burst'");
  }
  return {};
}

std::string AddKeyClassRule(KeyClassRule rule, std::vector<KeyClassRule>* rules) {
  for (const KeyClassRule& other : *rules) {
    if (other.name == rule.name) return "keyclass '" + rule.name + "' is defined twice";
    if (other.prefix == rule.prefix) {
      return "keyclass '" + rule.name + "' has the same prefix as '" + other.name + "'";
    }
  }
  if (rules->size() == KeyClasses::kClassesMax) {
    return "there are " + std::to_string(KeyClasses::kClassesMax) + " keyclasses already";
  }
  rules->push_back(std::move(rule));
  return {};
}

namespace {

std::string AssignKeyClass(Directive::Arguments args, Config* target, bool) {
  KeyClassRule rule;
  if (std::string error = ReadKeyClassRule(args, &rule); !error.empty()) return error;
  if (target == nullptr) return {};
  std::vector<KeyClassRule> rules = target->keyclass.get();
  if (std::string error = AddKeyClassRule(std::move(rule), &rules); !error.empty()) return error;
  target->keyclass.set(std::move(rules));
  return {};
}

std::string RuleText(const KeyClassRule& rule) {
  std::string text = rule.name + " " + Quoted(rule.prefix + "*");
  const auto number = [&](std::string_view option, int64_t value) {
    text.append(" ").append(option).append(" ").append(std::to_string(value));
  };
  if (rule.ttl_seconds != 0) number("ttl", rule.ttl_seconds);
  if (rule.sliding) text += " sliding yes";
  if (rule.max_value_bytes != 0) text += " max-value-bytes " + std::to_string(rule.max_value_bytes);
  if (rule.limit != 0) {
    number("limit", rule.limit);
    number("period", rule.period_seconds);
    number("burst", rule.burst);
  }
  if (rule.unlimited) text += " unlimited yes";
  return text;
}

std::string PrintKeyClasses(const Config& config) {
  std::string value;
  for (const KeyClassRule& rule : config.keyclass.get()) {
    if (!value.empty()) value += ' ';
    value += rule.name;
  }
  return value;
}

std::vector<Directive::Line> KeyClassLines(const Config& config, const Config&) {
  std::vector<Directive::Line> lines;
  for (const KeyClassRule& rule : config.keyclass.get()) lines.push_back({RuleText(rule), true});
  return lines;
}

}  // namespace

constinit const Directive::Special kKeyClassSpecial = {AssignKeyClass, PrintKeyClasses,
                                                       KeyClassLines};

}  // namespace alai
