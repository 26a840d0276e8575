// Makes sources and listeners of one PostgreSQL.
//
// Threads     Immutable, so any.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "storage/origin/postgres_address.h"
#include "storage/origin/source.h"

namespace alai::origin {

struct PostgresOptions {
  PostgresAddress address;
  // Where changes are listened for; "": the same. A pooler cannot stand in between here.
  std::string listen_url;
};

class PostgresFactory final : public SourceFactory {
 public:
  explicit PostgresFactory(PostgresOptions options) : options_(std::move(options)) {}
  std::unique_ptr<Source> Make() override;
  std::unique_ptr<Listener> Listen(ChangeSink& sink) override;
  absl::Status CheckAddresses() const override;

 private:
  const PostgresOptions options_;
};

}  // namespace alai::origin
