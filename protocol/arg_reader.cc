#include "protocol/arg_reader.h"

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/number.h"

namespace alai {

int64_t ArgReader::Int64(std::string_view error) {
  int64_t value = 0;
  const std::string_view text = String();
  if (ok() && !ParseInt64(text, &value)) [[unlikely]] {
    Fail(error);
    return 0;
  }
  return value;
}

int64_t ArgReader::Int64(int64_t min, int64_t max, std::string_view error,
                         std::string_view range_error) {
  const int64_t value = Int64(error);
  if (!ok() || (value >= min && value <= max)) return ok() ? value : 0;
  if (range_error.empty()) {
    const std::string text = error_text::OutOfRange(min, max);
    ASSERT(text.size() <= sizeof formatted_);
    std::memcpy(formatted_, text.data(), text.size());
    range_error = {formatted_, text.size()};
  }
  Fail(range_error);
  return 0;
}

double ArgReader::Double(std::string_view error) {
  double value = 0;
  const std::string_view text = String();
  if (ok() && !ParseDouble(text, &value)) [[unlikely]] {
    Fail(error);
    return 0;
  }
  return value;
}

long double ArgReader::LongDouble(std::string_view error) {
  long double value = 0;
  const std::string_view text = String();
  if (ok() && !ParseLongDouble(text, &value)) [[unlikely]] {
    Fail(error);
    return 0;
  }
  return value;
}

}  // namespace alai
