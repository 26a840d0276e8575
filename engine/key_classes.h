// Key classes: keys told apart by a prefix, with rules of their own.
//
// A class may give its keys a time to live, renew it when they are read, limit the size of their values,
// or say how many tokens their buckets hold. The longest prefix decides. Every class has a slot in which
// its figures are counted; it keeps the slot when the set of classes changes.
//
// Deadlines  The class's time to live is given to a key by a write that would leave it without a deadline.
//            A deadline that a client has set on a key that was there (EXPIRE and its like) is pinned,
//            whatever the key's class is then, if there are classes at all: readers do not renew it. A
//            value that is written anew is not pinned.
// Effects    What a class does is logged as what a client could have said: SET with PXAT, PEXPIREAT with
//            NX for a deadline given, with GT for one renewed; both do not pin. Who applies a log applies
//            it to a store without classes, or the rules would act twice.
//
// Threads     A set is immutable; Store publishes it and keeps it while readers may see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/prefix_table.h"
#include "engine/record.h"
#include "engine/token_bucket.h"

namespace alai {

struct KeyClass {
  std::string name;
  std::string prefix;
  int64_t ttl_ms = 0;  // 0: keys keep what they were written with
  bool sliding = false;
  uint64_t value_bytes_max = UINT64_MAX;
  bool unlimited = false;  // tokens are there without end
  TokenQuota quota = {};   // limit 0: not a rate class
  uint8_t slot = 0;        // given by Store::SetKeyClasses()

  bool has_rate() const { return unlimited || quota.limit != 0; }
  // Of a sliding class: how much later a renewal must be to be worth a write.
  int64_t renewal_gain_ms() const {
    return ttl_ms / kRenewalsPerLife > 0 ? ttl_ms / kRenewalsPerLife : 1;
  }
  UnixMillis RenewedDeadline(UnixMillis now) const { return now + ttl_ms + renewal_gain_ms(); }
  bool MayRenew(const Record& record, UnixMillis now) const {
    return sliding && record.has_deadline() && !record.pinned() && !record.from_origin() &&
           record.type() != Type::kTokenBucket &&
           RenewedDeadline(now) - record.deadline() >= renewal_gain_ms();
  }

 private:
  static constexpr int64_t kRenewalsPerLife = 64;
};

class KeyClasses {
 public:
  static constexpr size_t kClassesMax = 255;

  // Names and prefixes differ from one another; at most kClassesMax.
  explicit KeyClasses(std::vector<KeyClass> classes);

  // The class of a key, or nullptr.
  const KeyClass* Find(std::string_view key) const {
    const uint32_t index = prefixes_.LongestMatch(key);
    return index == PrefixTable::kNone ? nullptr : &classes_[index];
  }
  const KeyClass* FindByName(std::string_view name) const;
  const std::vector<KeyClass>& all() const { return classes_; }
  // One more than the highest slot.
  uint32_t slots() const { return slots_; }

 private:
  std::vector<KeyClass> classes_;
  PrefixTable prefixes_;
  uint32_t slots_ = 0;
};

}  // namespace alai
