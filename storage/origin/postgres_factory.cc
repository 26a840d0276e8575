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

// A password file may come later.
absl::Status PostgresFactory::CheckAddresses() const {
  for (const std::string& url : {options_.address.url, options_.listen_url}) {
    std::string text;
    absl::Status status = ConnectionString({url, ""}, &text);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace alai::origin
