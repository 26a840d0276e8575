// Hashes in DUMP payloads: from a record and back, in the form that our limits ask for, and both
// directions against a stock server. What is no hash is refused.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/types/hashes.h"
#include "storage/dump_payload.h"
#include "storage/record_writer.h"
#include "tests/catch.h"
#include "tests/storage/collection_forms.h"
#include "tests/storage/collection_recorder.h"
#include "tests/storage/payload_record.h"
#include "tests/storage/stock_server.h"

namespace alai {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::string>;

constexpr UnixMillis kNow = 1'700'000'000'000;

OwnedRecord Build(const Texts& pairs, const PackingLimits& limits) {
  const auto builder = NewCollectionBuilder(Type::kHash, limits);
  for (size_t i = 0; i < pairs.size(); i += 2) {
    REQUIRE(builder->Field(PackedValue::Of(pairs[i]), PackedValue::Of(pairs[i + 1])));
  }
  REQUIRE(builder->Finish());
  return OwnedRecord(Record::Create(builder->TakeDraft(MakeKey("k"))));
}

Texts TextsOf(const Record& record) {
  CollectionRecorder recorder;
  REQUIRE(VisitCollection(record, kNow, recorder));
  return recorder.texts;
}

std::map<std::string, std::string> MapOf(const Texts& texts) {
  std::map<std::string, std::string> map;
  for (size_t i = 0; i < texts.size(); i += 2) map[texts[i]] = texts[i + 1];
  CHECK(map.size() == texts.size() / 2);
  return map;
}

Texts RandomPairs(Random& random, uint64_t count, uint64_t text_max) {
  Texts texts;
  for (uint64_t i = 0; i < count; ++i) {
    texts.push_back(random.OneIn(2) ? std::to_string(i * 7919)
                                    : std::to_string(i) + std::string(random.Below(20), 'f'));
    texts.push_back(random.OneIn(2)
                        ? std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64))
                        : std::string(random.Below(text_max), 'v'));
  }
  return texts;
}

TEST_CASE("a hash of any form is kept in the form that our limits ask for") {
  const Texts pairs = {"b", "1", "a", "x", "007", ""};
  PackingLimits limits;
  for (const CollectionForm& form : HashForms(pairs, true)) {
    CAPTURE(int(form.type));
    limits.hash_entries = 3;
    const OwnedRecord packed = Restore(Payload(form.type, form.value), limits);
    REQUIRE(packed != nullptr);
    CHECK(packed->encoding() == Encoding::kListpack);
    CHECK_FALSE(packed->read_under_lock());
    // In its order.
    CHECK(TextsOf(*packed) == pairs);
    CHECK(RdbTypeOf(*packed) == RdbType::kHashListpack);
    limits.hash_entries = 2;
    const OwnedRecord table = Restore(Payload(form.type, form.value), limits);
    REQUIRE(table != nullptr);
    CHECK(table->encoding() == Encoding::kContainer);
    CHECK(table->read_under_lock());
    CHECK(MapOf(TextsOf(*table)) == MapOf(pairs));
    CHECK(RdbTypeOf(*table) == RdbType::kHash);
  }
}

TEST_CASE("hashes come back from their payloads") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  PackingLimits limits;
  for (int round = 0; round < 100; ++round) {
    limits.hash_entries = random.Below(60);
    limits.hash_value_bytes = random.Below(100);
    const Texts pairs = RandomPairs(random, 1 + random.Below(100), 200);
    const OwnedRecord record = Build(pairs, limits);
    REQUIRE(MapOf(TextsOf(*record)) == MapOf(pairs));
    const bool compress = random.OneIn(2);
    const std::string payload = EncodeDump(*record, kNow, compress);
    const OwnedRecord restored = Restore(payload, limits);
    REQUIRE(restored != nullptr);
    REQUIRE(restored->encoding() == record->encoding());
    REQUIRE(MapOf(TextsOf(*restored)) == MapOf(pairs));
    // The value alone: without type and footer.
    REQUIRE(WrittenBytes(*record, kNow, compress) == payload.size() - 11);
    limits.hash_entries = 1000;
    limits.hash_value_bytes = 1000;
    const OwnedRecord packed = Restore(payload, limits);
    REQUIRE(packed->encoding() == Encoding::kListpack);
    REQUIRE(MapOf(TextsOf(*packed)) == MapOf(pairs));
  }
}

TEST_CASE("a field that comes twice is refused in every form") {
  PackingLimits limits;
  for (const uint64_t entries : {0, 1, 2, 512}) {
    limits.hash_entries = entries;
    for (const Texts& pairs : {Texts{"a", "1", "b", "2", "a", "3"}, Texts{"7", "", "7", "x"}}) {
      for (const CollectionForm& form : HashForms(pairs, false)) {
        CAPTURE(entries, int(form.type));
        CHECK(Restore(Payload(form.type, form.value), limits) == nullptr);
      }
    }
  }
  // The same field as text and as an integer.
  std::string listpack(
      "\x0f\x00\x00\x00\x04\x00\x81"
      "7\x02\x01\x01\x07\x01\x01\x01\xff"s);
  listpack[0] = static_cast<char>(listpack.size());
  REQUIRE(ValidateListpack(listpack));
  CHECK(Restore(Payload(RdbType::kHashListpack, PackedString(listpack, false)), limits) == nullptr);
}

TEST_CASE("a damaged hash is refused or is another sound one") {
  PackingLimits limits;
  const Texts pairs = {"b", "1", "a", "x", "007", "", "long", std::string(40, 'z')};
  for (const uint64_t entries : {2, 512}) {
    limits.hash_entries = entries;
    for (const CollectionForm& form : HashForms(pairs, true)) {
      CAPTURE(entries, int(form.type));
      for (size_t at = 0; at < form.value.size(); ++at) {
        if (Restore(Payload(form.type, form.value.substr(0, at)), limits) != nullptr) {
          CAPTURE(at);
          FAIL("accepted");
        }
        for (int bit = 0; bit < 8; ++bit) {
          std::string value = form.value;
          value[at] = static_cast<char>(value[at] ^ 1 << bit);
          const OwnedRecord record = Restore(Payload(form.type, value), limits);
          if (record == nullptr) continue;
          const OwnedRecord again = Restore(EncodeDump(*record, kNow, true), limits);
          REQUIRE(again != nullptr);
          REQUIRE(MapOf(TextsOf(*again)) == MapOf(TextsOf(*record)));
        }
      }
    }
  }
}

TEST_CASE("fields whose time has come are not written") {
  PackingLimits limits;
  auto* container = new hashes::HashContainer;
  container->table().Insert("alive", "1", kNow + 1);
  container->table().Insert("over", "2", kNow);
  container->table().Insert("for ever", "3");
  Record::Draft draft{.key = "k", .type = Type::kHash, .encoding = Encoding::kContainer};
  draft.container = container;
  draft.read_under_lock = true;
  const OwnedRecord record(Record::Create(draft));
  CHECK(CountCollection(*record, kNow) == 2);
  const OwnedRecord restored = Restore(EncodeDump(*record, kNow, true), limits);
  REQUIRE(restored != nullptr);
  CHECK(MapOf(TextsOf(*restored)) == MapOf({"alive", "1", "for ever", "3"}));
}

TEST_CASE("other collections are refused as long as nobody builds them") {
  PackingLimits limits;
  for (const auto& forms : {SetForms({"1", "2"}, false), ListForms({"a", "b"}, false),
                            SortedSetForms({"a", "1"}, false)}) {
    for (const CollectionForm& form : forms) {
      if (NewCollectionBuilder(*CollectionOf(form.type), limits) != nullptr) continue;
      CAPTURE(int(form.type));
      CHECK(Restore(Payload(form.type, form.value), limits) == nullptr);
    }
  }
}

TEST_CASE("hashes go from and to a stock server") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  const auto limit = [&](const char* name, uint64_t value) {
    return stock->Call({"CONFIG", "SET", name, std::to_string(value)}).text;
  };
  for (int round = 0; round < 150; ++round) {
    PackingLimits limits;
    limits.hash_entries = random.Below(60);
    limits.hash_value_bytes = random.Below(100);
    REQUIRE(limit("hash-max-listpack-entries", limits.hash_entries) == "OK");
    REQUIRE(limit("hash-max-listpack-value", limits.hash_value_bytes) == "OK");
    const bool compress = random.OneIn(2);
    stock->Call({"CONFIG", "SET", "rdbcompression", compress ? "yes" : "no"});
    const Texts pairs = RandomPairs(random, 1 + random.Below(80), 150);
    stock->Call({"DEL", "theirs"});
    for (size_t i = 0; i < pairs.size(); i += 2) {
      stock->Call({"HSET", "theirs", pairs[i], pairs[i + 1]});
    }
    const std::string theirs = stock->Call({"DUMP", "theirs"}).text;
    const OwnedRecord restored = Restore(theirs, limits);
    REQUIRE(restored != nullptr);
    REQUIRE(MapOf(TextsOf(*restored)) == MapOf(pairs));
    const OwnedRecord built = Build(pairs, limits);
    const std::string ours = EncodeDump(*built, kNow, compress);
    REQUIRE(ours[0] == theirs[0]);
    if (built->encoding() == Encoding::kListpack) REQUIRE(ours == theirs);
    REQUIRE(ours.size() == theirs.size());
    REQUIRE(stock->Call({"RESTORE", "ours", "0", ours, "REPLACE"}).text == "OK");
    Texts there;
    for (const StockReply& text : stock->Call({"HGETALL", "ours"}).elements) {
      there.push_back(text.text);
    }
    REQUIRE(MapOf(there) == MapOf(pairs));
  }
}

}  // namespace
}  // namespace alai
