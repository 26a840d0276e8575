// Settings whose values have a grammar of their own: how each is read, printed and rewritten.
//
// Threads     As Directive::Assign().
#pragma once

#include "server/config/directives.h"

namespace alai {

// dir is the working directory of the process: assigning it changes that.
extern const Directive::Special kDirSpecial;
extern const Directive::Special kBindSpecial;
extern const Directive::Special kReplicaOfSpecial;
extern const Directive::Special kSaveSpecial;
extern const Directive::Special kOutputBufferLimitSpecial;
extern const Directive::Special kOomScoreAdjValuesSpecial;
extern const Directive::Special kNotifyKeyspaceEventsSpecial;
extern const Directive::Special kLatencyPercentilesSpecial;
extern const Directive::Special kLoadModuleSpecial;
extern const Directive::Special kUserSpecial;
extern const Directive::Special kRenameCommandSpecial;
extern const Directive::Special kKeyClassSpecial;
extern const Directive::Special kOriginRuleSpecial;
extern const Directive::Special kMaxmemorySpecial;

// What is wrong with a proc-title-template; nothing when it is well formed and knows only
// {title} {listen-addr} {server-mode} {port} {tls-port} {unixsocket} {config-file}.
std::string_view CheckProcTitleTemplate(std::string_view text);

}  // namespace alai
