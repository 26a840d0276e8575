#include "storage/origin/source.h"

#include "absl/strings/cord.h"

namespace alai::origin {
namespace {

absl::string_view PayloadName(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::Status InDoubtError() {
  absl::Status status = absl::UnavailableError(
      "the outcome is unknown: the connection was lost while the database committed the write");
  status.SetPayload(PayloadName(kInDoubt), absl::Cord());
  return status;
}

bool IsInDoubt(const absl::Status& status) {
  return status.GetPayload(PayloadName(kInDoubt)).has_value();
}

bool IsReadOnly(const absl::Status& status) {
  const auto state = status.GetPayload(PayloadName(kSqlState));
  return state.has_value() && *state == "25006";
}

}  // namespace alai::origin
