// The door of the module that connects to PostgreSQL.
//
// It is loaded when there is an origin, so that whoever has none does not carry libpq and the twenty libraries
// behind it: they take 4 MB of an idle server's 10.
//
// Threads     Called once for each factory, by one thread at a time. The module is never unloaded.
#pragma once

#include "engine/base/log.h"
#include "storage/origin/postgres_factory.h"
#include "storage/origin/source.h"

namespace alai::origin {

// The file's name, and that of its one function.
inline constexpr char kPostgresModule[] = "alai-postgres.so";
inline constexpr char kPostgresModuleEntry[] = "AlaiPostgresSources";

// A new factory, for the caller to delete. What the module logs goes to `log`, which outlives the process.
using PostgresModuleFunction = SourceFactory* (*)(const PostgresOptions& options, LogSink& log);

}  // namespace alai::origin

extern "C" alai::origin::SourceFactory* AlaiPostgresSources(
    const alai::origin::PostgresOptions& options, alai::LogSink& log);
