// Any bytes as a listpack or an intset; the first byte says which. What is found valid is walked in both
// directions, searched, edited and taken into a list, and must be valid afterwards.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "engine/containers/packed_list.h"

namespace alai {
namespace {

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

void CheckEdit(Listpack listpack, const ListpackEdit& edit) {
  const size_t bytes = EditedListpackBytes(listpack, edit);
  const auto written = std::make_unique<char[]>(bytes);
  WriteEditedListpack(listpack, edit, written.get());
  ASSERT(ValidateListpack({written.get(), bytes}));
  ListpackBuffer buffer(listpack);
  buffer.Apply(edit);
  ASSERT(buffer.get().view() == std::string_view(written.get(), bytes));
}

void CheckListpack(std::string_view input) {
  for (const size_t stride : {1, 2}) {
    ValidateListpack(input, {.even_count = stride == 2, .unique_stride = stride});
  }
  if (!ValidateListpack(input)) return;
  const Listpack listpack(input.data());
  PackedList list({.node = -1, .plain_depth = 1});
  list.Append(listpack);
  PackedCursor cursor(list.contents());
  bool more = cursor.Seek(0);
  size_t count = 0;
  size_t at = listpack.Begin();
  for (; at < listpack.End(); at = listpack.Next(at), ++count) {
    const std::string text = TextOf(listpack.Read(at));
    ASSERT(more && TextOf(cursor.value()) == text);
    if (count < 16) {
      ASSERT(listpack.Find(listpack.Begin(), PackedNeedle(text)) <= at);
      ASSERT(listpack.At(static_cast<int64_t>(count)) == at);
      const PackedValue values[] = {PackedValue::Of(text), PackedValue::Of("new")};
      CheckEdit(listpack, ListpackEdit::Replace(listpack, at, values));
      CheckEdit(listpack, ListpackEdit::Erase(listpack, at, count));
    }
    more = cursor.Next();
  }
  ASSERT(at == listpack.End() && !more && list.size() == count && listpack.count() == count);
  for (; count > 0; --count) at = listpack.Previous(at);
  ASSERT(at == listpack.Begin());
}

void CheckIntset(std::string_view input) {
  if (!ValidateIntset(input)) return;
  const Intset intset(input.data());
  IntsetBuffer buffer(intset);
  for (uint32_t i = 0; i < intset.count() && i < 16; ++i) {
    uint32_t index;
    ASSERT(intset.Find(intset.At(i), &index) && index == i);
    ASSERT(!buffer.Add(intset.At(i)));
    ASSERT(buffer.Remove(intset.At(i)));
  }
  buffer.Add(INT64_MIN);
  ASSERT(ValidateIntset(buffer.get().view()));
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    alai::CheckListpack(input);
  } else {
    alai::CheckIntset(input);
  }
  return 0;
}
