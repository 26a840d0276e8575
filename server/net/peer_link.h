// Connections to other servers, for MIGRATE: requests go out, and for each a line comes back.
//
// One thread does the input and output of all links with Asio; it starts with the first link. Nobody waits for
// it: who has sent something is called when it is done.
//
// Threads     Open() from any. A link is used by one thread at a time; `notify` is called by the links' own
//             thread, not after Stop().
// Invariants  What another server sends takes at most kReplyLineMax bytes at once. A link outlives
//             neither its PeerLinks nor anything but its own memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace alai {

class PeerLink {
 public:
  static constexpr size_t kReplyLineMax = 64 * 1024;

  // What went wrong, by what was being done. A connection that is refused counts as writing.
  enum class Failure : uint8_t { kNone, kConnect, kWrite, kRead };

  // How long each step may take: finding and connecting to the host, sending some bytes, waiting for some.
  struct Target {
    std::string host;  // name or address
    int port = 0;
    std::chrono::milliseconds timeout;
  };

  virtual ~PeerLink() = default;

  // Sends requests, connecting before if that has not happened yet, and reads a line for each. Not before
  // the last Send() is done.
  virtual void Send(std::vector<std::string> requests) = 0;
  // Whether what was sent is answered, or has failed; from then on the rest may be asked.
  virtual bool done() const = 0;
  virtual Failure failure() const = 0;
  // The lines that came for the last Send(), without their ends; after a failure there are fewer of them.
  virtual const std::vector<std::string>& replies() const = 0;
  // Breaks it off: what is under way fails, and nobody is called.
  virtual void Close() = 0;
};

class PeerLinks {
 public:
  PeerLinks();
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;
  ~PeerLinks();

  // A link that connects when something is sent.
  std::shared_ptr<PeerLink> Open(PeerLink::Target target, std::function<void()> notify);
  // Ends the thread; nothing that is under way is done any more.
  void Stop();

 private:
  struct Parts;

  const std::unique_ptr<Parts> parts_;
};

}  // namespace alai
