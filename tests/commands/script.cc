#include "tests/commands/script.h"

#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "tests/commands/human_format.h"

namespace alai {
namespace {

using Verb = ScriptStep::Verb;

constexpr std::string_view kAnyLines = "...";

struct Directive {
  std::string_view name;
  Verb verb;
};

constexpr Directive kDirectives[] = {
    {"raw", Verb::kRaw},       {"read", Verb::kRead},     {"advance", Verb::kAdvance},
    {"resp", Verb::kResp},     {"close", Verb::kClose},   {"connection", Verb::kConnection},
    {"server", Verb::kServer}, {"config", Verb::kConfig}, {"process", Verb::kProcess},
};

bool MayBeAnswered(Verb verb) {
  return verb == Verb::kRequest || verb == Verb::kRaw || verb == Verb::kRead;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A request or directive; nothing for a line of a reply.
std::optional<ScriptStep> ReadStep(int number, std::string_view line) {
  ScriptStep step;
  step.line = number;
  if (line.starts_with("> ")) {
    step.text = line.substr(2);
    return step;
  }
  if (!line.starts_with('@')) return std::nullopt;
  const size_t blank = line.find(' ');
  const std::string_view name = line.substr(1, blank - 1);
  for (const Directive& directive : kDirectives) {
    if (name != directive.name) continue;
    step.verb = directive.verb;
    if (blank != std::string_view::npos) step.text = line.substr(blank + 1);
    return step;
  }
  return std::nullopt;
}

// False for a directive that does not exist.
bool AddExpected(std::string_view line, Expectation& expected) {
  if (line == "@unordered") {
    expected.unordered = true;
  } else if (line == "(no reply)") {
    expected.no_reply = true;
  } else if (line == "(closed)") {
    expected.closed = true;
  } else if (line.starts_with("@let ")) {
    expected.capture = Trim(line.substr(5));
  } else if (line.starts_with('@') && !line.starts_with("@match ") &&
             !line.starts_with("@about ")) {
    return false;
  } else {
    expected.lines.emplace_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
  }
  return true;
}

std::string ReadConfig(const ScriptStep& step, Script& script) {
  if (!script.steps.empty()) return "@config must come before everything else";
  const size_t blank = step.text.find(' ');
  const auto words = SplitArguments(
      blank == std::string::npos ? std::string_view() : std::string_view(step.text).substr(blank));
  if (!words) return "quotes that do not pair up";
  script.options.push_back("--" + step.text.substr(0, blank));
  script.options.insert(script.options.end(), words->begin(), words->end());
  return {};
}

// Reads one line; gives what is wrong with it. `in_reply`: a reply may follow.
std::string ReadLine(int number, std::string_view line, Script& script, bool& in_reply) {
  if (Trim(line).empty() || line.starts_with('#')) {
    in_reply = false;
    return {};
  }
  std::optional<ScriptStep> step = ReadStep(number, line);
  if (!step) {
    if (!in_reply) return "a reply that follows no request";
    return AddExpected(line, script.steps.back().expected) ? "" : "unknown directive";
  }
  if (step->verb == Verb::kConfig) return ReadConfig(*step, script);
  if (step->verb == Verb::kProcess) {
    script.process = step->text;
    return script.process.empty() ? "@process without a reason" : "";
  }
  in_reply = MayBeAnswered(step->verb);
  script.steps.push_back(*std::move(step));
  return {};
}

bool ReadInteger(std::string_view text, int64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

// "100±5" behind @about.
bool AgreesAbout(std::string_view about, std::string_view line) {
  constexpr std::string_view kPlusMinus = "\u00b1";
  constexpr std::string_view kInteger = "(integer) ";
  const size_t mark = about.find(kPlusMinus);
  int64_t middle = 0;
  int64_t slack = 0;
  int64_t value = 0;
  return mark != std::string_view::npos && ReadInteger(about.substr(0, mark), &middle) &&
         ReadInteger(about.substr(mark + kPlusMinus.size()), &slack) &&
         line.starts_with(kInteger) && ReadInteger(line.substr(kInteger.size()), &value) &&
         value >= middle - slack && value <= middle + slack;
}

// A glob whose only special character is the asterisk.
bool AgreesGlob(std::string_view glob, std::string_view line) {
  const size_t star = glob.find('*');
  if (star == std::string_view::npos) return glob == line;
  if (!line.starts_with(glob.substr(0, star))) return false;
  line.remove_prefix(star);
  glob.remove_prefix(star + 1);
  for (size_t next = glob.find('*'); next != std::string_view::npos; next = glob.find('*')) {
    const size_t found = line.find(glob.substr(0, next));
    if (found == std::string_view::npos) return false;
    line.remove_prefix(found + next);
    glob.remove_prefix(next + 1);
  }
  return line.ends_with(glob);
}

bool LineAgrees(std::string_view pattern, std::string_view line) {
  constexpr std::string_view kAbout = "@about ";
  constexpr std::string_view kMatch = "@match ";
  if (const size_t at = pattern.find(kAbout); at != std::string_view::npos) {
    return line.starts_with(pattern.substr(0, at)) &&
           AgreesAbout(pattern.substr(at + kAbout.size()), line.substr(at));
  }
  if (const size_t at = pattern.find(kMatch); at != std::string_view::npos) {
    return line.starts_with(pattern.substr(0, at)) &&
           AgreesGlob(pattern.substr(at + kMatch.size()), line.substr(at));
  }
  return pattern == line;
}

bool IsAnyLines(std::string_view pattern) { return Trim(pattern) == kAnyLines; }

// Line by line; a pattern of "..." stands for any number of lines, the fewest that make the rest fit.
bool LinesAgree(const std::vector<std::string>& pattern, const std::vector<std::string>& lines) {
  size_t i = 0;
  size_t j = 0;
  std::optional<std::pair<size_t, size_t>> resume;
  while (j < lines.size()) {
    if (i < pattern.size() && IsAnyLines(pattern[i])) {
      resume = {i + 1, j};
      ++i;
    } else if (i < pattern.size() && LineAgrees(pattern[i], lines[j])) {
      ++i;
      ++j;
    } else if (resume) {
      ++resume->second;
      std::tie(i, j) = *resume;
    } else {
      return false;
    }
  }
  while (i < pattern.size() && IsAnyLines(pattern[i])) ++i;
  return i == pattern.size();
}

bool StartsElement(std::string_view line, size_t mark_at) {
  if (line.size() <= mark_at) return false;
  const std::string_view number = Trim(line.substr(0, mark_at));
  return !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos &&
         std::string_view(")~#>").find(line[mark_at]) != std::string_view::npos;
}

// Elements of the outermost aggregate in any order. Each expected one takes the first that fits.
bool AgreesUnordered(const std::vector<std::string>& pattern, const Reply& reply) {
  const size_t mark_at = std::to_string(ElementCount(reply)).size();
  std::vector<std::vector<std::string>> groups;
  for (const std::string& line : pattern) {
    const std::string rest = line.size() > mark_at + 2 ? line.substr(mark_at + 2) : "";
    if (StartsElement(line, mark_at)) {
      groups.push_back({rest});
    } else if (groups.empty()) {
      return false;
    } else {
      groups.back().push_back(rest);
    }
  }
  std::vector<std::vector<std::string>> left = FormatElements(reply);
  for (const std::vector<std::string>& group : groups) {
    size_t fit = 0;
    while (fit < left.size() && !LinesAgree(group, left[fit])) ++fit;
    if (fit == left.size()) return false;
    left.erase(left.begin() + static_cast<ptrdiff_t>(fit));
  }
  return left.empty();
}

}  // namespace

bool ParseScript(std::string_view text, Script* script, std::string* error) {
  bool in_reply = false;
  for (int number = 1;; ++number) {
    const size_t end = text.find('\n');
    const std::string wrong = ReadLine(number, text.substr(0, end), *script, in_reply);
    if (!wrong.empty()) {
      *error = "line " + std::to_string(number) + ": " + wrong;
      return false;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  for (const ScriptStep& step : script->steps) {
    if (!MayBeAnswered(step.verb) || !step.expected.empty()) continue;
    *error = "line " + std::to_string(step.line) + ": nothing is expected of: " + step.text;
    return false;
  }
  return true;
}

int64_t ParseDurationMillis(std::string_view text) {
  text = Trim(text);
  int64_t factor = 1;
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
    factor = 1000;
  } else {
    return -1;
  }
  int64_t value = 0;
  return ReadInteger(text, &value) && value >= 0 ? value * factor : -1;
}

std::string Substitute(std::string_view text, const Captured& captured) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (text[i] == '{' && end < text.size() && IsWordCharacter(text[end])) ++end;
    if (text[i] == '{' && end < text.size() && text[end] == '}') {
      const auto found = captured.find(text.substr(i + 1, end - i - 1));
      if (found != captured.end()) {
        result += found->second;
        i = end + 1;
        continue;
      }
    }
    result += text[i++];
  }
  return result;
}

bool Agrees(const std::vector<std::string>& expected, bool unordered, const Reply& reply) {
  if (unordered && ElementCount(reply) > 0) return AgreesUnordered(expected, reply);
  return LinesAgree(expected, FormatReply(reply));
}

}  // namespace alai
