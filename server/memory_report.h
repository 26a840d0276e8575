// Where the process's memory is: figures of the allocator, of the kernel and of the store, for INFO
// and MEMORY.
//
// The allocator is asked through mallctl, which is a weak symbol: builds without jemalloc
// (sanitizers) fall back on what the store knows of itself.
//
// Threads     Any. MemoryPeak::Sample() from the cron alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace alai {

class Server;
class Store;
class StoreThread;

// As jemalloc defines them. Without jemalloc all but `allocated` are 0.
struct AllocatorFigures {
  uint64_t allocated = 0;  // by the application
  uint64_t cached = 0;     // a part of that: freed, and kept by threads for what they allocate next
  uint64_t retired = 0;    // another part, which readers may still see
  uint64_t active = 0;     // in pages of which at least a part is allocated
  uint64_t resident = 0;   // mapped and physically there
  uint64_t muzzy = 0;      // given back to the kernel lazily, still resident
  uint64_t retained = 0;   // address space kept for later
};

bool HasAllocatorControl();
// "jemalloc-5.3.0" or "libc".
std::string_view AllocatorName();
AllocatorFigures ReadAllocator(const Store& store);
// Bytes in use only: allocated, without what is cached or retired. Cheaper than the whole.
uint64_t AllocatedBytes(const Store& store);
// Lets the store's MemoryLimit know them, and gives them.
uint64_t CorrectMemoryLimit(Store& store);
// Lets the calling thread's allocations be followed by the store's MemoryLimit.
void MeterThread(StoreThread& thread);
// For Defragmenter: which blocks lie in pages of which less than `share` is in use. Puts them first.
size_t FindSparseBlocks(const void** blocks, size_t count, double share);
// How much of the pages that hold allocations is in use, as the statistics were last refreshed; 1
// without an allocator that says so. `unused`: bytes that are not.
double PagesInUse(uint64_t* unused);
// Pages that the allocator holds, as the statistics were last refreshed, which AllocatedBytes() does.
uint64_t AllocatorResident();
// The calling thread allocates and frees without a cache of its own.
void GoWithoutThreadCache();
// The calling thread lets go of what it has freed and keeps for later.
void EmptyThreadCache();
// Gives unused pages back to the kernel.
void PurgeAllocator();
// Whether threads of the allocator's own give unused pages back, rather than whoever frees memory.
void SetAllocatorThreads(bool on);
// The allocator's own report, as text for people.
std::string AllocatorReport();

// Reads a number or a text below a name of mallctl's tree, after writing the one given. False, with
// errno set, when there is no such name or it has another type.
bool AllocatorNumber(const std::string& name, const int64_t* fresh, int64_t* value);
bool AllocatorText(const std::string& name, const char* fresh, std::string* value);

// Physical memory of this process, and what the machine has or the control groups around it allow.
uint64_t ResidentBytes();
uint64_t SystemMemoryBytes();

// The most memory that was ever in use, as sampled ten times a second, and how much it was right
// after the start.
class MemoryPeak {
 public:
  void Sample(uint64_t allocated);
  // At least `allocated`, which the caller has just measured.
  uint64_t Peak(uint64_t allocated);
  uint64_t startup() const { return startup_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> peak_{0};
  std::atomic<uint64_t> startup_{0};
};

// What INFO memory and MEMORY STATS are made of.
struct MemoryFigures {
  AllocatorFigures allocator;
  uint64_t used = 0;  // allocated, neither cached nor retired
  uint64_t peak = 0;
  uint64_t startup = 0;
  uint64_t resident = 0;
  uint64_t clients = 0;  // buffers and structures of normal clients
  uint64_t tables = 0;   // segments, directories and wheels of the store, and eviction's sketch
  uint64_t records = 0;
  uint64_t retired = 0;  // unlinked, not freed yet
  uint64_t not_counted =
      0;                  // of flushed databases: in `used`, but no keys are evicted because of it
  uint64_t overhead = 0;  // startup + clients + tables
  uint64_t dataset = 0;   // the rest
  uint64_t keys = 0;

  double dataset_percent() const;
  double peak_percent() const;
  // Quotients of the layers from allocated to resident.
  double fragmentation_ratio() const;       // active / allocated
  double allocator_resident_ratio() const;  // resident / active
  double process_resident_ratio() const;    // the process's resident / the allocator's
  double total_ratio() const;               // the process's resident / used
};

MemoryFigures MeasureMemory(Server& server);

// Advice in plain words.
std::string MemoryAdvice(const MemoryFigures& figures);

}  // namespace alai
