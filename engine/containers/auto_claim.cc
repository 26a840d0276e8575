#include "engine/containers/auto_claim.h"

#include <algorithm>

namespace alai {

AutoClaim::AutoClaim(const Stream& stream, ConsumerGroup& group, Consumer* consumer,
                     const Options& options, UnixMillis now)
    : stream_(&stream),
      group_(&group),
      consumer_(consumer),
      options_(options),
      now_(now),
      looks_left_(std::min(options.count, UINT64_MAX / kLooksPerClaim) * kLooksPerClaim),
      count_left_(options.count),
      cursor_(group.pending().root()) {
  cursor_.SeekAtOrAfter(options.start);
}

AutoClaim::Step AutoClaim::Next() {
  if (changed_) {
    // Not the entry that was changed, which is the last one seen.
    cursor_ = IdTree<PendingEntry>::Cursor(group_->pending().root());
    const auto behind = id_.Next();
    if (behind) cursor_.SeekAtOrAfter(*behind);
    changed_ = false;
  }
  for (; cursor_.valid() && looks_left_ > 0 && count_left_ > 0; cursor_.Next()) {
    --looks_left_;
    id_ = cursor_.id();
    const auto claimable =
        stream_->CheckClaim(*group_, id_, options_.idle_ms_min, /*force=*/false, now_);
    if (claimable == Stream::Claimable::kTooRecent) continue;
    const bool claims = claimable == Stream::Claimable::kYes;
    if (claims) {
      consumer_->SetActive(now_);
      Stream::Claim(*group_, id_, consumer_,
                    {.delivered_at = now_, .deliveries = {}, .id_alone = options_.id_alone});
    }
    --count_left_;
    changed_ = true;
    return claims ? Step::kClaimed : Step::kForgotten;
  }
  id_ = cursor_.valid() ? cursor_.id() : StreamId{};
  return Step::kDone;
}

}  // namespace alai
