// Requests whose keys may have to be loaded from the origin first.
//
// A request that missed is undone and run again from its bytes when its keys have come, so the commands know
// nothing of it. One that is told to take what there is ("settled") does not ask again.
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
