// Digests of values against those that a stock Redis 7.0 gives, for all collections: what is expected was
// asked of DEBUG DIGEST-VALUE.
#include "server/data_digest.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "tests/catch.h"

namespace alai {
namespace {

std::string DigestOf(const Record::Draft& draft) {
  Record* record = Record::Create(draft);
  DataDigest digest;
  digest.AddValue(*record, 0);
  record->Destroy();
  return digest.Hex();
}

std::string PackedDigest(Type type, const std::vector<std::string>& texts) {
  ListpackBuffer buffer;
  for (const std::string& text : texts) buffer.Append(text);
  return DigestOf(
      {.key = "k", .type = type, .encoding = Encoding::kListpack, .value = buffer.get().view()});
}

TEST_CASE("digests of values are a stock server's") {
  CHECK(DigestOf({.key = "k", .value = "value"}) == "d59ec93db87f4cd915db3cdf44bb63755bc4a635");
  CHECK(DigestOf({.key = "k", .encoding = Encoding::kInt, .integer = 12345}) ==
        "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83");
  CHECK(DigestOf({.key = "k", .deadline = 1, .value = "value"}) ==
        "331b37c26446a68dd4cdd72701d1acee416ae7b6");
  CHECK(PackedDigest(Type::kList, {"a", "2", "a", ""}) ==
        "a52119861991fed7841c025e92f3b378a55b1955");
  CHECK(PackedDigest(Type::kSet, {"a", "2", "c"}) == "6aa0a97d256895d83b79bbdd47f20f0a4fc2455a");
  CHECK(PackedDigest(Type::kHash, {"a", "1", "b", "x", "3", ""}) ==
        "ca8f45f7177cc1b7c41ffc2e7fd6e594ef9c7a3e");
  CHECK(PackedDigest(Type::kSortedSet, {"a", "-inf", "b", "0.10000000000000001", "c", "3", "4",
                                        "1e+300"}) == "9ba3d2bf30a383797b2c4c78fb7ad718d9ef5c62");
  IntsetBuffer integers;
  for (const int64_t value : {5, -7, 100'000}) integers.Add(value);
  CHECK(DigestOf({.key = "k",
                  .type = Type::kSet,
                  .encoding = Encoding::kIntset,
                  .value = integers.get().view()}) == "084dafe7234572233034d34be87118e7cfb58e6f");
}

TEST_CASE("a list's digest knows the order, a set's and a hash's do not") {
  CHECK(PackedDigest(Type::kList, {"a", "b"}) != PackedDigest(Type::kList, {"b", "a"}));
  CHECK(PackedDigest(Type::kSet, {"a", "b"}) == PackedDigest(Type::kSet, {"b", "a"}));
  CHECK(PackedDigest(Type::kHash, {"a", "1", "b", "2"}) ==
        PackedDigest(Type::kHash, {"b", "2", "a", "1"}));
  CHECK(PackedDigest(Type::kHash, {"a", "1", "b", "2"}) !=
        PackedDigest(Type::kHash, {"a", "2", "b", "1"}));
}

TEST_CASE("digests of token buckets tell their states apart") {
  const auto digest_of = [](int64_t arrival_ns) {
    return DigestOf({.key = "k",
                     .type = Type::kTokenBucket,
                     .encoding = Encoding::kInt,
                     .integer = arrival_ns});
  };
  CHECK(digest_of(1) == digest_of(1));
  CHECK(digest_of(1) != digest_of(2));
}

}  // namespace
}  // namespace alai
