// Output: from replies to the socket.
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/log.h"
#include "server/client.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"
#include "server/worker_limits.h"

namespace alai {
namespace {

// What of `bytes` unsent ones counts against client-output-buffer-limit. As in Redis, every client
// has one chunk that does not count, and what goes beyond takes one more at least: the smallest
// limit lets ordinary replies pass, CONFIG SET's own among them.
size_t LimitedBytes(size_t bytes) {
  if (bytes <= kUnlimitedOutputBytes) return 0;
  return std::max(bytes - kUnlimitedOutputBytes, kUnlimitedOutputBytes);
}

}  // namespace

void Worker::SendReplies(Client& client) {
  if (!replies_.empty() || !client.output_.empty()) {
    if (CloseIfOutputTooLarge(client, replies_.size() + client.output_.size())) return;
    if (client.output_.empty()) [[likely]] {
      if (!SendFrom(client, replies_)) return;
      if (!replies_.empty()) client.output_.Splice(std::move(replies_));
    } else {
      client.output_.Splice(std::move(replies_));
      if (!client.writing && !SendFrom(client, client.output_)) return;
    }
    const size_t unsent = client.output_.size();
    client.unsent_bytes.Set(unsent);
    client.unsent_memory.Set(unsent == 0 ? 0 : client.output_.memory_used());
    CountMemory(client);
    if (unsent > kUnauthenticatedOutputBytesMax && client.has(kClientNeedsAuth)) {
      Log(LogLevel::kWarning, "Closing unauthenticated client that does not read: id=%llu addr=%s",
          static_cast<unsigned long long>(client.id()), client.address.c_str());
      return CloseClient(client);
    }
    loop_->SetWriting(client, unsent != 0);
  }
  const bool ends = client.has(kClientCloseAfterReply) && client.output_.empty();
  if (ends || client.has(kClientCloseNow)) [[unlikely]]
    CloseClient(client);
}

bool Worker::HoldReplies(Client& client) {
  if (client.writing || replies_.size() + client.output_.size() >= kHeldBytesMax) return false;
  client.output_.Splice(std::move(replies_));
  return true;
}

bool Worker::SendFrom(Client& client, OutputBuffer& output) {
  iovec vectors[kSendVectorsMax];
  for (size_t total = 0; total < kSendBytesMax;) {
    const size_t count = output.FillIovecs(vectors, kSendVectorsMax);
    if (count == 0) break;
    size_t wanted = 0;
    for (size_t i = 0; i < count; ++i) wanted += vectors[i].iov_len;
    const ssize_t sent = loop_->Send(client, vectors, count);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      Log(LogLevel::kVerbose, "Error writing to client: %m");
      replies_.Clear();
      CloseClient(client);
      return false;
    }
    const auto taken = static_cast<size_t>(sent);
    output.Consume(taken);
    total += taken;
    stats_.Add(Count::kWrites);
    stats_.Add(Count::kNetOutputBytes, taken);
    client.bytes_out.Add(taken);
    if (taken < wanted || output.empty()) break;
  }
  return true;
}

void Worker::OnWritable(Connection& connection) {
  Client& client = static_cast<Client&>(connection);
  if (!SendFrom(client, client.output_)) return;
  const size_t unsent = client.output_.size();
  client.unsent_bytes.Set(unsent);
  client.unsent_memory.Set(unsent == 0 ? 0 : client.output_.memory_used());
  CountMemory(client);
  if (unsent != 0) return;
  client.soft_limit_since_ms_ = 0;
  loop_->SetWriting(client, false);
  client.output_.Clear();
  if (client.has(kClientCloseAfterReply)) CloseClient(client);
}

bool Worker::CloseIfOutputTooLarge(Client& client, size_t unsent) {
  const size_t bytes = LimitedBytes(unsent);
  const OutputBufferLimit& limit =
      server_.config().client_output_buffer_limit[static_cast<int>(ClientClass::kNormal)];
  const auto hard = static_cast<size_t>(limit.hard_bytes);
  const auto soft = static_cast<size_t>(limit.soft_bytes);
  bool too_large = hard != 0 && bytes >= hard;
  if (soft == 0 || bytes < soft) {
    client.soft_limit_since_ms_ = 0;
  } else if (client.soft_limit_since_ms_ == 0) {
    client.soft_limit_since_ms_ = now_;
  } else {
    too_large =
        too_large || now_ - client.soft_limit_since_ms_ > limit.soft_seconds.get() * int64_t{1000};
  }
  if (!too_large) [[likely]]
    return false;
  Log(LogLevel::kWarning,
      "Client id=%llu addr=%s scheduled to be closed ASAP for overcoming of output buffer limits.",
      static_cast<unsigned long long>(client.id()), client.address.c_str());
  stats_.Add(Count::kOutputBufferLimitDisconnections);
  replies_.Clear();
  CloseClient(client);
  return true;
}

}  // namespace alai
