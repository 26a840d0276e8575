// One connection to PostgreSQL: opened when it is needed, transactions that leave nothing behind in the
// session, and exceptions of libpqxx turned into statuses. Only the files of PostgreSQL include this.
//
// Threads     One thread uses it; Shut() may be called by any other.
// Invariants  (1) No exception leaves it.
//             (2) Every transaction is a whole one with its settings local to it, so a pooler may give
//                 each to another session.
//             (3) The descriptor that Shut() sees is open: it is taken away before the socket is closed.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/origin/postgres_address.h"

namespace alai::origin {

class PostgresConnection {
 public:
  enum class Access : uint8_t { kReadOnly, kReadWrite };
  using Body = absl::FunctionRef<absl::Status(pqxx::nontransaction&)>;

  explicit PostgresConnection(PostgresAddress address) : address_(std::move(address)) {}
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;
  ~PostgresConnection() { Close(); }

  // Connects anew. Errors: kUnavailable, with the words of libpq or of the database.
  absl::Status Open();
  void Close();
  bool is_open() const { return session_ != nullptr && session_->is_open(); }

  // Runs `body` between BEGIN and COMMIT, or ROLLBACK when it fails; opens the connection before if that
  // has to be. A connection that was idle and turns out dead is replaced once. Each statement may
  // take `timeout` at most; zero: as the role has it.
  absl::Status Transact(Access access, std::chrono::milliseconds timeout, Body body);
  // Runs `body` on an open connection, without a transaction.
  absl::Status Run(Body body);
  // The same with libpqxx's connection, for notifications.
  absl::Status Guard(absl::FunctionRef<absl::Status(pqxx::connection&)> body);

  // Any thread: what waits for the database fails now, and the connection is of no more use. A transaction that is
  // to follow, perhaps once it has been opened, fails as well, until Arm() says that another call begins.
  void Shut();
  void Arm();

 private:
  absl::Status Begin(const std::string& begin);
  bool shut();

  const PostgresAddress address_;
  std::unique_ptr<pqxx::connection> session_;
  std::unique_ptr<pqxx::errorhandler> notices_;  // of the session
  std::mutex mutex_;
  int descriptor_ = -1;  // guarded by mutex_, as is the next
  bool shut_ = false;    // since the last Arm()
};

// Runs one statement with parameters $1 …, passed as text and typed by the database. At most
// KeyPattern::kCapturesMax + 1 of them, none with a zero byte.
pqxx::result Execute(pqxx::nontransaction& transaction, const std::string& sql,
                     const std::vector<std::string>& parameters);

// What the database or libpq said as one line, without what points into the statement's text.
std::string OneLine(std::string_view words);

}  // namespace alai::origin
