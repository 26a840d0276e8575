// The outcome of an engine operation: a value, or a one-byte reason why there is none.
//
// Cheap enough for the hot path: no allocation, no message. The server turns an Errc into the error
// text that clients know (server/error_text.h); cold paths use absl::Status, which carries context.
#pragma once

#include <cstdint>
#include <utility>

#include "engine/base/assert.h"

namespace alai {

enum class Errc : uint8_t {
  kOk,
  kNoKey,            // the key does not exist
  kKeyExists,        // the target exists and may not be replaced
  kNoGroup,          // the stream has no such consumer group
  kWrongType,        // the key holds another type
  kNotInteger,       // the value is not a 64-bit integer
  kNotFloat,         // the value is not a float
  kIntegerOverflow,  // increment or decrement would overflow
  kNanOrInfinity,    // increment would produce NaN or infinity
  kTooLong,          // the string would exceed proto-max-bulk-len
  kOutOfRange,       // an offset or index is out of range
  kConditionFailed,  // NX, XX, IFEQ, GT, LT … said no
  kBadPayload,       // a serialised value is corrupt or of an unknown version
  kNotHyperLogLog,   // the string is no HyperLogLog
  kBadHyperLogLog,   // it is one whose registers are corrupt
};

// Either a T or an Errc other than kOk.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)), error_(Errc::kOk) {}
  Result(Errc error) : error_(error) { DASSERT(error != Errc::kOk); }

  bool ok() const { return error_ == Errc::kOk; }
  Errc error() const { return error_; }
  const T& value() const {
    DASSERT(ok());
    return value_;
  }
  T& value() {
    DASSERT(ok());
    return value_;
  }
  const T& operator*() const { return value(); }
  const T* operator->() const { return &value(); }

 private:
  T value_{};
  Errc error_;
};

}  // namespace alai
