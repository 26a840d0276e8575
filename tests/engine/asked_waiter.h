// A waiter whom nothing satisfies, and who minds that keys go; counts how often it is asked.
#pragma once

#include "engine/waiters.h"

namespace alai {

class AskedWaiter final : public Waiter {
 public:
  Readiness Ready(Db&, KeyView, const HeldShards&) override {
    ++asked;
    return Readiness::kNo;
  }
  bool minds_absence() const override { return true; }
  void Serve(Db&, KeyView) override {}

  int asked = 0;
};

}  // namespace alai
