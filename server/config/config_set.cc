#include "server/config/config_set.h"

#include <algorithm>
#include <mutex>

#include "engine/base/ascii.h"
#include "engine/base/glob.h"
#include "engine/base/log.h"
#include "protocol/error_text.h"

namespace alai {
namespace {

// One change on its way in.
struct Step {
  const Directive* directive;
  std::string_view name;  // the table's spelling of the name that was used
  std::vector<std::string> words;
  std::string old_value;
  bool changed = false;
};

std::string Failed(std::string_view name, std::string_view reason) {
  std::string error = "ERR CONFIG SET failed (possibly related to argument '";
  error.append(name).append("') - ").append(reason);
  return error;
}

std::string_view TableName(const Directive& directive, std::string_view name) {
  return EqualsIgnoreCase(directive.name, name) ? directive.name : directive.alias;
}

bool MayChangeGuarded(const Config& config, bool local) {
  const ProtectedAction action = config.enable_protected_configs;
  return action == ProtectedAction::kYes || (action == ProtectedAction::kLocal && local);
}

// Finds the settings and what forbids changing them, whatever the values are.
std::string FindSettings(const Config& config, const ConfigHost& host,
                         std::span<const SettingChange> changes, bool local,
                         std::vector<Step>* steps) {
  std::string error;
  for (const SettingChange& change : changes) {
    const Directive* directive = FindDirective(change.name);
    if (directive == nullptr || directive->has(Directive::kFileOnly)) {
      if (error.empty()) {
        error = "ERR Unknown option or number of arguments for CONFIG SET - '" +
                std::string(change.name) + "'";
      }
      continue;
    }
    // Clients treat the loading error differently, so it wins over the others.
    if (directive->has(Directive::kDenyLoading) && host.loading()) {
      return std::string(error_text::kLoading);
    }
    const std::string_view name = TableName(*directive, change.name);
    const bool twice = std::any_of(steps->begin(), steps->end(),
                                   [&](const Step& step) { return step.name == name; });
    if (error.empty() && directive->has(Directive::kImmutable)) {
      error = Failed(change.name, "can't set immutable config");
    } else if (error.empty() && directive->has(Directive::kGuarded) &&
               !MayChangeGuarded(config, local)) {
      error = Failed(change.name, "can't set protected config");
    } else if (error.empty() && twice) {
      error = Failed(change.name, "duplicate parameter");
    }
    steps->push_back({directive, name, directive->SplitValue(change.value), {}});
  }
  return error;
}

std::string CheckValues(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const std::string error = step.directive->Assign(step.words, nullptr);
    if (!error.empty()) return Failed(step.name, error);
  }
  return {};
}

// Gives the changed settings of the first `count` steps their old values.
void Restore(Config& config, const std::vector<Step>& steps, size_t count) {
  for (size_t i = count; i-- > 0;) {
    const Step& step = steps[i];
    const std::string error =
        step.directive->Assign(step.directive->SplitValue(step.old_value), &config);
    if (!error.empty()) {
      Log(LogLevel::kWarning,
          "Failed restoring failed CONFIG SET command. Error setting %s to '%s': %s",
          std::string(step.name).c_str(), step.old_value.c_str(), error.c_str());
    }
  }
}

std::string AssignAll(Config& config, std::vector<Step>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    Step& step = steps[i];
    step.old_value = step.directive->Print(config);
    const std::string error = step.directive->Assign(step.words, &config);
    if (!error.empty()) {
      Restore(config, steps, i);
      return Failed(step.name, error);
    }
    step.changed = step.directive->Print(config) != step.old_value;
  }
  return {};
}

std::string ApplyAll(Config& config, ConfigHost& host, const std::vector<Step>& steps) {
  std::vector<ApplyHook> applied;
  for (const Step& step : steps) {
    const ApplyHook hook = step.directive->hook;
    if (!step.changed || hook == ApplyHook::kNone ||
        std::find(applied.begin(), applied.end(), hook) != applied.end()) {
      continue;
    }
    const std::string error = host.Apply(hook);
    if (error.empty()) {
      applied.push_back(hook);
      continue;
    }
    const std::string name(step.name);
    Log(LogLevel::kWarning,
        "Failed applying new configuration. Possibly related to new %s setting. Restoring "
        "previous settings.",
        name.c_str());
    Restore(config, steps, steps.size());
    for (const ApplyHook undo : applied) {
      if (const std::string failure = host.Apply(undo); !failure.empty()) {
        Log(LogLevel::kWarning, "Failed applying restored failed CONFIG SET command: %s",
            failure.c_str());
      }
    }
    return Failed(name, error);
  }
  return {};
}

bool HasWildcard(std::string_view pattern) {
  return pattern.find_first_of("[*?") != std::string_view::npos;
}

}  // namespace

std::string SetConfig(Config& config, ConfigHost& host, std::span<const SettingChange> changes,
                      bool local) {
  const std::lock_guard lock(config.change_mutex);
  std::vector<Step> steps;
  std::string error = FindSettings(config, host, changes, local, &steps);
  if (error.empty()) error = CheckValues(steps);
  if (error.empty()) error = AssignAll(config, steps);
  if (error.empty()) error = ApplyAll(config, host, steps);
  if (!error.empty()) return error;
  LogWithoutEffect(config);
  return {};
}

std::vector<std::pair<std::string, std::string>> GetConfig(
    const Config& config, std::span<const std::string_view> patterns) {
  std::vector<std::pair<std::string, std::string>> settings;
  const auto add = [&](const Directive& directive, std::string_view name) {
    for (const auto& setting : settings) {
      if (EqualsIgnoreCase(setting.first, name)) return;
    }
    settings.emplace_back(name, directive.Print(config));
  };
  for (const std::string_view pattern : patterns) {
    if (!HasWildcard(pattern)) {
      const Directive* directive = FindDirective(pattern);
      if (directive != nullptr && !directive->has(Directive::kFileOnly)) add(*directive, pattern);
      continue;
    }
    for (const Directive& directive : Directives()) {
      if (directive.has(Directive::kFileOnly) || directive.has(Directive::kHidden)) continue;
      if (GlobMatch(pattern, directive.name, true)) add(directive, directive.name);
      if (GlobMatch(pattern, directive.alias, true)) add(directive, directive.alias);
    }
  }
  return settings;
}

void LogWithoutEffect(Config& config) {
  std::vector<std::string_view>& said = config.said_without_effect;
  for (const std::string_view name : SettingsWithoutEffect(config)) {
    if (std::find(said.begin(), said.end(), name) != said.end()) continue;
    said.push_back(name);
    Log(LogLevel::kWarning, "Directive '%.*s' is accepted but has no effect in this version.",
        static_cast<int>(name.size()), name.data());
  }
}

}  // namespace alai
