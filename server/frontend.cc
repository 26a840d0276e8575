// One thread runs every handler, and those that post to it lock Asio's queue, so its fences order
// nothing; ThreadSanitizer does not know fences.
#define BOOST_ASIO_DISABLE_FENCED_BLOCK

#include "server/frontend.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <future>
#include <mutex>
#include <utility>

#include "engine/base/log.h"
#include "engine/store.h"
#include "server/config/config.h"
#include "server/maintenance.h"
#include "server/net/listener.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr auto kCronPeriod = std::chrono::milliseconds(100);

constexpr char kDenied[] =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

constexpr char kTooManyClients[] = "-ERR max number of clients reached\r\n";

// A connection that is not wanted is told so, if its buffer takes it at once, and closed.
void Refuse(int fd, std::string_view line) {
  [[maybe_unused]] const ssize_t sent = send(fd, line.data(), line.size(), MSG_NOSIGNAL);
  close(fd);
}

}  // namespace

struct Frontend::Parts {
  // A listener and Asio's interest in it.
  struct Door {
    Door(asio::io_context& loop, Listener&& opened)
        : listener(std::move(opened)), descriptor(loop, listener.fd()) {}
    ~Door() { descriptor.release(); }

    Listener listener;
    asio::posix::stream_descriptor descriptor;
    bool resting = false;
  };

  Parts(Server& of, WorkerStats& counted_in)
      : server(of),
        stats(counted_in),
        signals(loop, SIGINT, SIGTERM),
        cron(loop),
        maintenance(of) {}

  void WaitForConnection(const std::shared_ptr<Door>& door);
  void Accept(Door& door);
  void Admit(Door& door, int fd);
  std::string_view RefusalFor(const Door& door, const std::string& address) const;
  void WaitForSignal();
  void WaitForCron();
  void OpenDoors(std::vector<Listener> listeners);
  std::vector<Listener> OpenTcp(bool* ok) const;
  void Describe();
  void CloseTcp();
  void CloseAll();
  // An error leaves everything as it was.
  std::string Reopen();

  Server& server;
  WorkerStats& stats;  // of this thread
  asio::io_context loop{1};
  asio::signal_set signals;
  asio::steady_timer cron;
  std::vector<std::shared_ptr<Door>> doors;
  bool interrupted = false;  // by SIGINT, once
  Maintenance maintenance;

  mutable std::mutex mutex;  // guards what INFO asks for
  std::vector<std::string> descriptions;
  int tcp_port = 0;
};

// A completed wait may still be in Asio's queue when its door goes, hence the weak pointer.
void Frontend::Parts::WaitForConnection(const std::shared_ptr<Door>& waiting) {
  waiting->descriptor.async_wait(
      asio::posix::descriptor_base::wait_read,
      [this, weak = std::weak_ptr<Door>(waiting)](const ErrorCode& error) {
        const std::shared_ptr<Door> door = weak.lock();
        if (error || door == nullptr) return;
        Accept(*door);
        if (!door->resting) WaitForConnection(door);
      });
}

void Frontend::Parts::Accept(Door& door) {
  const int64_t count = server.config().max_new_connections_per_cycle;
  for (int64_t i = 0; i < count; ++i) {
    const int fd = accept4(door.listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Admit(door, fd);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EINTR:
      case ECONNABORTED:
      case EPROTO:
        continue;
      default:
        // Out of descriptors or memory, mostly. The connection stays in the backlog.
        Log(LogLevel::kWarning, "Accepting client connection: accept: %m");
        door.resting = true;
        return;
    }
  }
}

void Frontend::Parts::Admit(Door& door, int fd) {
  AcceptedSocket socket;
  socket.fd = fd;
  socket.unix_socket = door.listener.is_unix();
  if (socket.unix_socket) {
    socket.address = socket.local_address = door.listener.unix_path() + ":0";
  } else {
    socket.address = AddressOf(fd, true);
    socket.local_address = AddressOf(fd, false);
  }
  Log(LogLevel::kVerbose, "Accepted %s", socket.address.c_str());
  if (const std::string_view refusal = RefusalFor(door, socket.address); !refusal.empty()) {
    stats.BeginTurn();
    stats.Add(Count::kConnectionsReceived);
    stats.Add(Count::kConnectionsRejected);
    return Refuse(fd, refusal);
  }
  if (!socket.unix_socket) PrepareTcp(fd, static_cast<int>(server.config().tcp_keepalive));
  const auto workers = server.workers();
  const auto least = std::min_element(
      workers.begin(), workers.end(),
      [](const auto& a, const auto& b) { return a->connections() < b->connections(); });
  (*least)->Adopt(std::move(socket));
}

// Why a new connection is not let in; empty when it is.
std::string_view Frontend::Parts::RefusalFor(const Door& door, const std::string& address) const {
  const Config& config = server.config();
  if (server.connected_clients() >= config.maxclients) return kTooManyClients;
  if (config.protected_mode && !door.listener.is_unix() && !IsLoopback(address) &&
      config.requirepass.empty()) {
    return kDenied;
  }
  return {};
}

void Frontend::Parts::WaitForSignal() {
  signals.async_wait([this](const ErrorCode& error, int signal) {
    if (error) return;
    const bool interrupt = signal == SIGINT;
    if (interrupt && std::exchange(interrupted, true)) {
      Log(LogLevel::kWarning, "You insist... exiting now.");
      std::_Exit(1);
    }
    Log(LogLevel::kWarning, "Received %s scheduling shutdown...", interrupt ? "SIGINT" : "SIGTERM");
    const Config& config = server.config();
    server.RequestShutdown(interrupt ? config.shutdown_on_sigint : config.shutdown_on_sigterm);
    WaitForSignal();
  });
}

void Frontend::Parts::WaitForCron() {
  cron.expires_after(kCronPeriod);
  cron.async_wait([this](const ErrorCode& error) {
    if (error) return;
    stats.BeginTurn();
    server.Cron();
    for (const std::shared_ptr<Door>& door : doors) {
      if (!door->resting) continue;
      door->resting = false;
      WaitForConnection(door);
    }
    WaitForCron();
  });
}

std::vector<Listener> Frontend::Parts::OpenTcp(bool* ok) const {
  const Config& config = server.config();
  *ok = true;
  if (config.port == 0) return {};
  const ListenOptions options = {.backlog = static_cast<int>(config.tcp_backlog),
                                 .mark = static_cast<uint32_t>(config.socket_mark_id)};
  return ListenTcp(config.bind.get(), static_cast<int>(config.port), options, ok);
}

void Frontend::Parts::OpenDoors(std::vector<Listener> listeners) {
  for (Listener& listener : listeners) {
    doors.push_back(std::make_shared<Door>(loop, std::move(listener)));
    WaitForConnection(doors.back());
  }
}

void Frontend::Parts::Describe() {
  std::string tcp;
  std::string unix_sockets;
  for (const std::shared_ptr<Door>& door : doors) {
    const Listener& listener = door->listener;
    (listener.is_unix() ? unix_sockets : tcp) += ",bind=" + listener.address();
  }
  const int64_t port = server.config().port;
  std::lock_guard lock(mutex);
  descriptions.clear();
  tcp_port = static_cast<int>(port);
  if (!tcp.empty()) descriptions.push_back("name=tcp" + tcp + ",port=" + std::to_string(port));
  if (!unix_sockets.empty()) descriptions.push_back("name=unix" + unix_sockets);
}

Frontend::Frontend(Server& server, WorkerStats& stats)
    : parts_(std::make_unique<Parts>(server, stats)) {}

Frontend::~Frontend() = default;

bool Frontend::Listen() {
  const Config& config = parts_->server.config();
  WarnIfBacklogIsCut(static_cast<int>(config.tcp_backlog));
  bool ok = false;
  std::vector<Listener> tcp = parts_->OpenTcp(&ok);
  if (!ok) {
    Log(LogLevel::kWarning, "Failed listening on port %d (tcp), aborting.",
        static_cast<int>(config.port));
    return false;
  }
  parts_->OpenDoors(std::move(tcp));
  if (const std::string path = config.unixsocket.get(); !path.empty()) {
    const ListenOptions options = {.backlog = static_cast<int>(config.tcp_backlog)};
    std::vector<Listener> local = ListenUnix(path, static_cast<mode_t>(config.unixsocketperm),
                                             config.unixsocketgroup.get(), options, &ok);
    if (!ok) return false;
    parts_->OpenDoors(std::move(local));
  }
  if (parts_->doors.empty()) {
    Log(LogLevel::kWarning, "Configured to not listen anywhere, exiting.");
    return false;
  }
  parts_->Describe();
  return true;
}

void Frontend::Run() {
  parts_->WaitForSignal();
  parts_->WaitForCron();
  parts_->maintenance.Start();
  parts_->loop.run();
  parts_->maintenance.Stop();
  parts_->CloseAll();
}

void Frontend::Stop() {
  asio::post(parts_->loop, [this] { parts_->loop.stop(); });
}

void Frontend::Parts::CloseTcp() {
  std::erase_if(doors, [](const auto& door) { return !door->listener.is_unix(); });
}

void Frontend::Parts::CloseAll() {
  const bool has_file = std::any_of(doors.begin(), doors.end(),
                                    [](const auto& door) { return door->listener.is_unix(); });
  if (has_file) Log(LogLevel::kNotice, "Removing the unix socket file.");
  doors.clear();
}

// Another port is opened before the old one is closed; other addresses of the same port cannot be.
std::string Frontend::Parts::Reopen() {
  std::vector<std::string> old_addresses;
  for (const std::shared_ptr<Door>& door : doors) {
    if (!door->listener.is_unix()) old_addresses.push_back(door->listener.address());
  }
  const bool same_port = server.config().port == tcp_port;
  if (same_port) CloseTcp();
  bool ok = false;
  std::vector<Listener> fresh = OpenTcp(&ok);
  if (ok) {
    CloseTcp();
    OpenDoors(std::move(fresh));
    Describe();
    return {};
  }
  if (!same_port) return "Unable to listen on this port. Check server logs.";
  const ListenOptions options = {.backlog = static_cast<int>(server.config().tcp_backlog)};
  bool restored = false;
  OpenDoors(ListenTcp(old_addresses, tcp_port, options, &restored));
  return "Failed to bind to specified addresses.";
}

std::string Frontend::ListenAnew() {
  auto done = std::make_shared<std::promise<std::string>>();
  std::future<std::string> result = done->get_future();
  asio::post(parts_->loop, [this, done] { done->set_value(parts_->Reopen()); });
  while (result.wait_for(kCronPeriod) != std::future_status::ready) {
    if (parts_->server.shutdown_requested()) return "The server is shutting down.";
  }
  return result.get();
}

void Frontend::FreeFlushed() { parts_->maintenance.Wake(); }

std::vector<std::string> Frontend::Descriptions() const {
  std::lock_guard lock(parts_->mutex);
  return parts_->descriptions;
}

}  // namespace alai
