#include "storage/origin/postgres_module.h"

// The module has a log of its own, which leaves it to the sink what is worth writing.
[[gnu::visibility("default")]] alai::origin::SourceFactory* AlaiPostgresSources(
    const alai::origin::PostgresOptions& options, alai::LogSink& log) {
  alai::SetLogSink(&log);
  alai::SetLogThreshold(alai::LogLevel::kDebug);
  return new alai::origin::PostgresFactory(options);
}
