#include "server/net/epoll_loop.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/assert.h"

namespace alai {
namespace {

// A connection that is not being read must still say, once, when its peer is gone.
uint32_t EventsFor(const Connection& connection) {
  uint32_t events = 0;
  if (connection.reading) {
    events = EPOLLIN;
  } else if (!connection.ended) {
    events = EPOLLRDHUP;
  }
  if (connection.writing) events |= EPOLLOUT;
  return events;
}

// Rounded up, so that a timer does not fire before its time and spin.
int MillisFor(int64_t timeout_ns) {
  if (timeout_ns < 0) return -1;
  const int64_t ms = (timeout_ns + 999'999) / 1'000'000;
  return ms > INT32_MAX ? INT32_MAX : static_cast<int>(ms);
}

int PendingError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? ECONNRESET : error;
}

}  // namespace

EpollLoop::EpollLoop(int events_max)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      events_max_(events_max),
      events_(new epoll_event[static_cast<size_t>(events_max)]) {
  ASSERT(epoll_fd_ >= 0 && wake_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // stands for wake_fd_
  ASSERT(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

EpollLoop::~EpollLoop() {
  close(wake_fd_);
  close(epoll_fd_);
  delete[] events_;
}

bool EpollLoop::Add(Connection& connection) {
  connection.reading = true;
  connection.writing = false;
  epoll_event event{};
  event.events = EventsFor(connection);
  event.data.ptr = &connection;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection.fd, &event) == 0;
}

void EpollLoop::Remove(Connection& connection) {
  if (connection.fd < 0) return;
  close(connection.fd);  // which also ends its registration: no other descriptor shares the socket
  connection.fd = -1;
  connection.reading = connection.writing = false;
}

void EpollLoop::Modify(Connection& connection) {
  epoll_event event{};
  event.events = EventsFor(connection);
  event.data.ptr = &connection;
  const int failed = epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
  ASSERT(failed == 0 || (errno == ENOENT && connection.ended));
}

void EpollLoop::SetReading(Connection& connection, bool on) {
  if (connection.reading == on || connection.fd < 0) return;
  connection.reading = on;
  Modify(connection);
}

void EpollLoop::SetWriting(Connection& connection, bool on) {
  if (connection.writing == on || connection.fd < 0) return;
  connection.writing = on;
  Modify(connection);
}

ssize_t EpollLoop::Send(Connection& connection, const iovec* vectors, size_t count) {
  if (connection.transport != nullptr) [[unlikely]]
    return connection.transport->Write(connection.fd, vectors, count);
  for (;;) {
    ssize_t sent;
    if (count == 1) {
      sent = send(connection.fd, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(vectors);
      message.msg_iovlen = count;
      sent = sendmsg(connection.fd, &message, MSG_NOSIGNAL);
    }
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

void EpollLoop::Wait(int64_t timeout_ns) {
  const int n = epoll_wait(epoll_fd_, events_, events_max_, MillisFor(timeout_ns));
  ASSERT(n >= 0 || errno == EINTR);
  ready_ = n < 0 ? 0 : n;
}

void EpollLoop::Receive(Connection& connection, LoopEvents& events) {
  const std::span<char> room = events.ReadRoom(connection);
  if (connection.fd < 0) return;  // making room ran other requests, which may have closed this one
  ssize_t n;
  do {
    n = connection.transport == nullptr
            ? recv(connection.fd, room.data(), room.size(), 0)
            : connection.transport->Read(connection.fd, room.data(), room.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0) [[likely]] {
    events.OnBytes(connection, room.first(static_cast<size_t>(n)));
  } else if (n == 0) {
    connection.ended = true;
    events.OnClosed(connection, 0);
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    connection.ended = true;
    events.OnClosed(connection, errno);
  }
}

void EpollLoop::Deliver(LoopEvents& events) {
  for (int i = 0; i < ready_; ++i) {
    const uint32_t what = events_[i].events;
    if (events_[i].data.ptr == nullptr) {
      eventfd_t count;
      eventfd_read(wake_fd_, &count);
      continue;
    }
    Connection& connection = *static_cast<Connection*>(events_[i].data.ptr);
    if (connection.fd >= 0 && (what & EPOLLOUT) != 0 && connection.writing) {
      events.OnWritable(connection);
    }
    if (connection.fd < 0 || (what & ~static_cast<uint32_t>(EPOLLOUT)) == 0) continue;
    if (connection.reading) [[likely]] {
      Receive(connection, events);
    } else if ((what & (EPOLLHUP | EPOLLERR)) != 0) {
      connection.ended = true;
      events.OnClosed(connection, PendingError(connection.fd));
      // A broken connection is reported whatever one asks for, so it is not watched any more.
      if (connection.fd >= 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection.fd, nullptr);
    } else if (!connection.ended) {
      connection.ended = true;
      events.OnClosed(connection, 0);
      if (connection.fd >= 0) Modify(connection);
    }
  }
  ready_ = 0;
}

void EpollLoop::Interrupt() { eventfd_write(wake_fd_, 1); }

}  // namespace alai
