// The database of the origin, when it is a PostgreSQL: loads, writes and checks of rules over a connection
// of its own.
//
// Threads     As Source says.
// Invariants  (1) Nothing is assumed of the session and nothing is left in it, so a pooler in transaction
//                 mode may stand in between.
//             (2) What keys and values hold reaches the database as parameters, never within a statement.
// Reading     Statements run in read-only transactions with the time-out as their statement_timeout, so
//             the database ends what takes too long; Interrupt() is for one that does not answer at all.
// Time        Connecting is the one wait that Interrupt() does not end; it takes connect_timeout at most.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "storage/origin/postgres_address.h"
#include "storage/origin/source.h"

namespace alai::origin {

class PostgresConnection;

class PostgresSource final : public Source {
 public:
  // Connects with the first call.
  explicit PostgresSource(PostgresAddress address);
  ~PostgresSource() override;

  absl::Status Check(const Rule& rule, std::chrono::milliseconds timeout) override;
  // Rows of the batch query are taken in the order that they come; of a string or hash the first counts.
  // Keys that no text of the database can equal (a zero byte, no UTF-8) are not asked for: they are not there.
  absl::Status Load(const Rule& rule, std::span<const KeyArguments> keys,
                    std::chrono::milliseconds timeout, LoadResult* result) override;
  // kUnavailable may leave in doubt whether the writes were committed.
  absl::Status Write(std::span<const RuledWrite> writes,
                     std::chrono::milliseconds statement_timeout,
                     std::chrono::milliseconds timeout) override;
  // Rows with a NULL are left out.
  absl::Status ListKeys(const Rule& rule, std::string_view query, uint64_t limit,
                        const std::function<bool(KeyArguments)>& visit) override;
  absl::Status Execute(std::string_view statements, std::chrono::milliseconds timeout) override;
  absl::Status Ping(std::chrono::milliseconds timeout) override;
  void Interrupt() override;

 private:
  class Call;

  const std::unique_ptr<PostgresConnection> connection_;
  std::mutex mutex_;
  bool calling_ = false;      // guarded by mutex_, as is the next
  bool interrupted_ = false;  // the present call
};

}  // namespace alai::origin
