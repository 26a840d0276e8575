// KEYCLASS: rules for keys by prefix, at run time.
//
// SET and DEL change the settings, so that CONFIG REWRITE keeps them, and the store, with every shard
// locked for that instant; the keys of the classes are then counted anew in the background.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/client.h"
#include "server/command_spec.h"
#include "server/config/config.h"
#include "server/config/key_class_directive.h"
#include "server/help_reply.h"
#include "server/key_class_report.h"
#include "server/key_class_rules.h"
#include "server/server.h"
#include "server/worker.h"

namespace alai {
namespace {

void Follow(Call& call, std::vector<KeyClassRule> rules) {
  Db& db = call.db();
  db.store().SetKeyClasses(db.thread(), KeyClassesOf(rules));
  call.server().config().keyclass.set(std::move(rules));
}

// A class that was there under this name gets these rules in the place of its own.
void KeyClassSet(Call& call) {
  const Arguments argv = call.argv().subspan(2);
  KeyClassRule rule;
  const std::vector<std::string> words(argv.begin(), argv.end());
  if (std::string error = ReadKeyClassRule(words, &rule); !error.empty()) {
    return call.Fail("ERR " + error);
  }
  std::vector<KeyClassRule> rules = call.server().config().keyclass.get();
  std::erase_if(rules, [&](const KeyClassRule& other) { return other.name == rule.name; });
  if (std::string error = AddKeyClassRule(std::move(rule), &rules); !error.empty()) {
    return call.Fail("ERR " + error);
  }
  Follow(call, std::move(rules));
  call.reply().Ok();
}

void KeyClassDel(Call& call) {
  const std::string_view name = call.argv()[2];
  std::vector<KeyClassRule> rules = call.server().config().keyclass.get();
  const size_t removed =
      std::erase_if(rules, [name](const KeyClassRule& rule) { return rule.name == name; });
  if (removed != 0) Follow(call, std::move(rules));
  call.reply().Integer(static_cast<int64_t>(removed));
}

void KeyClassGet(Call& call) {
  ReplyWriter& reply = call.reply();
  const auto number = [&reply](std::string_view name, int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto text = [&reply](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    reply.Bulk(value);
  };
  for (const KeyClassRule& rule : call.server().config().keyclass.get()) {
    if (rule.name != call.argv()[2]) continue;
    reply.Map(9);
    text("name", rule.name);
    text("pattern", rule.prefix + "*");
    number("ttl", rule.ttl_seconds);
    text("sliding", rule.sliding ? "yes" : "no");
    number("max-value-bytes", static_cast<int64_t>(rule.max_value_bytes));
    number("limit", rule.limit);
    number("period", rule.period_seconds);
    number("burst", rule.burst);
    text("unlimited", rule.unlimited ? "yes" : "no");
    return;
  }
  reply.Null();
}

void KeyClassList(Call& call) {
  const std::vector<KeyClassRule> rules = call.server().config().keyclass.get();
  call.reply().Array(rules.size());
  for (const KeyClassRule& rule : rules) call.reply().Bulk(rule.name);
}

// The class that the call names, of `classes`; nullptr: there is none, and the call has failed.
const KeyClass* FindClass(Call& call, const KeyClasses* classes) {
  const KeyClass* key_class = classes == nullptr ? nullptr : classes->FindByName(call.argv()[2]);
  if (key_class == nullptr) call.Fail(error_text::kNoKeyClass);
  return key_class;
}

void KeyClassStats(Call& call) {
  const KeyClass* key_class = FindClass(call, call.db().store().key_classes());
  if (key_class == nullptr) return;
  ReplyWriter& reply = call.reply();
  const std::vector<KeyClassFigure> figures = KeyClassFigures(call.db().store(), *key_class);
  reply.Map(figures.size());
  for (const KeyClassFigure& figure : figures) {
    reply.Bulk(figure.name);
    figure.is_ratio ? reply.Double(figure.ratio) : reply.Integer(figure.value);
  }
}

// Waits until a purge has begun, or with `to_the_end` until it is done.
class PendingPurge final : public Suspension {
 public:
  PendingPurge(std::shared_ptr<const KeyPurge::Job> job, bool to_the_end)
      : job_(std::move(job)), to_the_end_(to_the_end) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (!to_the_end_ && job_->began.load(std::memory_order_acquire)) {
      call.reply().Ok();
      return Next::kDone;
    }
    if (!job_->done.load(std::memory_order_acquire)) return Next::kWait;
    call.reply().Integer(static_cast<int64_t>(job_->removed.load(std::memory_order_relaxed)));
    return Next::kDone;
  }

 private:
  const std::shared_ptr<const KeyPurge::Job> job_;
  const bool to_the_end_;
};

void KeyClassPurge(Call& call) {
  // Another client may set classes meanwhile, so they are asked for once.
  const KeyClasses* classes = call.db().store().key_classes();
  const KeyClass* key_class = FindClass(call, classes);
  if (key_class == nullptr) return;
  ArgReader args(call.argv().subspan(3));
  std::string_view prefix = key_class->prefix;
  if (args.remaining() > 0 && !args.PeekWord("SYNC") && !args.PeekWord("ASYNC")) {
    prefix = args.String();
    if (prefix.ends_with('*')) prefix.remove_suffix(1);
  }
  const bool to_the_end = args.TakeWord("SYNC");
  if (!to_the_end) args.TakeWord("ASYNC");
  if (!args.Done()) return call.Fail(args.error());
  if (!prefix.starts_with(key_class->prefix)) {
    return call.Fail("ERR the prefix must begin with that of the class");
  }
  std::shared_ptr<const KeyPurge::Job> job = call.db().store().purge().Add(
      *classes, *key_class, prefix,
      [worker = &call.worker(), id = call.client().id()] { worker->Wake(id); });
  if (job == nullptr) return call.Fail("ERR too many purges are pending");
  call.worker().HousekeepSoon();
  if (!to_the_end && job->began.load(std::memory_order_acquire)) return call.reply().Ok();
  call.Suspend(std::make_unique<PendingPurge>(std::move(job), to_the_end));
}

void KeyClassHelp(Call& call) {
  ReplyHelp(
      call.reply(), "KEYCLASS",
      {
          "DEL <name>",
          "    Forget the class; its keys stay as they are.",
          "GET <name>",
          "    Show the rules of the class.",
          "LIST",
          "    Show the names of the classes.",
          "PURGE <name> [<prefix>] [ASYNC|SYNC]",
          "    Delete the keys of the class, or those of them that begin with <prefix>, from all",
          "    databases, in the background. Keys written later stay, and what becomes of the",
          "    class meanwhile does not matter. With SYNC the reply comes when all are gone, and",
          "    says how many there were.",
          "SET <name> <prefix>* [<option> <value> [...]]",
          "    Give the keys that begin with <prefix> these rules:",
          "    * TTL <seconds>",
          "      A key written without a time to live gets this one.",
          "    * SLIDING (YES|NO)",
          "      Reading a key puts its end off to a whole time to live from then. What EXPIRE",
          "      and its like have said stands.",
          "    * MAX-VALUE-BYTES <size>",
          "      Larger values are refused: longer strings, and writes that put more into a",
          "      collection at once, which may grow beyond that by several writes.",
          "    * LIMIT <count> PERIOD <seconds> [BURST <count>]",
          "      The tokens that RATE.TAKE takes: how many come back in a period, and how many",
          "      more than one may be taken at once, the whole limit unless given.",
          "    * UNLIMITED (YES|NO)",
          "      RATE.TAKE always allows.",
          "STATS <name>",
          "    Show the figures of the class.",
      });
}

constexpr CommandSpec kKeyclassSubcommands[] = {
    {.name = "del",
     .run = KeyClassDel,
     .arity = 3,
     .flags = kAdmin | kNoScript | kAllShards,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(1), and O(N) in the background where N is the number of keys",
     .summary = "Forgets a key class.",
     .arguments = "name:string"},
    {.name = "get",
     .run = KeyClassGet,
     .arity = 3,
     .flags = kLoading | kStale,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of classes",
     .summary = "Shows the rules of a key class.",
     .arguments = "name:string"},
    {.name = "help",
     .run = KeyClassHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Explains the subcommands."},
    {.name = "list",
     .run = KeyClassList,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of classes",
     .summary = "Shows the names of the key classes."},
    {.name = "purge",
     .run = KeyClassPurge,
     .arity = -3,
     .flags = kWrite | kNoScript,
     .categories = kCatDangerous,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(1), and O(N) in the background where N is the number of keys",
     .summary = "Deletes the keys of a class from all databases in the background.",
     .arguments = "name:string [prefix:string] [mode: ASYNC | SYNC]"},
    {.name = "set",
     .run = KeyClassSet,
     .arity = -4,
     .flags = kAdmin | kNoScript | kAllShards,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(1), and O(N) in the background where N is the number of keys",
     .summary = "Sets the rules of a key class.",
     .arguments = "name:string pattern:pattern [TTL ttl:integer] [SLIDING (sliding: YES | NO)]"
                  " [MAX-VALUE-BYTES size:string]"
                  " [rate: LIMIT limit:integer PERIOD period:integer [BURST burst:integer]]"
                  " [UNLIMITED (unlimited: YES | NO)]"},
    {.name = "stats",
     .run = KeyClassStats,
     .arity = 3,
     .flags = kLoading | kStale,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of shards and databases",
     .summary = "Shows the figures of a key class.",
     .arguments = "name:string",
     .tips = "nondeterministic_output"},
};

constexpr CommandSpec kKeyclassCommands[] = {
    {.name = "keyclass",
     .arity = -2,
     .group = Group::kKeyClass,
     .since = "0.1.0",
     .complexity = "Depends on the subcommand",
     .summary = "Rules for keys by prefix.",
     .subcommands = kKeyclassSubcommands},
};
static_assert(WellFormed(kKeyclassCommands));

}  // namespace

std::span<const CommandSpec> KeyClassCommands() { return kKeyclassCommands; }

}  // namespace alai
