// CONFIG REWRITE: brings the configuration file in line with the settings in force.
//
// Comments, blank lines, unknown lines, includes and the order of lines stay. A line whose directive
// is known gets the present value, under the setting's present name; further lines of the same
// setting go. Settings without a line that differ from their default are added at the end, below a
// line that says so.
//
// Threads     Any, one at a time for a file.
#pragma once

#include <string>
#include <string_view>

#include "server/config/config.h"

namespace alai {

// What the file `text` becomes. `all`: settings at their default get lines as well.
std::string RewrittenConfig(std::string_view text, const Config& config, bool all = false);

// Rewrites config.config_file, atomically: after a crash it is the old or the new one. Gives an empty
// text or the whole error line for the client, and logs either.
std::string RewriteConfigFile(Config& config, bool all = false);

}  // namespace alai
