#include "server/command_table.h"

#include <algorithm>
#include <bit>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"
#include "engine/base/number.h"

namespace alai {

// One function for each file of server/commands/: a new file is added here, twice.
std::span<const CommandSpec> BitFieldCommands();
std::span<const CommandSpec> BitmapCommands();
std::span<const CommandSpec> ClientCommands();
std::span<const CommandSpec> ClusterCommands();
std::span<const CommandSpec> CommandCommands();
std::span<const CommandSpec> ConfigCommands();
std::span<const CommandSpec> ConnectionCommands();
std::span<const CommandSpec> CounterCommands();
std::span<const CommandSpec> DebugCommands();
std::span<const CommandSpec> DumpCommands();
std::span<const CommandSpec> ExpiryCommands();
std::span<const CommandSpec> FlushCommands();
std::span<const CommandSpec> GeoCommands();
std::span<const CommandSpec> GeoSearchCommands();
std::span<const CommandSpec> HashCommands();
std::span<const CommandSpec> HashExpiryCommands();
std::span<const CommandSpec> HyperLogLogCommands();
std::span<const CommandSpec> InfoCommands();
std::span<const CommandSpec> KeyClassCommands();
std::span<const CommandSpec> OriginCommands();
std::span<const CommandSpec> KeyCommands();
std::span<const CommandSpec> LatencyCommands();
std::span<const CommandSpec> ListCommands();
std::span<const CommandSpec> ListMoveCommands();
std::span<const CommandSpec> ListWaitCommands();
std::span<const CommandSpec> MemoryCommands();
std::span<const CommandSpec> MigrateCommands();
std::span<const CommandSpec> MonitorCommands();
std::span<const CommandSpec> ObjectCommands();
std::span<const CommandSpec> RateCommands();
std::span<const CommandSpec> ScanCommands();
std::span<const CommandSpec> ServerCommands();
std::span<const CommandSpec> SetAlgebraCommands();
std::span<const CommandSpec> SetCommands();
std::span<const CommandSpec> SlowLogCommands();
std::span<const CommandSpec> SortCommands();
std::span<const CommandSpec> SortedSetAlgebraCommands();
std::span<const CommandSpec> SortedSetCommands();
std::span<const CommandSpec> SortedSetRangeCommands();
std::span<const CommandSpec> SortedSetWaitCommands();
std::span<const CommandSpec> StreamCommands();
std::span<const CommandSpec> StreamGroupCommands();
std::span<const CommandSpec> StreamGroupReadCommands();
std::span<const CommandSpec> StreamInfoCommands();
std::span<const CommandSpec> StreamPendingCommands();
std::span<const CommandSpec> StreamReadCommands();
std::span<const CommandSpec> StringCommands();
std::span<const CommandSpec> StringRangeCommands();

namespace {

std::span<const CommandSpec> (*const kFamilies[])() = {
    BitFieldCommands,
    BitmapCommands,
    ClientCommands,
    ClusterCommands,
    CommandCommands,
    ConfigCommands,
    ConnectionCommands,
    CounterCommands,
    DebugCommands,
    DumpCommands,
    ExpiryCommands,
    FlushCommands,
    GeoCommands,
    GeoSearchCommands,
    HashCommands,
    HashExpiryCommands,
    HyperLogLogCommands,
    InfoCommands,
    KeyClassCommands,
    OriginCommands,
    KeyCommands,
    LatencyCommands,
    ListCommands,
    ListMoveCommands,
    ListWaitCommands,
    MemoryCommands,
    MigrateCommands,
    MonitorCommands,
    ObjectCommands,
    RateCommands,
    ScanCommands,
    ServerCommands,
    SetAlgebraCommands,
    SetCommands,
    SlowLogCommands,
    SortCommands,
    SortedSetAlgebraCommands,
    SortedSetCommands,
    SortedSetRangeCommands,
    SortedSetWaitCommands,
    StreamCommands,
    StreamGroupCommands,
    StreamGroupReadCommands,
    StreamInfoCommands,
    StreamPendingCommands,
    StreamReadCommands,
    StringCommands,
    StringRangeCommands,
};

// The letters among eight bytes in lower case, the other bytes as they are.
uint64_t FoldCase(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x80 * kOnes;
  const uint64_t low_bits = word & ~kHigh;
  const uint64_t from_a = low_bits + (0x80 - 'A') * kOnes;
  const uint64_t beyond_z = low_bits + (0x80 - 'Z' - 1) * kOnes;
  return word | (from_a & ~beyond_z & ~word & kHigh) >> 2;
}

uint32_t CategoryOfGroup(Group group) {
  switch (group) {
    case Group::kString:
      return kCatString;
    case Group::kList:
      return kCatList;
    case Group::kSet:
      return kCatSet;
    case Group::kSortedSet:
      return kCatSortedSet;
    case Group::kHash:
      return kCatHash;
    case Group::kHyperLogLog:
      return kCatHyperLogLog;
    case Group::kGeo:
      return kCatGeo;
    case Group::kStream:
      return kCatStream;
    case Group::kBitmap:
      return kCatBitmap;
    case Group::kConnection:
      return kCatConnection;
    case Group::kTransactions:
      return kCatTransaction;
    case Group::kScripting:
      return kCatScripting;
    case Group::kRate:
      return kCatRate;
    case Group::kOrigin:
      return kCatOrigin;
    case Group::kKeyClass:
      return kCatKeyClass;
    case Group::kGeneric:
    case Group::kPubSub:
    case Group::kServer:
    case Group::kCluster:
    case Group::kSentinel:
      break;
  }
  return 0;
}

uint32_t CategoriesOf(const CommandSpec& spec) {
  uint32_t categories = spec.categories;
  // A container that only passes on has no category but its speed.
  if (spec.run != nullptr) categories |= CategoryOfGroup(spec.group);
  if (spec.has(kWrite)) categories |= kCatWrite;
  if (spec.has(kReadOnly) && (categories & kCatScripting) == 0) categories |= kCatRead;
  if (spec.has(kAdmin)) categories |= kCatAdmin | kCatDangerous;
  if (spec.has(kPubSub)) categories |= kCatPubSub;
  if (spec.has(kBlocking)) categories |= kCatBlocking;
  return categories | (spec.has(kFast) ? kCatFast : kCatSlow);
}

// Whether a spec alone names fixed positions.
bool IsPlainRange(const KeySpec& key) {
  return key.begin == KeySpec::Begin::kIndex && key.find == KeySpec::Find::kRange &&
         (key.use & kIncomplete) == 0 && key.limit <= 1;
}

int16_t LastKey(const KeySpec& key) {
  return key.last_key < 0 ? key.last_key : static_cast<int16_t>(key.index + key.last_key);
}

// First, last and step: the smallest range that holds all specs with fixed positions.
void SetKeyRange(CommandInfo& info) {
  int plain_specs = 0;
  for (const KeySpec& key : info.spec->keys) {
    if (key.begin != KeySpec::Begin::kIndex || key.find != KeySpec::Find::kRange) continue;
    const int16_t last = LastKey(key);
    if (plain_specs++ == 0) {
      info.first_key = key.index;
      info.last_key = last;
      info.key_step = key.key_step;
      continue;
    }
    info.first_key = std::min(info.first_key, key.index);
    if (info.last_key >= 0) info.last_key = last < 0 ? last : std::max(info.last_key, last);
    info.key_step = 1;
  }
}

KeyPattern PatternOf(const CommandInfo& info) {
  if (info.spec->reach != nullptr) return KeyPattern::kReach;
  if (info.spec->find_keys != nullptr) return KeyPattern::kGeneral;
  int keys = 0;
  int16_t next = 0;  // where the next spec has to begin for the whole to be one range
  bool one_range = true;
  for (const KeySpec& key : info.spec->keys) {
    if (key.begin == KeySpec::Begin::kNone || (key.use & kNotKey) != 0) continue;
    if (!IsPlainRange(key)) return KeyPattern::kGeneral;
    if (keys++ > 0 && (key.index != next || key.key_step != 1)) one_range = false;
    next = key.last_key < 0 || key.key_step != 1 ? int16_t{-1}
                                                 : static_cast<int16_t>(LastKey(key) + 1);
  }
  if (keys == 0) return KeyPattern::kNone;
  if (!one_range) return KeyPattern::kGeneral;
  return keys == 1 && info.first_key == info.last_key ? KeyPattern::kOne : KeyPattern::kRange;
}

bool KeysMove(const CommandSpec& spec) {
  for (const KeySpec& key : spec.keys) {
    if (key.begin == KeySpec::Begin::kNone || (key.use & kNotKey) != 0) continue;
    if (!IsPlainRange(key)) return true;
  }
  return false;
}

size_t CountRows(std::span<const CommandSpec> rows) {
  size_t count = rows.size();
  for (const CommandSpec& row : rows) count += row.subcommands.size();
  return count;
}

CommandInfo InfoOf(const CommandSpec& spec, size_t id) {
  CommandInfo info;
  info.spec = &spec;
  info.run = spec.run;
  info.flags = spec.flags | (KeysMove(spec) ? uint32_t{kMovableKeys} : 0);
  info.categories = CategoriesOf(spec);
  info.id = static_cast<uint16_t>(id);
  info.arity = spec.arity;
  SetKeyRange(info);
  info.key_pattern = PatternOf(info);
  info.full_name = spec.name;
  return info;
}

// Finds where a spec's keys begin; 0 when its keyword is not there.
size_t FirstArgument(const KeySpec& spec, Arguments argv) {
  if (spec.begin == KeySpec::Begin::kIndex) return static_cast<size_t>(spec.index);
  const auto count = static_cast<ptrdiff_t>(argv.size());
  const bool forwards = spec.start_from > 0;
  ptrdiff_t i = forwards ? spec.start_from : count + spec.start_from;
  for (; i > 0 && i < count; i += forwards ? 1 : -1) {
    if (EqualsIgnoreCase(argv[static_cast<size_t>(i)], spec.keyword))
      return static_cast<size_t>(i) + 1;
  }
  return 0;
}

// The positions [first, last] of one spec; false when the arguments contradict it.
bool RangeOf(const KeySpec& spec, Arguments argv, int64_t* first, int64_t* last) {
  const auto count = static_cast<int64_t>(argv.size());
  if (spec.find == KeySpec::Find::kRange) {
    if (spec.last_key >= 0) {
      *last = *first + spec.last_key;
    } else if (spec.limit <= 1) {
      *last = count + spec.last_key;
    } else {
      *last = *first + (count - *first) / spec.limit + spec.last_key;
    }
    return true;
  }
  const int64_t at = *first + spec.count_index;
  int64_t keys = 0;
  if (at >= count || !ParseInt64(argv[static_cast<size_t>(at)], &keys) || keys < 0 ||
      keys > count) {
    return false;
  }
  *first += spec.first_key;
  *last = *first + (keys - 1) * spec.key_step;
  return true;
}

bool AppendKeys(const CommandSpec& command, const KeySpec& spec, Arguments argv, KeyList& keys) {
  auto first = static_cast<int64_t>(FirstArgument(spec, argv));
  if (first == 0) return true;
  int64_t last = 0;
  if (!RangeOf(spec, argv, &first, &last)) return false;
  const uint16_t use = (spec.use & kVariableFlags) != 0 && command.key_use != nullptr
                           ? command.key_use(argv)
                           : spec.use;
  if (last >= static_cast<int64_t>(argv.size())) return false;
  for (int64_t i = first; i <= last; i += spec.key_step) {
    keys.push_back({static_cast<uint32_t>(i), use});
  }
  return true;
}

}  // namespace

CommandTable::CommandTable() {
  size_t rows = 0;
  for (const auto family : kFamilies) rows += CountRows(family());
  commands_.reserve(rows);
  for (const auto family : kFamilies) {
    for (const CommandSpec& spec : family()) AddRow(spec);
  }
  Rebuild();
}

CommandTable::CommandTable(std::span<const CommandSpec> rows) {
  commands_.reserve(CountRows(rows));
  for (const CommandSpec& spec : rows) AddRow(spec);
  Rebuild();
}

void CommandTable::AddRow(const CommandSpec& spec) {
  // Pointers into commands_ are handed out, so it must not move.
  ASSERT(commands_.size() + 1 + spec.subcommands.size() <= commands_.capacity());
  const size_t id = commands_.size();
  commands_.push_back(InfoOf(spec, id));
  names_.push_back({std::string(spec.name), kTopLevel});
  for (const CommandSpec& subcommand : spec.subcommands) {
    CommandInfo info = InfoOf(subcommand, commands_.size());
    info.container = &commands_[id];
    info.args_from = 2;
    info.full_name = std::string(spec.name) + '|' + info.full_name;
    commands_.push_back(std::move(info));
    names_.push_back({std::string(subcommand.name), static_cast<uint16_t>(id)});
  }
  commands_[id].subcommands = {commands_.data() + id + 1, spec.subcommands.size()};
}

void CommandTable::InsertSpelling(std::string_view spelling, uint16_t container, uint16_t id) {
  const NameWords words(spelling);
  const uint64_t tag = TagOf(container, spelling.size());
  size_t at = SlotOf(words, tag);
  while (slots_[at & slot_mask_].command != nullptr) ++at;
  slots_[at & slot_mask_] = {words, tag, &commands_[id]};
}

void CommandTable::Insert(std::string_view name, uint16_t container, uint16_t id) {
  ASSERT(Find(name, container) == nullptr);
  InsertSpelling(name, container, id);
  std::string capitals(name);
  for (char& c : capitals) c = ToUpper(c);
  if (capitals != name && name.size() <= NameWords::kBytes) InsertSpelling(capitals, container, id);
}

void CommandTable::Rebuild() {
  const size_t slots = std::bit_ceil(commands_.size() * 4 + 4);
  slots_.assign(slots, Slot{});
  slot_shift_ = static_cast<uint32_t>(64 - std::countr_zero(slots));
  slot_mask_ = slots - 1;
  for (size_t id = 0; id < names_.size(); ++id) {
    const Name& name = names_[id];
    if (!name.text.empty()) Insert(name.text, name.container, static_cast<uint16_t>(id));
  }
}

const CommandInfo* CommandTable::FindFolded(std::string_view name, uint16_t container) const {
  NameWords words(name);
  words.a = FoldCase(words.a);
  words.b = FoldCase(words.b);
  const uint64_t tag = TagOf(container, name.size());
  for (size_t at = SlotOf(words, tag);; ++at) {
    const Slot& slot = slots_[at & slot_mask_];
    if (slot.command == nullptr) return nullptr;
    if (slot.words.a == words.a && slot.words.b == words.b && slot.tag == tag &&
        EqualsIgnoreCase(names_[slot.command->id].text, name)) {
      return slot.command;
    }
  }
}

const CommandInfo* CommandTable::FindFullName(std::string_view full_name) const {
  const size_t bar = full_name.find('|');
  if (bar == std::string_view::npos) return Find(full_name);
  const CommandInfo* container = Find(full_name.substr(0, bar));
  return container == nullptr ? nullptr : FindSubcommand(*container, full_name.substr(bar + 1));
}

std::string_view CommandTable::Rename(std::string_view old_name, std::string_view new_name) {
  const CommandInfo* command = Find(old_name);
  if (command == nullptr) return "No such command in rename-command";
  if (new_name.size() > UINT16_MAX) return "Target command name is too long";
  names_[command->id].text.clear();
  Rebuild();
  if (new_name.empty()) return {};
  if (Find(new_name) != nullptr) return "Target command name already exists";
  names_[command->id].text = ToLower(new_name);
  Rebuild();
  return {};
}

std::vector<const CommandInfo*> CommandTable::TopLevel() const {
  std::vector<const CommandInfo*> commands;
  for (const CommandInfo& command : commands_) {
    if (command.container == nullptr && !names_[command.id].text.empty()) {
      commands.push_back(&command);
    }
  }
  return commands;
}

bool FindKeys(const CommandInfo& command, Arguments argv, KeyList& keys) {
  const CommandSpec& spec = *command.spec;
  if (spec.find_keys != nullptr) return spec.find_keys(argv, keys);
  for (const KeySpec& key : spec.keys) {
    if (key.begin == KeySpec::Begin::kNone) break;
    if (key.begin == KeySpec::Begin::kUnknown || (key.use & kNotKey) != 0) continue;
    if (!AppendKeys(spec, key, argv, keys)) return false;
  }
  return true;
}

}  // namespace alai
