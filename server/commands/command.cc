// COMMAND: what this server's commands look like, told from their rows.
//
// Threads     Any worker; the table never changes while the server runs.
#include <algorithm>
#include <functional>

#include "engine/base/glob.h"
#include "server/call.h"
#include "server/command_docs.h"
#include "server/command_names.h"
#include "server/command_table.h"
#include "server/help_reply.h"
#include "server/server.h"

namespace alai {
namespace {

// The names of the bits set, each behind `sign`.
void WriteBits(uint32_t bits, std::span<const BitName> names, ReplyWriter& reply,
               std::string_view sign = {}) {
  const auto set = reply.BeginSet();
  size_t count = 0;
  for (const BitName& entry : names) {
    if ((bits & entry.bit) == 0) continue;
    reply.SimpleString(std::string(sign).append(entry.name));
    ++count;
  }
  reply.EndSet(set, count);
}

void WriteTips(std::string_view tips, ReplyWriter& reply) {
  const auto set = reply.BeginSet();
  size_t count = 0;
  while (!tips.empty()) {
    const size_t end = std::min(tips.find(' '), tips.size());
    reply.Bulk(tips.substr(0, end));
    ++count;
    tips.remove_prefix(std::min(end + 1, tips.size()));
  }
  reply.EndSet(set, count);
}

void WriteNumber(std::string_view name, int64_t value, ReplyWriter& reply) {
  reply.Bulk(name);
  reply.Integer(value);
}

// "type" with its name, and the "spec" whose `pairs` the caller writes.
void WriteSpecHead(std::string_view type, size_t pairs, ReplyWriter& reply) {
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk(type);
  reply.Bulk("spec");
  reply.Map(pairs);
}

void WriteBeginSearch(const KeySpec& key, ReplyWriter& reply) {
  reply.Bulk("begin_search");
  switch (key.begin) {
    case KeySpec::Begin::kIndex:
      WriteSpecHead("index", 1, reply);
      WriteNumber("index", key.index, reply);
      break;
    case KeySpec::Begin::kKeyword:
      WriteSpecHead("keyword", 2, reply);
      reply.Bulk("keyword");
      reply.Bulk(key.keyword);
      WriteNumber("startfrom", key.start_from, reply);
      break;
    case KeySpec::Begin::kUnknown:
    case KeySpec::Begin::kNone:
      WriteSpecHead("unknown", 0, reply);
      break;
  }
}

void WriteKeySpec(const KeySpec& key, ReplyWriter& reply) {
  reply.Map(3);
  reply.Bulk("flags");
  WriteBits(key.use, KeyUseNames(), reply);
  WriteBeginSearch(key, reply);
  reply.Bulk("find_keys");
  if (key.begin == KeySpec::Begin::kUnknown) {
    WriteSpecHead("unknown", 0, reply);
  } else if (key.find == KeySpec::Find::kRange) {
    WriteSpecHead("range", 3, reply);
    WriteNumber("lastkey", key.last_key, reply);
    WriteNumber("keystep", key.key_step, reply);
    WriteNumber("limit", key.limit, reply);
  } else {
    WriteSpecHead("keynum", 3, reply);
    WriteNumber("keynumidx", key.count_index, reply);
    WriteNumber("firstkey", key.first_key, reply);
    WriteNumber("keystep", key.key_step, reply);
  }
}

void WriteInfo(const CommandInfo& command, ReplyWriter& reply) {
  const CommandSpec& spec = *command.spec;
  reply.Array(10);
  reply.Bulk(command.full_name);
  reply.Integer(command.arity);
  WriteBits(command.flags, CommandFlagNames(), reply);
  reply.Integer(command.first_key);
  reply.Integer(command.last_key);
  reply.Integer(command.key_step);
  WriteBits(command.categories, AclCategoryNames(), reply, "@");
  WriteTips(spec.tips, reply);
  const auto set = reply.BeginSet();
  size_t specs = 0;
  for (const KeySpec& key : spec.keys) {
    if (key.begin == KeySpec::Begin::kNone) break;
    WriteKeySpec(key, reply);
    ++specs;
  }
  reply.EndSet(set, specs);
  // An empty set, an array of some: so does Redis.
  command.is_container() ? reply.Array(command.subcommands.size()) : reply.Set(0);
  for (const CommandInfo& subcommand : command.subcommands) WriteInfo(subcommand, reply);
}

void WriteAllInfo(Call& call) {
  const auto commands = call.server().commands().TopLevel();
  call.reply().Array(commands.size());
  for (const CommandInfo* command : commands) WriteInfo(*command, call.reply());
}

void Command(Call& call) { WriteAllInfo(call); }

void CommandCount(Call& call) {
  call.reply().Integer(static_cast<int64_t>(call.server().commands().TopLevel().size()));
}

void CommandInfoSubcommand(Call& call) {
  const auto names = call.argv().subspan(2);
  if (names.empty()) return WriteAllInfo(call);
  call.reply().Array(names.size());
  for (const std::string_view name : names) {
    const CommandInfo* command = call.server().commands().FindFullName(name);
    command != nullptr ? WriteInfo(*command, call.reply()) : call.reply().Null();
  }
}

void CommandDocs(Call& call) {
  const CommandTable& table = call.server().commands();
  std::vector<const CommandInfo*> commands;
  if (call.argv().size() == 2) {
    commands = table.TopLevel();
  } else {
    for (const std::string_view name : call.argv().subspan(2)) {
      const CommandInfo* command = table.FindFullName(name);
      if (command != nullptr) commands.push_back(command);
    }
  }
  call.reply().Map(commands.size());
  for (const CommandInfo* command : commands) {
    call.reply().Bulk(command->full_name);
    WriteCommandDocs(*command, call.reply());
  }
}

// The filter of COMMAND LIST as a predicate.
std::function<bool(const CommandInfo&)> ReadFilter(ArgReader& args) {
  if (args.remaining() == 0) return [](const CommandInfo&) { return true; };
  if (!args.TakeWord("FILTERBY")) {
    args.Fail(error_text::kSyntax);
    return {};
  }
  if (args.TakeWord("MODULE")) {
    args.String();
    return [](const CommandInfo&) { return false; };  // there are no modules
  }
  if (args.TakeWord("ACLCAT")) {
    const uint32_t bit = BitOf(args.String(), AclCategoryNames());
    return [bit](const CommandInfo& command) { return (command.categories & bit) != 0; };
  }
  if (args.TakeWord("PATTERN")) {
    const std::string_view pattern = args.String();
    return [pattern](const CommandInfo& command) {
      return GlobMatch(pattern, command.full_name, true);
    };
  }
  args.Fail(error_text::kSyntax);
  return {};
}

void CommandList(Call& call) {
  ArgReader args = call.args();
  const auto wanted = ReadFilter(args);
  if (!args.Done()) return call.Fail(args.error());
  const auto array = call.reply().BeginArray();
  size_t count = 0;
  const auto list = [&](const CommandInfo& command) {
    if (!wanted(command)) return;
    call.reply().Bulk(command.full_name);
    ++count;
  };
  for (const CommandInfo* command : call.server().commands().TopLevel()) {
    list(*command);
    for (const CommandInfo& subcommand : command->subcommands) list(subcommand);
  }
  call.reply().EndArray(array, count);
}

bool HasKeys(const CommandInfo& command) {
  if (command.spec->find_keys != nullptr) return true;
  return std::ranges::any_of(command.spec->keys, [](const KeySpec& key) {
    return key.begin != KeySpec::Begin::kNone && (key.use & kNotKey) == 0;
  });
}

// The command that `argv` calls; nullptr when there is none, or only its container.
const CommandInfo* Called(const CommandTable& table, Arguments argv) {
  const CommandInfo* command = table.Find(argv[0]);
  if (command == nullptr || !command->is_container()) return command;
  if (argv.size() == 1) return command;
  return table.FindSubcommand(*command, argv[1]);
}

void ReplyKeys(Call& call, bool with_flags) {
  const Arguments argv = call.argv().subspan(2);
  const CommandInfo* command = Called(call.server().commands(), argv);
  if (command == nullptr) return call.Fail("ERR Invalid command specified");
  if (!HasKeys(*command)) return call.Fail("ERR The command has no key arguments");
  if (!command->ArityFits(argv.size())) {
    return call.Fail("ERR Invalid number of arguments specified for command");
  }
  KeyList keys;
  const bool found = FindKeys(*command, argv, keys) && !keys.empty();
  if (!found && !command->has(kNoMandatoryKeys)) {
    return call.Fail("ERR Invalid arguments specified for command");
  }
  if (!found) keys.clear();
  call.reply().Array(keys.size());
  for (const KeyAt& key : keys) {
    if (with_flags) call.reply().Array(2);
    call.reply().Bulk(argv[key.index]);
    if (with_flags) WriteBits(key.use, KeyUseNames(), call.reply());
  }
}

void CommandGetKeys(Call& call) { ReplyKeys(call, false); }
void CommandGetKeysAndFlags(Call& call) { ReplyKeys(call, true); }

void CommandHelp(Call& call) {
  ReplyHelp(call.reply(), "COMMAND",
            {
                "(no subcommand)",
                "    Describe every command.",
                "COUNT",
                "    Say how many commands there are.",
                "DOCS [<command-name> ...]",
                "    Document the commands named, or all of them.",
                "GETKEYS <full-command>",
                "    List the keys of a command.",
                "GETKEYSANDFLAGS <full-command>",
                "    List the keys of a command and what it does with each.",
                "INFO [<command-name> ...]",
                "    Describe the commands named, or all of them.",
                "LIST [FILTERBY (MODULE <module-name> | ACLCAT <category> | PATTERN <pattern>)]",
                "    List the names of commands and subcommands.",
            });
}

constexpr uint32_t kCommandFlags = kLoading | kStale;

constexpr CommandSpec kCommandSubcommands[] = {
    {.name = "count",
     .run = CommandCount,
     .arity = 2,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Counts the commands of this server."},
    {.name = "docs",
     .run = CommandDocs,
     .arity = -2,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands asked for",
     .summary = "Documents commands: what they do, since when, with which arguments.",
     .arguments = "[command-name:string*]",
     .tips = "nondeterministic_output_order"},
    {.name = "getkeys",
     .run = CommandGetKeys,
     .arity = -3,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(N) where N is the number of arguments",
     .summary = "Picks the keys out of a whole command.",
     .arguments = "command:string [arg:string*]"},
    {.name = "getkeysandflags",
     .run = CommandGetKeysAndFlags,
     .arity = -3,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of arguments",
     .summary = "Picks the keys out of a whole command and says what it does with them.",
     .arguments = "command:string [arg:string*]"},
    {.name = "help",
     .run = CommandHelp,
     .arity = 2,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "info",
     .run = CommandInfoSubcommand,
     .arity = -2,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(N) where N is the number of commands asked for",
     .summary = "Describes commands: arity, flags, keys, categories.",
     .arguments = "[command-name:string*]",
     .tips = "nondeterministic_output_order",
     .history = "7.0.0: Without names, all commands are described."},
    {.name = "list",
     .run = CommandList,
     .arity = -2,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands",
     .summary = "Lists the names of commands and subcommands.",
     .arguments =
         "FILTERBY [filterby: MODULE module-name:string | ACLCAT category:string | PATTERN "
         "pattern:pattern]",
     .tips = "nondeterministic_output_order"},
};

constexpr CommandSpec kCommandCommands[] = {
    {.name = "command",
     .run = Command,
     .arity = -1,
     .flags = kCommandFlags,
     .categories = kCatConnection,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(N) where N is the number of commands",
     .summary = "Describes every command of this server.",
     .tips = "nondeterministic_output_order",
     .subcommands = kCommandSubcommands},
};
static_assert(WellFormed(kCommandCommands));

}  // namespace

std::span<const CommandSpec> CommandCommands() { return kCommandCommands; }

}  // namespace alai
