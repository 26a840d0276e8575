// Input: from bytes to executed requests.
#include <algorithm>
#include <cstring>

#include "engine/base/log.h"
#include "engine/store_thread.h"
#include "server/client.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"
#include "server/worker_limits.h"

namespace alai {
namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

// Room for one read with `tail` bytes before it.
std::span<char> Worker::ArenaRoom(size_t tail) {
  if (kArenaBytes - arena_used_ < tail + kReadBytes) ExecuteBatch();
  if (batch_.empty()) arena_used_ = 0;
  return {arena_.get() + arena_used_ + tail, kReadBytes};
}

std::span<char> Worker::ReadRoom(Connection& connection) {
  Client& client = static_cast<Client&>(connection);
  if (client.suspended()) [[unlikely]]
    return client.input_.Room(kReadBytes);
  if (client.input_.empty()) [[likely]]
    return ArenaRoom(0);
  const size_t tail = client.input_.size();
  const size_t needed = client.parser_.bytes_needed();
  if (tail + kReadBytes > kArenaTailBytesMax || needed > kArenaTailBytesMax) {
    const size_t missing = needed > tail ? needed - tail : 0;
    return client.input_.Room(std::min(std::max(missing, kReadBytes), kLargeReadBytesMax));
  }
  const std::span<char> room = ArenaRoom(tail);
  joined_ = &client;
  joined_at_ = arena_used_;
  std::memcpy(room.data() - tail, client.input_.data(), tail);
  return room;
}

void Worker::OnBytes(Connection& connection, std::span<char> bytes) {
  Client& client = static_cast<Client&>(connection);
  stats_.Add(Count::kReads);
  stats_.Add(Count::kNetInputBytes, bytes.size());
  client.bytes_in.Add(bytes.size());
  client.last_interaction_ms.store(now_, std::memory_order_relaxed);
  if (client.suspended()) [[unlikely]]
    return OnBytesOfSuspended(client, bytes);
  if (!client.input_.empty()) [[unlikely]]
    bytes = JoinTail(client, bytes);
  if (bytes.data() == arena_.get() + arena_used_) {
    arena_used_ += (bytes.size() + kCacheLine - 1) / kCacheLine * kCacheLine;
  }
  Serve(client, bytes);
}

void Worker::OnBytesOfSuspended(Client& client, std::span<char> bytes) {
  if (bytes.data() == client.input_.data() + client.input_.size()) {
    client.input_.Commit(bytes.size());
  } else {
    client.input_.Append({bytes.data(), bytes.size()});
  }
  client.unread_bytes.Set(client.input_.size());
  client.unread_capacity.Set(client.input_.capacity());
  CountMemory(client);
  if (CloseIfInputTooLarge(client)) return;
  if (client.input_.size() >= kSuspendedInputBytesMax) loop_->SetReading(client, false);
}

// The part of a request that came earlier, and what came now, in one place.
std::span<char> Worker::JoinTail(Client& client, std::span<char> bytes) {
  const size_t tail = client.input_.size();
  if (joined_ == &client && bytes.data() == arena_.get() + joined_at_ + tail) {
    joined_ = nullptr;
    client.input_.Clear();
    return {bytes.data() - tail, tail + bytes.size()};
  }
  if (bytes.data() == client.input_.data() + tail) {
    client.input_.Commit(bytes.size());
  } else {
    client.input_.Append({bytes.data(), bytes.size()});
  }
  return {client.input_.data(), client.input_.size()};
}

void Worker::Serve(Client& client, std::span<char> bytes, LockRequest* held) {
  for (;;) {
    const bool one_by_one = held != nullptr || client.has(kClientNeedsAuth);
    RequestLimits limits;
    limits.bulk_bytes_max = server_.config().proto_max_bulk_len;
    limits.authenticated = !client.has(kClientNeedsAuth);
    const RequestBatch::Run& run = batch_.Parse(client, client.parser_, bytes, limits,
                                                client.db_index(), one_by_one ? 1 : SIZE_MAX);
    const RequestBatch::Ending ending = run.ending;
    const size_t parsed = run.parsed;
    if (ending != RequestBatch::Ending::kFull && !one_by_one) [[likely]]
      return;
    dispatcher_.set_held(std::exchange(held, nullptr));
    ExecuteBatch();
    if (ending != RequestBatch::Ending::kFull || client.closed() || client.suspended() ||
        client.has(kClientCloseAfterReply | kClientCloseNow)) {
      return;
    }
    bytes = bytes.subspan(parsed);
  }
}

void Worker::ExecuteBatch() {
  if (batch_.empty()) return;
  ReadClock();
  if (batch_.size() > 1) {
    batch_.PrefetchRecords();
    batch_.PrefetchParts();
  }
  stats_.Add(Count::kPrefetchBatches);
  stats_.Add(Count::kPrefetchEntries, batch_.size());
  dispatcher_.ReadThresholds();
  for (const RequestBatch::Run& run : batch_.runs()) ExecuteRun(run);
  dispatcher_.set_held(nullptr);
  batch_.Clear();
  // What the batch replaced is freed while it is still in the cache, and reused by the next ones.
  thread_->Quiescent();
}

void Worker::ExecuteRun(const RequestBatch::Run& run) {
  Client& client = *run.client;
  if (client.closed()) [[unlikely]]
    return;
  if (client.kill_requested()) [[unlikely]]
    return CloseClient(client);
  client.unread_bytes.Set(run.size);
  dispatcher_.BeginClient(client);
  const std::span<const RequestBatch::Request> requests = batch_.requests(run);
  const Dispatcher::Progress progress =
      dispatcher_.Execute(client, requests, batch_.all_arguments());
  client.asked_ahead_ -= std::min<size_t>(client.asked_ahead_, progress.requests);
  size_t done = progress.bytes;
  switch (progress.outcome) {
    case Dispatcher::Outcome::kDone:
      break;
    case Dispatcher::Outcome::kSuspended:
      SuspendRest(client, requests[progress.requests]);
      done += requests[progress.requests].bytes;
      client.asked_ahead_ = 0;
      break;
    case Dispatcher::Outcome::kLocked:
      SuspendForLock(client);
      break;
    case Dispatcher::Outcome::kPaused:
      SuspendForPause(client);
      break;
    case Dispatcher::Outcome::kOrigin:
      dispatcher_.AskAhead(client, requests.subspan(progress.requests), batch_.all_arguments());
      SuspendForOrigin(client);
      break;
    case Dispatcher::Outcome::kNoSpace:
      SuspendForSpace(client);
      break;
  }
  dispatcher_.EndClient();
  client.commands.Add(progress.requests);
  const bool stopped = client.suspended() || client.has(kClientCloseAfterReply | kClientCloseNow);
  EndRun(client, run, done, stopped);
}

void Worker::EndRun(Client& client, const RequestBatch::Run& run, size_t done, bool stopped) {
  if (stopped) {
    // What was parsed behind the last request is parsed anew, if it is still wanted.
    client.parser_.Reset();
    const bool wanted = client.suspended();
    KeepUnread(client, {run.begin + done, wanted ? run.size - done : 0});
  } else if (run.ending != RequestBatch::Ending::kFull) {
    KeepUnread(client, {run.begin + run.parsed, run.size - run.parsed});
  }
  if (!stopped && run.ending == RequestBatch::Ending::kMalformed) {
    KeepUnread(client, {});
    dispatcher_.BeginClient(client);
    dispatcher_.Refuse(client.parser_.error());
    dispatcher_.EndClient();
    if (LogEnabled(LogLevel::kVerbose)) {
      Log(LogLevel::kVerbose, "Protocol error (%s) from client: id=%llu addr=%s",
          std::string(client.parser_.error()).c_str(), static_cast<unsigned long long>(client.id()),
          client.address.c_str());
    }
    client.Set(kClientCloseAfterReply);
  }
  // While there is more to parse, the buffer holds requests that are about to be executed.
  const bool settled = stopped || run.ending != RequestBatch::Ending::kFull;
  if (settled) {
    if (!CloseIfInputTooLarge(client)) SendReplies(client);
  } else if (client.has(kClientNeedsAuth) || !HoldReplies(client)) {
    SendReplies(client);
  }
}

void Worker::KeepUnread(Client& client, std::span<char> unread) {
  client.input_.Assign({unread.data(), unread.size()});
  client.unread_bytes.Set(client.input_.size());
  client.unread_capacity.Set(client.input_.capacity());
  CountMemory(client);
}

bool Worker::CloseIfInputTooLarge(Client& client) {
  const size_t size = client.input_.size();
  if (size <= kReadBytes) [[likely]]
    return false;
  const auto limit = static_cast<size_t>(server_.config().client_query_buffer_limit);
  const bool too_large =
      size > limit || (client.has(kClientNeedsAuth) && size > kUnauthenticatedInputBytesMax);
  if (!too_large) return false;
  Log(LogLevel::kWarning,
      "Closing client that reached max query buffer length: id=%llu addr=%s (%zu bytes)",
      static_cast<unsigned long long>(client.id()), client.address.c_str(), size);
  stats_.Add(Count::kQueryBufferLimitDisconnections);
  replies_.Clear();
  CloseClient(client);
  return true;
}

void Worker::OnClosed(Connection& connection, int error) {
  Client& client = static_cast<Client&>(connection);
  // What was received in full is still executed and answered, as if it had not been interrupted.
  if (client.suspended() && !client.suspended_->blocks) {
    client.input_ended_ = true;
    loop_->SetReading(client, false);
    return;
  }
  if (error != 0 && LogEnabled(LogLevel::kVerbose)) {
    Log(LogLevel::kVerbose, "Reading from client: %s", strerror(error));
  }
  CloseClient(client);
}

}  // namespace alai
