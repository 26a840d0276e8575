// Listpacks against a vector of texts, against the bytes that Redis writes, and against damaged bytes.
#include "engine/containers/listpack.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Model = std::vector<std::string>;

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

std::string BytesOf(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string Packed(const Model& texts) {
  ListpackBuffer buffer;
  for (const std::string& text : texts) buffer.Append(text);
  return std::string(buffer.get().view());
}

// Numbers of all widths, texts of all kinds of head, and of those lengths where back lengths grow.
std::string RandomText(Random& random) {
  switch (random.Below(8)) {
    case 0:
      return std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64));
    case 1:
      return std::to_string(random.Below(130));
    case 2:
      return std::to_string((int64_t{1} << random.Below(63)) -
                            static_cast<int64_t>(random.Below(3)));
    case 3:
      return "0" + std::to_string(random.Below(100));
    case 4:
      return std::string(random.Below(70), 'x');
    case 5:
      return std::string(random.OneIn(8) ? 4'090 + random.Below(10) : random.Below(140), 'y');
    case 6:
      return random.OneIn(20) ? std::string(16'370 + random.Below(20), 'z') : "";
    default:
      return std::string(1, static_cast<char>(random.Below(256)));
  }
}

void CheckEquals(Listpack listpack, const Model& model) {
  REQUIRE(ValidateListpack(listpack.view()));
  REQUIRE(listpack.count() == model.size());
  size_t at = listpack.Begin();
  for (const std::string& text : model) {
    REQUIRE(TextOf(listpack.Read(at)) == text);
    REQUIRE(listpack.Read(at).length() == text.size());
    at = listpack.Next(at);
  }
  REQUIRE(at == listpack.End());
  for (size_t i = model.size(); i-- > 0;) {
    at = listpack.Previous(at);
    REQUIRE(TextOf(listpack.Read(at)) == model[i]);
  }
  REQUIRE(at == listpack.Begin());
}

// The edit written elsewhere, in a block without a byte to spare, must be what the buffer becomes.
void CheckApply(ListpackBuffer& buffer, const ListpackEdit& edit) {
  const size_t bytes = EditedListpackBytes(buffer.get(), edit);
  const auto written = std::make_unique<char[]>(bytes);
  WriteEditedListpack(buffer.get(), edit, written.get());
  buffer.Apply(edit);
  REQUIRE(buffer.get().view() == std::string_view(written.get(), bytes));
  REQUIRE(buffer.allocated_bytes() >= bytes);
  REQUIRE(buffer.allocated_bytes() == UsableSize(buffer.allocated_bytes()));
}

TEST_CASE("a listpack's bytes are those that Redis writes") {
  const Model numbers = {"0",
                         "127",
                         "128",
                         "-1",
                         "4095",
                         "-4096",
                         "4096",
                         "-4097",
                         "32767",
                         "32768",
                         "-32769",
                         "8388607",
                         "8388608",
                         "-8388608",
                         "-8388609",
                         "2147483647",
                         "2147483648",
                         "-2147483649",
                         "9223372036854775807",
                         "-9223372036854775808",
                         "-0",
                         "01",
                         "9223372036854775808",
                         "",
                         "hello"};
  CHECK(Packed(numbers) ==
        BytesOf("97000000190000017f01c08002dfff02cfff02d00002f1001003f1ffef03f1ff7f03f2008000"
                "04f2ff7fff04f2ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05f4000000"
                "800000000009f4ffffff7fffffffff09f4ffffffffffffff7f09f4000000000000008009822d"
                "30038230310393393232333337323033363835343737353830381480018568656c6c6f06ff"));
}

TEST_CASE("a listpack's back lengths grow where those of Redis do") {
  const struct {
    size_t front_bytes;
    const char* back;
  } kCases[] = {{127, "7f"},
                {128, "0180"},
                {16'382, "7ffe"},
                {16'383, "00ffff"},
                {16'384, "018080"},
                {2'097'150, "7ffffe"},
                {2'097'151, "00ffffff"},
                {268'435'454, "7ffffffe"},
                {268'435'455, "00ffffffff"}};
  for (const auto& [front_bytes, back] : kCases) {
    INFO(front_bytes);
    const size_t head = front_bytes < 64 + 1 ? 1 : front_bytes < 4096 + 2 ? 2 : 5;
    // A view of what is not there serves for the sizes; only texts that fit are written.
    static const std::string text(2'200'000, 'x');
    const bool written = front_bytes - head <= text.size();
    const PackedEntry entry(PackedValue{false, 0, {text.data(), front_bytes - head}});
    const std::string expected = BytesOf(back);
    REQUIRE(entry.bytes() == front_bytes + expected.size());
    if (!written) continue;
    std::string bytes(entry.bytes(), '\0');
    REQUIRE(entry.Write(bytes.data()) == bytes.data() + bytes.size());
    REQUIRE(bytes.substr(front_bytes) == expected);
    REQUIRE(PackedEntryBytes(bytes.data()) == bytes.size());
    REQUIRE(PackedEntryBytesBefore(bytes.data() + bytes.size()) == bytes.size());
    REQUIRE(MeasureEntry(bytes) == bytes.size());
    REQUIRE(MeasureEntry(std::string_view(bytes).substr(0, bytes.size() - 1)) == 0);
  }
}

TEST_CASE("edits of a listpack agree with a vector's, in place and elsewhere") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 30; ++round) {
    ListpackBuffer buffer;
    Model model;
    const size_t size_max = 1 + random.Below(60);
    for (int step = 0; step < 120; ++step) {
      Model texts(random.Below(4));
      std::vector<PackedValue> values;
      for (std::string& text : texts) values.push_back(PackedValue::Of(text = RandomText(random)));
      const size_t index = random.Below(model.size() + 1);
      const size_t at = buffer.get().At(static_cast<int64_t>(index));
      const auto place = model.begin() + static_cast<ptrdiff_t>(index);
      const bool shrink = model.size() > size_max;
      switch (shrink ? 4 : random.Below(6)) {
        case 0:
          CheckApply(buffer, ListpackEdit::Append(buffer.get(), values));
          model.insert(model.end(), texts.begin(), texts.end());
          break;
        case 1:
          CheckApply(buffer, ListpackEdit::Prepend(buffer.get(), values));
          model.insert(model.begin(), texts.begin(), texts.end());
          break;
        case 2:
          CheckApply(buffer, ListpackEdit::InsertBefore(at, values));
          model.insert(place, texts.begin(), texts.end());
          break;
        case 3:
          if (place == model.end()) break;
          if (random.OneIn(2)) {
            CheckApply(buffer, ListpackEdit::InsertAfter(buffer.get(), at, values));
            model.insert(place + 1, texts.begin(), texts.end());
          } else {
            CheckApply(buffer, ListpackEdit::Replace(buffer.get(), at, values));
            model.insert(model.erase(place), texts.begin(), texts.end());
          }
          break;
        default: {
          const size_t count = random.Below(shrink ? size_max : 4);
          CheckApply(buffer, ListpackEdit::Erase(buffer.get(), at, count));
          const size_t erased = std::min(count, model.size() - index);
          model.erase(place, place + static_cast<ptrdiff_t>(erased));
        }
      }
      if (random.OneIn(10)) buffer.ShrinkToFit();
    }
    CheckEquals(buffer.get(), model);
    ListpackBuffer moved(std::move(buffer));
    CheckEquals(moved.get(), model);
    CHECK(buffer.get().empty());
    buffer = ListpackBuffer(moved.get());
    CheckEquals(buffer.get(), model);
    moved.Clear();
    CheckEquals(moved.get(), {});
  }
}

TEST_CASE("entries of a listpack are found by index and by value") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 100; ++round) {
    Model model;
    while (model.size() < 40) model.push_back(RandomText(random));
    const std::string bytes = Packed(model);
    const Listpack listpack(bytes.data());
    std::vector<size_t> positions;
    for (size_t at = listpack.Begin(); at < listpack.End(); at = listpack.Next(at)) {
      positions.push_back(at);
    }
    for (int64_t i = 0; i < 40; ++i) {
      REQUIRE(listpack.At(i) == positions[static_cast<size_t>(i)]);
      REQUIRE(listpack.At(i - 40) == positions[static_cast<size_t>(i)]);
    }
    REQUIRE(listpack.At(40) == listpack.End());
    REQUIRE(listpack.At(-41) == listpack.End());
    for (const size_t stride : {1, 2, 3}) {
      const std::string& sought = model[random.Below(model.size())];
      size_t index = 0;
      while (index < model.size() && model[index] != sought) index += stride;
      const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(sought), stride - 1);
      REQUIRE(at == (index < model.size() ? positions[index] : listpack.End()));
    }
  }
}

TEST_CASE("a listpack of more than 65534 entries does not say how many") {
  ListpackBuffer buffer;
  for (int i = 0; i < 65'534; ++i) buffer.Append(PackedValue::Of(int64_t{1}));
  CHECK(buffer.get().header_count() == 65'534);
  buffer.Append("last");
  CHECK(buffer.get().header_count() == kListpackCountUnknown);
  CHECK(buffer.get().count() == 65'535);
  CHECK(TextOf(buffer.get().Read(buffer.get().At(65'534))) == "last");
  CHECK(TextOf(buffer.get().Read(buffer.get().At(-1))) == "last");
  CHECK(buffer.get().At(65'535) == buffer.get().End());
  CHECK(buffer.get().At(-65'536) == buffer.get().End());
  CHECK(buffer.get().At(-65'535) == buffer.get().Begin());
  buffer.Erase(buffer.get().Begin(), 65'000);
  CHECK(buffer.get().count() == 535);
  CHECK(ValidateListpack(buffer.get().view()));
}

TEST_CASE("a text that spells an integer is found though it was stored as text") {
  // Nobody writes "5" so, but a payload may hold it.
  const std::string bytes = BytesOf("0d000000020081350281360201") + '\xff';
  std::string fixed = BytesOf("0d0000000200813502813602ff");
  REQUIRE(fixed.size() == 13);
  REQUIRE(ValidateListpack(fixed));
  const Listpack listpack(fixed.data());
  CHECK(listpack.Find(listpack.Begin(), PackedNeedle("6")) == listpack.At(1));
  CHECK_FALSE(ValidateListpack(bytes));
}

// Changes bytes, cuts them or repeats some. The copy has no byte to spare, so that a sanitizer sees
// reads beyond it.
std::unique_ptr<char[]> Damaged(const std::string& good, Random& random, size_t* size) {
  std::string bytes = good;
  for (uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
    const size_t at = random.Below(bytes.size());
    switch (random.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.Next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.Below(8));
        break;
      case 2:
        bytes.resize(at + 1);
        break;
      default:
        bytes.insert(at, bytes.substr(random.Below(bytes.size()), random.Below(6)));
    }
    // Usually with the right length, lest all else be masked by it.
    if (bytes.size() >= 4 && !random.OneIn(4)) {
      for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(bytes.size() >> 8 * i);
    }
  }
  *size = bytes.size();
  auto copy = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  return copy;
}

TEST_CASE("a damaged listpack is refused, or sound") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Model model(1 + random.Below(6));
    for (std::string& text : model)
      text = random.OneIn(3) ? RandomText(random) : std::to_string(round);
    size_t size;
    const auto bytes = Damaged(Packed(model), random, &size);
    if (!ValidateListpack({bytes.get(), size})) {
      ++refused;
      continue;
    }
    const Listpack listpack(bytes.get());
    size_t count = 0;
    size_t at = listpack.Begin();
    for (; at < listpack.End(); at = listpack.Next(at)) ++count;
    REQUIRE(at == listpack.End());
    REQUIRE(listpack.count() == count);
    for (; count > 0; --count) at = listpack.Previous(at);
    REQUIRE(at == listpack.Begin());
  }
  CHECK(refused > 10'000);
}

TEST_CASE("a listpack is refused for what its user demands") {
  const ListpackDemands pairs{.even_count = true, .unique_stride = 2};
  CHECK(ValidateListpack(Packed({"a", "1", "b", "1"}), pairs));
  CHECK_FALSE(ValidateListpack(Packed({"a", "1", "b"}), pairs));
  CHECK_FALSE(ValidateListpack(Packed({"a", "1", "a", "2"}), pairs));
  CHECK(ValidateListpack(Packed({"a", "1", "a", "2"})));
  CHECK_FALSE(ValidateListpack(Packed({"1", "2", "1"}), {.unique_stride = 1}));
  CHECK(ValidateListpack(Packed({"1", "2", "3"}), {.unique_stride = 1}));
  // 5 as an integer, and as text.
  CHECK_FALSE(ValidateListpack(BytesOf("0c00000002000501813502ff"), {.unique_stride = 1}));
  CHECK(ValidateListpack(BytesOf("0c00000002000501813502ff")));
}

TEST_CASE("a listpack is refused for each of its parts") {
  const std::string good = BytesOf("0c00000002000501813502ff");
  REQUIRE(ValidateListpack(good));
  const auto with = [&](size_t at, int byte) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(byte);
    return bytes;
  };
  CHECK_FALSE(ValidateListpack(with(0, 11)));     // total bytes
  CHECK_FALSE(ValidateListpack(with(4, 3)));      // count
  CHECK_FALSE(ValidateListpack(with(6, 0xff)));   // an end among the entries
  CHECK_FALSE(ValidateListpack(with(6, 0xf5)));   // a head that means nothing
  CHECK_FALSE(ValidateListpack(with(7, 2)));      // a back length
  CHECK_FALSE(ValidateListpack(with(8, 0x84)));   // text beyond the end
  CHECK_FALSE(ValidateListpack(with(11, 0xfe)));  // the end
  CHECK_FALSE(ValidateListpack({}));
  CHECK_FALSE(ValidateListpack(std::string_view(kEmptyListpack, 6)));
  CHECK(ValidateListpack(std::string_view(kEmptyListpack, 7)));
}

}  // namespace
}  // namespace alai
