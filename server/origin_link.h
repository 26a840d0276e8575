// From the settings to the database behind the origin.
//
// Threads     Pure functions.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage/origin/source.h"

namespace alai {

// Where the database is.
struct OriginAddress {
  std::string url;            // as libpq takes it
  std::string listen_url;     // where changes are listened for; empty: the same
  std::string password_file;  // its first line is the password; empty: as libpq finds one
  bool operator==(const OriginAddress&) const = default;
};

// Makes the connections of an address. nullptr: there is no such database for this server.
using SourceMaker =
    std::function<std::unique_ptr<origin::SourceFactory>(const OriginAddress& address)>;

// PostgreSQL.
std::unique_ptr<origin::SourceFactory> MakeOriginSources(const OriginAddress& address);

}  // namespace alai
