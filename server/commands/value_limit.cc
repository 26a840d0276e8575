#include "server/commands/value_limit.h"

#include "protocol/error_text.h"

namespace alai {

uint64_t BytesMaxByClass(const Db& db, KeyView key) {
  const KeyClass* key_class = db.ClassOf(key);
  return key_class == nullptr ? UINT64_MAX : key_class->value_bytes_max;
}

void CountLargeValue(Db& db, KeyView key) {
  db.store().CountClass(db.thread(), key.bytes, ClassFigures::kRefused);
}

void FailLargeValue(Call& call, KeyView key) {
  CountLargeValue(call.db(), key);
  call.Fail(error_text::kTooLargeForClass);
}

bool RefusedByClass(Call& call, KeyView key, uint64_t bytes) {
  if (bytes <= BytesMaxByClass(call.db(), key)) [[likely]]
    return false;
  FailLargeValue(call, key);
  return true;
}

bool RefusedAsLarge(Call& call, KeyView key, std::span<const std::string_view> texts) {
  uint64_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  return RefusedAsLarge(call, key, bytes);
}

}  // namespace alai
