#include "server/origin_link.h"

#include <utility>

#include "storage/origin/postgres_factory.h"

namespace alai {

std::unique_ptr<origin::SourceFactory> MakeOriginSources(const OriginAddress& address) {
  origin::PostgresOptions options;
  options.address = {address.url, address.password_file};
  return std::make_unique<origin::PostgresFactory>(std::move(options));
}

}  // namespace alai
