// One thread runs every handler, and those that post to it lock Asio's queue, so its fences order
// nothing; ThreadSanitizer does not know fences.
#define BOOST_ASIO_DISABLE_FENCED_BLOCK

#include "server/net/peer_link.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <thread>
#include <utility>

namespace alai {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

// Bytes that go out before the time-out starts anew.
constexpr size_t kWriteBytesMax = 64 * 1024;

class Link final : public PeerLink, public std::enable_shared_from_this<Link> {
 public:
  Link(asio::io_context& loop, Target target, std::function<void()> notify)
      : loop_(loop),
        target_(std::move(target)),
        notify_(std::move(notify)),
        resolver_(loop),
        socket_(loop),
        timer_(loop) {}

  void Send(std::vector<std::string> requests) override {
    requests_ = std::move(requests);
    replies_.clear();
    done_.store(false, std::memory_order_relaxed);
    asio::co_spawn(
        loop_, [self = shared_from_this()] { return self->Exchange(); }, asio::detached);
  }
  bool done() const override { return done_.load(std::memory_order_acquire); }
  Failure failure() const override { return failure_; }
  const std::vector<std::string>& replies() const override { return replies_; }
  void Close() override {
    asio::post(loop_, [self = shared_from_this()] {
      self->notify_ = nullptr;
      self->Break();
    });
  }

 private:
  // Ends what is under way, with an error.
  void Break() {
    ErrorCode ignored;
    resolver_.cancel();
    socket_.close(ignored);
    timer_.cancel();
    broken_ = true;
  }

  void StartTimer() {
    timer_.expires_after(target_.timeout);
    timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
      const std::shared_ptr<Link> link = weak.lock();
      if (!error && link != nullptr) link->Break();
    });
  }

  asio::awaitable<void> Exchange() {
    failure_ = co_await Run();
    timer_.cancel();
    if (failure_ != Failure::kNone) Break();
    requests_.clear();
    const std::function<void()> notify = notify_;
    done_.store(true, std::memory_order_release);
    if (notify) notify();
  }

  // No co_await stands in a condition: GCC 12 gets && and || around it wrong.
  asio::awaitable<Failure> Run() {
    if (!connected_) {
      const Failure failure = co_await Connect();
      if (failure != Failure::kNone) co_return failure;
    }
    const bool written = co_await Write();
    if (!written) co_return Failure::kWrite;
    while (replies_.size() < requests_.size()) {
      const bool read = co_await ReadLine();
      if (!read) co_return Failure::kRead;
    }
    co_return Failure::kNone;
  }

  // Whom nobody listens to is found out by writing, as clients of Redis know it.
  asio::awaitable<Failure> Connect() {
    ErrorCode error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    StartTimer();
    const auto endpoints = co_await resolver_.async_resolve(
        target_.host, std::to_string(target_.port), tcp::resolver::numeric_service, token);
    if (error || broken_) co_return Failure::kConnect;
    co_await asio::async_connect(socket_, endpoints, token);
    if (broken_) co_return Failure::kConnect;
    if (error) co_return Failure::kWrite;
    socket_.set_option(tcp::no_delay(true), error);
    connected_ = true;
    co_return Failure::kNone;
  }

  asio::awaitable<bool> Write() {
    std::vector<asio::const_buffer> buffers;
    for (const std::string& request : requests_) buffers.push_back(asio::buffer(request));
    ErrorCode error;
    const auto each_part = [this](const ErrorCode& failed, size_t) -> size_t {
      if (failed || broken_) return 0;
      StartTimer();
      return kWriteBytesMax;
    };
    co_await asio::async_write(socket_, buffers, each_part,
                               asio::redirect_error(asio::use_awaitable, error));
    co_return !error && !broken_;
  }

  asio::awaitable<bool> ReadLine() {
    ErrorCode error;
    StartTimer();
    const size_t size =
        co_await asio::async_read_until(socket_, asio::dynamic_buffer(input_, kReplyLineMax), '\n',
                                        asio::redirect_error(asio::use_awaitable, error));
    if (error || broken_) co_return false;
    std::string line = input_.substr(0, size - 1);
    if (line.ends_with('\r')) line.pop_back();
    replies_.push_back(std::move(line));
    input_.erase(0, size);
    co_return true;
  }

  asio::io_context& loop_;
  const Target target_;
  std::function<void()> notify_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  bool connected_ = false;
  bool broken_ = false;
  std::string input_;

  std::vector<std::string> requests_;
  std::vector<std::string> replies_;
  Failure failure_ = Failure::kNone;
  std::atomic<bool> done_{true};
};

}  // namespace

struct PeerLinks::Parts {
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(loop);
  std::mutex mutex;  // guards what follows
  std::thread thread;
  bool stopped = false;
};

PeerLinks::PeerLinks() : parts_(std::make_unique<Parts>()) {}

PeerLinks::~PeerLinks() { Stop(); }

std::shared_ptr<PeerLink> PeerLinks::Open(PeerLink::Target target, std::function<void()> notify) {
  {
    std::lock_guard lock(parts_->mutex);
    if (!parts_->stopped && !parts_->thread.joinable()) {
      parts_->thread = std::thread([parts = parts_.get()] {
        pthread_setname_np(pthread_self(), "alai-links");
        parts->loop.run();
      });
    }
  }
  return std::make_shared<Link>(parts_->loop, std::move(target), std::move(notify));
}

void PeerLinks::Stop() {
  std::thread thread;
  {
    std::lock_guard lock(parts_->mutex);
    parts_->stopped = true;
    thread = std::move(parts_->thread);
  }
  parts_->loop.stop();
  if (thread.joinable()) thread.join();
}

}  // namespace alai
