// The subcommands of DEBUG that look at keys or at the whole data set, apart from the command's own file.
//
// DEBUG declares no keys, so nothing is locked when these run: they lock what they need, and suspend
// their client when they cannot have it at once.
//
// Threads     The client's worker.
#pragma once

#include <functional>
#include <string_view>

#include "server/call.h"

namespace alai {

// Runs `work` with the shard of one key locked, now or later. `work` replies. It may outlive the
// arguments, so it copies what it needs.
using KeyWork = std::function<void(Call&, Db&, KeyView)>;
void WithLockedKey(Call& call, std::string_view key, KeyWork work);

void DebugObject(Call& call);
void DebugSdsLen(Call& call);
void DebugListpack(Call& call);
void DebugQuicklist(Call& call);
void DebugHtStatsKey(Call& call);
void DebugDigestValue(Call& call);

void DebugDigest(Call& call);
void DebugPopulate(Call& call);
void DebugHtStats(Call& call);

}  // namespace alai
