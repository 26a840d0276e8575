// Requests whose keys may have to be loaded from the origin first.
//
// A request that missed is undone and run again from its bytes when its keys have come, so the commands know
// nothing of it. One that is told to take what there is ("settled") does not ask again.
#include <algorithm>
#include <span>

#include "engine/base/assert.h"
#include "engine/store.h"
#include "server/client.h"
#include "server/dispatcher.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/origin/origin.h"

namespace alai {
namespace {

bool AnyOver(std::span<const OriginUse> uses) {
  for (const OriginUse& use : uses) {
    if (use.met.kind == OriginUse::Kind::kOver) return true;
  }
  return false;
}

}  // namespace

void Dispatcher::BeginReadThrough() {
  tally_.read_through = true;
  tally_.origin_settled = origin_settled_;
  origin_mark_ = reply_.GetMark();
}

bool Dispatcher::LookToOrigin(const Request& request, Outcome* outcome) {
  Client& client = *frame_.client;
  origin::Origin& origin = server_.origin();
  const std::span<const OriginUse> uses(thread_.origin_uses().data(), tally_.origin_uses);
  const origin::Origin::Tries tries{client.origin_.waits, client.origin_.settled_keys};
  const bool first = tries.waits == 0 && !origin_settled_;
  origin.Count(uses, first, origin_settled_, static_cast<size_t>(worker_.index()));
  if (first) origin.Refresh(uses);
  if (tally_.origin_wants == 0) return false;
  auto wait = std::make_unique<origin::Wait>(
      origin, [worker = &worker_, id = client.id()] { worker->WakeForOrigin(id); });
  switch (origin.Ask(uses, tries, worker_.now(), *wait)) {
    case origin::Origin::Answer::kWait:
      Undo(origin_mark_);
      origin_wait_ = std::move(wait);
      ++client.origin_.waits;
      *outcome = Outcome::kOrigin;
      return true;
    case origin::Origin::Answer::kRefused:
      Undo(origin_mark_);
      reply_.Error(wait->Take(false).error);
      return false;
    case origin::Origin::Answer::kSettled:
      break;
  }
  if (!AnyOver(uses)) return false;
  Undo(origin_mark_);
  origin_settled_ = true;
  *outcome = Run(request);
  origin_settled_ = false;
  return true;
}

bool Dispatcher::OnlyReadsThrough(const RequestBatch::Request& request) const {
  const CommandInfo* command = request.command;
  if (command == nullptr || !command->ArityFits(request.argument_count)) return false;
  const RouteInfo& route = routes_[command->id];
  return route.read_through && !route.careful && command->has(kReadOnly);
}

void Dispatcher::LookAhead(Db& db, std::string_view bytes) {
  const KeyView key = MakeKey(bytes);
  const ShardLock& lock = store_.LockOf(key.hash);
  const uint32_t seq = lock.txn_seq();
  const uint32_t uses = tally_.origin_uses;
  if ((seq & 1) != 0) return;
  db.Find(key, Lookup::kPeek);
  if (lock.txn_seq_relaxed() == seq) return;
  tally_.origin_uses = uses;
  thread_.origin_uses().resize(uses);
}

// Were they loaded one by one, a pipeline would be as many queries as it has keys that are missing. Only what reads
// through may stand before a key that is asked for so: a write, or DUMP, which shows what is in memory, could tell.
// Once is enough: what is missing all the same in its turn, as the database does not have it, would otherwise be
// asked for with each of those before it.
void Dispatcher::AskAhead(Client& client, std::span<const RequestBatch::Request> requests,
                          const std::string_view* arguments) {
  constexpr uint32_t kKeysMax = 256;
  if (!OnlyReadsThrough(requests.front())) return;
  tally_ = Tally{};
  tally_.read_through = true;
  Db db(store_, thread_, tally_, client.db_index(), Access::kOptimistic, worker_.now());
  size_t ahead = std::max<size_t>(client.asked_ahead_, 1);
  for (; ahead < requests.size() && tally_.origin_uses < kKeysMax; ++ahead) {
    const RequestBatch::Request& request = requests[ahead];
    if (!OnlyReadsThrough(request)) break;
    const Arguments argv{arguments + request.first_argument, request.argument_count};
    ForEachKey(*request.command, argv, [&](size_t index) { LookAhead(db, argv[index]); });
  }
  client.asked_ahead_ = ahead;
  const size_t count = std::min(tally_.origin_uses, kKeysMax);
  server_.origin().LoadAhead({thread_.origin_uses().data(), count}, worker_.now());
  if (tally_.saw_expired) RemoveExpired();
  tally_ = Tally{};
}

Dispatcher::Outcome Dispatcher::RunAfterOrigin(Client& client, const Request& request,
                                               LockRequest* held) {
  Outcome outcome = Outcome::kDone;
  if (!client.origin_.error.empty()) {
    if (held != nullptr) held->Release();
    tally_ = Tally{};
    reply_.Error(client.origin_.error);
    outcome = Finish(request, false);
  } else {
    origin_settled_ = client.origin_.settled;
    if (client.origin_.written != nullptr) {
      outcome = RunWritten(request, held, *client.origin_.written);
    } else {
      outcome = held != nullptr ? RunHeld(request, *held) : Run(request);
    }
    origin_settled_ = false;
  }
  if (outcome == Outcome::kDone || outcome == Outcome::kSuspended) {
    client.Clear(kClientAskedOrigin);
    client.origin_ = {};
  }
  return outcome;
}

}  // namespace alai
