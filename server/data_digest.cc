#include "server/data_digest.h"

#include <cstdio>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/types/collections.h"
#include "engine/types/stream_container.h"
#include "engine/types/strings.h"

namespace alai {
namespace {

// As Redis numbers them. Token buckets count as a module's values.
uint32_t TypeNumber(Type type) {
  switch (type) {
    case Type::kString:
      return 0;
    case Type::kList:
      return 1;
    case Type::kSet:
      return 2;
    case Type::kSortedSet:
      return 3;
    case Type::kHash:
      return 4;
    case Type::kTokenBucket:
      return 5;
    case Type::kStream:
      return 6;
  }
  return 0;
}

std::string_view View(const Sha1::Bytes& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

// The algorithm is looked up once, which costs more than a short text does.
Sha1::Sha1() : algorithm_(EVP_MD_fetch(nullptr, "SHA1", nullptr)), context_(EVP_MD_CTX_new()) {
  ASSERT(algorithm_ != nullptr && context_ != nullptr);
}

Sha1::~Sha1() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Sha1::Bytes Sha1::Of(std::string_view text) {
  Bytes digest;
  const bool done = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
                    EVP_DigestUpdate(context_, text.data(), text.size()) == 1 &&
                    EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1;
  ASSERT(done);
  return digest;
}

void Sha1::Add(std::string_view text, Bytes* digest) {
  const Bytes added = Of(text);
  for (size_t i = 0; i < added.size(); ++i) (*digest)[i] ^= added[i];
}

void Sha1::Mix(std::string_view text, Bytes* digest) {
  Add(text, digest);
  *digest = Of(View(*digest));
}

void DataDigest::MixNumber(uint32_t number, Sha1::Bytes* digest) {
  char bytes[4];
  for (int i = 3; i >= 0; --i, number >>= 8) bytes[i] = static_cast<char>(number);
  sha1_.Mix({bytes, sizeof bytes}, digest);
}

bool DataDigest::Element(const PackedValue& element) {
  char digits[kInt64CharsMax];
  sha1_.Mix(element.View(digits), &value_);
  return true;
}

bool DataDigest::Member(const PackedValue& member) {
  char digits[kInt64CharsMax];
  sha1_.Add(member.View(digits), &value_);
  return true;
}

bool DataDigest::Pair(std::string_view first, std::string_view second) {
  Sha1::Bytes pair{};
  sha1_.Mix(first, &pair);
  sha1_.Mix(second, &pair);
  sha1_.Add(View(pair), &value_);
  return true;
}

bool DataDigest::Field(const PackedValue& field, const PackedValue& value) {
  char field_digits[kInt64CharsMax];
  char value_digits[kInt64CharsMax];
  return Pair(field.View(field_digits), value.View(value_digits));
}

bool DataDigest::Scored(const PackedValue& member, double score) {
  char member_digits[kInt64CharsMax];
  char score_digits[kDoubleCharsMax];
  return Pair(member.View(member_digits), {score_digits, FormatDouble(score, score_digits)});
}

void DataDigest::MixStream(const Stream& stream) {
  StreamRange range = stream.Range(StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    const std::string id = std::to_string(range.id().ms) + '.' + std::to_string(range.id().seq);
    sha1_.Mix(id, &value_);
    StreamEntry::Fields fields(range.entry());
    while (fields.Next()) {
      sha1_.Mix(fields.field(), &value_);
      sha1_.Mix(fields.value(), &value_);
    }
  }
}

void DataDigest::GoOnWithValue(const Record& record, UnixMillis now) {
  MixNumber(TypeNumber(record.type()), &value_);
  if (record.type() == Type::kString) {
    sha1_.Mix(strings::Text(record).view(), &value_);
  } else if (record.type() == Type::kTokenBucket) {
    Element(PackedValue::Of(record.integer()));
  } else if (record.type() == Type::kStream) {
    MixStream(static_cast<StreamContainer*>(record.container())->stream());
  } else {
    VisitCollection(record, now, *this);
  }
  if (record.has_deadline()) sha1_.Add("!!expire!!", &value_);
}

void DataDigest::AddDatabase(int db) { MixNumber(static_cast<uint32_t>(db), &total_); }

void DataDigest::AddKey(const Record& record, UnixMillis now) {
  value_ = {};
  sha1_.Mix(record.key(), &value_);
  GoOnWithValue(record, now);
  sha1_.Add(View(value_), &total_);
}

void DataDigest::AddValue(const Record& record, UnixMillis now) {
  value_ = {};
  GoOnWithValue(record, now);
  for (size_t i = 0; i < total_.size(); ++i) total_[i] ^= value_[i];
}

std::string DataDigest::Hex() const {
  std::string digits;
  for (const unsigned char byte : total_) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    digits += two;
  }
  return digits;
}

}  // namespace alai
