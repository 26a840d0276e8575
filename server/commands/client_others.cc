#include "server/commands/client_others.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/store.h"
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

// Waits until other workers have done what they were asked, then answers.
class PendingWorkers final : public Suspension {
 public:
  using Left = std::shared_ptr<std::atomic<size_t>>;
  using Answer = std::function<void(Call&)>;

  PendingWorkers(Left left, Answer answer) : left_(std::move(left)), answer_(std::move(answer)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (left_->load(std::memory_order_acquire) != 0) return Next::kWait;
    answer_(call);
    return Next::kDone;
  }

 private:
  const Left left_;
  const Answer answer_;
};

struct Errand {
  Worker* worker;
  std::function<void(Worker&)> task;
};

// Lets workers run their tasks, all at once; `answer` replies when the last is done.
void AskWorkers(Call& call, std::vector<Errand> errands, PendingWorkers::Answer answer) {
  auto left = std::make_shared<std::atomic<size_t>>(errands.size());
  for (Errand& errand : errands) {
    errand.worker->Post([task = std::move(errand.task), left, asker = &call.worker(),
                         asking = call.client().id()](Worker& worker) {
      task(worker);
      if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) asker->Wake(asking);
    });
  }
  call.Suspend(std::make_unique<PendingWorkers>(std::move(left), std::move(answer)));
}

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

// Kills at most `count` of the clients for which matches(client) holds and answers with
// answer(call, how many) when their connections are closed: whoever has read the answer finds them
// gone.
template <class Match>
void KillMatching(Call& call, size_t count, Match&& matches,
                  void (*answer)(Call& call, size_t killed)) {
  std::vector<Errand> errands;
  size_t killed = 0;
  bool kills_itself = false;
  for (const auto& worker : call.server().workers()) {
    std::vector<uint64_t> victims;
    worker->clients().ForEach([&](Client& client) {
      if (killed == count || !matches(client)) return;
      ++killed;
      if (&client == &call.client()) {
        kills_itself = true;
        return;
      }
      client.RequestKill();
      victims.push_back(client.id());
    });
    if (victims.empty()) continue;
    errands.push_back({worker.get(), [victims = std::move(victims)](Worker& owner) {
                         for (const uint64_t id : victims) {
                           Client* client = owner.clients().Find(id);
                           if (client != nullptr) owner.CloseClient(*client);
                         }
                       }});
  }
  const auto finish = [killed, kills_itself, answer](Call& done) {
    if (kills_itself) done.client().Set(kClientCloseAfterReply);
    answer(done, killed);
  };
  errands.empty() ? finish(call) : AskWorkers(call, std::move(errands), finish);
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
  ClientFilter filter(ClientFilter::Use::kList, call.worker().store().databases());
  ArgReader args = call.args();
  const std::string error = filter.Read(args);
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
    return KillMatching(
        call, 1,
        [&](const Client& client) { return client.address == address && !client.kill_requested(); },
        [](Call& done, size_t killed) {
          killed == 0 ? done.Fail(error_text::kNoSuchClient) : done.reply().Ok();
        });
  }
  ClientFilter filter(ClientFilter::Use::kKill, call.worker().store().databases());
  const std::string error = filter.Read(args);
  if (!error.empty()) return call.Fail(error);
  const bool skip_self = filter.skips_self(true);
  KillMatching(
      call, SIZE_MAX,
      [&](const Client& client) {
        return filter.Matches(client, call.now()) && !(skip_self && &client == &call.client());
      },
      [](Call& done, size_t killed) { done.reply().Integer(static_cast<int64_t>(killed)); });
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
  auto unblocked = std::make_shared<bool>(false);
  AskWorkers(call, {{owner, [=](Worker& worker) { *unblocked = worker.Unblock(id, with_error); }}},
             [unblocked](Call& done) { done.reply().Integer(*unblocked ? 1 : 0); });
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
  if (ms > (INT64_MAX - here.monotonic_ns()) / kNanosPerMilli) {
    return call.Fail("ERR timeout is out of range");
  }
  call.server().pause().Start(kind, here.monotonic_ns() + ms * kNanosPerMilli);
  here.RefreshPause();
  // Every other worker has come to a boundary between commands when it has done so, too.
  std::vector<Errand> errands;
  for (const auto& other : call.server().workers()) {
    if (other.get() == &here) continue;
    errands.push_back({other.get(), [](Worker& worker) { worker.RefreshPause(); }});
  }
  if (errands.empty()) return call.reply().Ok();
  AskWorkers(call, std::move(errands), [](Call& done) { done.reply().Ok(); });
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
