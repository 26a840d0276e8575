// The database behind the origin, as loader threads see it. PostgresSource is the real one; tests have
// their own.
//
// Threads     A Source is made by SourceFactory for one loader thread and used by it alone; Interrupt() may
//             be called by another to end a call that takes too long.
// Invariants  No exception leaves a Source: what goes wrong is a Status with the database's own words.
//               kUnavailable       there is no connection, or it broke: counts for the circuit breaker. Of a write
//                                  IsInDoubt() tells whether that was while the database committed it
//               kDeadlineExceeded  it took too long: counts for it, but of a write, which may wait for a row's lock
//               others             the statement failed; the connection is good. Of a write:
//               kInvalidArgument, kFailedPrecondition, kPermissionDenied
//                                  the database will refuse it whenever it is asked (SQLSTATE 22, 23, 42)
//             A load that fails with kInvalidArgument, or an SQLSTATE of class 21 or 54, does so by what some of its
//             keys hold; others may do without them.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/origin/rule.h"

namespace alai::origin {

// What the database has for one key.
struct Loaded {
  // Of a string one row with one cell, of a hash one with a cell for each column, of a list or set a row
  // with one cell for each element, of a sorted set rows of member and score. No rows: there is no such
  // key. A cell without a value is NULL. Bytes of bytea are decoded.
  using Cell = std::optional<std::string>;
  std::vector<std::vector<Cell>> rows;
  bool too_large = false;  // beyond the rule's value_bytes_max; `rows` are empty
};

struct LoadResult {
  std::vector<std::string> columns;  // names, for hashes
  std::vector<Loaded> keys;          // as many as were asked for, in their order
};

// What a key's captures are, owned.
using KeyArguments = std::vector<std::string>;

// One write that a rule passes on.
struct WriteRequest {
  KeyArguments arguments;
  std::optional<std::string> value;  // nothing: the key is deleted
};

// By which rule; a view.
struct RuledWrite {
  const Rule& rule;
  const WriteRequest& request;
};

// The payload of a status that holds the database's SQLSTATE.
inline constexpr std::string_view kSqlState = "alai/sqlstate";
// The payload of a write's status when nobody can say whether the database has committed it.
inline constexpr std::string_view kInDoubt = "alai/in-doubt";

absl::Status InDoubtError();
bool IsInDoubt(const absl::Status& status);
// What was asked to write is a standby, or has become one. Reads are answered.
bool IsReadOnly(const absl::Status& status);

class Source {
 public:
  virtual ~Source() = default;

  // Looks a rule's statements over: they can be prepared, and give as many columns, of such types, as the
  // rule's type needs. Its table and the columns that a trigger names are there, too.
  virtual absl::Status Check(const Rule& rule, std::chrono::milliseconds timeout) = 0;
  // One query for all of them.
  virtual absl::Status Load(const Rule& rule, std::span<const KeyArguments> keys,
                            std::chrono::milliseconds timeout, LoadResult* result) = 0;
  // Runs the upsert or delete statement of each one's rule, in their order, all or none. Each may take
  // `statement_timeout`, and together, up to COMMIT, `timeout`; it is the database that ends what takes longer.
  virtual absl::Status Write(std::span<const RuledWrite> writes,
                             std::chrono::milliseconds statement_timeout,
                             std::chrono::milliseconds timeout) = 0;
  // The captures that a query gives, a row each, a column for each capture of the rule: ORIGIN WARM.
  // `visit` says whether to go on.
  virtual absl::Status ListKeys(const Rule& rule, std::string_view query, uint64_t limit,
                                const std::function<bool(KeyArguments)>& visit) = 0;
  // Runs statements that create or drop something: ORIGIN INSTALL and UNINSTALL.
  virtual absl::Status Execute(std::string_view statements, std::chrono::milliseconds timeout) = 0;
  // Whether the database answers.
  virtual absl::Status Ping(std::chrono::milliseconds timeout) = 0;
  // Any thread: the present call, and none after it, ends soon with kUnavailable.
  virtual void Interrupt() = 0;
};

// What changed in the database, as the listening connection hears of it.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  // A row with this key was inserted, updated or deleted. `committed_to_heard_ms`: how long ago by the
  // database's clock; negative when the notification does not say.
  virtual void OnChange(std::string_view rule, const KeyArguments& key, int64_t lag_ms) = 0;
  // Every key of the rule may have changed: TRUNCATE.
  virtual void OnAllChanged(std::string_view rule) = 0;
  // Changes may have been missed from now on, until OnListening().
  virtual void OnDeaf(std::string_view why) = 0;
  // Changes are heard from now on.
  virtual void OnListening() = 0;
};

// Listens until it is destroyed, with a thread and a connection of its own, connecting again as often as
// that takes.
class Listener {
 public:
  virtual ~Listener() = default;
};

class SourceFactory {
 public:
  virtual ~SourceFactory() = default;
  virtual std::unique_ptr<Source> Make() = 0;
  virtual std::unique_ptr<Listener> Listen(ChangeSink& sink) = 0;
  // Whether the addresses can be ones at all; nobody is asked.
  virtual absl::Status CheckAddresses() const { return absl::OkStatus(); }
};

}  // namespace alai::origin
