// One connection: that whoever loses patience with a call ends it whenever that is.
#include "storage/origin/postgres_connection.h"
#include "tests/storage/postgres/fixture.h"

namespace alai::origin {
namespace {

TEST_CASE("What is shut before its transaction begins does not run") {
  PostgresConnection connection(Local());
  int runs = 0;
  const auto transact = [&] {
    return connection.Transact(PostgresConnection::Access::kReadOnly, kTimeout,
                               [&](pqxx::nontransaction&) {
                                 ++runs;
                                 return absl::OkStatus();
                               });
  };
  // Closed at first, and open then.
  for (int i = 0; i < 2; ++i) {
    connection.Arm();
    connection.Shut();
    CHECK(absl::IsUnavailable(transact()));
    CHECK(runs == i);
    connection.Arm();
    CHECK(transact().ok());
    CHECK(runs == i + 1);
  }
}

}  // namespace
}  // namespace alai::origin
