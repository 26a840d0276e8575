// Records and blobs: every layout against what was put in, and never a byte beyond the block.
#include "engine/record.h"

#include <cstring>
#include <string>
#include <vector>

#include "engine/base/memory.h"
#include "engine/blob.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr UnixMillis kSoon = 1'700'000'000'000;
constexpr UnixMillis kLargest6 = (UnixMillis{1} << 48) - 1;

std::string Bytes(size_t size, char first) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(first + i % 23);
  return bytes;
}

// The value of a draft: one of each kind that a record can hold.
struct Value {
  Encoding encoding = Encoding::kEmbedded;
  std::string bytes = {};
  std::string tail = {};
  int64_t integer = 0;
};

std::vector<Value> Values() {
  std::vector<Value> values;
  for (const size_t size : {0, 1, 2, 7, 8, 9, 100, 255, 256, 4'096}) {
    values.push_back({.encoding = Encoding::kEmbedded, .bytes = Bytes(size, 'A')});
    values.push_back({.encoding = Encoding::kRaw, .bytes = Bytes(size, 'A'), .tail = "tail"});
  }
  values.push_back({.encoding = Encoding::kRaw, .tail = "only a tail"});
  values.push_back({.encoding = Encoding::kBlob, .bytes = Bytes(5'000, 'B')});
  for (unsigned bits = 0; bits < 63; bits += 7) {
    values.push_back({.encoding = Encoding::kInt, .integer = int64_t{1} << bits});
    values.push_back({.encoding = Encoding::kInt, .integer = -(int64_t{1} << bits)});
  }
  values.push_back({.encoding = Encoding::kInt, .integer = INT64_MIN});
  values.push_back({.encoding = Encoding::kInt, .integer = INT64_MAX});
  values.push_back({.encoding = Encoding::kInt, .integer = 0});
  return values;
}

Record* Make(const std::string& key, const Value& value, UnixMillis deadline) {
  Record::Draft draft{.key = key, .encoding = value.encoding, .deadline = deadline};
  draft.integer = value.integer;
  if (value.encoding == Encoding::kBlob) {
    draft.blob = Blob::Copy(value.bytes);
  } else {
    draft.value = value.bytes;
    draft.value_tail = value.tail;
  }
  return Record::Create(draft);
}

// Whether a record holds this; quiet, as it is called a hundred thousand times.
bool Holds(const Record& record, const std::string& key, const Value& value, UnixMillis deadline) {
  bool same = record.key() == key && record.type() == Type::kString &&
              record.encoding() == value.encoding && record.deadline() == deadline &&
              record.has_deadline() == (deadline != kNoDeadline) && KeyEquals(record, key);
  switch (value.encoding) {
    case Encoding::kInt:
      return same && record.integer() == value.integer;
    case Encoding::kBlob:
      return same && record.blob()->view() == value.bytes;
    default:
      break;
  }
  return same && record.inline_value() == value.bytes + value.tail;
}

// Whether all that a record's accessors touch lies within the block that was asked for.
bool Covers(const Record& record) {
  const auto* begin = reinterpret_cast<const char*>(&record);
  const auto* end = begin + record.block_size();
  const std::string_view key = record.key();
  if (record.block_size() < 16 || key.data() + key.size() > end) return false;
  if (record.encoding() == Encoding::kInt || record.encoding() == Encoding::kBlob) return true;
  const std::string_view value = record.inline_value();
  return value.data() == key.data() + key.size() && value.data() + value.size() <= end;
}

std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (size_t size = 0; size <= 20; ++size) keys.push_back(Bytes(size, 'k'));
  for (const size_t size : {31, 32, 33, 255, 256, 70'000}) keys.push_back(Bytes(size, 'k'));
  return keys;
}

// Deadlines of both layouts: the second needs more than six bytes, as does a negative one.
const UnixMillis kDeadlines[] = {
    kNoDeadline, 0, 1, kSoon, kLargest6 - 1, kLargest6, kLargest6 + 1, -1, INT64_MAX - 1};

TEST_CASE("a record of every layout gives back what was put in") {
  const std::vector<Value> values = Values();
  for (const std::string& key : Keys()) {
    for (const Value& value : values) {
      for (const UnixMillis deadline : kDeadlines) {
        Record* record = Make(key, value, deadline);
        INFO("key of " << key.size() << " bytes, encoding " << static_cast<int>(value.encoding)
                       << ", value of " << value.bytes.size() << ", deadline " << deadline);
        if (!Holds(*record, key, value, deadline) || !Covers(*record)) FAIL("not what was put in");
        record->Destroy();
      }
    }
  }
}

TEST_CASE("changing a deadline or an integer changes nothing else") {
  for (const std::string& key : Keys()) {
    for (Value value : Values()) {
      for (const UnixMillis from : kDeadlines) {
        Record* record = Make(key, value, from);
        const size_t size = record->block_size();
        INFO("key of " << key.size() << " bytes, encoding " << static_cast<int>(value.encoding)
                       << ", value of " << value.bytes.size() << ", deadline " << from);
        UnixMillis now_holds = from;
        for (const UnixMillis to : kDeadlines) {
          if (to == kNoDeadline || !record->CanHoldDeadline(to)) {
            Record* copy = record->CopyWithDeadline(to, false, false);
            if (!Holds(*copy, key, value, to) || !Covers(*copy)) FAIL("copy with deadline " << to);
            copy->Destroy();
            continue;
          }
          record->set_deadline(now_holds = to);
          if (!Holds(*record, key, value, to)) FAIL("deadline set to " << to);
        }
        if (value.encoding == Encoding::kInt) {
          for (const int64_t integer : {int64_t{0}, int64_t{-129}, INT64_MIN, INT64_MAX}) {
            record->set_integer(value.integer = integer);
            if (!Holds(*record, key, value, now_holds)) FAIL("integer set to " << integer);
          }
        }
        record->set_generation(0xa5);
        record->set_access(0xabcdef);
        if (!Holds(*record, key, value, now_holds) || record->block_size() != size ||
            record->generation() != 0xa5 || record->access() != 0xabcdef) {
          FAIL("generation or access clock");
        }
        record->Destroy();
      }
    }
  }
}

TEST_CASE("a record has room for a deadline only if it was made with one") {
  Record* without = Record::Create({.key = "k", .value = "v"});
  CHECK(without->CanHoldDeadline(kNoDeadline));
  CHECK_FALSE(without->CanHoldDeadline(kSoon));
  CHECK_FALSE(without->expired(INT64_MAX - 1));
  Record* with = without->CopyWithDeadline(kSoon, true, false);
  CHECK_FALSE(without->pinned());
  CHECK(with->pinned());
  CHECK(with->key() == "k");
  CHECK(with->inline_value() == "v");
  CHECK_FALSE(with->CanHoldDeadline(kNoDeadline));
  CHECK(with->CanHoldDeadline(kSoon + 1));
  CHECK_FALSE(with->expired(kSoon - 1));
  CHECK(with->expired(kSoon));
  without->Destroy();
  with->Destroy();
}

TEST_CASE("keys are equal when all their bytes are") {
  for (size_t size = 0; size <= 40; ++size) {
    std::string key = Bytes(size, 'k');
    Record* record = Record::Create({.key = key});
    CHECK(KeyEquals(*record, key));
    CHECK_FALSE(KeyEquals(*record, key + "x"));
    for (size_t i = 0; i < size; ++i) {
      key[i] ^= 1;
      CHECK_FALSE(KeyEquals(*record, key));
      key[i] ^= 1;
    }
    record->Destroy();
  }
}

TEST_CASE("a record says what the allocator holds for it and its blob") {
  Record* record = Record::Create({.key = "k", .value = "v"});
  CHECK(record->allocated_bytes() == UsableSize(record->block_size()));
  record->Destroy();
  Record* large = Record::Create(
      {.key = "k", .encoding = Encoding::kBlob, .blob = Blob::Create(5'000, 10'000)});
  CHECK(large->allocated_bytes() == UsableSize(16 + 1) + large->blob()->allocated_bytes());
  CHECK(large->blob()->allocated_bytes() >= 10'000);
  large->Destroy();
}

TEST_CASE("a blob lives as long as the last who holds it") {
  Blob* blob = Blob::Copy("abc");
  CHECK_FALSE(blob->shared());
  Record* first = Record::Create({.key = "a", .encoding = Encoding::kBlob, .blob = blob});
  Record* second = first->CopyWithDeadline(kSoon, false, false);
  CHECK(second->blob() == blob);
  CHECK(blob->shared());
  first->Destroy();
  CHECK_FALSE(blob->shared());
  blob->Acquire();
  second->Destroy();
  CHECK(blob->view() == "abc");
  blob->Release();
}

TEST_CASE("appending to a blob leaves what is below its length") {
  Blob* blob = Blob::Create(3, 6);
  std::memcpy(blob->bytes(), "abc", 3);
  const std::string_view before = blob->view();
  std::memcpy(blob->bytes() + 3, "def", 3);
  CHECK(blob->view() == "abc");
  blob->SetLength(6);
  CHECK(before == "abc");
  CHECK(blob->view() == "abcdef");
  CHECK(blob->capacity() == 6);
  blob->Release();
}

}  // namespace
}  // namespace alai
