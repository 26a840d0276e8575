// Hashes whose fields have deadlines in DUMP payloads: from a record and back, and the forms of Redis 8.0 and
// Valkey 9.1, as their DUMP gave them. What cannot be is refused.
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/random.h"
#include "engine/containers/listpack.h"
#include "engine/types/collections.h"
#include "storage/byte_order.h"
#include "storage/dump_payload.h"
#include "storage/record_writer.h"
#include "tests/catch.h"
#include "tests/storage/payload_record.h"

namespace alai {
namespace {

using namespace std::string_literals;

constexpr UnixMillis kNow = 1'700'000'000'000;
constexpr UnixMillis kLater = 1'900'000'000'000;
constexpr size_t kFooterBytes = 10;

// Fields with their values and deadlines.
using Contents = std::map<std::string, std::pair<std::string, UnixMillis>>;

class Recorder final : public CollectionSink {
 public:
  bool Field(const PackedValue& field, const PackedValue& value) override {
    return FieldUntil(field, value, kNoDeadline);
  }
  bool FieldUntil(const PackedValue& field, const PackedValue& value,
                  UnixMillis deadline) override {
    return contents.emplace(TextOf(field), std::make_pair(TextOf(value), deadline)).second;
  }
  Contents contents;

 private:
  static std::string TextOf(const PackedValue& value) {
    char digits[kInt64CharsMax];
    return std::string(value.View(digits));
  }
};

OwnedRecord Build(const Contents& contents) {
  const PackingLimits limits;
  const auto builder = NewCollectionBuilder(Type::kHash, limits);
  for (const auto& [field, rest] : contents) {
    const PackedValue name = PackedValue::Of(field);
    const PackedValue value = PackedValue::Of(rest.first);
    REQUIRE((rest.second == kNoDeadline ? builder->Field(name, value)
                                        : builder->FieldUntil(name, value, rest.second)));
  }
  REQUIRE(builder->Finish());
  return OwnedRecord(Record::Create(builder->TakeDraft(MakeKey("k"))));
}

Contents ContentsOf(const Record& record, UnixMillis now = kNow) {
  Recorder recorder;
  REQUIRE(VisitCollection(record, now, recorder));
  return recorder.contents;
}

std::string Millis(UnixMillis time) {
  std::string bytes;
  AppendLittleEndian(static_cast<uint64_t>(time), 8, &bytes);
  return bytes;
}

uint64_t VersionOf(std::string_view payload) {
  return LittleEndian(payload.substr(payload.size() - kFooterBytes, 2));
}

void CheckRefused(RdbType type, const std::string& value, uint16_t version) {
  CAPTURE(static_cast<int>(type), value);
  CHECK(Restore(Payload(type, value, version)) == nullptr);
}

TEST_CASE("deadlines of fields go through a payload and back") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int round = 0; round < 50; ++round) {
    Contents contents;
    const uint64_t count = 1 + random.Below(200);
    for (uint64_t i = 0; i < count; ++i) {
      const UnixMillis deadline =
          random.OneIn(2) ? kNoDeadline : kNow + 1 + static_cast<UnixMillis>(random.Below(1 << 30));
      contents["field" + std::to_string(i)] = {std::to_string(random.Next()), deadline};
    }
    contents["first"] = {"v", kNow + 1};
    const OwnedRecord record = Build(contents);
    const std::string payload = EncodeDump(*record, kNow, random.OneIn(2));
    CHECK(VersionOf(payload) == kDumpVersionDeadlines);
    const OwnedRecord restored = Restore(payload);
    REQUIRE(restored != nullptr);
    CHECK(ContentsOf(*restored) == contents);
    CHECK(restored->earliest_due() == kNow + 1);
  }
}

TEST_CASE("how long a payload is can be told without writing it, with deadlines as well") {
  const OwnedRecord record =
      Build({{"a", {"1", kLater}}, {"b", {std::string(300, 'x'), kNoDeadline}}});
  for (const bool compress : {false, true}) {
    const std::string payload = EncodeDump(*record, kNow, compress);
    CHECK(WrittenBytes(*record, kNow, compress) == payload.size() - 1 - kFooterBytes);
  }
}

TEST_CASE("a payload leaves out fields whose time has come") {
  const OwnedRecord record = Build({{"over", {"1", kNow}}, {"stays", {"2", kNow + 1}}});
  const OwnedRecord restored = Restore(EncodeDump(*record, kNow, false));
  REQUIRE(restored != nullptr);
  CHECK(ContentsOf(*restored, 0) == Contents{{"stays", {"2", kNow + 1}}});
}

TEST_CASE("a hash all of whose fields are over has nothing to write") {
  const OwnedRecord record = Build({{"a", {"1", kNow - 1}}, {"b", {"2", kNow}}});
  CHECK(AllOver(*record, kNow));
  CHECK_FALSE(AllOver(*record, kNow - 1));
  CHECK_FALSE(AllOver(*Build({{"a", {"1", kNow}}, {"b", {"2", kNoDeadline}}}), kNow));
}

TEST_CASE("without deadlines a payload is one that Redis 7.0 reads") {
  const OwnedRecord record = Build({{"a", {std::string(100, 'x'), kNoDeadline}}});
  const std::string payload = EncodeDump(*record, kNow, false);
  CHECK(VersionOf(payload) == kDumpVersionWritten);
  CHECK(payload[0] == static_cast<char>(RdbType::kHash));
}

TEST_CASE("hashes with deadlines of other servers are read") {
  const Contents expected = {
      {"a", {"1", kLater}}, {"b", {"two", kLater + 5000}}, {"c", {"x", kNoDeadline}}};
  Contents with_long = expected;
  with_long["c"].first = std::string(70, 'v');

  // Of Redis 8.0.6, packed and as a table, and of Valkey 9.1.
  const OwnedRecord packed = Restore(
      "\x19\x00\x38\xd3\x60\xba\x01\x00\x00\x30\x30\x00\x00\x00\x09\x00\x81\x61\x02\x01\x01\xf4\x00"
      "\x38"
      "\xd3\x60\xba\x01\x00\x00\x09\x81\x62\x02\x83two\x04\xf4\x88\x4b\xd3\x60\xba\x01\x00\x00\x09"
      "\x81\x63\x02\x81\x78\x02\x00\x01\xff\x0c\x00\xef\x4d\xf6\xed\x5d\x30\x1c\xaa"s);
  REQUIRE(packed != nullptr);
  CHECK(ContentsOf(*packed) == expected);
  const OwnedRecord table = Restore(
      "\x18\x00\x38\xd3\x60\xba\x01\x00\x00\x03\x00\x01\x63\xc3\x09\x40\x46\x01vv\xe0\x39\x00"
      "\x01vvS\x89\x01\x62\x03two\x01\x01\x61\xc0\x01\x0c\x00\x06\xdb\xfc\xdd\xbc\x1d\x6e\xcd"s);
  REQUIRE(table != nullptr);
  CHECK(ContentsOf(*table) == with_long);
  const OwnedRecord valkey = Restore(
      "\x16\x03\x01\x61\xc0\x01\x00\x38\xd3\x60\xba\x01\x00\x00\x01\x62\x03two\x88\x4b\xd3\x60\xba"
      "\x01"
      "\x00\x00\x01\x63\x01\x78\xff\xff\xff\xff\xff\xff\xff\xff\x50\x00\x47\xd5\x25\x62\xf4\xf8\x62\xd4"s);
  REQUIRE(valkey != nullptr);
  CHECK(ContentsOf(*valkey) == expected);
}

TEST_CASE("malformed hashes with deadlines are refused") {
  // One of each form, which is well-formed as it is.
  const std::string ex =
      Millis(kLater) + "\x12\x12\0\0\0\x03\0\x81"s + "a\x02\x01\x01\xf1\xe8\x03\x03"s + "\xff"s;
  const std::string deadlines =
      Millis(kLater) + "\x02\x01\x01"s + "a\x01" + "1\x00\x01"s + "b\x01" + "2";
  const std::string valkey =
      "\x02\x01"s + "a\x01" + "1" + Millis(kLater) + "\x01"s + "b\x01" + "2" + Millis(-1);
  struct Form {
    RdbType type;
    std::string value;
    uint16_t version;
  };
  for (const Form& form : {Form{RdbType::kHashDeadlines, deadlines, kDumpVersionDeadlines},
                           Form{RdbType::kHashValkey, valkey, kDumpVersionValkey}}) {
    REQUIRE(Restore(Payload(form.type, form.value, form.version)) != nullptr);
    for (size_t size = 0; size < form.value.size(); ++size) {
      CheckRefused(form.type, form.value.substr(0, size), form.version);
    }
  }
  for (size_t size = 0; size < ex.size(); ++size) {
    CheckRefused(RdbType::kHashListpackEx, ex.substr(0, size), kDumpVersionDeadlines);
  }

  // None at all, one that comes twice, deadlines before 1970 or that no field can have.
  CheckRefused(RdbType::kHashValkey, "\x00"s, kDumpVersionValkey);
  CheckRefused(RdbType::kHashDeadlines, Millis(kLater) + "\x00"s, kDumpVersionDeadlines);
  const std::string field = "\x01"s + "a\x01" + "1";
  for (const UnixMillis deadline : {UnixMillis{-2}, INT64_MIN, INT64_MAX, UnixMillis{1} << 48}) {
    CheckRefused(RdbType::kHashValkey, "\x01"s + field + Millis(deadline), kDumpVersionValkey);
    CheckRefused(RdbType::kHashDeadlines, Millis(deadline) + "\x01\x01"s + field,
                 kDumpVersionDeadlines);
  }
  CheckRefused(RdbType::kHashValkey, "\x02"s + field + Millis(kLater) + field + Millis(kLater),
               kDumpVersionValkey);
  const std::string length_max = "\x81" + std::string(8, '\xff');
  CheckRefused(RdbType::kHashDeadlines, Millis(kLater) + "\x01"s + length_max + field,
               kDumpVersionDeadlines);
  CheckRefused(RdbType::kHashDeadlines, Millis(kLater) + length_max + "\x01"s + field,
               kDumpVersionDeadlines);
}

TEST_CASE("a packed hash with deadlines must consist of threes, the last an integer") {
  const auto payload = [](std::initializer_list<PackedValue> entries,
                          UnixMillis earliest = kLater) {
    ListpackBuffer listpack;
    for (const PackedValue& entry : entries) listpack.Append(entry);
    std::string bytes = Millis(earliest);
    RdbWriter writer(&bytes, false);
    writer.String(RdbString::Of(listpack.get().view()));
    return Payload(RdbType::kHashListpackEx, bytes, kDumpVersionDeadlines);
  };
  const PackedValue a = PackedValue::Of("a");
  const PackedValue one = PackedValue::Of(int64_t{1});
  const PackedValue later = PackedValue::Of(kLater);
  CHECK(Restore(payload({a, one, later})) != nullptr);
  CHECK(Restore(payload({})) == nullptr);
  CHECK(Restore(payload({a, one})) == nullptr);
  CHECK(Restore(payload({a, one, later, a})) == nullptr);
  CHECK(Restore(payload({a, one, a})) == nullptr);
  CHECK(Restore(payload({a, one, PackedValue::Of(int64_t{-1})})) == nullptr);
  CHECK(Restore(payload({a, one, later, a, one, later})) == nullptr);
  CHECK(Restore(payload({a, one, later}, -1)) == nullptr);
}

}  // namespace
}  // namespace alai
