// Proves on the machine at hand that sketches hold what they are given and that estimates are as good as
// they should be, in steps that take some microseconds each.
//
// Threads     Belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/hyperloglog.h"

namespace alai::hyperloglog {

class SelfTest {
 public:
  SelfTest();

  // Goes on; false when all is done or something has failed.
  bool Step();
  // What has failed; empty when nothing has.
  const std::string& failure() const { return failure_; }

 private:
  void CheckRegisters();
  void AddElements();
  void CheckEstimate();

  uint32_t rounds_ = 0;
  uint64_t elements_ = 0;
  uint64_t next_check_ = 1;
  std::string dense_;
  std::string sparse_;  // dense as well in the end
  std::string failure_;
};

}  // namespace alai::hyperloglog
