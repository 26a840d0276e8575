#include "storage/origin/postgres_connection.h"

#include <sys/socket.h>

#include <array>
#include <new>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "storage/origin/key_pattern.h"
#include "storage/origin/source.h"

namespace alai::origin {
namespace {

constexpr char kLost[] = "the connection was lost";
constexpr size_t kCallParametersMax = KeyPattern::kCapturesMax + 1;

// What the database has to say beside its results.
class NoticeLog final : public pqxx::errorhandler {
 public:
  explicit NoticeLog(pqxx::connection& session) : pqxx::errorhandler(session) {}
  bool operator()(const char message[]) noexcept override {
    Log(LogLevel::kVerbose, "origin: %s", message);
    return false;
  }
};

// Classes of SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html
absl::StatusCode CodeOf(std::string_view state) {
  if (state == "57014" || state == "55P03") return absl::StatusCode::kDeadlineExceeded;
  if (state == "42501") return absl::StatusCode::kPermissionDenied;
  const std::string_view group = state.substr(0, 2);
  const bool shut_down = state.starts_with("57P");
  // "25006": what was asked to write is a standby, or has become one.
  if (group == "08" || group == "53" || shut_down || state == "25006") {
    return absl::StatusCode::kUnavailable;
  }
  if (group == "22") return absl::StatusCode::kInvalidArgument;
  if (group == "23" || group == "42") return absl::StatusCode::kFailedPrecondition;
  if (group == "40") return absl::StatusCode::kAborted;
  return absl::StatusCode::kUnknown;
}

// Within a handler only.
absl::Status StatusOfException() {
  try {
    throw;
  } catch (const pqxx::broken_connection& error) {
    return absl::UnavailableError(OneLine(error.what()));
  } catch (const pqxx::sql_error& error) {
    absl::Status status(CodeOf(error.sqlstate()), OneLine(error.what()));
    status.SetPayload(absl::string_view(kSqlState.data(), kSqlState.size()),
                      absl::Cord(error.sqlstate()));
    return status;
  } catch (const pqxx::failure& error) {
    return absl::AbortedError(OneLine(error.what()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    return absl::InternalError(OneLine(error.what()));
  }
}

constexpr absl::string_view kState(kSqlState.data(), kSqlState.size());

bool HasSqlState(const absl::Status& status) { return status.GetPayload(kState).has_value(); }

// Of COMMIT: the database says that it has not.
bool IsRolledBack(const absl::Status& status) {
  return HasSqlState(status) && !absl::IsUnavailable(status);
}

// Of BEGIN READ WRITE: a standby does not know it.
bool IsStandby(const absl::Status& status) {
  const auto state = status.GetPayload(kState);
  return state.has_value() && *state == "0A000";
}

// The database speaks of a transaction that the client knows nothing of.
absl::Status ReadOnlyError(const absl::Status& status) {
  absl::Status clear =
      absl::UnavailableError(absl::StrCat("the database takes no writes: ", status.message()));
  clear.SetPayload(kState, absl::Cord("25006"));
  return clear;
}

template <size_t... kIndexes>
pqxx::result ExecuteWith(pqxx::nontransaction& transaction, const std::string& sql,
                         const std::vector<std::string>& parameters,
                         std::index_sequence<kIndexes...>) {
  return transaction.exec_params(sql, parameters[kIndexes]...);
}

using Executor = pqxx::result (*)(pqxx::nontransaction&, const std::string&,
                                  const std::vector<std::string>&);

template <size_t... kCounts>
constexpr std::array<Executor, sizeof...(kCounts)> Executors(std::index_sequence<kCounts...>) {
  return {[](pqxx::nontransaction& transaction, const std::string& sql,
             const std::vector<std::string>& parameters) {
    return ExecuteWith(transaction, sql, parameters, std::make_index_sequence<kCounts>());
  }...};
}

}  // namespace

pqxx::result Execute(pqxx::nontransaction& transaction, const std::string& sql,
                     const std::vector<std::string>& parameters) {
  static constexpr auto kExecutors = Executors(std::make_index_sequence<kCallParametersMax + 1>());
  ASSERT(parameters.size() <= kCallParametersMax);
  return kExecutors[parameters.size()](transaction, sql, parameters);
}

std::string OneLine(std::string_view words) {
  std::string line;
  bool points = false;  // the line after "LINE 1: …" has the caret
  while (!words.empty()) {
    const size_t end = words.find('\n');
    std::string_view part = words.substr(0, end);
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
    const bool skipped = std::exchange(points, part.starts_with("LINE ")) || points ||
                         part.starts_with("CONTEXT:") || part.starts_with("QUERY:");
    if (part.starts_with("ERROR:  ")) part.remove_prefix(8);
    if (skipped || part.empty()) continue;
    if (!line.empty()) line += "; ";
    for (const char c : part) line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return line;
}

absl::Status PostgresConnection::Open() {
  Close();
  std::string text;
  if (absl::Status status = ConnectionString(address_, &text); !status.ok()) {
    return absl::UnavailableError(status.message());
  }
  try {
    notices_ = nullptr;
    session_ = nullptr;
    session_ = std::make_unique<pqxx::connection>(text);
    notices_ = std::make_unique<NoticeLog>(*session_);
  } catch (...) {
    notices_ = nullptr;
    session_ = nullptr;
    return absl::UnavailableError(StatusOfException().message());
  }
  const std::lock_guard lock(mutex_);
  descriptor_ = session_->sock();
  return absl::OkStatus();
}

void PostgresConnection::Close() {
  {
    const std::lock_guard lock(mutex_);
    descriptor_ = -1;
  }
  // The object stays: receivers of notifications may still hold to it.
  if (session_ != nullptr) session_->disconnect();
}

void PostgresConnection::Shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
  if (descriptor_ >= 0) shutdown(descriptor_, SHUT_RDWR);
}

void PostgresConnection::Arm() {
  const std::lock_guard lock(mutex_);
  shut_ = false;
}

bool PostgresConnection::shut() {
  const std::lock_guard lock(mutex_);
  return shut_;
}

absl::Status PostgresConnection::Guard(absl::FunctionRef<absl::Status(pqxx::connection&)> body) {
  // libpqxx would connect again by itself, with a descriptor that Shut() does not know.
  if (!is_open()) return absl::UnavailableError("the connection is closed");
  absl::Status status;
  try {
    status = body(*session_);
  } catch (...) {
    status = StatusOfException();
  }
  if (status.ok() || is_open()) return status;
  // libpqxx may have come upon it while it did something else, of which it speaks.
  const bool is_told = HasSqlState(status) || absl::IsUnavailable(status);
  return absl::UnavailableError(is_told ? status.message() : kLost);
}

absl::Status PostgresConnection::Run(Body body) {
  return Guard([&](pqxx::connection& session) {
    pqxx::nontransaction transaction(session);
    return body(transaction);
  });
}

absl::Status PostgresConnection::Begin(const std::string& begin) {
  if (!is_open()) {
    if (absl::Status status = Open(); !status.ok()) return status;
    // Who has lost patience while it was opened finds it open the next time.
    if (shut()) return absl::UnavailableError("connecting took too long");
  }
  return Run([&](pqxx::nontransaction& transaction) {
    transaction.exec(begin);
    return absl::OkStatus();
  });
}

absl::Status PostgresConnection::Transact(Access access, std::chrono::milliseconds timeout,
                                          Body body) {
  std::string begin = access == Access::kReadOnly ? "BEGIN READ ONLY" : "BEGIN READ WRITE";
  if (timeout.count() > 0) {
    begin += "; SET LOCAL statement_timeout = " + std::to_string(timeout.count());
  }
  const bool was_open = is_open();
  absl::Status status = Begin(begin);
  if (!status.ok() && was_open && !is_open() && !shut()) status = Begin(begin);
  if (access == Access::kReadWrite && IsStandby(status)) return ReadOnlyError(status);
  if (status.ok()) status = Run(body);
  if (!is_open()) return status.ok() ? absl::UnavailableError(kLost) : status;
  const bool commit = status.ok();
  const absl::Status ended = Run([&](pqxx::nontransaction& transaction) {
    transaction.exec(commit ? "COMMIT" : "ROLLBACK");
    return absl::OkStatus();
  });
  if (!ended.ok()) Close();
  if (access == Access::kReadOnly) return commit ? ended : status;
  if (!commit) return IsReadOnly(status) ? ReadOnlyError(status) : status;
  return ended.ok() || IsRolledBack(ended) ? ended : InDoubtError();
}

}  // namespace alai::origin
