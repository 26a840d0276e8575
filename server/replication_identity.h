// Which history of writes this server's data set belongs to: the ids that primaries and replicas
// compare before they go on from an offset.
//
// Threads     Any.
#pragma once

#include <string>

#include "engine/base/random.h"
#include "server/config/setting.h"

namespace alai {

constexpr size_t kReplicationIdChars = 40;

class ReplicationIdentity {
 public:
  ReplicationIdentity() { Change(); }

  // 40 hexadecimal digits.
  std::string id() const { return id_.get(); }
  // The history that this one goes on from; zeros when there is none.
  std::string previous_id() const { return std::string(kReplicationIdChars, '0'); }
  // Begins a history of its own.
  void Change() {
    std::string fresh(kReplicationIdChars, '0');
    RandomHex(fresh.data(), fresh.size());
    id_.set(std::move(fresh));
  }

 private:
  Guarded<std::string> id_;
};

}  // namespace alai
