// Ziplists and zipmaps: all kinds of entries, the bytes of old servers, and damage of every sort. What is
// read is copied to a block of its exact size first, so that a sanitizer sees a look beyond it.
#include "storage/ziplist.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "storage/zipmap.h"
#include "tests/catch.h"
#include "tests/storage/old_encodings.h"

namespace alai {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::string>;

class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : bytes_(new char[bytes.size()]), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

std::optional<Texts> ReadZiplist(std::string_view bytes) {
  const ExactBytes exact(bytes);
  ZiplistReader reader(exact.view());
  Texts texts;
  char digits[kInt64CharsMax];
  PackedValue value;
  while (reader.Next(&value)) texts.emplace_back(value.View(digits));
  // The end is final.
  CHECK_FALSE(reader.Next(&value));
  if (!reader.ok()) return std::nullopt;
  return texts;
}

std::optional<Texts> ReadZipmap(std::string_view bytes) {
  const ExactBytes exact(bytes);
  ZipmapReader reader(exact.view());
  Texts texts;
  std::string_view field;
  std::string_view value;
  while (reader.Next(&field, &value)) {
    texts.emplace_back(field);
    texts.emplace_back(value);
  }
  CHECK_FALSE(reader.Next(&field, &value));
  if (!reader.ok()) return std::nullopt;
  return texts;
}

std::string RandomText(Random& random) {
  switch (random.Below(6)) {
    case 0:
      return std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64));
    case 1:
      return std::to_string(random.Below(15));
    case 2:
      return std::string(random.OneIn(20) ? 16'380 + random.Below(8) : 60 + random.Below(8), 'x');
    case 3:
      return std::string(245 + random.Below(14), 'y');
    default:
      return std::string(random.Below(5), static_cast<char>(random.Below(256)));
  }
}

Texts RandomTexts(Random& random, size_t count_max) {
  Texts texts(random.Below(count_max + 1));
  for (std::string& text : texts) text = RandomText(random);
  return texts;
}

TEST_CASE("a ziplist is read entry by entry") {
  // From the comment that documents the format: 2 and 5, then "Hello World" added.
  CHECK(ReadZiplist("\x0f\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\xf3\x02\xf6\xff"s) ==
        Texts{"2", "5"});
  CHECK(ReadZiplist("\x1c\x00\x00\x00\x0e\x00\x00\x00\x03\x00\x00\xf3\x02\xf6\x02\x0b"
                    "Hello World\xff"s) == Texts{"2", "5", "Hello World"});
  CHECK(ReadZiplist("\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"s) == Texts{});
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    const Texts texts = RandomTexts(random, 30);
    REQUIRE(ReadZiplist(Ziplist(texts)) == texts);
    REQUIRE(ReadZiplist(Ziplist(texts, true)) == texts);
  }
}

TEST_CASE("integers of a ziplist have all widths and both signs") {
  Texts texts;
  for (int bit = 0; bit < 63; ++bit) {
    for (const int64_t near : {-1, 0, 1}) {
      texts.push_back(std::to_string((int64_t{1} << bit) + near));
      texts.push_back(std::to_string(-(int64_t{1} << bit) + near));
    }
  }
  texts.push_back("9223372036854775807");
  texts.push_back("-9223372036854775808");
  CHECK(ReadZiplist(Ziplist(texts)) == texts);
}

TEST_CASE("a ziplist with more entries than its header can count is read") {
  const Texts texts(70'000, "1");
  std::string bytes = Ziplist(texts);
  CHECK(ReadZiplist(bytes) == texts);
  bytes[8] = '\x70';
  bytes[9] = '\x11';
  CHECK(ReadZiplist(bytes) == std::nullopt);
  // A short one may say that it does not know, too.
  std::string few = Ziplist({"a", "b"});
  few[8] = few[9] = '\xff';
  CHECK(ReadZiplist(few) == Texts{"a", "b"});
}

TEST_CASE("a ziplist that is wrong anywhere is refused") {
  const std::string good = Ziplist({"abc", "7", "xyz"});
  REQUIRE(ReadZiplist(good).has_value());
  const auto with = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes.at(at) = byte;
    return ReadZiplist(bytes);
  };
  CHECK(with(0, good[0] + 1) == std::nullopt);  // total
  CHECK(with(3, '\x80') == std::nullopt);       // total beyond 2 GB
  CHECK(with(4, good[4] - 1) == std::nullopt);  // last entry
  CHECK(with(7, '\xff') == std::nullopt);       // last entry outside
  CHECK(with(8, 2) == std::nullopt);            // count
  CHECK(with(8, 4) == std::nullopt);            //
  CHECK(with(10, 1) == std::nullopt);           // before the first entry is nothing
  CHECK(with(11, 4) == std::nullopt);           // a text that swallows the next head
  CHECK(with(11, 2) == std::nullopt);           //
  CHECK(with(11, '\x7f') == std::nullopt);      // a text beyond the end
  CHECK(with(11, '\x80') == std::nullopt);      //
  CHECK(with(11, '\x81') == std::nullopt);      // a head that nobody writes
  CHECK(with(15, 4) == std::nullopt);           // the length of the entry before
  CHECK(with(15, '\xfe') == std::nullopt);      //
  CHECK(with(15, '\xff') == std::nullopt);      // an end before the end
  CHECK(with(16, '\xf0') == std::nullopt);      // an integer that swallows what follows
  CHECK(with(16, '\xff') == std::nullopt);      //
  CHECK(with(good.size() - 1, 0) == std::nullopt);
  CHECK(ReadZiplist(good + '\xff') == std::nullopt);
  CHECK(ReadZiplist("") == std::nullopt);
}

TEST_CASE("a ziplist cut short anywhere is refused, also with its header put right") {
  const std::string good = Ziplist({"abc", "7", std::string(70, 'x'), "-70000"});
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    std::string bytes = good.substr(0, size);
    CHECK(ReadZiplist(bytes) == std::nullopt);
    if (size < 11) continue;
    bytes[0] = static_cast<char>(size);
    CHECK(ReadZiplist(bytes) == std::nullopt);
    bytes.back() = '\xff';
    CHECK(ReadZiplist(bytes) == std::nullopt);
  }
}

TEST_CASE("a zipmap is read pair by pair") {
  // From the comment that documents the format.
  CHECK(ReadZipmap("\x02\x03"
                   "foo\x03\x00"
                   "bar\x05"
                   "hello\x05\x00"
                   "world\xff"s) == Texts{"foo", "bar", "hello", "world"});
  CHECK(ReadZipmap("\x00\xff"s) == Texts{});
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    Texts texts = RandomTexts(random, 30);
    if (texts.size() % 2 != 0) texts.pop_back();
    REQUIRE(ReadZipmap(Zipmap(texts, random.Below(5))) == texts);
  }
  const Texts many(2 * 300, "v");
  CHECK(ReadZipmap(Zipmap(many)) == many);
}

TEST_CASE("a zipmap that is wrong anywhere is refused") {
  const std::string good = Zipmap({"foo", "bar", "hello", "world"}, 1);
  REQUIRE(ReadZipmap(good).has_value());
  const auto with = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes.at(at) = byte;
    return ReadZipmap(bytes);
  };
  CHECK(with(0, 1) == std::nullopt);                // count
  CHECK(with(0, 3) == std::nullopt);                //
  CHECK(with(0, '\xff') == std::nullopt);           //
  CHECK(with(1, '\x20') == std::nullopt);           // a field beyond the end
  CHECK(with(1, '\xfe') == std::nullopt);           // a length that is cut or beyond the end
  CHECK(with(1, '\xff') == std::nullopt);           // an end before the end
  CHECK(with(5, '\x20') == std::nullopt);           // a value beyond the end
  CHECK(with(6, '\x40') == std::nullopt);           // unused bytes beyond the end
  CHECK(with(good.size() - 1, 0) == std::nullopt);  // no end
  CHECK(ReadZipmap(good + '\xff') == std::nullopt);
  CHECK(ReadZipmap("") == std::nullopt);
  CHECK(ReadZipmap("\xff") == std::nullopt);
  // A length of five bytes where one would do: of the field, and of the value.
  CHECK(ReadZipmap("\x01\xfe\x01\x00\x00\x00"
                   "f\x01\x00v\xff"s) == std::nullopt);
  CHECK(ReadZipmap("\x01\x01"
                   "f\xfe\x01\x00\x00\x00\x00v\xff"s) == std::nullopt);
  CHECK(ReadZipmap("\x01\x01"
                   "f\xfe\xff\xff\xff\xff\x00v\xff"s) == std::nullopt);
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(ReadZipmap(good.substr(0, size)) == std::nullopt);
    if (size + 1 == good.size()) break;
    CHECK(ReadZipmap(good.substr(0, size) + '\xff') == std::nullopt);
  }
}

TEST_CASE("whatever happens to their bytes, old encodings are refused or read") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  const Texts texts = {"abc", "7", std::string(70, 'x'), "-70000", "", "12345678901"};
  const std::string ziplist = Ziplist(texts);
  const std::string zipmap = Zipmap(texts, 2);
  size_t refused = 0;
  for (const std::string& good : {ziplist, zipmap}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string bytes = good;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
        if (random.OneIn(2)) bytes[random.Below(bytes.size())] ^= static_cast<char>(random.Next());
        if (!ReadZiplist(bytes).has_value()) ++refused;
        if (!ReadZipmap(bytes).has_value()) ++refused;
      }
    }
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace alai
