// Where the database is: what an administrator wrote, completed into a connection string for libpq.
//
// Threads     Any thread.
// Why         libpq alone would wait for minutes for a host that does not answer, and for hours for one
//             that went away; and a password in a settings file or a process list is none.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace alai::origin {

struct PostgresAddress {
  std::string url;  // "postgresql://…" or "host=… dbname=…"
  // The password is the first line of this file, read anew for every connection; "": as libpq finds it
  // (in the url, PGPASSWORD, ~/.pgpass).
  std::string password_file;
};

// Time-outs, keep-alives, a name and the encoding are added unless the url says otherwise: the longest
// wait for a connection is 2 s, and a connection on which nothing is acknowledged breaks after 10 s.
// Errors: kInvalidArgument with libpq's words for the url, kNotFound for a password file that cannot be read.
absl::Status ConnectionString(const PostgresAddress& address, std::string* text);

}  // namespace alai::origin
