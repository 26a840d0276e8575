// INFO's sections about the process and the machine: server, cpu, modules, cluster.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

#include "engine/store.h"
#include "server/config/config.h"
#include "server/info/info.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/version.h"
#include "server/worker.h"

namespace alai {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86400;

std::string OperatingSystem() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + ' ' + name.release + ' ' + name.machine;
}

std::string Executable() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size < 0 ? std::string() : std::string(path, static_cast<size_t>(size));
}

std::string_view Supervisor(Supervision supervision) {
  switch (supervision) {
    case Supervision::kSystemd:
      return "systemd";
    case Supervision::kUpstart:
      return "upstart";
    case Supervision::kNone:
    case Supervision::kAutodetect:
      break;
  }
  return "no";
}

void AppendTime(std::string_view name, const timeval& time, InfoText& info) {
  char text[48];
  const int size = std::snprintf(text, sizeof text, "%ld.%06ld", static_cast<long>(time.tv_sec),
                                 static_cast<long>(time.tv_usec));
  info.Field(name, std::string_view(text, static_cast<size_t>(size)));
}

}  // namespace

void AppendServerInfo(const InfoContext& context, InfoText& info) {
  Server& server = context.server;
  const Config& config = server.config();
  const int64_t uptime_s = (context.monotonic_ns - server.started_ns()) / kNanosPerSecond;
  info.Section("Server");
  info.Field("redis_version", kRedisVersion);
  info.Field("redis_git_sha1", "00000000");
  info.Field("redis_git_dirty", 0);
  info.Field("redis_build_id", BuildId());
  info.Field("redis_mode", "standalone");
  info.Field("os", OperatingSystem());
  info.Field("arch_bits", sizeof(void*) * 8);
  info.Field("monotonic_clock", "POSIX clock_gettime");
  info.Field("multiplexing_api", "epoll");
  info.Field("atomicvar_api", "c11-builtin");
  info.Field("gcc_version", CompilerVersion());
  info.Field("process_id", getpid());
  info.Field("process_supervised", Supervisor(config.supervised));
  info.Field("run_id", server.run_id());
  info.Field("tcp_port", config.port.get());
  info.Field("server_time_usec", server.clock().WallMicros());
  info.Field("uptime_in_seconds", uptime_s);
  info.Field("uptime_in_days", uptime_s / kSecondsPerDay);
  info.Field("hz", config.hz.get());
  info.Field("configured_hz", config.hz.get());
  info.Field("lru_clock", context.now_ms / 1000 & 0xffffff);
  info.Field("executable", Executable());
  info.Field("config_file", config.config_file.get());
  info.Field("io_threads_active", server.workers().size() > 1 ? 1 : 0);
  int listener = 0;
  for (const std::string& description : server.ListenerDescriptions()) {
    info.Field("listener" + std::to_string(listener++), description);
  }
  info.Field("availability_zone", config.availability_zone.get());
  info.Field("server_name", kServerName);
  info.Field("server_mode", "standalone");
  info.Field("alai_version", kAlaiVersion);
  info.Field("alai_workers", server.workers().size());
  info.Field("alai_shards", server.store().shard_count());
}

void AppendCpuInfo(const InfoContext& context, InfoText& info) {
  rusage self{};
  rusage children{};
  rusage thread{};
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  getrusage(RUSAGE_THREAD, &thread);
  info.Section("CPU");
  AppendTime("used_cpu_sys", self.ru_stime, info);
  AppendTime("used_cpu_user", self.ru_utime, info);
  AppendTime("used_cpu_sys_children", children.ru_stime, info);
  AppendTime("used_cpu_user_children", children.ru_utime, info);
  // There is no main thread among equals: the worker that answers.
  AppendTime("used_cpu_sys_main_thread", thread.ru_stime, info);
  AppendTime("used_cpu_user_main_thread", thread.ru_utime, info);
  // Time not spent waiting, of each worker; Redis's main thread is number 0 of its threads.
  const Stats& stats = context.server.stats();
  for (size_t i = 0; i < context.server.workers().size(); ++i) {
    const uint64_t nanos = stats.Of(*stats.workers()[i], Count::kLoopNanos);
    info.Decimals(
        i == 0 ? "used_active_time_main_thread" : "used_active_time_io_thread_" + std::to_string(i),
        static_cast<double>(nanos) / static_cast<double>(kNanosPerSecond), 6);
  }
}

void AppendModulesInfo(const InfoContext&, InfoText& info) { info.Section("Modules"); }

void AppendClusterInfo(const InfoContext&, InfoText& info) {
  info.Section("Cluster");
  info.Field("cluster_enabled", 0);
}

}  // namespace alai
