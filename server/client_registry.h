// The clients of one worker, for those who look at other people's clients: CLIENT LIST and KILL.
//
// Threads     Any. The worker itself may look clients up without the lock, being the only one that
//             adds, removes and renames.
// Invariants  A client is registered from its acceptance until it is closed, so with the lock held
//             every one of them is alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "server/client.h"

namespace alai {

class ClientRegistry {
 public:
  void Add(Client& client) {
    std::lock_guard lock(mutex_);
    clients_.emplace(client.id(), &client);
  }
  void Remove(Client& client) {
    std::lock_guard lock(mutex_);
    clients_.erase(client.id());
  }
  // The worker only.
  Client* Find(uint64_t id) const {
    const auto found = clients_.find(id);
    return found == clients_.end() ? nullptr : found->second;
  }
  const std::unordered_map<uint64_t, Client*>& OwnedByThisWorker() const { return clients_; }

  // Changes texts of a client: f().
  template <class F>
  void Edit(F&& f) {
    std::lock_guard lock(mutex_);
    f();
  }
  // Calls f(client) for each, in no order. `f` must not block.
  template <class F>
  void ForEach(F&& f) const {
    std::lock_guard lock(mutex_);
    for (const auto& [id, client] : clients_) f(*client);
  }
  // Calls f(client) for one; false when it is not here.
  template <class F>
  bool With(uint64_t id, F&& f) const {
    std::lock_guard lock(mutex_);
    const auto found = clients_.find(id);
    if (found == clients_.end()) return false;
    f(*found->second);
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Client*> clients_;
};

}  // namespace alai
