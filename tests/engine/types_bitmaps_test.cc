// Bitmaps: what commands on bits do to values, effects, events and forms.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/blob.h"
#include "engine/types/bitmaps.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

using bitmaps::FieldOperation;
using bitmaps::FieldValue;
using bitmaps::Overflow;
using bits::Combination;
using Kind = FieldOperation::Kind;

class BitmapsFixture : public TypesFixture {
 public:
  bool SetBit(const std::string& key, uint64_t bit, bool value) {
    Db d = db();
    return *bitmaps::Set(d, MakeKey(key), bit, value, kStringBytesMax);
  }
  uint64_t Combine(Combination combination, const std::string& target,
                   std::vector<std::string_view> sources) {
    Db d = db();
    return *bitmaps::Combine(d, combination, MakeKey(target), sources, kStringBytesMax);
  }
  std::vector<FieldValue> Fields(const std::string& key, std::vector<FieldOperation> operations) {
    Db d = db();
    std::vector<FieldValue> values(operations.size());
    REQUIRE(bitmaps::RunFields(d, MakeKey(key), operations, kStringBytesMax, values) == Errc::kOk);
    return values;
  }
};

TEST_CASE_METHOD(BitmapsFixture, "SETBIT logs the bit, and nothing when nothing changes") {
  CHECK_FALSE(SetBit("k", 9, true));
  CHECK(recorder_.Take() == Lines{"log0: SETBIT k 9 1", "event0: new k", "event0: setbit k"});
  CHECK(SetBit("k", 9, true));
  CHECK(recorder_.Take().empty());
  CHECK_FALSE(SetBit("k", 20, false));
  CHECK(recorder_.Take() == Lines{"log0: SETBIT k 20 0", "event0: setbit k"});
  CHECK(Get("k") == std::string("\0\x40\0", 3));
  CHECK(tally_.changes == 2);
  Set("n", "12", clock_.WallMillis() + 1000);
  recorder_.Take();
  CHECK_FALSE(SetBit("n", 0, false));
  CHECK(Encoding("n") == "raw");
  CHECK(Get("n") == "12");
  CHECK(Find("n")->deadline() == clock_.WallMillis() + 1000);
  CHECK(recorder_.Take().empty());
  SetList("l");
  Db d = db();
  CHECK(bitmaps::Set(d, MakeKey("l"), 0, true, kStringBytesMax).error() == Errc::kWrongType);
  CHECK(bitmaps::Set(d, MakeKey("k"), 80, true, 10).error() == Errc::kTooLong);
  CHECK(bitmaps::Get(d, MakeKey("l"), 0).error() == Errc::kWrongType);
  CHECK(bitmaps::Count(d, MakeKey("l"), {}).error() == Errc::kWrongType);
  CHECK(bitmaps::Find(d, MakeKey("l"), true, {}, false).error() == Errc::kWrongType);
}

TEST_CASE_METHOD(BitmapsFixture, "a large bitmap is copied once and then changed where it is") {
  Set("k", std::string(100'000, '\0'));
  const char* first = Find("k")->blob()->bytes();
  SetBit("k", 5, true);
  const char* own = Find("k")->blob()->bytes();
  CHECK(own != first);
  for (uint64_t bit = 0; bit < 800'000; bit += 1000) SetBit("k", bit, true);
  CHECK(Find("k")->blob()->bytes() == own);
  Db d = db();
  CHECK(*bitmaps::Count(d, MakeKey("k"), {}) == 801);
  // A reply on its way keeps its bytes.
  Blob* sent = Find("k")->blob();
  sent->Acquire();
  SetBit("k", 1, true);
  CHECK(Find("k")->blob()->bytes() != own);
  CHECK_FALSE(bits::Get(sent->view(), 1));
  sent->Release();
  // Growing leaves room to grow further.
  SetBit("k", 800'000, true);
  const char* grown = Find("k")->blob()->bytes();
  SetBit("k", 1'000'000, true);
  CHECK(Find("k")->blob()->bytes() == grown);
  CHECK(*bitmaps::Count(d, MakeKey("k"), {}) == 804);
}

TEST_CASE_METHOD(BitmapsFixture, "BITOP logs itself, stores a new string and drops an empty one") {
  Set("a", "\xf0");
  Set("d", "old", clock_.WallMillis() + 1000);
  recorder_.Take();
  CHECK(Combine(Combination::kOr, "d", {"a", "none"}) == 1);
  CHECK(recorder_.Take() ==
        Lines{"event0: keymiss none", "log0: BITOP OR d a none", "event0: set d"});
  CHECK(Get("d") == "\xf0");
  CHECK_FALSE(Find("d")->has_deadline());
  CHECK(Encoding("d") == "raw");
  CHECK(Combine(Combination::kAnd, "d", {"none"}) == 0);
  CHECK(recorder_.Take() == Lines{"event0: keymiss none", "log0: DEL d", "event0: del d"});
  CHECK(Combine(Combination::kAnd, "d", {"none"}) == 0);
  CHECK(recorder_.Take() == Lines{"event0: keymiss none"});
  Set("long", std::string(kInlineValueBytesMax + 1, '\1'));
  CHECK(Combine(Combination::kNot, "d", {"long"}) == kInlineValueBytesMax + 1);
  CHECK(Get("d") == std::string(kInlineValueBytesMax + 1, '\xfe'));
  CHECK(Combine(Combination::kXor, "long", {"long", "long"}) == kInlineValueBytesMax + 1);
  CHECK(Get("long") == std::string(kInlineValueBytesMax + 1, '\0'));
  SetList("l");
  Db d = db();
  const std::string_view sources[] = {"a", "l"};
  CHECK(bitmaps::Combine(d, Combination::kOr, MakeKey("d"), sources, 10).error() ==
        Errc::kWrongType);
  CHECK(bitmaps::Combine(d, Combination::kOr, MakeKey("d"), {sources, 1}, 0).error() ==
        Errc::kTooLong);
}

TEST_CASE_METHOD(BitmapsFixture, "BITFIELD logs the integers that it has stored") {
  const FieldOperation add = {
      .kind = Kind::kIncrement, .is_signed = true, .width = 16, .operand = 5};
  FieldOperation get = add;
  get.kind = Kind::kGet;
  CHECK(Fields("k", {get}) == std::vector<FieldValue>{0});
  CHECK(recorder_.Take() == Lines{"event0: keymiss k"});
  CHECK(Fields("k", {add, get, add}) == std::vector<FieldValue>{5, 5, 10});
  CHECK(recorder_.Take() == Lines{"log0: BITFIELD k SET u1 15 0 SET i16 0 5 SET i16 0 10",
                                  "event0: new k", "event0: setbit k"});
  CHECK(tally_.changes == 2);
  FieldOperation same = add;
  same.kind = Kind::kSet;
  same.operand = 10;
  CHECK(Fields("k", {same}) == std::vector<FieldValue>{10});
  CHECK(recorder_.Take().empty());
  // It grows although nothing is stored; that is no change that anybody is told of.
  const FieldOperation refused = {
      .kind = Kind::kSet, .overflow = Overflow::kFail, .width = 8, .bit = 24, .operand = 256};
  CHECK(Fields("k", {refused}) == std::vector<FieldValue>{std::nullopt});
  CHECK(recorder_.Take() == Lines{"log0: BITFIELD k SET u1 31 0"});
  CHECK(Get("k") == std::string("\0\x0a\0\0", 4));
  CHECK(tally_.changes == 2);
  SetList("l");
  Db d = db();
  FieldValue value;
  CHECK(bitmaps::RunFields(d, MakeKey("l"), {&get, 1}, 10, {&value, 1}) == Errc::kWrongType);
  CHECK(bitmaps::RunFields(d, MakeKey("k"), {&refused, 1}, 3, {&value, 1}) == Errc::kTooLong);
}

// What BITFIELD makes of an integer, by reasoning in 128 bits.
FieldValue Model(const FieldOperation& operation, __int128 old, __int128* stored) {
  const int width = operation.width;
  const __int128 span = static_cast<__int128>(1) << width;
  const __int128 min = operation.is_signed ? -(span / 2) : 0;
  const __int128 max = min + span - 1;
  *stored = old;
  if (operation.kind == Kind::kGet) return static_cast<int64_t>(old);
  __int128 fresh = operation.operand;
  if (operation.kind == Kind::kIncrement) fresh += old;
  if (operation.kind == Kind::kSet && !operation.is_signed && fresh < 0) {
    fresh += static_cast<__int128>(1) << 64;
  }
  if (fresh < min || fresh > max) {
    if (operation.overflow == Overflow::kFail) return std::nullopt;
    if (operation.overflow == Overflow::kSaturate) {
      fresh = fresh < min ? min : max;
    } else {
      fresh = ((fresh - min) % span + span) % span + min;
    }
  }
  *stored = fresh;
  return static_cast<int64_t>(operation.kind == Kind::kSet ? old : fresh);
}

TEST_CASE_METHOD(BitmapsFixture, "fields hold what arithmetic without limits says") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    FieldOperation operation;
    operation.is_signed = random.Below(2) == 0;
    operation.width = static_cast<uint8_t>(1 + random.Below(operation.is_signed ? 64 : 63));
    operation.bit = random.Below(200);
    operation.kind = static_cast<Kind>(random.Below(3));
    operation.overflow = static_cast<Overflow>(random.Below(3));
    operation.operand = random.Below(2) == 0 ? static_cast<int64_t>(random.Next())
                                             : static_cast<int64_t>(random.Below(200)) - 100;
    FieldOperation read = operation;
    read.kind = Kind::kGet;
    const int64_t old = *Fields("k", {read})[0];
    __int128 stored;
    const FieldValue expected = Model(operation, old, &stored);
    INFO("round " << round << " width " << int{operation.width} << " operand "
                  << operation.operand);
    REQUIRE(Fields("k", {operation})[0] == expected);
    REQUIRE(*Fields("k", {read})[0] == static_cast<int64_t>(stored));
  }
}

TEST_CASE_METHOD(BitmapsFixture,
                 "parts of strings are counted and searched like those of a vector") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random.Below(12), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Below(3) == 0 ? 0xff : random.Below(256));
    Set("k", bytes);
    const bool in_bits = random.Below(2) == 0;
    const auto units = static_cast<int64_t>(bytes.size() * (in_bits ? 8 : 1));
    const auto end = [&] { return static_cast<int64_t>(random.Below(40)) - 20; };
    const bitmaps::Part part{end(), end(), in_bits};
    const int64_t unit_bits = in_bits ? 1 : 8;
    const int64_t from = part.first < 0 ? std::max<int64_t>(part.first + units, 0) : part.first;
    const int64_t to = part.last < 0 ? std::max<int64_t>(part.last + units, 0) : part.last;
    uint64_t count = 0;
    int64_t found[2] = {-1, -1};
    for (int64_t bit = from * unit_bits; bit < std::min(to + 1, units) * unit_bits; ++bit) {
      const bool value = bits::Get(bytes, static_cast<uint64_t>(bit));
      if (value) ++count;
      if (found[value ? 1 : 0] < 0) found[value ? 1 : 0] = bit;
    }
    if (part.first < 0 && part.last < 0 && part.first > part.last) count = 0;
    Db d = db();
    INFO("round " << round << " part " << part.first << " " << part.last);
    REQUIRE(*bitmaps::Count(d, MakeKey("k"), part) == count);
    REQUIRE(*bitmaps::Find(d, MakeKey("k"), true, part, true) == found[1]);
    REQUIRE(*bitmaps::Find(d, MakeKey("k"), false, part, true) == found[0]);
  }
}

}  // namespace
}  // namespace alai
