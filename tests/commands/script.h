// A command script (*.test): parsing it, and comparing replies with what it expects. The format is
// described in README.md; script.py reads it for the runner over TCP.
//
// Threads     Pure functions: any.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/protocol/reply_parser.h"

namespace alai {

// What follows a request: the lines of one reply, or none, and perhaps a closed connection.
struct Expectation {
  std::vector<std::string> lines;
  bool unordered = false;
  bool no_reply = false;
  bool closed = false;
  std::string capture;  // the name of @let; empty without one

  bool wants_reply() const { return !lines.empty() || !capture.empty(); }
  bool empty() const { return !wants_reply() && !no_reply && !closed; }
};

struct ScriptStep {
  enum class Verb : uint8_t {
    kRequest,
    kRaw,
    kRead,
    kAdvance,
    kResp,
    kConnection,
    kClose,
    kServer,
    kConfig,
    kProcess,
  };

  int line = 0;
  Verb verb = Verb::kRequest;
  std::string text;
  Expectation expected;
};

struct Script {
  std::vector<std::string> options;  // as on a server's command line
  std::string process;               // why it needs a process of its own; empty when it does not
  std::vector<ScriptStep> steps;
};

// False with what is wrong, "line 3: …".
bool ParseScript(std::string_view text, Script* script, std::string* error);

// "30ms", "2s"; negative for anything else.
int64_t ParseDurationMillis(std::string_view text);

using Captured = std::map<std::string, std::string, std::less<>>;

// Replaces {name} by what @let name has kept; other braces stay.
std::string Substitute(std::string_view text, const Captured& captured);

// Whether a reply is as expected; the lines have been substituted.
bool Agrees(const std::vector<std::string>& expected, bool unordered, const Reply& reply);

}  // namespace alai
