#include "server/memory_report.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "server/process/control_group.h"
#include "server/ratio.h"
#include "server/server.h"
#include "server/stats.h"

// jemalloc's, when it is linked in.
extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                  void* new_value, size_t new_size);
__attribute__((weak)) void malloc_stats_print(void (*write)(void*, const char*), void* context,
                                              const char* options);
}

namespace alai {
namespace {

template <class T>
bool ReadControl(const char* name, T* value) {
  size_t size = sizeof *value;
  return mallctl(name, value, &size, nullptr, 0) == 0;
}

uint64_t ReadSize(const char* name) {
  size_t value = 0;
  return ReadControl(name, &value) ? value : 0;
}

// Statistics are snapshots, taken when the epoch is written.
void RefreshStatistics() {
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
}

// The tree's branch that sums up all arenas: MALLCTL_ARENAS_ALL.
constexpr char kAllArenas[] = "stats.arenas.4096.";

uint64_t ReadOfAllArenas(const char* name) {
  return ReadSize((std::string(kAllArenas) + name).c_str());
}

// The whole of a small file of the kernel's; empty when there is none.
std::string ReadSmallFile(const char* path) {
  std::string text;
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return text;
  char buffer[4096];
  const size_t size = std::fread(buffer, 1, sizeof buffer, file);
  std::fclose(file);
  text.assign(buffer, size);
  return text;
}

// mallctl's values have no type tag, only a size, so a number is tried as each integer in turn.
template <class T>
bool ExchangeNumber(const char* name, const int64_t* fresh, int64_t* value) {
  T old_value{};
  size_t size = sizeof old_value;
  T new_value = fresh == nullptr ? T{} : static_cast<T>(*fresh);
  const int error = mallctl(name, &old_value, &size, fresh == nullptr ? nullptr : &new_value,
                            fresh == nullptr ? 0 : sizeof new_value);
  if (error == 0) *value = static_cast<int64_t>(old_value);
  errno = error;
  return error == 0;
}

}  // namespace

bool HasAllocatorControl() { return mallctl != nullptr; }

std::string_view AllocatorName() {
  if (!HasAllocatorControl()) return "libc";
  static const std::string name = [] {
    const char* version = nullptr;
    if (!ReadControl("version", &version)) return std::string("jemalloc");
    const std::string_view whole(version);
    return "jemalloc-" + std::string(whole.substr(0, whole.find('-')));
  }();
  return name;
}

AllocatorFigures ReadAllocator(const Store& store) {
  AllocatorFigures figures;
  if (!HasAllocatorControl()) {
    // The store's own sums are without what is retired.
    figures.allocated = store.UsedBytes();
    return figures;
  }
  figures.retired = store.reclaimer().RetiredDuring(RefreshStatistics);
  figures.allocated = ReadSize("stats.allocated");
  figures.active = ReadSize("stats.active");
  figures.resident = ReadSize("stats.resident");
  figures.retained = ReadSize("stats.retained");
  figures.cached = std::min<uint64_t>(ReadOfAllArenas("tcache_bytes"), figures.allocated);
  size_t page = 0;
  if (ReadControl("arenas.page", &page)) figures.muzzy = ReadOfAllArenas("pmuzzy") * page;
  return figures;
}

uint64_t AllocatedBytes(const Store& store) {
  if (!HasAllocatorControl()) return store.UsedBytes();
  const uint64_t retired = store.reclaimer().RetiredDuring(RefreshStatistics);
  const uint64_t allocated = ReadSize("stats.allocated");
  const uint64_t unused = ReadOfAllArenas("tcache_bytes") + retired;
  return allocated - std::min(unused, allocated);
}

uint64_t CorrectMemoryLimit(Store& store) {
  using Fit = MemoryLimit::Fit;
  constexpr int kTries = 5;
  MemoryLimit& limit = store.memory_limit();
  for (int i = 1;; ++i) {
    const MemoryLimit::Moment asked = limit.Now();
    const uint64_t allocated = AllocatedBytes(store);
    const Fit fit = i < kTries ? Fit::kExact : Fit::kApproximate;
    if (limit.Correct(asked, allocated, fit)) return allocated;
  }
}

void MeterThread(StoreThread& thread) {
  uint64_t* allocated = nullptr;
  uint64_t* freed = nullptr;
  if (HasAllocatorControl() && ReadControl("thread.allocatedp", &allocated) &&
      ReadControl("thread.deallocatedp", &freed)) {
    thread.MeterAllocations(allocated, freed);
  }
}

size_t FindSparseBlocks(const void** blocks, size_t count, double share) {
  // What the allocator says of a block's pages.
  struct Slab {
    size_t free_blocks;
    size_t blocks;
    size_t bytes;
  };
  if (!HasAllocatorControl() || count == 0) return 0;
  std::vector<Slab> slabs(count);
  size_t size = count * sizeof(Slab);
  if (mallctl("experimental.utilization.batch_query", slabs.data(), &size, blocks,
              count * sizeof *blocks) != 0) {
    return 0;
  }
  size_t sparse = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto used = static_cast<double>(slabs[i].blocks - slabs[i].free_blocks);
    if (used < share * static_cast<double>(slabs[i].blocks)) std::swap(blocks[sparse++], blocks[i]);
  }
  return sparse;
}

double PagesInUse(uint64_t* unused) {
  *unused = 0;
  if (!HasAllocatorControl()) return 1;
  const uint64_t active = ReadSize("stats.active");
  const uint64_t allocated = std::min(ReadSize("stats.allocated"), active);
  *unused = active - allocated;
  return active == 0 ? 1 : Ratio(allocated, active);
}

uint64_t AllocatorResident() { return HasAllocatorControl() ? ReadSize("stats.resident") : 0; }

void GoWithoutThreadCache() {
  bool on = false;
  if (HasAllocatorControl()) mallctl("thread.tcache.enabled", nullptr, nullptr, &on, sizeof on);
}

void EmptyThreadCache() {
  if (HasAllocatorControl()) mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
}

void PurgeAllocator() {
  if (!HasAllocatorControl()) return;
  EmptyThreadCache();
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

void SetAllocatorThreads(bool on) {
  if (!HasAllocatorControl()) return;
  const int error = mallctl("background_thread", nullptr, nullptr, &on, sizeof on);
  if (error != 0) {
    Log(LogLevel::kWarning, "jemalloc-bg-thread could not be changed: %s", std::strerror(error));
  }
}

std::string AllocatorReport() {
  if (malloc_stats_print == nullptr) {
    return "The allocator of this build reports no statistics.";
  }
  std::string report;
  malloc_stats_print(
      [](void* out, const char* text) { static_cast<std::string*>(out)->append(text); }, &report,
      nullptr);
  return report;
}

bool AllocatorNumber(const std::string& name, const int64_t* fresh, int64_t* value) {
  errno = ENOENT;
  if (!HasAllocatorControl()) return false;
  const char* path = name.c_str();
  if (ExchangeNumber<uint64_t>(path, fresh, value)) return true;
  if (errno == EINVAL && ExchangeNumber<uint32_t>(path, fresh, value)) return true;
  return errno == EINVAL && ExchangeNumber<bool>(path, fresh, value);
}

bool AllocatorText(const std::string& name, const char* fresh, std::string* value) {
  errno = ENOENT;
  if (!HasAllocatorControl()) return false;
  const char* old_value = nullptr;
  size_t size = sizeof old_value;
  const int error = mallctl(name.c_str(), &old_value, &size, fresh == nullptr ? nullptr : &fresh,
                            fresh == nullptr ? 0 : sizeof fresh);
  errno = error;
  if (error == 0) *value = old_value == nullptr ? "" : old_value;
  return error == 0;
}

uint64_t ResidentBytes() {
  unsigned long long pages = 0;
  const std::string statm = ReadSmallFile("/proc/self/statm");
  if (std::sscanf(statm.c_str(), "%*u %llu", &pages) != 1) return 0;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t SystemMemoryBytes() {
  static const uint64_t bytes = [] {
    struct sysinfo info {};
    if (sysinfo(&info) != 0) return uint64_t{0};
    const uint64_t machine = uint64_t{info.totalram} * info.mem_unit;
    return std::min(machine, ControlGroupMemoryMax(""));
  }();
  return bytes;
}

void MemoryPeak::Sample(uint64_t allocated) {
  if (startup_.load(std::memory_order_relaxed) == 0) {
    startup_.store(allocated, std::memory_order_relaxed);
  }
  Peak(allocated);
}

uint64_t MemoryPeak::Peak(uint64_t allocated) {
  uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (allocated > peak &&
         !peak_.compare_exchange_weak(peak, allocated, std::memory_order_relaxed)) {
  }
  return std::max(peak, allocated);
}

double MemoryFigures::dataset_percent() const {
  return used <= startup ? 0 : std::min(100.0, 100 * Ratio(dataset, used - startup));
}
double MemoryFigures::peak_percent() const { return 100 * Ratio(used, peak); }
double MemoryFigures::fragmentation_ratio() const {
  return Ratio(allocator.active, allocator.allocated);
}
double MemoryFigures::allocator_resident_ratio() const {
  return Ratio(allocator.resident, allocator.active);
}
double MemoryFigures::process_resident_ratio() const { return Ratio(resident, allocator.resident); }
double MemoryFigures::total_ratio() const { return Ratio(resident, used); }

MemoryFigures MeasureMemory(Server& server) {
  const Stats& stats = server.stats();
  MemoryFigures figures;
  figures.allocator = ReadAllocator(server.store());
  const MemoryStats store = server.store().Memory();
  // What is retired is freed within milliseconds and does not count, as the memory limit has it.
  const uint64_t unused = figures.allocator.cached + figures.allocator.retired;
  figures.used = figures.allocator.allocated - std::min(unused, figures.allocator.allocated);
  figures.peak = server.stats().memory_peak.Peak(figures.used);
  figures.startup = std::min(stats.memory_peak.startup(), figures.used);
  figures.resident = ResidentBytes();
  figures.clients = stats.Sum(&WorkerStats::client_memory);
  figures.tables = store.segment_bytes + store.wheel_bytes + store.sketch_bytes;
  figures.records = store.record_bytes;
  figures.retired = store.retired_bytes;
  figures.not_counted = store.detached_bytes;
  figures.overhead = figures.startup + figures.clients + figures.tables;
  figures.dataset = figures.used > figures.overhead ? figures.used - figures.overhead : 0;
  for (int db = 0; db < server.store().databases(); ++db) {
    figures.keys += server.store().KeyCount(db);
  }
  return figures;
}

std::string MemoryAdvice(const MemoryFigures& figures) {
  constexpr uint64_t kTooLittle = 5 << 20;
  if (figures.used < kTooLittle) {
    return "There is too little data here (" + FormatBytesHuman(figures.used) +
           " in use) to tell anything about its memory.\n";
  }
  std::string advice;
  if (figures.peak_percent() < 67) {
    advice +=
        "- At its peak this server used " + FormatBytesHuman(figures.peak) + ", now it uses " +
        FormatBytesHuman(figures.used) +
        ". Part of the resident memory may be left from then; MEMORY PURGE gives back what can "
        "be.\n";
  }
  constexpr uint64_t kWorthMentioning = 10 << 20;
  if (figures.fragmentation_ratio() > 1.4 &&
      figures.allocator.active - figures.allocator.allocated > kWorthMentioning) {
    advice +=
        "- Pages are only partly used: the allocator is fragmented. That is usual after many keys "
        "of one size were replaced by keys of another, and goes away as they are written "
        "again.\n";
  }
  if (figures.process_resident_ratio() > 1.1 &&
      figures.resident - figures.allocator.resident > kWorthMentioning) {
    advice += "- The process holds much memory that is not the allocator's.\n";
  }
  if (figures.clients > figures.used / 4) {
    advice +=
        "- Clients' buffers take over a quarter of the memory. CLIENT LIST shows whose; "
        "client-output-buffer-limit bounds them.\n";
  }
  if (advice.empty()) return "The memory of this server looks well.\n";
  return "What stands out in this server's memory:\n\n" + advice;
}

}  // namespace alai
