// Collections in all their forms: the same elements whatever the form, damage of every sort, and both
// directions against a stock server.
#include "storage/collection_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/storage/collection_forms.h"
#include "tests/storage/collection_recorder.h"
#include "tests/storage/payload_record.h"
#include "tests/storage/stock_server.h"

namespace alai {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::string>;

constexpr uint64_t kStringBytesMax = uint64_t{1} << 20;

std::optional<Texts> Read(RdbType type, std::string_view value) {
  // Of its exact size, so that a sanitizer sees a look beyond it.
  const std::vector<char> exact(value.begin(), value.end());
  RdbReader reader({exact.data(), exact.size()}, kStringBytesMax);
  CollectionRecorder recorder;
  if (!ReadCollection(reader, type, recorder)) return std::nullopt;
  CHECK(reader.rest().empty());
  return recorder.texts;
}

std::optional<Texts> Read(const CollectionForm& form) { return Read(form.type, form.value); }

// Scores as a recorder notes them.
Texts WithScoreBits(Texts texts) {
  for (size_t i = 1; i < texts.size(); i += 2) {
    double score = 0;
    REQUIRE(ParseDouble(texts[i], &score));
    texts[i] = CollectionRecorder::BitsOf(score);
  }
  return texts;
}

const Texts kElements = {"one", "2", "one", "", "-70000", "12345678901", std::string(300, 'x'),
                         "007"};
const Texts kMembers = {"one", "2", "", "-70000", "12345678901", std::string(300, 'x'), "007"};
const Texts kIntegers = {"-5", "0", "1", "100", "70000"};
const Texts kPairs = {"field", "value", "1",       "2",    "empty",
                      "",      "",      "no name", "long", std::string(300, 'y')};
const Texts kScored = {"a", "-inf",   "b", "-1.5", "c", "0", "4", "3", "d", "0.10000000000000001",
                       "e", "1e+300", "f", "inf"};

std::vector<CollectionForm> AllForms(bool compress) {
  std::vector<CollectionForm> all;
  for (const auto& forms :
       {ListForms(kElements, compress), SetForms(kMembers, compress), SetForms(kIntegers, compress),
        HashForms(kPairs, compress), SortedSetForms(kScored, compress)}) {
    all.insert(all.end(), forms.begin(), forms.end());
  }
  return all;
}

TEST_CASE("a collection holds the same in whatever form it comes") {
  for (const bool compress : {false, true}) {
    CAPTURE(compress);
    for (const CollectionForm& form : ListForms(kElements, compress)) {
      CAPTURE(int(form.type));
      CHECK(Read(form) == kElements);
    }
    for (const Texts& members : {kMembers, kIntegers}) {
      for (const CollectionForm& form : SetForms(members, compress)) {
        CAPTURE(int(form.type));
        CHECK(Read(form) == members);
      }
    }
    for (const CollectionForm& form : HashForms(kPairs, compress)) {
      CAPTURE(int(form.type));
      CHECK(Read(form) == kPairs);
    }
    for (const CollectionForm& form : SortedSetForms(kScored, compress)) {
      CAPTURE(int(form.type));
      CHECK(Read(form) == WithScoreBits(kScored));
    }
  }
}

TEST_CASE("random collections hold the same in whatever form they come") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int round = 0; round < 100; ++round) {
    Texts members;
    Texts pairs;
    const uint64_t count = 2 + random.Below(50);
    for (uint64_t i = 1; i <= count; ++i) {
      std::string member = random.OneIn(3)
                               ? std::to_string(i * 1'000'003)
                               : std::to_string(i) + std::string(random.Below(300), 'm');
      members.push_back(member);
      pairs.push_back(member);
      pairs.push_back(random.OneIn(2) ? std::to_string(random.Next() % 100'000)
                                      : std::string(random.Below(80), 'v'));
    }
    const bool compress = random.OneIn(2);
    for (const CollectionForm& form : ListForms(members, compress)) REQUIRE(Read(form) == members);
    for (const CollectionForm& form : SetForms(members, compress)) REQUIRE(Read(form) == members);
    for (const CollectionForm& form : HashForms(pairs, compress)) REQUIRE(Read(form) == pairs);
  }
}

TEST_CASE("what comes behind the value is left alone") {
  for (const CollectionForm& form : AllForms(true)) {
    CAPTURE(int(form.type));
    const std::string value = form.value + "rest";
    RdbReader reader(value, kStringBytesMax);
    CollectionRecorder recorder;
    REQUIRE(ReadCollection(reader, form.type, recorder));
    CHECK(reader.rest() == "rest");
  }
}

TEST_CASE("a value that is cut short anywhere is refused") {
  for (const bool compress : {false, true}) {
    for (const CollectionForm& form : AllForms(compress)) {
      CAPTURE(int(form.type), compress);
      for (size_t size = 0; size < form.value.size(); ++size) {
        if (Read(form.type, form.value.substr(0, size)).has_value()) {
          CAPTURE(size);
          FAIL("accepted");
        }
      }
    }
  }
}

TEST_CASE("a value with any bit changed is refused or holds something else that is sound") {
  for (const bool compress : {false, true}) {
    for (const CollectionForm& form : AllForms(compress)) {
      CAPTURE(int(form.type), compress);
      for (size_t at = 0; at < form.value.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          std::string value = form.value;
          value[at] = static_cast<char>(value[at] ^ 1 << bit);
          RdbReader reader(value, kStringBytesMax);
          CollectionRecorder recorder;
          if (!ReadCollection(reader, form.type, recorder)) continue;
          const Type type = *CollectionOf(form.type);
          const std::optional<Texts> again =
              Read(PlainFormOf(type), WritePlain(type, recorder, compress));
          if (again != recorder.texts) {
            CAPTURE(at, bit);
            FAIL("cannot be read back");
          }
        }
      }
    }
  }
}

TEST_CASE("a form is not taken for another") {
  for (const CollectionForm& form : AllForms(false)) {
    for (const CollectionForm& other : AllForms(false)) {
      RdbReader reader(form.value, kStringBytesMax);
      CollectionRecorder recorder;
      // Whatever comes of it, it is no crash; and packed forms are not even alike.
      const bool taken = ReadCollection(reader, other.type, recorder);
      const bool packed = form.type == RdbType::kSetIntset || form.type == RdbType::kHashZipmap;
      if (packed && other.type >= RdbType::kHashZipmap && other.type != form.type) {
        CAPTURE(int(form.type), int(other.type));
        CHECK_FALSE(taken);
      }
    }
  }
  for (int type = 0; type < 256; ++type) {
    if (CollectionOf(static_cast<RdbType>(type)).has_value()) continue;
    CHECK_FALSE(Read(static_cast<RdbType>(type), "\x01\x01\x61"s).has_value());
  }
}

TEST_CASE("nothing is no collection") {
  for (const RdbType type :
       {RdbType::kList, RdbType::kSet, RdbType::kHash, RdbType::kSortedSet, RdbType::kSortedSetText,
        RdbType::kListZiplists, RdbType::kListNodes}) {
    CHECK_FALSE(Read(type, "\x00"s).has_value());
  }
  for (const RdbType type :
       {RdbType::kListZiplist, RdbType::kSortedSetZiplist, RdbType::kHashZiplist}) {
    CHECK_FALSE(Read(type, PackedString(Ziplist({}), false)).has_value());
  }
  for (const RdbType type :
       {RdbType::kHashListpack, RdbType::kSortedSetListpack, RdbType::kSetListpack}) {
    CHECK_FALSE(Read(type, PackedString(ListpackOf({}), false)).has_value());
  }
  CHECK_FALSE(Read(RdbType::kHashZipmap, PackedString(Zipmap({}), false)).has_value());
  CHECK_FALSE(Read(RdbType::kSetIntset, PackedString(Intset().view(), false)).has_value());
}

TEST_CASE("a list's empty nodes are passed over, but not if all are") {
  const auto nodes = [](const std::vector<Texts>& contents) {
    std::string out;
    RdbWriter writer(&out, false);
    writer.Length(contents.size());
    for (const Texts& texts : contents) {
      const std::string listpack = ListpackOf(texts);
      WritePackedNode(writer, Listpack(listpack.data()).run(), texts.size());
    }
    return Read(RdbType::kListNodes, out);
  };
  CHECK(nodes({{}, {"a", "b"}, {}, {"c"}}) == Texts{"a", "b", "c"});
  CHECK(nodes({{}, {}}) == std::nullopt);
}

TEST_CASE("a list's node is long or packed and nothing else") {
  const std::string packed = PackedString(ListpackOf({"a"}), false);
  CHECK(Read(RdbType::kListNodes, "\x01\x02"s + packed) == Texts{"a"});
  CHECK(Read(RdbType::kListNodes, "\x01\x01\x01\x61"s) == Texts{"a"});
  CHECK(Read(RdbType::kListNodes, "\x01\x01\xc0\x07"s) == Texts{"7"});
  for (const char kind : {'\x00', '\x03', '\x40', '\xc0'}) {
    CAPTURE(int(kind));
    CHECK_FALSE(Read(RdbType::kListNodes, "\x01"s + kind + packed).has_value());
  }
}

TEST_CASE("counts that nobody could keep cost nothing") {
  const std::string huge = "\x81\xff\xff\xff\xff\xff\xff\xff\xff"s;
  for (const RdbType type :
       {RdbType::kList, RdbType::kSet, RdbType::kHash, RdbType::kSortedSet, RdbType::kSortedSetText,
        RdbType::kListZiplists, RdbType::kListNodes}) {
    CHECK_FALSE(Read(type, huge).has_value());
    CHECK_FALSE(Read(type, huge + "\x01\x61"s).has_value());
  }
  // The same for the length of a string in it.
  CHECK_FALSE(Read(RdbType::kList, "\x01" + huge + "a").has_value());
  CHECK_FALSE(Read(RdbType::kHashListpack, huge + "a").has_value());
}

TEST_CASE("pairs are whole") {
  const Texts odd = {"a", "1", "b"};
  for (const RdbType type : {RdbType::kHashZiplist, RdbType::kSortedSetZiplist}) {
    CHECK_FALSE(Read(type, PackedString(Ziplist(odd), false)).has_value());
  }
  for (const RdbType type : {RdbType::kHashListpack, RdbType::kSortedSetListpack}) {
    CHECK_FALSE(Read(type, PackedString(ListpackOf(odd), false)).has_value());
  }
}

TEST_CASE("scores are numbers") {
  for (const char* const score : {"nan", "-nan", "abc", "", "1x", "1e999"}) {
    CAPTURE(score);
    const Texts texts = {"a", score};
    CHECK_FALSE(Read(RdbType::kSortedSetZiplist, PackedString(Ziplist(texts), false)).has_value());
    CHECK_FALSE(
        Read(RdbType::kSortedSetListpack, PackedString(ListpackOf(texts), false)).has_value());
    const std::string text(score);
    CHECK_FALSE(
        Read(RdbType::kSortedSetText, "\x01\x01\x61"s + static_cast<char>(text.size()) + text)
            .has_value());
  }
  CHECK_FALSE(Read(RdbType::kSortedSetText, "\x01\x01\x61\xfd"s).has_value());
  std::string value;
  RdbWriter writer(&value, false);
  writer.Length(1);
  ElementWriter(writer).Scored(PackedValue::Of("a"), std::numeric_limits<double>::quiet_NaN());
  CHECK_FALSE(Read(RdbType::kSortedSet, value).has_value());
}

TEST_CASE("an integer is no packed string") {
  for (const CollectionForm& form : AllForms(false)) {
    if (form.type < RdbType::kHashZipmap) continue;
    CAPTURE(int(form.type));
    CHECK_FALSE(Read(form.type, "\xc2\x07\x00\x00\x00"s).has_value());
    CHECK_FALSE(Read(form.type, "\x01\xc2\x07\x00\x00\x00"s).has_value());
  }
}

TEST_CASE("a packed form fills its string exactly") {
  for (const std::string& packed :
       {Ziplist({"a", "1"}), ListpackOf({"a", "1"}), Zipmap({"a", "1"})}) {
    for (const std::string& changed :
         {packed + '\xff', packed + 'x', packed.substr(0, packed.size() - 1)}) {
      for (const RdbType type :
           {RdbType::kHashZiplist, RdbType::kHashListpack, RdbType::kHashZipmap}) {
        CHECK_FALSE(Read(type, PackedString(changed, false)).has_value());
      }
    }
  }
}

// A list's elements in order, everything else sorted: as a recorder notes it, but for scores.
Texts StockContents(StockServer& stock, Type type, const std::string& key) {
  StockReply reply;
  switch (type) {
    case Type::kList:
      reply = stock.Call({"LRANGE", key, "0", "-1"});
      break;
    case Type::kSet:
      reply = stock.Call({"SMEMBERS", key});
      break;
    case Type::kHash:
      reply = stock.Call({"HGETALL", key});
      break;
    default:
      reply = stock.Call({"ZRANGE", key, "0", "-1", "WITHSCORES"});
      break;
  }
  Texts texts;
  for (const StockReply& element : reply.elements) texts.push_back(element.text);
  if (type == Type::kSortedSet) texts = WithScoreBits(texts);
  if (type != Type::kList) std::sort(texts.begin(), texts.end());
  return texts;
}

Texts Comparable(Type type, Texts texts) {
  if (type != Type::kList) std::sort(texts.begin(), texts.end());
  return texts;
}

TEST_CASE("a stock server reads every form as we do") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  for (const bool compress : {false, true}) {
    for (const CollectionForm& form : AllForms(compress)) {
      // Not before Redis 7.2.
      if (form.type == RdbType::kSetListpack) continue;
      CAPTURE(int(form.type), compress);
      const Type type = *CollectionOf(form.type);
      const StockReply reply =
          stock->Call({"RESTORE", "k", "0", Payload(form.type, form.value), "REPLACE"});
      REQUIRE(reply.text == "OK");
      const std::optional<Texts> ours = Read(form);
      REQUIRE(ours.has_value());
      CHECK(StockContents(*stock, type, "k") == Comparable(type, *ours));
      // What a stock server makes of it comes back, and so does that in the plainest form.
      const std::string theirs = stock->Call({"DUMP", "k"}).text;
      const std::string value = theirs.substr(1, theirs.size() - 11);
      RdbReader reader(value, kStringBytesMax);
      CollectionRecorder recorder;
      REQUIRE(ReadCollection(reader, static_cast<RdbType>(theirs[0]), recorder));
      CHECK(Comparable(type, recorder.texts) == Comparable(type, *ours));
      const std::string plain = Payload(PlainFormOf(type), WritePlain(type, recorder, compress));
      REQUIRE(stock->Call({"RESTORE", "k", "0", plain, "REPLACE"}).text == "OK");
      CHECK(StockContents(*stock, type, "k") == Comparable(type, *ours));
    }
  }
}

TEST_CASE("large collections of a stock server are read") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 1500; ++i) {
    const std::string text = random.OneIn(3)
                                 ? std::to_string(random.Next() >> random.Below(64))
                                 : std::to_string(i) + std::string(random.Below(100), 'x');
    const std::string number = std::to_string(i);
    stock->Call({"RPUSH", "list", random.OneIn(300) ? std::string(9'000, 'l') : text});
    stock->Call({"SADD", "set", text});
    stock->Call({"SADD", "integers", std::to_string(random.Below(1'000'000'000'000))});
    stock->Call({"HSET", "hash", text, number});
    stock->Call({"ZADD", "zset", std::to_string(random.Below(1000)) + "." + number, text});
  }
  const std::pair<std::string, Type> keys[] = {{"list", Type::kList},
                                               {"set", Type::kSet},
                                               {"integers", Type::kSet},
                                               {"hash", Type::kHash},
                                               {"zset", Type::kSortedSet}};
  for (const auto& [key, type] : keys) {
    CAPTURE(key);
    const std::string payload = stock->Call({"DUMP", key}).text;
    const std::string value = payload.substr(1, payload.size() - 11);
    const auto form = static_cast<RdbType>(payload[0]);
    REQUIRE(CollectionOf(form) == type);
    RdbReader reader(value, kStringBytesMax);
    CollectionRecorder recorder;
    REQUIRE(ReadCollection(reader, form, recorder));
    CHECK(Comparable(type, recorder.texts) == StockContents(*stock, type, key));
  }
}

}  // namespace
}  // namespace alai
