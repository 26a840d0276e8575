// Every command that this server has, found by name.
//
// The table gathers the rows of server/commands/, gives each command and subcommand a dense id, and
// works out once what the dispatcher would otherwise derive for each request. It is built when the
// server starts, `rename-command` is applied, and from then on it never changes.
//
// Lookup compares words instead of bytes: two hold a name of up to 16 bytes, which nearly all names
// have. The table knows each name in small letters and in capitals, as clients send them; only for
// another mixture, a long name or an unknown one are letters folded, eight at a time. A subcommand
// is found the same way, its container's id being part of the key.
//
//   name      "CONFIG" -> words 'CONFIG', 0; container none      -> config
//   subname   "get"    -> words 'get', 0;    container config    -> config|get
//
// Threads     Any, once it is built.
// Invariants  An id is the index into commands(); the subcommands of a container follow each other.
//             Ids depend on the rows only, never on renames.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/command_spec.h"

namespace alai {

// Where the keys of a command are, so that the dispatcher needs one switch.
enum class KeyPattern : uint8_t {
  kNone,     // no keys (channels are none)
  kOne,      // exactly one, at first_key
  kRange,    // first_key, first_key + key_step, … last_key (from the end when negative)
  kReach,    // one at first_key, and perhaps others: CommandSpec::reach
  kGeneral,  // behind a count or a keyword: FindKeys()
};

// A command or subcommand, ready to be run.
struct CommandInfo {
  const CommandSpec* spec = nullptr;
  void (*run)(Call&) = nullptr;  // nullptr: a container that answers nothing by itself
  uint32_t flags = 0;            // the row's, and kMovableKeys where its key specs imply it
  uint32_t categories = 0;       // AclCategory bits, derived ones included
  uint16_t id = 0;
  int16_t arity = 0;
  KeyPattern key_pattern = KeyPattern::kNone;
  uint8_t args_from = 1;  // index of the first argument after the name: 2 for a subcommand
  // As COMMAND INFO prints them; 0 when only key specs can say.
  int16_t first_key = 0;
  int16_t last_key = 0;
  int16_t key_step = 0;
  const CommandInfo* container = nullptr;  // of a subcommand
  std::span<const CommandInfo> subcommands;
  std::string full_name;  // "get", "config|get"

  bool has(uint32_t flag) const { return (flags & flag) != 0; }
  bool is_container() const { return !subcommands.empty(); }
  // Whether a request of `count` arguments, the names included, is acceptable.
  bool ArityFits(size_t count) const {
    return arity >= 0 ? count == static_cast<size_t>(arity) : count >= static_cast<size_t>(-arity);
  }
};

// The bytes of a name in two words; of a long name the first and the last eight bytes. Loads overlap
// rather than touch bytes outside of the name.
struct NameWords {
  static constexpr size_t kBytes = 16;

  explicit NameWords(std::string_view name) {
    const char* p = name.data();
    const size_t n = name.size();
    if (n >= 4) {
      if (n <= 8) {
        a = n == 8 ? Load<uint64_t>(p) : Load<uint32_t>(p) | Load<uint32_t>(p + n - 4) << 32;
      } else {
        a = Load<uint64_t>(p);
        b = Load<uint64_t>(p + n - 8);
      }
    } else if (n > 0) {
      a = Load<uint8_t>(p) | Load<uint8_t>(p + n / 2) << 8 | Load<uint8_t>(p + n - 1) << 16;
    }
  }

  uint64_t a = 0;
  uint64_t b = 0;

 private:
  template <class Word>
  static uint64_t Load(const char* bytes) {
    Word word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
};

class CommandTable {
 public:
  CommandTable();  // of all the server's commands
  explicit CommandTable(std::span<const CommandSpec> rows);
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // The command of this name, in any mixture of cases; a container for one with subcommands.
  // nullptr when there is none.
  const CommandInfo* Find(std::string_view name) const { return Find(name, kTopLevel); }
  const CommandInfo* FindSubcommand(const CommandInfo& container, std::string_view name) const {
    return Find(name, container.id);
  }
  // "config|get" as well as "get".
  const CommandInfo* FindFullName(std::string_view full_name) const;

  // Applies `rename-command old new`; an empty `new_name` takes the command away. Before the table
  // is shared. Gives an empty text, or what is wrong in Redis's words.
  std::string_view Rename(std::string_view old_name, std::string_view new_name);

  std::span<const CommandInfo> commands() const { return commands_; }
  const CommandInfo& command(uint16_t id) const { return commands_[id]; }
  size_t size() const { return commands_.size(); }
  // Those that can be called, in the order of their ids, without subcommands.
  std::vector<const CommandInfo*> TopLevel() const;

 private:
  static constexpr uint16_t kTopLevel = 0xffff;

  struct Slot {
    NameWords words{{}};
    uint64_t tag = 0;  // container and length
    const CommandInfo* command = nullptr;
  };

  static uint64_t TagOf(uint16_t container, size_t length) {
    return uint64_t{container} << 32 | static_cast<uint32_t>(length);
  }
  size_t SlotOf(const NameWords& words, uint64_t tag) const {
    const uint64_t mixed = words.a ^ std::rotl(words.b, 29) ^ std::rotr(tag, 16);
    return (mixed * 0x9e3779b97f4a7c15) >> slot_shift_;
  }
  const Slot* FindSlot(const NameWords& words, uint64_t tag) const {
    for (size_t at = SlotOf(words, tag);; ++at) {
      const Slot& slot = slots_[at & slot_mask_];
      if (slot.words.a == words.a && slot.words.b == words.b && slot.tag == tag) return &slot;
      if (slot.command == nullptr) return nullptr;
    }
  }
  const CommandInfo* Find(std::string_view name, uint16_t container) const {
    if (name.size() <= NameWords::kBytes) [[likely]] {
      const Slot* slot = FindSlot(NameWords(name), TagOf(container, name.size()));
      if (slot != nullptr) [[likely]]
        return slot->command;
    }
    return FindFolded(name, container);
  }
  const CommandInfo* FindFolded(std::string_view name, uint16_t container) const;
  void AddRow(const CommandSpec& spec);
  void Insert(std::string_view name, uint16_t container, uint16_t id);
  void InsertSpelling(std::string_view spelling, uint16_t container, uint16_t id);
  // Fills the slots anew from names_.
  void Rebuild();

  struct Name {
    std::string text;  // lower case; empty: taken away
    uint16_t container;
  };

  std::vector<CommandInfo> commands_;
  std::vector<Name> names_;  // by id: the name it is called by
  std::vector<Slot> slots_;
  uint32_t slot_shift_ = 0;
  size_t slot_mask_ = 0;
};

// Appends where the keys of a call are, in the order of the key specs. False when the arguments do
// not say (a bad count): the command's handler then answers with its own error and touches no key.
// The arguments satisfy the arity.
bool FindKeys(const CommandInfo& command, Arguments argv, KeyList& keys);

// The same for the dispatcher: calls f(index) for each key and makes no list for most patterns.
template <class F>
bool ForEachKey(const CommandInfo& command, Arguments argv, F&& f) {
  switch (command.key_pattern) {
    case KeyPattern::kNone:
      return true;
    case KeyPattern::kOne:
      f(static_cast<size_t>(command.first_key));
      return true;
    case KeyPattern::kRange: {
      const size_t last = command.last_key >= 0
                              ? static_cast<size_t>(command.last_key)
                              : argv.size() - static_cast<size_t>(-command.last_key);
      if (last >= argv.size()) return false;
      for (size_t i = static_cast<size_t>(command.first_key); i <= last;
           i += static_cast<size_t>(command.key_step)) {
        f(i);
      }
      return true;
    }
    case KeyPattern::kReach:
    case KeyPattern::kGeneral:
      break;
  }
  KeyList keys;
  if (!FindKeys(command, argv, keys)) return false;
  for (const KeyAt& key : keys) f(static_cast<size_t>(key.index));
  return true;
}

}  // namespace alai
