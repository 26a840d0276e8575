#include "tests/engine/store_audit.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "engine/base/memory.h"
#include "engine/store.h"

namespace alai {
namespace {

// What a table's counters should say.
struct Sums {
  uint64_t keys = 0;
  uint64_t expires = 0;
  uint64_t deadline_sum = 0;
  uint64_t record_bytes = 0;
  uint64_t segment_bytes = 0;
  uint64_t overflow_buckets = 0;
  std::map<const KeyClass*, std::pair<uint64_t, uint64_t>> classes;  // keys and bytes
};

class Audit {
 public:
  explicit Audit(Store& store) : store_(store) {}

  std::string Run() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) {
      Shard& shard = store_.shard(i);
      uint64_t armed = 0;
      for (int db = 0; db < store_.databases(); ++db) {
        if (const Table* table = shard.table(db)) {
          if (table->db() != db) Fail() << "table of database " << db << " thinks otherwise";
          armed += CheckTable(i, shard, *table);
        }
      }
      if (shard.armed_buckets() != armed) {
        Fail() << "shard " << i << " counts " << shard.armed_buckets() << " armed buckets of "
               << armed;
      }
      if (shard.wheel()->entries() + shard.wheel()->far_entries() < armed) {
        Fail() << "shard " << i << " has fewer entries in its wheel than armed buckets";
      }
    }
    return text_.str();
  }

 private:
  std::ostream& Fail() { return text_ << "\n"; }

  uint64_t CheckTable(uint32_t shard_index, Shard& shard, const Table& table) {
    Sums sums;
    uint64_t armed = 0;
    Directory* directory = table.directory();
    sums.segment_bytes += UsableSize(directory->block_size());
    for (uint32_t entry = 0; entry < directory->size();) {
      const SegmentRef segment = directory->segment(entry);
      if (segment.depth() > directory->depth()) {
        Fail() << "segment deeper than its directory";
        return armed;
      }
      const uint32_t span = 1u << (directory->depth() - segment.depth());
      for (uint32_t i = entry; i < entry + span; ++i) {
        if (directory->segment(i).bits() != segment.bits() ||
            directory->id(i) != directory->id(entry)) {
          Fail() << "entries of one prefix lead to different segments";
        }
      }
      CheckSegment(shard_index, shard, table, entry, &sums);
      for (uint32_t i = 0; i < segment.count(); ++i) armed += segment.buckets()[i].armed() != 0;
      entry += span;
    }
    Compare("keys", table.keys.Get(), sums.keys);
    Compare("expires", table.expires.Get(), sums.expires);
    Compare("deadline_sum", table.deadline_sum.Get(), sums.deadline_sum);
    Compare("record_bytes", table.record_bytes.Get(), sums.record_bytes);
    Compare("segment_bytes", table.segment_bytes.Get(), sums.segment_bytes);
    Compare("overflow_buckets", table.overflow_buckets.Get(), sums.overflow_buckets);
    CheckCensus(table, sums);
    return armed;
  }

  void CheckCensus(const Table& table, Sums& sums) {
    const KeyClasses* classes = store_.key_classes();
    const ClassCensus* census = table.census();
    if ((classes == nullptr) != (census == nullptr)) Fail() << "a census without classes, or none";
    if (classes == nullptr || census == nullptr || !census->complete()) return;
    for (const KeyClass& key_class : classes->all()) {
      const ClassCensus::Figures& figures = census->figures(key_class.slot);
      Compare((key_class.name + ".keys").c_str(), figures.keys.Get(),
              sums.classes[&key_class].first);
      Compare((key_class.name + ".bytes").c_str(), figures.bytes.Get(),
              sums.classes[&key_class].second);
    }
  }

  void Compare(const char* name, uint64_t counted, uint64_t summed) {
    if (counted != summed) Fail() << name << " says " << counted << ", really " << summed;
  }

  void CheckSegment(uint32_t shard_index, Shard& shard, const Table& table, uint32_t entry,
                    Sums* sums) {
    const SegmentRef segment = table.directory()->segment(entry);
    sums->segment_bytes += UsableSize(segment.block_size());
    const auto check = [&](uint32_t index, const Bucket& bucket) {
      for (uint32_t j = 0; j < kSlots; ++j) {
        const SlotWord word = bucket.Load(j);
        if (!word) continue;
        CheckPlace(shard_index, table, entry, index, word);
        const Record& record = *word.record();
        ++sums->keys;
        sums->record_bytes += record.allocated_bytes();
        if (const KeyClasses* classes = store_.key_classes()) {
          auto& [keys, bytes] = sums->classes[classes->Find(record.key())];
          ++keys;
          bytes += record.allocated_bytes();
        }
        if (word.has_deadline() != record.has_deadline()) Fail() << "deadline bit of a slot";
        if (!record.has_deadline()) continue;
        ++sums->expires;
        sums->deadline_sum +=
            static_cast<uint64_t>(std::min(record.deadline(), Table::kDeadlineCap));
        const uint32_t home = HomeOf(word.tag(), segment.count());
        const uint32_t armed_index = index == kBucketsMax ? home : index;
        const uint32_t armed = segment.buckets()[armed_index].armed();
        if (armed == 0 || armed > std::max(shard.wheel()->TickOf(record.deadline()),
                                           shard.wheel()->current() + 1)) {
          Fail() << record.key() << ": its bucket is not armed in time";
        }
      }
    };
    for (uint32_t i = 0; i < segment.count(); ++i) check(i, segment.buckets()[i]);
    const Bucket* first = segment.overflow();
    for (const Bucket* b = first; b != nullptr; b = SegmentRef::NextOverflow(*b)) {
      check(kBucketsMax, *b);
      // The first lies in the segment's own block.
      if (b != first) sums->segment_bytes += UsableSize(sizeof(Bucket));
      ++sums->overflow_buckets;
    }
  }

  // `index` is kBucketsMax in an overflow chain. A test may file keys under hashes of its own, so what
  // is compared is the tag under which the record is filed.
  void CheckPlace(uint32_t shard_index, const Table& table, uint32_t entry, uint32_t index,
                  SlotWord word) {
    const SegmentRef segment = table.directory()->segment(entry);
    const uint64_t hash = Hash(word.record()->key());
    if (static_cast<uint16_t>(hash) == word.tag()) {
      const uint32_t depth = table.directory()->depth();
      const uint32_t span = 1u << (depth - segment.depth());
      if (store_.ShardIndex(hash) != shard_index ||
          (table.IndexOf(hash, depth) & ~(span - 1)) != (entry & ~(span - 1))) {
        Fail() << word.record()->key() << " is in the wrong segment";
      }
    }
    const uint32_t home = HomeOf(word.tag(), segment.count());
    if (index == kBucketsMax || index == home) return;
    if (index != AlternateOf(word.tag(), segment.count(), home)) {
      Fail() << word.record()->key() << " is in a bucket that is not its own";
    } else if (!segment.buckets()[home].MayOverflow(word.tag())) {
      Fail() << word.record()->key() << " is not in its home's filter";
    }
  }

  Store& store_;
  std::ostringstream text_;
};

}  // namespace

std::string AuditStore(Store& store) { return Audit(store).Run(); }

}  // namespace alai
