// ORIGIN: the database behind the cache, at run time.
//
// SET and DEL change the settings, so that CONFIG REWRITE keeps them. What asks the database suspends its client;
// the work is done by the origin's own threads.
#include "storage/origin/origin.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/number.h"
#include "engine/store.h"
#include "server/call.h"
#include "server/client.h"
#include "server/command_spec.h"
#include "server/commands/forgotten_values.h"
#include "server/config/config.h"
#include "server/config/origin_directive.h"
#include "server/help_reply.h"
#include "server/origin_report.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/origin/rule_text.h"
#include "storage/origin/trigger_sql.h"

namespace alai {
namespace {

constexpr std::string_view kNoRule = "ERR no such rule of the origin";
// Of the statements of a trigger.
constexpr auto kInstallTimeout = std::chrono::milliseconds(10'000);
constexpr std::string_view kNotConnected = "ERR there is no origin, see origin-url";

std::string TextOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The text of an error reply, which is one line.
std::string ErrorLine(std::string text) {
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return "ERR " + text;
}

// What a loader found out, for the client that asked.
struct Answered {
  std::atomic<bool> done{false};
  absl::Status status;  // once it is done
};

// Waits for an answer of the database.
class PendingAnswer final : public Suspension {
 public:
  explicit PendingAnswer(std::shared_ptr<Answered> answered) : answered_(std::move(answered)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (!answered_->done.load(std::memory_order_acquire)) return Next::kWait;
    const absl::Status& status = answered_->status;
    status.ok() ? call.reply().Ok() : call.Fail(ErrorLine(TextOf(status)));
    return Next::kDone;
  }

 private:
  const std::shared_ptr<Answered> answered_;
};

// Has a loader ask the database, for several statements as long as this each; false: there is none.
bool AskDatabase(Call& call, const std::shared_ptr<Answered>& answered, int64_t timeout_ms,
                 std::function<absl::Status(origin::Source&)> question) {
  constexpr int64_t kPatience = 4;
  return call.server().origin().Submit(
      [answered, question = std::move(question), worker = &call.worker(),
       id = call.client().id()](origin::Source& source) {
        answered->status = question(source);
        answered->done.store(true, std::memory_order_release);
        worker->Wake(id);
      },
      kPatience * timeout_ms);
}

std::string Follow(Call& call, const std::shared_ptr<const origin::Rule>& rule) {
  Config& config = call.server().config();
  std::lock_guard guard(config.change_mutex);
  origin::Rules rules = config.origin_rule.get();
  const absl::Status status = origin::ReplaceRule(rule, &rules);
  if (!status.ok()) return ErrorLine(TextOf(status));
  config.origin_rule.set(std::move(rules));
  call.server().FollowOriginRules();
  return {};
}

// A rule that the database does not like is refused; one that it cannot be asked about is taken.
class PendingRule final : public Suspension {
 public:
  PendingRule(std::shared_ptr<Answered> answered, std::shared_ptr<const origin::Rule> rule)
      : answered_(std::move(answered)), rule_(std::move(rule)) {
    first = Next::kWait;
  }
  Next Resume(Call& call) override {
    if (!forgotten_.has_value()) {
      if (!answered_->done.load(std::memory_order_acquire)) return Next::kWait;
      const std::string error = Take(call, answered_->status);
      if (!error.empty()) {
        call.Fail(error);
        return Next::kDone;
      }
      forgotten_.emplace(call);
    }
    if (!forgotten_->done()) return Next::kWait;
    call.reply().Ok();
    return Next::kDone;
  }

 private:
  std::string Take(Call& call, const absl::Status& status) {
    const bool asked = !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status);
    return asked && !status.ok() ? ErrorLine(TextOf(status)) : Follow(call, rule_);
  }

  const std::shared_ptr<Answered> answered_;
  const std::shared_ptr<const origin::Rule> rule_;
  std::optional<ForgottenValues> forgotten_;  // since the rule is in place
};

void OriginSet(Call& call) {
  const Arguments argv = call.argv().subspan(2);
  const std::vector<std::string> words(argv.begin(), argv.end());
  auto rule = std::make_shared<origin::Rule>();
  const absl::Status status = origin::ReadRule(words, rule.get());
  if (!status.ok()) return call.Fail(ErrorLine(TextOf(status)));
  std::string misplaced = CheckRuleDatabases({rule}, call.server().config().databases);
  if (!misplaced.empty()) return call.Fail(ErrorLine(std::move(misplaced)));
  auto answered = std::make_shared<Answered>();
  const bool asked = AskDatabase(call, answered, rule->timeout_ms, [rule](origin::Source& source) {
    return source.Check(*rule, std::chrono::milliseconds(rule->timeout_ms));
  });
  if (asked) {
    return call.Suspend(std::make_unique<PendingRule>(std::move(answered), std::move(rule)));
  }
  if (const std::string error = Follow(call, rule); !error.empty()) return call.Fail(error);
  ReplyWhenForgotten(call, [](ReplyWriter& reply) { reply.Ok(); });
}

// How many there were.
size_t RemoveRule(Call& call, std::string_view name) {
  Config& config = call.server().config();
  std::lock_guard guard(config.change_mutex);
  origin::Rules rules = config.origin_rule.get();
  const size_t removed =
      std::erase_if(rules, [name](const auto& rule) { return rule->name == name; });
  if (removed != 0) {
    config.origin_rule.set(std::move(rules));
    call.server().FollowOriginRules();
  }
  return removed;
}

void OriginDel(Call& call) {
  const auto removed = static_cast<int64_t>(RemoveRule(call, call.argv()[2]));
  ReplyWhenForgotten(call, [removed](ReplyWriter& reply) { reply.Integer(removed); });
}

// nullptr: there is none, and the call has failed.
std::shared_ptr<origin::RuleState> FindRule(Call& call) {
  std::shared_ptr<origin::RuleState> state = call.server().origin().StateOf(call.argv()[2]);
  if (state == nullptr) call.Fail(kNoRule);
  return state;
}

void OriginGet(Call& call) {
  const std::shared_ptr<origin::RuleState> state = call.server().origin().StateOf(call.argv()[2]);
  if (state == nullptr) return call.reply().Null();
  const auto options = origin::RuleOptions(*state->rule, true);
  const std::string trouble = call.server().origin().TroubleOf(*state);
  ReplyWriter& reply = call.reply();
  reply.Map(options.size() + 3);
  const auto text = [&reply](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    reply.Bulk(value);
  };
  text("name", state->rule->name);
  text("pattern", state->rule->pattern.text());
  for (const auto& [name, value] : options) text(name, value);
  text("trouble", trouble);
}

void OriginList(Call& call) {
  const auto states = call.server().origin().states();
  call.reply().Array(states.size());
  for (const auto& state : states) call.reply().Bulk(state->rule->name);
}

void OriginStats(Call& call) {
  const std::shared_ptr<origin::RuleState> state = FindRule(call);
  if (state == nullptr) return;
  const origin::Origin& origin = call.server().origin();
  const std::vector<OriginFigure> figures = OriginFigures(origin, *state);
  const BreakerReport breaker = ReportBreaker(origin, call.server().clock().MonotonicNanos());
  call.reply().Map(figures.size() + 3);
  call.reply().Bulk("breaker");
  call.reply().Bulk(breaker.state);
  call.reply().Bulk("breaker_for_ms");
  call.reply().Integer(breaker.for_ms);
  call.reply().Bulk("breaker_probe_in_ms");
  call.reply().Integer(breaker.probe_in_ms);
  for (const OriginFigure& figure : figures) {
    call.reply().Bulk(figure.name);
    figure.is_ratio ? call.reply().Double(figure.ratio) : call.reply().Integer(figure.value);
  }
}

// Waits for keys that were asked for by name.
class PendingLoad final : public Suspension {
 public:
  explicit PendingLoad(Call& call) {
    first = Next::kWait;
    wait_ = std::make_unique<origin::Wait>(
        call.server().origin(),
        [worker = &call.worker(), id = call.client().id()] { worker->Wake(id); });
  }
  origin::Wait& wait() { return *wait_; }
  Next Resume(Call& call) override {
    if (!wait_->done()) return Next::kWait;
    Reply(call, wait_->Take(false));
    return Next::kDone;
  }
  void TimedOut(Call& call) override { Reply(call, wait_->Take(true)); }
  bool MayEnd() override { return !wait_->done(); }

 private:
  static void Reply(Call& call, const origin::Wait::Result& result) {
    call.reply().Map(3);
    call.reply().Bulk("loaded");
    call.reply().Integer(static_cast<int64_t>(result.filled));
    call.reply().Bulk("absent");
    call.reply().Integer(static_cast<int64_t>(result.absent));
    call.reply().Bulk("failed");
    call.reply().Integer(static_cast<int64_t>(result.failed));
  }

  std::unique_ptr<origin::Wait> wait_;
};

// Keys that are there count neither as loaded nor otherwise, unless they are to be loaded again.
void LoadKeys(Call& call, Arguments keys, bool again) {
  origin::Origin& origin = call.server().origin();
  if (!origin.connected()) return call.Fail(kNotConnected);
  if (origin.paused()) return call.Fail("ERR the origin is paused, see ORIGIN RESUME");
  auto pending = std::make_unique<PendingLoad>(call);
  bool any = false;
  for (const std::string_view key : keys) {
    const bool there =
        call.db().Find(MakeKey(key), Lookup::kPeek) != nullptr || call.db().tally().needs_lock;
    call.db().tally().needs_lock = false;
    if (there && !again) continue;
    if (!origin.Load(call.db().index(), key, again, &pending->wait())) {
      return call.Fail("ERR no rule of the origin has the key, or too many keys are being loaded");
    }
    any = true;
  }
  pending->deadline_ns = any ? pending->wait().deadline_ns() : INT64_MAX;
  pending->wait().Seal();
  if (pending->wait().done()) pending->first = Suspension::Next::kAgain;
  call.Suspend(std::move(pending));
}

void OriginLoad(Call& call) { LoadKeys(call, call.argv().subspan(2), false); }
void OriginReload(Call& call) { LoadKeys(call, call.argv().subspan(2, 1), true); }

void OriginWarm(Call& call) {
  const std::shared_ptr<origin::RuleState> state = FindRule(call);
  if (state == nullptr) return;
  ArgReader args(call.argv().subspan(3));
  const std::string query(args.String());
  uint64_t limit = 0;
  if (args.TakeWord("LIMIT")) limit = static_cast<uint64_t>(args.Int64(1, INT64_MAX));
  if (!args.Done()) return call.Fail(args.error());
  const std::string error = call.server().origin().Warm(state, query, limit);
  error.empty() ? call.reply().Ok() : call.Fail("ERR " + error);
}

void OriginCancel(Call& call) {
  call.reply().Integer(call.server().origin().warming().Cancel() ? 1 : 0);
}

void OriginDiscard(Call& call) {
  const uint64_t count = call.server().origin().behind().Discard(call.argv()[2]);
  call.reply().Integer(static_cast<int64_t>(count));
}

void OriginPause(Call& call) {
  call.server().origin().Pause(true);
  call.reply().Ok();
}

void OriginResume(Call& call) {
  call.server().origin().Pause(false);
  call.reply().Ok();
}

using TriggerText = absl::Status (*)(const origin::Rule&, std::string*);

// The rule, with statements about its trigger; nullptr: there are none, and the call has failed.
std::shared_ptr<const origin::Rule> TriggerOf(Call& call, TriggerText text,
                                              std::string* statements) {
  const std::shared_ptr<origin::RuleState> state = FindRule(call);
  if (state == nullptr) return nullptr;
  const absl::Status status = text(*state->rule, statements);
  if (status.ok()) return state->rule;
  call.Fail(ErrorLine(TextOf(status)));
  return nullptr;
}

void OriginTrigger(Call& call) {
  std::string statements;
  if (TriggerOf(call, origin::TriggerSql, &statements) != nullptr) call.reply().Bulk(statements);
}

void ReplyWhenAnswered(Call& call, std::function<absl::Status(origin::Source&)> question) {
  auto answered = std::make_shared<Answered>();
  if (!AskDatabase(call, answered, kInstallTimeout.count(), std::move(question))) {
    return call.Fail(kNotConnected);
  }
  call.Suspend(std::make_unique<PendingAnswer>(std::move(answered)));
}

// The table may have become another since the rule was set.
void OriginInstall(Call& call) {
  std::string statements;
  const auto rule = TriggerOf(call, origin::TriggerSql, &statements);
  if (rule == nullptr) return;
  ReplyWhenAnswered(call, [rule, statements](origin::Source& source) {
    const absl::Status status = source.Check(*rule, kInstallTimeout);
    return status.ok() ? source.Execute(statements, kInstallTimeout) : status;
  });
}

void OriginUninstall(Call& call) {
  std::string statements;
  const auto rule = TriggerOf(call, origin::DropTriggerSql, &statements);
  if (rule == nullptr) return;
  ReplyWhenAnswered(call, [statements](origin::Source& source) {
    return source.Execute(statements, kInstallTimeout);
  });
}

void OriginHelp(Call& call) {
  ReplyHelp(
      call.reply(), "ORIGIN",
      {
          "CANCEL",
          "    End the warming that is under way; 1 if there was one.",
          "DEL <name>",
          "    Forget the rule and what it has loaded. What it has still to write waits until",
          "    there is a rule of this name again.",
          "DISCARD <name>",
          "    Forget what waits to be written by the rule, which need not be there any more.",
          "    Says how much that was.",
          "GET <name>",
          "    Show the rule, and what the database says against it.",
          "INSTALL <name>",
          "    Create the rule's trigger in the database, whose role must be allowed to.",
          "LIST",
          "    Show the names of the rules.",
          "LOAD <key> [<key> ...]",
          "    Load the keys that are not there. Says how many were loaded, how many the",
          "    database does not have, and how many failed.",
          "PAUSE",
          "    Load and write nothing until RESUME: what is not there is missed, LOAD and",
          "    RELOAD fail, and a warming that is under way waits.",
          "RELOAD <key>",
          "    Load the key, whether it is there or not.",
          "RESUME",
          "    Load and write again.",
          "SET <name> <pattern> [<option> <value> [...]] QUERY <sql>",
          "    Add a rule, or put it in the place of the one of this name. What was loaded",
          "    otherwise than it says is forgotten.",
          "STATS <name>",
          "    Show the figures of the rule, and whether the database is asked at all.",
          "TRIGGER <name>",
          "    Show the statements with which the database tells of changes.",
          "UNINSTALL <name>",
          "    Drop the rule's trigger in the database, if it is there. Changes are not heard of",
          "    any more.",
          "WARM <name> <query> [LIMIT <count>]",
          "    Load the keys whose captures the query gives, a column for each, in the",
          "    background. INFO origin shows how far it is.",
      });
}

constexpr CommandSpec kOriginSubcommands[] = {
    {.name = "cancel",
     .run = OriginCancel,
     .arity = 2,
     .flags = kAdmin | kNoScript | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Ends the warming of keys."},
    {.name = "del",
     .run = OriginDel,
     .arity = 3,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of rules",
     .summary = "Forgets a rule of the origin.",
     .arguments = "name:string"},
    {.name = "discard",
     .run = OriginDiscard,
     .arity = 3,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of writes",
     .summary = "Forgets what waits to be written by a rule.",
     .arguments = "name:string"},
    {.name = "get",
     .run = OriginGet,
     .arity = 3,
     .flags = kLoading | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of rules",
     .summary = "Shows a rule of the origin.",
     .arguments = "name:string"},
    {.name = "help",
     .run = OriginHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Explains the subcommands."},
    {.name = "install",
     .run = OriginInstall,
     .arity = 3,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1), and a moment of the database",
     .summary = "Creates a rule's trigger in the database.",
     .arguments = "name:string"},
    {.name = "list",
     .run = OriginList,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of rules",
     .summary = "Shows the names of the rules."},
    {.name = "load",
     .run = OriginLoad,
     .arity = -3,
     .flags = kWrite | kDenyOom | kNoScript | kOwnLocking,
     .keys = {KeyRange(kOW | kKeyInsert, 2)},
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Loads keys from the origin.",
     .arguments = "key:key*"},
    {.name = "pause",
     .run = OriginPause,
     .arity = 2,
     .flags = kAdmin | kNoScript | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Stops loading keys."},
    {.name = "reload",
     .run = OriginReload,
     .arity = 3,
     .flags = kWrite | kDenyOom | kNoScript | kOwnLocking,
     .keys = {OneKey(kOW | kKeyUpdate, 2)},
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Loads a key from the origin again.",
     .arguments = "key:key"},
    {.name = "resume",
     .run = OriginResume,
     .arity = 2,
     .flags = kAdmin | kNoScript | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Loads keys again."},
    {.name = "set",
     .run = OriginSet,
     .arity = -6,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of rules",
     .summary = "Sets a rule of the origin.",
     .arguments = "name:string pattern:pattern rule:string*"},
    {.name = "stats",
     .run = OriginStats,
     .arity = 3,
     .flags = kLoading | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(N) where N is the number of rules",
     .summary = "Shows the figures of a rule.",
     .arguments = "name:string",
     .tips = "nondeterministic_output"},
    {.name = "trigger",
     .run = OriginTrigger,
     .arity = 3,
     .flags = kLoading | kStale,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Shows the statements of a rule's trigger.",
     .arguments = "name:string"},
    {.name = "uninstall",
     .run = OriginUninstall,
     .arity = 3,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1), and a moment of the database",
     .summary = "Drops a rule's trigger in the database.",
     .arguments = "name:string"},
    {.name = "warm",
     .run = OriginWarm,
     .arity = -4,
     .flags = kAdmin | kNoScript,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "O(1), and O(N) in the background where N is the number of keys",
     .summary = "Loads the keys that a query names in the background.",
     .arguments = "name:string query:string [LIMIT count:integer]"},
};

constexpr CommandSpec kOriginCommands[] = {
    {.name = "origin",
     .arity = -2,
     .group = Group::kOrigin,
     .since = "0.1.0",
     .complexity = "Depends on the subcommand",
     .summary = "The database from which keys are loaded.",
     .subcommands = kOriginSubcommands},
};
static_assert(WellFormed(kOriginCommands));

}  // namespace

std::span<const CommandSpec> OriginCommands() { return kOriginCommands; }

}  // namespace alai
