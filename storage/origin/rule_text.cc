#include "storage/origin/rule_text.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <iterator>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "storage/origin/statement.h"

namespace alai::origin {
namespace {

constexpr size_t kRuleNameBytesMax = 64;
constexpr int64_t kSecondsMax = INT_MAX;
constexpr int64_t kMillisPerSecond = 1000;
constexpr int64_t kBatchWindowUsMax = 1'000'000;
constexpr int64_t kBatchKeysMax = 10'000;
constexpr int64_t kTimeoutMsMax = 600'000;
// The largest number that CONFIG SET databases takes, less one.
constexpr int64_t kDbMax = INT_MAX - 1;

absl::Status Invalid(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status OptionError(std::string_view option, std::string_view requirement) {
  return Invalid("origin-rule option '" + std::string(option) + "' " + std::string(requirement));
}

// What is wrong with a statement, with its option's name before it.
absl::Status InOption(std::string_view option, const absl::Status& status) {
  if (status.ok()) return status;
  return Invalid("origin-rule option '" + std::string(option) +
                 "': " + std::string(status.message().data(), status.message().size()));
}

constexpr Choice<OnOverload> kOnOverload[] = {{"busy", OnOverload::kBusy},
                                              {"nil", OnOverload::kNil}};
constexpr Choice<OnError> kOnError[] = {{"nil", OnError::kNil}, {"error", OnError::kError}};
constexpr Choice<OnChange> kOnChange[] = {
    {"delete", OnChange::kDelete}, {"reload", OnChange::kReload}, {"none", OnChange::kNone}};
constexpr Choice<WritePolicy> kWrite[] = {{"none", WritePolicy::kNone},
                                          {"through", WritePolicy::kThrough},
                                          {"behind", WritePolicy::kBehind}};

template <class T, size_t n>
absl::Status ReadChoice(std::string_view option, std::string_view word,
                        const Choice<T> (&choices)[n], T* value) {
  std::string names;
  for (const Choice<T>& choice : choices) {
    if (EqualsIgnoreCase(choice.name, word)) {
      *value = choice.value;
      return absl::OkStatus();
    }
    names.append(names.empty() ? "" : ", ").append(choice.name);
  }
  return OptionError(option, "must be one of " + names);
}

template <class T, size_t n>
std::string ChoiceText(const Choice<T> (&choices)[n], T value) {
  for (const Choice<T>& choice : choices) {
    if (choice.value == value) return std::string(choice.name);
  }
  return {};
}

template <class T>
absl::Status ReadNumber(std::string_view option, std::string_view word, int64_t min, int64_t max,
                        T* value) {
  int64_t number;
  if (!ParseInt64(word, &number) || number < min || number > max) {
    return OptionError(option, "must be between " + std::to_string(min) + " and " +
                                   std::to_string(max) + " inclusive");
  }
  *value = static_cast<T>(number);
  return absl::OkStatus();
}

// Seconds with up to three decimals.
absl::Status ReadSeconds(std::string_view option, std::string_view word, int64_t* ms) {
  const size_t point = word.find('.');
  std::string_view decimals = point == std::string_view::npos ? "0" : word.substr(point + 1);
  int64_t seconds = 0;
  bool good = ParseInt64(word.substr(0, point), &seconds) && seconds >= 0 &&
              seconds <= kSecondsMax && word[0] != '-' && !decimals.empty() &&
              decimals.size() <= 3 && std::all_of(decimals.begin(), decimals.end(), IsAsciiDigit);
  int64_t millis = 0;
  for (size_t i = 0; good && i < 3; ++i) {
    millis = millis * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  }
  if (!good || (seconds == kSecondsMax && millis != 0)) {
    return OptionError(option, "must be seconds between 0 and " + std::to_string(kSecondsMax) +
                                   ", with at most three decimals");
  }
  *ms = seconds * kMillisPerSecond + millis;
  return absl::OkStatus();
}

std::string SecondsText(int64_t ms) {
  std::string text = std::to_string(ms / kMillisPerSecond);
  const int64_t rest = ms % kMillisPerSecond;
  if (rest == 0) return text;
  text += "." + std::to_string(kMillisPerSecond + rest).substr(1);
  return text.substr(0, text.find_last_not_of('0') + 1);
}

absl::Status ReadShare(std::string_view option, std::string_view word, double* share) {
  double number;
  if (!ParseDouble(word, &number) || number < 0 || number >= 1) {
    return OptionError(option, "must be at least 0 and below 1");
  }
  *share = number == 0 ? 0 : number;  // no minus zero
  return absl::OkStatus();
}

// The shortest text that reads as the same number.
std::string ShareText(double share) {
  char text[32];
  const std::to_chars_result result = std::to_chars(text, std::end(text), share);
  return {text, result.ptr};
}

absl::Status ReadSize(std::string_view option, std::string_view word, uint64_t* bytes) {
  if (!ParseMemorySize(word, bytes) || *bytes == 0) {
    return OptionError(option, "must be a memory value of at least 1");
  }
  return absl::OkStatus();
}

// Statements as they were given; they are looked over once the pattern and all options are known.
absl::Status ReadSql(std::string_view option, std::string_view word, std::string* sql) {
  Statement statement;
  absl::Status status = ReadStatement(word, &statement);
  if (!status.ok()) return InOption(option, status);
  *sql = statement.text;
  return status;
}

// Each option: how it is read, and how it is printed.
struct Option {
  std::string_view name;
  absl::Status (*read)(std::string_view option, std::string_view word, Rule* rule);
  std::string (*print)(const Rule& rule);
};

template <auto field, const auto& choices>
constexpr Option OneOf(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadChoice(option, word, choices, &(rule->*field));
          },
          [](const Rule& rule) { return ChoiceText(choices, rule.*field); }};
}

template <auto field, int64_t min, int64_t max>
constexpr Option Number(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadNumber(option, word, min, max, &(rule->*field));
          },
          [](const Rule& rule) { return std::to_string(rule.*field); }};
}

template <auto field>
constexpr Option Seconds(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadSeconds(option, word, &(rule->*field));
          },
          [](const Rule& rule) { return SecondsText(rule.*field); }};
}

template <auto field>
constexpr Option Share(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadShare(option, word, &(rule->*field));
          },
          [](const Rule& rule) { return ShareText(rule.*field); }};
}

template <auto field>
constexpr Option Size(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadSize(option, word, &(rule->*field));
          },
          [](const Rule& rule) { return std::to_string(rule.*field); }};
}

template <auto field>
constexpr Option Sql(std::string_view name) {
  return {name,
          [](std::string_view option, std::string_view word, Rule* rule) {
            return ReadSql(option, word, &(rule->*field));
          },
          [](const Rule& rule) { return rule.*field; }};
}

absl::Status ReadTable(std::string_view option, std::string_view word, Rule* rule) {
  return InOption(option, ReadTableName(word, &rule->table));
}
absl::Status ReadColumns(std::string_view option, std::string_view word, Rule* rule) {
  return InOption(option, ReadColumnNames(word, &rule->columns));
}
absl::Status ReadBatchQuery(std::string_view option, std::string_view word, Rule* rule) {
  rule->batch_query_given = true;
  return ReadSql(option, word, &rule->batch_query);
}

constexpr Option kOptions[] = {
    Number<&Rule::db, 0, kDbMax>("db"),
    OneOf<&Rule::type, kRuleTypes>("type"),
    Seconds<&Rule::ttl_ms>("ttl"),
    Seconds<&Rule::negative_ttl_ms>("negative-ttl"),
    Seconds<&Rule::stale_ttl_ms>("stale-ttl"),
    Share<&Rule::refresh_ahead>("refresh-ahead"),
    Share<&Rule::ttl_jitter>("ttl-jitter"),
    Size<&Rule::value_bytes_max>("max-value-bytes"),
    Number<&Rule::batch_window_us, 0, kBatchWindowUsMax>("batch-window-us"),
    Number<&Rule::batch_keys_max, 1, kBatchKeysMax>("batch-keys"),
    Number<&Rule::timeout_ms, 1, kTimeoutMsMax>("timeout-ms"),
    OneOf<&Rule::on_overload, kOnOverload>("on-overload"),
    OneOf<&Rule::on_error, kOnError>("on-error"),
    OneOf<&Rule::on_change, kOnChange>("on-change"),
    OneOf<&Rule::write, kWrite>("write"),
    Sql<&Rule::upsert>("upsert"),
    Sql<&Rule::erase>("delete"),
    {"table", ReadTable, [](const Rule& rule) { return rule.table; }},
    {"columns", ReadColumns, [](const Rule& rule) { return ColumnNamesText(rule.columns); }},
    {"batch-query", ReadBatchQuery, [](const Rule& rule) { return rule.batch_query; }},
    Sql<&Rule::query>("query"),
};

absl::Status ReadName(const std::string& name, Rule* rule) {
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return IsAsciiAlnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (name.empty()) return Invalid("origin-rule name must not be empty");
  if (name.size() > kRuleNameBytesMax || !good) {
    return Invalid("origin-rule name must be at most 64 letters, digits, '-', '_' and '.'");
  }
  rule->name = name;
  return absl::OkStatus();
}

absl::Status ReadOptions(std::span<const std::string> words, Rule* rule) {
  bool given[std::size(kOptions)] = {};
  for (size_t i = 0; i < words.size(); i += 2) {
    const Option* const option =
        std::find_if(std::begin(kOptions), std::end(kOptions),
                     [&](const Option& known) { return EqualsIgnoreCase(known.name, words[i]); });
    if (option == std::end(kOptions)) {
      return Invalid("unknown origin-rule option '" + words[i] + "'");
    }
    if (given[option - kOptions]) return OptionError(option->name, "is given twice");
    given[option - kOptions] = true;
    absl::Status status = option->read(option->name, words[i + 1], rule);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The parameters of one key, as messages call them.
std::vector<std::string> ParameterNames(const KeyPattern& pattern) {
  std::vector<std::string> names;
  for (const KeyPattern::Capture& capture : pattern.captures()) {
    names.push_back("capture '" + capture.name + "'");
  }
  return names;
}

// What a statement must be like; one without text is not there.
absl::Status CheckSql(std::string_view option, const std::string& sql, bool query,
                      const std::vector<std::string>& parameters) {
  if (sql.empty()) return absl::OkStatus();
  Statement statement;
  absl::Status status = ReadStatement(sql, &statement);
  if (status.ok() && query && !IsQuery(statement)) {
    status = Invalid("it must be SELECT, WITH, VALUES or TABLE");
  }
  if (status.ok()) status = CheckParameters(statement, parameters);
  return InOption(option, status);
}

absl::Status CheckStatements(const Rule& rule) {
  if (rule.query.empty()) return Invalid("origin-rule needs the option 'query'");
  const std::vector<std::string> captures = ParameterNames(rule.pattern);
  std::vector<std::string> with_value = captures;
  with_value.emplace_back("the value");
  absl::Status status = CheckSql("query", rule.query, true, captures);
  if (status.ok()) status = CheckSql("batch-query", rule.batch_query, true, captures);
  if (status.ok()) status = CheckSql("upsert", rule.upsert, false, with_value);
  if (status.ok()) status = CheckSql("delete", rule.erase, false, captures);
  return status;
}

absl::Status CheckOptions(const Rule& rule) {
  if (rule.ttl_ms == 0) {
    if (rule.stale_ttl_ms != 0) return OptionError("stale-ttl", "needs 'ttl'");
    if (rule.refresh_ahead != 0) return OptionError("refresh-ahead", "needs 'ttl'");
    if (rule.ttl_jitter != 0) return OptionError("ttl-jitter", "needs 'ttl'");
  }
  if (rule.write == WritePolicy::kNone) {
    if (!rule.upsert.empty()) return OptionError("upsert", "needs 'write'");
    if (!rule.erase.empty()) return OptionError("delete", "needs 'write'");
  } else {
    if (rule.upsert.empty() || rule.erase.empty()) {
      return OptionError("write", "needs 'upsert' and 'delete'");
    }
    if (rule.type != Type::kString && rule.type != Type::kHash) {
      return OptionError("write", "needs the type string or hash");
    }
  }
  if (rule.table.empty() != rule.columns.empty()) {
    return Invalid("origin-rule options 'table' and 'columns' belong together");
  }
  if (!rule.columns.empty() && rule.columns.size() != rule.pattern.captures().size()) {
    return OptionError("columns", "must name a column for each capture");
  }
  return absl::OkStatus();
}

// What follows from the query where it is not given.
void Derive(Rule* rule) {
  Statement query;
  if (!ReadStatement(rule->query, &query).ok()) return;
  if (!rule->batch_query_given) {
    rule->batch_query = DeriveBatchQuery(query, rule->type, rule->pattern);
  }
  if (rule->table.empty()) {
    FindTable(query, rule->pattern.captures().size(), &rule->table, &rule->columns);
  }
}

// A rule of which only what others are derived from has been set.
Rule Bare(const Rule& rule) {
  Rule bare;
  bare.name = rule.name;
  bare.pattern = rule.pattern;
  bare.type = rule.type;
  bare.query = rule.query;
  Derive(&bare);
  bare.type = Type::kString;
  bare.query.clear();
  return bare;
}

}  // namespace

absl::Status ReadRule(std::span<const std::string> words, Rule* rule) {
  if (words.size() < 2 || words.size() % 2 != 0) {
    return Invalid("Bad directive or wrong number of arguments");
  }
  Rule read;
  absl::Status status = ReadName(words[0], &read);
  if (status.ok()) status = KeyPattern::Parse(words[1], &read.pattern);
  if (status.ok()) status = ReadOptions(words.subspan(2), &read);
  if (status.ok()) status = CheckOptions(read);
  if (status.ok()) status = CheckStatements(read);
  if (!status.ok()) return status;
  Derive(&read);
  *rule = std::move(read);
  return absl::OkStatus();
}

std::vector<std::pair<std::string_view, std::string>> RuleOptions(const Rule& rule, bool all) {
  const Rule bare = Bare(rule);
  const bool table_derived = rule.table == bare.table && rule.columns == bare.columns;
  std::vector<std::pair<std::string_view, std::string>> options;
  for (const Option& option : kOptions) {
    std::string value = option.print(rule);
    bool said = value != option.print(bare);
    if (option.name == "table" || option.name == "columns") said = !table_derived;
    if (option.name == "batch-query") said = rule.batch_query_given;
    if (all || said) options.emplace_back(option.name, std::move(value));
  }
  return options;
}

std::vector<std::string> RuleWords(const Rule& rule) {
  std::vector<std::string> words = {rule.name, rule.pattern.text()};
  for (auto& [name, value] : RuleOptions(rule, false)) {
    words.emplace_back(name);
    words.push_back(std::move(value));
  }
  return words;
}

}  // namespace alai::origin
