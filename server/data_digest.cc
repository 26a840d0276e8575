#include "server/data_digest.h"

#include <cstdio>

#include "engine/base/hash.h"
#include "engine/types/strings.h"

namespace alai {
namespace {

void AppendNumber(uint64_t number, std::string& out) {
  for (int byte = 0; byte < 8; ++byte, number >>= 8) out += static_cast<char>(number);
}

void AppendValue(const Record& record, std::string& out) {
  AppendNumber(static_cast<uint64_t>(record.type()), out);
  if (record.type() == Type::kString) out += strings::Text(record).view();
  if (record.type() == Type::kTokenBucket)
    AppendNumber(static_cast<uint64_t>(record.integer()), out);
  if (record.has_deadline()) out += "expires";
}

}  // namespace

// Exclusive or forgets the order. A key is met once, so nothing cancels out.
void DataDigest::Add(std::string_view bytes) {
  constexpr uint64_t kSeed = 40;
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  words_[0] ^= hash.high64;
  words_[1] ^= hash.low64;
  last_ ^= static_cast<uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), kSeed));
}

void DataDigest::AddKey(int db, const Record& record) {
  std::string bytes;
  AppendNumber(static_cast<uint64_t>(db), bytes);
  AppendNumber(record.key().size(), bytes);
  bytes += record.key();
  AppendValue(record, bytes);
  Add(bytes);
}

void DataDigest::AddValue(const Record& record) {
  std::string bytes;
  AppendValue(record, bytes);
  Add(bytes);
}

std::string DataDigest::Hex() const {
  char digits[41];
  std::snprintf(digits, sizeof digits, "%016llx%016llx%08x",
                static_cast<unsigned long long>(words_[0]),
                static_cast<unsigned long long>(words_[1]), last_);
  return digits;
}

}  // namespace alai
