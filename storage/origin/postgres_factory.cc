#include "storage/origin/postgres_factory.h"

#include "storage/origin/postgres_listener.h"
#include "storage/origin/postgres_source.h"

namespace alai::origin {

std::unique_ptr<Source> PostgresFactory::Make() {
  return std::make_unique<PostgresSource>(options_.address);
}

std::unique_ptr<Listener> PostgresFactory::Listen(ChangeSink& sink) {
  PostgresAddress address = options_.address;
  if (!options_.listen_url.empty()) address.url = options_.listen_url;
  return std::make_unique<PostgresListener>(std::move(address), sink);
}

}  // namespace alai::origin
