#include "server/call.h"

#include "engine/base/assert.h"
#include "protocol/error_text.h"

namespace alai {
namespace {

std::string_view TextOf(Errc error) {
  switch (error) {
    case Errc::kNoKey:
      return error_text::kNoSuchKey;
    case Errc::kKeyExists:
      return error_text::kBusyKey;
    case Errc::kWrongType:
      return error_text::kWrongType;
    case Errc::kNotInteger:
      return error_text::kNotInteger;
    case Errc::kNotFloat:
      return error_text::kNotFloat;
    case Errc::kIntegerOverflow:
      return error_text::kIncrementOverflow;
    case Errc::kNanOrInfinity:
      return error_text::kNanOrInfinity;
    case Errc::kTooLong:
      return error_text::kStringTooLong;
    case Errc::kOutOfRange:
      return error_text::kOffsetOutOfRange;
    case Errc::kBadPayload:
      return error_text::kBadPayload;
    case Errc::kNotHyperLogLog:
      return error_text::kNotHyperLogLog;
    case Errc::kBadHyperLogLog:
      return error_text::kBadHyperLogLog;
    case Errc::kOk:
    case Errc::kConditionFailed:
    case Errc::kNoGroup:
      break;  // not errors to a client: commands reply to them in their own ways
  }
  ASSERT(false);
  return {};
}

}  // namespace

void Call::Fail(Errc error) { Fail(TextOf(error)); }

}  // namespace alai
