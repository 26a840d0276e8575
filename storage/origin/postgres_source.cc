#include "storage/origin/postgres_source.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/steady_time.h"
#include "storage/origin/postgres_connection.h"
#include "storage/origin/postgres_text.h"
#include "storage/origin/statement.h"
#include "storage/origin/utf8.h"

namespace alai::origin {
namespace {

using Access = PostgresConnection::Access;

// Object identifiers of types, which PostgreSQL never changes: its catalog's pg_type.dat.
constexpr pqxx::oid kBytea = 17;
constexpr pqxx::oid kNumbers[] = {20, 21, 23, 700, 701, 1700};
constexpr pqxx::oid kRecord = 2249;
constexpr pqxx::oid kVoid = 2278;

// How many rows of a cursor come at once.
constexpr uint64_t kRowsFetched = 1000;

template <size_t kCount>
bool IsOneOf(const pqxx::oid (&types)[kCount], pqxx::oid type) {
  return std::find(types, types + kCount, type) != types + kCount;
}

bool TakesOneRow(Type type) { return type == Type::kString || type == Type::kHash; }

// How many columns of a batch query's rows say which key a row is of.
pqxx::row_size_type KeyColumns(const Rule& rule) {
  return rule.batch_query_given ? static_cast<pqxx::row_size_type>(rule.pattern.captures().size())
                                : 1;
}

absl::Status CheckNames(const pqxx::result& rows, pqxx::row_size_type first) {
  std::set<std::string> names;
  for (pqxx::row_size_type i = first; i < rows.columns(); ++i) {
    if (!names.emplace(rows.column_name(i)).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a hash needs columns of different names, two are \"", rows.column_name(i), "\""));
    }
  }
  return absl::OkStatus();
}

// `rows` are those of a batch query.
absl::Status CheckColumns(const Rule& rule, const pqxx::result& rows) {
  const pqxx::row_size_type first = KeyColumns(rule);
  if (rows.columns() <= first) {
    return absl::InvalidArgumentError(absl::StrCat("the batch query gives ", rows.columns(),
                                                   " columns, of which the first ", first,
                                                   " say which key a row is of"));
  }
  const int columns = static_cast<int>(rows.columns() - first);
  const int wanted = rule.type == Type::kSortedSet ? 2 : 1;
  const bool fits = TakesOneRow(rule.type) || columns == wanted;
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a ", std::string(RuleTypeName(rule.type)), " takes ", wanted,
        wanted == 1 ? " column" : " columns, member and score", "; the query gives ", columns));
  }
  for (pqxx::row_size_type i = first; i < rows.columns(); ++i) {
    const pqxx::oid type = rows.column_type(i);
    if (type == kRecord || type == kVoid) {
      return absl::InvalidArgumentError(
          absl::StrCat("the query's column \"", rows.column_name(i), "\" has no single value"));
    }
  }
  if (rule.type == Type::kSortedSet && !IsOneOf(kNumbers, rows.column_type(first + 1))) {
    return absl::InvalidArgumentError("the second column of a zset is its score, a number");
  }
  return rule.type == Type::kHash ? CheckNames(rows, first) : absl::OkStatus();
}

// Parses a statement as PostgreSQL will when it is run, and runs nothing.
void Prepare(pqxx::nontransaction& transaction, const std::string& types, const std::string& sql) {
  Execute(transaction, absl::StrCat("PREPARE alai_check", types, " AS ", sql), {});
  transaction.exec("DEALLOCATE alai_check");
}

std::string TypesOf(const KeyPattern& pattern) {
  std::string types;
  for (const KeyPattern::Capture& capture : pattern.captures()) {
    absl::StrAppend(&types, types.empty() ? "" : ", ", std::string(SqlType(capture.type)));
  }
  return types.empty() ? types : absl::StrCat("(", types, ")");
}

// The statements that a rule's write policy runs can be prepared.
void PrepareWrites(pqxx::nontransaction& transaction, const Rule& rule) {
  if (!rule.upsert.empty()) Prepare(transaction, "", rule.upsert);
  if (!rule.erase.empty()) Prepare(transaction, "", rule.erase);
}

// What a trigger is put on has the columns of which it tells. Were they missing, the trigger could be created all the
// same, and then nobody could write to the table.
absl::Status CheckTable(pqxx::nontransaction& transaction, const Rule& rule) {
  if (rule.table.empty()) return absl::OkStatus();
  const std::string table = QuotedTableName(rule.table);
  const pqxx::result found =
      Execute(transaction, "SELECT pg_catalog.to_regclass($1) IS NULL", {table});
  if (found[0][0].as<bool>()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the table ", table, ", which a trigger would watch, does not exist"));
  }
  ArrayLiteral columns;
  for (const std::string& column : rule.columns) columns.Add(column);
  const pqxx::result missing = Execute(
      transaction,
      "SELECT name FROM unnest($2::pg_catalog.text[]) WITH ORDINALITY AS wanted(name, place)"
      " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a"
      " WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attname = wanted.name::pg_catalog.name"
      " AND a.attnum > 0 AND NOT a.attisdropped) ORDER BY place",
      {table, columns.Finish()});
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the table ", table, " has no column \"",
                                                    missing[0][0].c_str(),
                                                    "\", of which a trigger would tell"));
}

// A batch query with the columns of the rule's query. That of a list, where it is derived, numbers the rows and names
// one column, so it would take the first of several.
std::string WithAllColumns(const Rule& rule) {
  Statement query;
  if (rule.type != Type::kList || rule.batch_query_given ||
      !ReadStatement(rule.query, &query).ok()) {
    return rule.batch_query;
  }
  return DeriveBatchQuery(query, Type::kSet, rule.pattern);
}

bool CanBeAsked(const KeyArguments& key) {
  return std::all_of(key.begin(), key.end(), IsDatabaseText);
}

std::string_view TextOf(const pqxx::field& field) { return {field.c_str(), field.size()}; }

// Which of the keys that were asked for a row of a batch query is of.
class KeyFinder {
 public:
  // `positions`: which keys were asked for, the first as number 1.
  KeyFinder(const Rule& rule, std::span<const KeyArguments> keys,
            const std::vector<size_t>& positions)
      : columns_(KeyColumns(rule)), is_numbered_(!rule.batch_query_given), positions_(positions) {
    if (is_numbered_) return;
    for (const size_t position : positions) by_captures_.emplace(keys[position], position);
  }

  // Position of the key; nothing when it was not asked for.
  std::optional<size_t> Find(const pqxx::row& row) {
    if (is_numbered_) {
      const auto number = row[0].as<int64_t>(0);
      if (number < 1 || static_cast<size_t>(number) > positions_.size()) return std::nullopt;
      return positions_[static_cast<size_t>(number) - 1];
    }
    key_.clear();
    for (pqxx::row_size_type i = 0; i < columns_; ++i) key_.emplace_back(TextOf(row[i]));
    const auto found = by_captures_.find(key_);
    return found == by_captures_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  const pqxx::row_size_type columns_;
  const bool is_numbered_;
  const std::vector<size_t>& positions_;
  std::map<KeyArguments, size_t> by_captures_;
  KeyArguments key_;
};

// Turns the rows of a batch query into values of keys.
class Collector {
 public:
  Collector(const Rule& rule, const pqxx::result& rows, LoadResult* result)
      : rule_(rule), rows_(rows), first_(KeyColumns(rule)), result_(result) {
    bytes_.resize(result->keys.size());
    // Of a string only the first column counts.
    const pqxx::row_size_type end = rule.type == Type::kString ? first_ + 1 : rows.columns();
    for (pqxx::row_size_type i = first_; i < end; ++i) {
      result->columns.emplace_back(rows.column_name(i));
      is_bytea_.push_back(rows.column_type(i) == kBytea);
    }
  }

  absl::Status Collect(KeyFinder* finder) {
    for (const pqxx::row& row : rows_) {
      const std::optional<size_t> position = finder->Find(row);
      if (!position) {
        return absl::FailedPreconditionError(
            "the batch query gave a row of a key that was not asked for");
      }
      if (absl::Status status = Take(row, *position); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  pqxx::field FieldOf(const pqxx::row& row, size_t column) const {
    return row[first_ + static_cast<pqxx::row_size_type>(column)];
  }

  absl::Status Take(const pqxx::row& row, size_t position) {
    Loaded& key = result_->keys[position];
    if (key.too_large || (TakesOneRow(rule_.type) && !key.rows.empty())) return absl::OkStatus();
    size_t& bytes = bytes_[position];
    for (size_t i = 0; i < is_bytea_.size(); ++i) {
      const pqxx::field field = FieldOf(row, i);
      bytes += is_bytea_[i] ? ByteaSize(TextOf(field)) : field.size();
    }
    if (rule_.value_bytes_max != 0 && bytes > rule_.value_bytes_max) {
      key.rows.clear();
      key.too_large = true;
      return absl::OkStatus();
    }
    return AddRow(row, &key.rows.emplace_back());
  }

  absl::Status AddRow(const pqxx::row& row, std::vector<Loaded::Cell>* cells) {
    cells->reserve(is_bytea_.size());
    for (size_t i = 0; i < is_bytea_.size(); ++i) {
      const pqxx::field field = FieldOf(row, i);
      Loaded::Cell& cell = cells->emplace_back();
      if (field.is_null()) continue;
      if (!is_bytea_[i]) {
        cell.emplace(TextOf(field));
      } else if (!DecodeBytea(TextOf(field), &cell.emplace())) {
        return absl::InternalError("a bytea came in an unknown form; bytea_output has to be hex");
      }
    }
    return absl::OkStatus();
  }

  const Rule& rule_;
  const pqxx::result& rows_;
  const pqxx::row_size_type first_;  // column of the value
  LoadResult* const result_;
  std::vector<bool> is_bytea_;  // of each column of the value
  std::vector<size_t> bytes_;   // of each key so far
};

// What is left for the statements of one transaction. The database is told when it is less than what it was told
// before, which is rare, as that takes a round trip.
class TimeShare {
 public:
  using milliseconds = std::chrono::milliseconds;
  // `given`: the time of a statement, as the transaction begins with.
  TimeShare(milliseconds given, milliseconds all) : given_(given), end_ns_(Now() + ToNanos(all)) {}

  milliseconds given() const { return given_; }
  absl::Status GiveNext(pqxx::nontransaction& transaction) {
    const milliseconds left((end_ns_ - Now()) / nanos::kPerMilli);
    if (left.count() <= 0) return absl::DeadlineExceededError("the statements take too long");
    if (left + kSlack >= given_) return absl::OkStatus();
    given_ = left;
    transaction.exec(absl::StrCat("SET LOCAL statement_timeout = ", left.count()));
    return absl::OkStatus();
  }

 private:
  // By so much the last statement may outlast the time of all.
  static constexpr milliseconds kSlack{10};

  static int64_t Now() { return SystemClock::Get()->MonotonicNanos(); }
  static int64_t ToNanos(milliseconds time) { return time.count() * nanos::kPerMilli; }

  milliseconds given_;
  const int64_t end_ns_;
};

// Arrays for $1 … of a batch query.
std::vector<std::string> Columns(const Rule& rule, std::span<const KeyArguments> keys,
                                 const std::vector<size_t>& positions) {
  std::vector<std::string> columns;
  for (size_t capture = 0; capture < rule.pattern.captures().size(); ++capture) {
    ArrayLiteral array;
    for (const size_t position : positions) array.Add(keys[position][capture]);
    columns.push_back(array.Finish());
  }
  return columns;
}

}  // namespace

// A call under way, which Interrupt() may end.
class PostgresSource::Call {
 public:
  explicit Call(PostgresSource* source) : source_(source) {
    const std::lock_guard lock(source->mutex_);
    source->calling_ = true;
    source->interrupted_ = false;
    // Here, where Interrupt() cannot come in between, so that none of this call is lost.
    source->connection_->Arm();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  ~Call() {
    const std::lock_guard lock(source_->mutex_);
    source_->calling_ = false;
  }

  // What to report when the call ended with `status`.
  absl::Status Done(absl::Status status) {
    const std::lock_guard lock(source_->mutex_);
    source_->calling_ = false;
    if (!source_->interrupted_ || status.ok() || IsInDoubt(status)) return status;
    return absl::UnavailableError("the database did not answer in time");
  }

 private:
  PostgresSource* const source_;
};

PostgresSource::PostgresSource(PostgresAddress address)
    : connection_(std::make_unique<PostgresConnection>(std::move(address))) {}

PostgresSource::~PostgresSource() = default;

void PostgresSource::Interrupt() {
  const std::lock_guard lock(mutex_);
  if (!calling_) return;
  interrupted_ = true;
  connection_->Shut();
}

absl::Status PostgresSource::Check(const Rule& rule, std::chrono::milliseconds timeout) {
  Call call(this);
  return call.Done(
      connection_->Transact(Access::kReadOnly, timeout, [&](pqxx::nontransaction& transaction) {
        Prepare(transaction, TypesOf(rule.pattern), rule.query);
        PrepareWrites(transaction, rule);
        const pqxx::result rows = origin::Execute(
            transaction,
            absl::StrCat("SELECT * FROM (", WithAllColumns(rule), "\n) AS rows LIMIT 0"),
            Columns(rule, {}, {}));
        absl::Status checked = CheckColumns(rule, rows);
        return checked.ok() ? CheckTable(transaction, rule) : checked;
      }));
}

absl::Status PostgresSource::Load(const Rule& rule, std::span<const KeyArguments> keys,
                                  std::chrono::milliseconds timeout, LoadResult* result) {
  result->columns.clear();
  result->keys.assign(keys.size(), {});
  std::vector<size_t> positions;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (CanBeAsked(keys[i])) positions.push_back(i);
  }
  if (positions.empty()) return absl::OkStatus();

  Call call(this);
  pqxx::result rows;
  absl::Status status =
      connection_->Transact(Access::kReadOnly, timeout, [&](pqxx::nontransaction& transaction) {
        rows = origin::Execute(transaction, rule.batch_query, Columns(rule, keys, positions));
        return absl::OkStatus();
      });
  if (status.ok()) {
    status = connection_->Guard([&](pqxx::connection&) {
      KeyFinder finder(rule, keys, positions);
      return Collector(rule, rows, result).Collect(&finder);
    });
  }
  return call.Done(std::move(status));
}

absl::Status PostgresSource::Write(std::span<const RuledWrite> writes,
                                   std::chrono::milliseconds statement_timeout,
                                   std::chrono::milliseconds timeout) {
  for (const auto& [rule, request] : writes) {
    if (!CanBeAsked(request.arguments) || (request.value && !IsDatabaseText(*request.value))) {
      return absl::InvalidArgumentError(
          "what is written is no text: no UTF-8, or with a zero byte");
    }
  }
  Call call(this);
  TimeShare share(std::min(statement_timeout, timeout), timeout);
  return call.Done(connection_->Transact(
      Access::kReadWrite, share.given(), [&](pqxx::nontransaction& transaction) {
        for (const auto& [rule, request] : writes) {
          absl::Status status = share.GiveNext(transaction);
          if (!status.ok()) return status;
          std::vector<std::string> parameters = request.arguments;
          if (request.value) parameters.push_back(*request.value);
          origin::Execute(transaction, request.value ? rule.upsert : rule.erase, parameters);
        }
        return absl::OkStatus();
      }));
}

absl::Status PostgresSource::ListKeys(const Rule& rule, std::string_view query, uint64_t limit,
                                      const std::function<bool(KeyArguments)>& visit) {
  const auto captures = static_cast<pqxx::row_size_type>(rule.pattern.captures().size());
  // Whether to go on.
  const auto pass_on = [&](const pqxx::row& row) {
    KeyArguments key;
    for (pqxx::row_size_type i = 0; i < captures; ++i) {
      if (row[i].is_null()) return true;
      key.emplace_back(row[i].c_str(), row[i].size());
    }
    --limit;
    return visit(std::move(key));
  };
  Call call(this);
  return call.Done(connection_->Transact(
      Access::kReadOnly, std::chrono::milliseconds(0), [&](pqxx::nontransaction& transaction) {
        origin::Execute(transaction,
                        absl::StrCat("DECLARE alai_keys NO SCROLL CURSOR FOR ", std::string(query)),
                        {});
        while (limit > 0) {
          const pqxx::result rows = transaction.exec(
              absl::StrCat("FETCH ", std::min(limit, kRowsFetched), " FROM alai_keys"));
          if (rows.columns() != captures) {
            return absl::InvalidArgumentError(absl::StrCat("the query gives ", rows.columns(),
                                                           " columns, keys of the rule have ",
                                                           captures, " captures"));
          }
          if (rows.empty()) break;
          for (const pqxx::row& row : rows) {
            if (!pass_on(row)) return absl::OkStatus();
          }
        }
        return absl::OkStatus();
      }));
}

absl::Status PostgresSource::Execute(std::string_view statements,
                                     std::chrono::milliseconds timeout) {
  Call call(this);
  return call.Done(
      connection_->Transact(Access::kReadWrite, timeout, [&](pqxx::nontransaction& transaction) {
        transaction.exec(std::string(statements));
        return absl::OkStatus();
      }));
}

absl::Status PostgresSource::Ping(std::chrono::milliseconds timeout) {
  Call call(this);
  return call.Done(
      connection_->Transact(Access::kReadOnly, timeout, [](pqxx::nontransaction& transaction) {
        transaction.exec("SELECT 1");
        return absl::OkStatus();
      }));
}

}  // namespace alai::origin
