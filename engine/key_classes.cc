#include "engine/key_classes.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace alai {
namespace {

std::vector<std::string> PrefixesOf(const std::vector<KeyClass>& classes) {
  std::vector<std::string> prefixes;
  for (const KeyClass& key_class : classes) prefixes.push_back(key_class.prefix);
  return prefixes;
}

}  // namespace

KeyClasses::KeyClasses(std::vector<KeyClass> classes)
    : classes_(std::move(classes)), prefixes_(PrefixesOf(classes_)) {
  ASSERT(classes_.size() <= kClassesMax);
  for (const KeyClass& key_class : classes_) {
    slots_ = std::max<uint32_t>(slots_, key_class.slot + 1u);
  }
}

const KeyClass* KeyClasses::FindByName(std::string_view name) const {
  for (const KeyClass& key_class : classes_) {
    if (key_class.name == name) return &key_class;
  }
  return nullptr;
}

}  // namespace alai
