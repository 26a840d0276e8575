#include "server/commands/client_others.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/error_text.h"
#include "server/call.h"
#include "server/client.h"
#include "server/client_description.h"
#include "server/client_filter.h"
#include "server/client_registry.h"
#include "server/pause.h"
#include "server/server.h"
#include "server/worker.h"

namespace alai {
namespace {

// Waits for what another worker was asked.
class PendingInteger final : public Suspension {
 public:
  explicit PendingInteger(std::shared_ptr<std::atomic<int64_t>> answer)
      : answer_(std::move(answer)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    const int64_t value = answer_->load(std::memory_order_acquire);
    if (value < 0) return Next::kWait;
    call.reply().Integer(value);
    return Next::kDone;
  }

 private:
  const std::shared_ptr<std::atomic<int64_t>> answer_;
};

// Waits until every other worker has come to a boundary between commands.
class PendingWorkers final : public Suspension {
 public:
  explicit PendingWorkers(std::shared_ptr<std::atomic<size_t>> left) : left_(std::move(left)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (left_->load(std::memory_order_acquire) != 0) return Next::kWait;
    call.reply().Ok();
    return Next::kDone;
  }

 private:
  const std::shared_ptr<std::atomic<size_t>> left_;
};

using NumberedLine = std::pair<uint64_t, std::string>;

std::vector<NumberedLine> DescribeMatching(Call& call, const ClientFilter& filter) {
  std::vector<NumberedLine> lines;
  const bool skip_self = filter.skips_self(false);
  for (const auto& worker : call.server().workers()) {
    worker->clients().ForEach([&](const Client& client) {
      if (!filter.Matches(client, call.now()) || (skip_self && &client == &call.client())) return;
      lines.emplace_back(client.id(), DescribeClient(client, call.now()) + "\n");
    });
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// In the order in which the ids were given, each as often as it was.
std::string DescribeInOrder(const std::vector<NumberedLine>& lines,
                            const std::vector<uint64_t>& ids) {
  std::string text;
  for (const uint64_t id : ids) {
    const auto found = std::lower_bound(lines.begin(), lines.end(), NumberedLine(id, {}));
    if (found != lines.end() && found->first == id) text += found->second;
  }
  return text;
}

struct Victim {
  uint64_t id;
  Worker* worker;
};

// Kills at most `count` of the clients for which matches(client) holds; gives how many.
template <class Match>
int64_t KillMatching(Call& call, int64_t count, Match&& matches) {
  std::vector<Victim> victims;
  for (const auto& worker : call.server().workers()) {
    worker->clients().ForEach([&](Client& client) {
      if (static_cast<int64_t>(victims.size()) >= count || !matches(client)) return;
      if (&client != &call.client()) client.RequestKill();
      victims.push_back({client.id(), worker.get()});
    });
  }
  for (const Victim& victim : victims) {
    if (victim.id == call.client().id()) {
      call.client().Set(kClientCloseAfterReply);
    } else {
      victim.worker->Post([id = victim.id](Worker& worker) {
        Client* client = worker.clients().Find(id);
        if (client != nullptr) worker.CloseClient(*client);
      });
    }
  }
  return static_cast<int64_t>(victims.size());
}

Worker* WorkerOf(Server& server, uint64_t client_id) {
  for (const auto& worker : server.workers()) {
    if (worker->clients().With(client_id, [](const Client&) {})) return worker.get();
  }
  return nullptr;
}

}  // namespace

void ClientInfo(Call& call) {
  call.reply().Verbatim("txt", DescribeClient(call.client(), call.now()) + "\n");
}

void ClientList(Call& call) {
  ClientFilter filter;
  ArgReader args = call.args();
  const std::string error = filter.Read(args, ClientFilter::Use::kList);
  if (!error.empty()) return call.Fail(error);
  const std::vector<NumberedLine> lines = DescribeMatching(call, filter);
  std::string text;
  if (const std::vector<uint64_t>* ids = filter.only_ids(); ids != nullptr) {
    text = DescribeInOrder(lines, *ids);
  } else {
    for (const auto& [id, line] : lines) text += line;
  }
  call.reply().Verbatim("txt", text);
}

void ClientKill(Call& call) {
  ArgReader args = call.args();
  if (args.remaining() == 1) {
    const std::string_view address = args.String();
    const int64_t killed = KillMatching(call, 1, [&](const Client& client) {
      return client.address == address && !client.kill_requested();
    });
    return killed == 0 ? call.Fail(error_text::kNoSuchClient) : call.reply().Ok();
  }
  ClientFilter filter;
  const std::string error = filter.Read(args, ClientFilter::Use::kKill);
  if (!error.empty()) return call.Fail(error);
  const bool skip_self = filter.skips_self(true);
  call.reply().Integer(KillMatching(call, INT64_MAX, [&](const Client& client) {
    return filter.Matches(client, call.now()) && !(skip_self && &client == &call.client());
  }));
}

void ClientUnblock(Call& call) {
  ArgReader args = call.args();
  if (args.remaining() > 2) {
    return call.Fail(error_text::SubcommandSyntax("client", call.argv()[1]));
  }
  bool with_error = false;
  if (args.remaining() == 2) {
    const std::string_view reason = call.argv()[3];
    with_error = EqualsIgnoreCase(reason, "ERROR");
    if (!with_error && !EqualsIgnoreCase(reason, "TIMEOUT")) {
      return call.Fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
  }
  const auto id = static_cast<uint64_t>(args.Int64());
  if (!args.ok()) return call.Fail(args.error());
  Worker* owner = WorkerOf(call.server(), id);
  if (owner == nullptr) return call.reply().Integer(0);
  if (owner == &call.worker()) return call.reply().Integer(owner->Unblock(id, with_error) ? 1 : 0);
  auto answer = std::make_shared<std::atomic<int64_t>>(-1);
  owner->Post([id, with_error, answer, asker = &call.worker(),
               asking = call.client().id()](Worker& worker) {
    answer->store(worker.Unblock(id, with_error) ? 1 : 0, std::memory_order_release);
    asker->Wake(asking);
  });
  call.Suspend(std::make_unique<PendingInteger>(std::move(answer)));
}

void ClientPause(Call& call) {
  ArgReader args = call.args();
  if (args.remaining() > 2) {
    return call.Fail(error_text::SubcommandSyntax("client", call.argv()[1]));
  }
  PauseKind kind = PauseKind::kAll;
  if (args.remaining() == 2) {
    const std::string_view mode = call.argv()[3];
    if (EqualsIgnoreCase(mode, "WRITE")) {
      kind = PauseKind::kWrite;
    } else if (!EqualsIgnoreCase(mode, "ALL")) {
      return call.Fail("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  const int64_t ms = args.Int64(error_text::kTimeoutNotInteger);
  if (!args.ok()) return call.Fail(args.error());
  if (ms < 0) return call.Fail(error_text::kTimeoutNegative);
  Worker& here = call.worker();
  constexpr int64_t kNanosPerMilli = 1'000'000;
  if (ms > (INT64_MAX - here.monotonic_ns()) / kNanosPerMilli) {
    return call.Fail("ERR timeout is out of range");
  }
  call.server().pause().Start(kind, here.monotonic_ns() + ms * kNanosPerMilli);
  here.RefreshPause();
  const auto workers = call.server().workers();
  if (workers.size() == 1) return call.reply().Ok();
  auto left = std::make_shared<std::atomic<size_t>>(workers.size() - 1);
  for (const auto& other : workers) {
    if (other.get() == &here) continue;
    other->Post([left, asker = &here, asking = call.client().id()](Worker& worker) {
      worker.RefreshPause();
      if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) asker->Wake(asking);
    });
  }
  call.Suspend(std::make_unique<PendingWorkers>(std::move(left)));
}

void ClientUnpause(Call& call) {
  call.server().pause().Stop();
  call.worker().RefreshPause();
  for (const auto& other : call.server().workers()) {
    if (other.get() != &call.worker()) other->Post([](Worker& worker) { worker.RefreshPause(); });
  }
  call.reply().Ok();
}

}  // namespace alai
