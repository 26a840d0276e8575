// The builder of hashes: when it moves from a packed hash to a table, and what it refuses.
#include <map>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/types/hash_builder.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Texts = std::vector<std::string>;

struct Built {
  bool good = false;
  Encoding encoding = Encoding::kListpack;
  Texts texts = {};
};

Built Build(const Texts& pairs, const PackingLimits& limits) {
  hashes::Builder builder(limits);
  uint64_t bytes = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    bytes += pairs[i].size() + pairs[i + 1].size();
    // As text, although it may spell an integer.
    if (!builder.Field({false, 0, pairs[i]}, {false, 0, pairs[i + 1]})) return {};
  }
  if (!builder.Finish()) return {};
  CHECK(builder.text_bytes() == bytes);
  Record* record = Record::Create(builder.TakeDraft(MakeKey("k")));
  Built built{true, record->encoding()};
  CHECK(record->key() == "k");
  CHECK(record->type() == Type::kHash);
  hashes::Fields(record, 0).ForEach([&](const PackedValue& field, const PackedValue& value) {
    char digits[kInt64CharsMax];
    built.texts.emplace_back(field.View(digits));
    built.texts.emplace_back(value.View(digits));
  });
  record->Destroy();
  return built;
}

TEST_CASE("a hash is packed as long as all limits are kept") {
  PackingLimits limits;
  limits.hash_entries = 2;
  limits.hash_value_bytes = 4;
  const Texts fits = {"b", "1234", "a", "0123"};
  const Built packed = Build(fits, limits);
  CHECK(packed.encoding == Encoding::kListpack);
  CHECK(packed.texts == fits);
  CHECK(Build({"a", "1", "b", "2", "c", "3"}, limits).encoding == Encoding::kContainer);
  CHECK(Build({"a", "12345"}, limits).encoding == Encoding::kContainer);
  CHECK(Build({"field", "1"}, limits).encoding == Encoding::kContainer);
  limits.hash_entries = 1'000'000;
  limits.hash_value_bytes = 1'000'000;
  CHECK(Build({"a", std::string(65'000, 'x')}, limits).encoding == Encoding::kListpack);
  CHECK(Build({"a", std::string(66'000, 'x')}, limits).encoding == Encoding::kContainer);
  limits.hash_entries = 0;
  CHECK(Build({"a", "1"}, limits).encoding == Encoding::kContainer);
}

TEST_CASE("numbers are packed as numbers") {
  PackingLimits limits;
  hashes::Builder builder(limits);
  REQUIRE(builder.Field({false, 0, "1000000"}, PackedValue::Of(int64_t{-5})));
  REQUIRE(builder.Finish());
  const Record::Draft draft = builder.TakeDraft(MakeKey("k"));
  // Header and end, an integer of three bytes, one of thirteen bits.
  CHECK(draft.value.size() == 7 + 5 + 3);
}

TEST_CASE("a hash with a field twice, or without any, is none") {
  PackingLimits limits;
  for (const uint64_t entries : {0, 1, 2, 3, 512}) {
    CAPTURE(entries);
    limits.hash_entries = entries;
    CHECK_FALSE(Build({}, limits).good);
    CHECK_FALSE(Build({"a", "1", "b", "2", "a", "3"}, limits).good);
    CHECK_FALSE(Build({"7", "1", "7", "2"}, limits).good);
    CHECK_FALSE(Build({"", "1", "", "1"}, limits).good);
    // Values may be alike, and like fields.
    CHECK(Build({"a", "a", "b", "a"}, limits).good);
  }
}

TEST_CASE("a hash that is given up leaves nothing behind") {
  PackingLimits limits;
  limits.hash_entries = 4;
  hashes::Builder builder(limits);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(builder.Field(PackedValue::Of(int64_t{i}), PackedValue::Of(std::string_view("v"))));
  }
  CHECK_FALSE(builder.Field(PackedValue::Of(int64_t{50}), PackedValue::Of(std::string_view("v"))));
}

TEST_CASE("random hashes are built whole") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  PackingLimits limits;
  for (int round = 0; round < 200; ++round) {
    limits.hash_entries = random.Below(300);
    limits.hash_value_bytes = random.Below(100);
    std::map<std::string, std::string> model;
    Texts pairs;
    for (uint64_t i = 1 + random.Below(400); i > 0; --i) {
      std::string field = std::to_string(random.Below(1'000'000));
      if (random.OneIn(2)) field += 'f';
      const std::string value(random.Below(40), 'v');
      if (!model.emplace(field, value).second) continue;
      pairs.push_back(field);
      pairs.push_back(value);
    }
    const Built built = Build(pairs, limits);
    REQUIRE(built.good);
    std::map<std::string, std::string> got;
    for (size_t i = 0; i < built.texts.size(); i += 2) got[built.texts[i]] = built.texts[i + 1];
    REQUIRE(got == model);
    if (built.encoding == Encoding::kListpack) REQUIRE(built.texts == pairs);
  }
}

}  // namespace
}  // namespace alai
