// What the database tells when a row has changed: the payload of a notification on the channel `alai`.
//
//   memory 36:0b9f0a6e-7c1d-4e5f-8a2b-1c3d5e7f9a0b @1764432000123
//   ^rule  ^bytes and text of each capture          ^milliseconds since 1970 by the database's clock
//
//   memory * @1764432000123      any key of the rule may have changed
//
// Lengths make it unimportant what a text holds. The time may be missing. Anybody who may connect to the
// database can send a notification, so whatever does not look like this to the last byte is refused.
//
// Threads     Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/origin/source.h"

namespace alai::origin {

constexpr std::string_view kChangeChannel = "alai";
// PostgreSQL sends shorter ones only, in the database's encoding; in UTF-8 they may grow.
constexpr size_t kPayloadBytesMax = 8000;
constexpr size_t kNoticeBytesMax = 4 * kPayloadBytesMax;

struct ChangeNotice {
  std::string rule;
  bool all = false;      // `key` is empty, and every key of the rule may have changed
  KeyArguments key;      // 1 to KeyPattern::kCapturesMax texts
  int64_t sent_ms = -1;  // since 1970; -1: not said

  bool operator==(const ChangeNotice&) const = default;
};

std::string ChangeNoticeText(const ChangeNotice& notice);

// False, and `notice` untouched, for what is no such text.
bool ParseChangeNotice(std::string_view payload, ChangeNotice* notice);

}  // namespace alai::origin
