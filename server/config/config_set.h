// CONFIG GET and CONFIG SET without the protocol around them.
//
// Threads     Any. SetConfig() lets one caller in at a time.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"
#include "server/config/directives.h"

namespace alai {

// What settings act upon: the server, as its configuration sees it.
class ConfigHost {
 public:
  virtual ~ConfigHost() = default;

  // Makes what a setting governs follow its new value. Gives an empty text, or in Redis's words why
  // it cannot be; then nothing must have changed. Called with Config::change_mutex held, so it never
  // waits for a thread that may be changing settings too.
  virtual std::string Apply(ApplyHook hook) = 0;

  // CONFIG RESETSTAT.
  virtual void ResetStats() = 0;

  // Whether a data set is being loaded, which forbids changing some settings.
  virtual bool loading() const { return false; }
};

// A setting and the value that it shall have.
struct SettingChange {
  std::string_view name;
  std::string_view value;
};

// Changes several settings as one: every value is checked before any is changed, and when one cannot
// be applied all get back what they had. `local` says that the client is on this machine, for
// `enable-protected-configs local`. Gives an empty text or the whole error line.
std::string SetConfig(Config& config, ConfigHost& host, std::span<const SettingChange> changes,
                      bool local);

// The settings that any of the patterns names, each once: names as the table spells them, except
// that a pattern without wildcards is shown as it was given (and finds hidden settings).
std::vector<std::pair<std::string, std::string>> GetConfig(
    const Config& config, std::span<const std::string_view> patterns);

// Says in the log, once for each directive, which of the settings that are not at their defaults are
// accepted but govern nothing. Called with Config::change_mutex held or by the only thread.
void LogWithoutEffect(Config& config);

}  // namespace alai
