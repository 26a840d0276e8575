// The notation of CommandSpec::arguments, and the trees that COMMAND DOCS answers from it.
//
//   item                            example                            what it documents
//   name:type                       value:string                       a value
//   TOKEN name:type                 EX seconds:integer                 a value behind a word
//   TOKEN                           NX                                 a word of that name
//   name=TOKEN                      async=ASYNC                        a word of another name
//   (name: item item …)             (data: key:key value:string)*      a block
//   (name: item | item …)           (mode: YES | NO)                   one of several
//   TOKEN (name: …)                 LIMIT (range: min:double)          either, behind a word
//   [item]                          [GET]                              optional
//   [name: …]   TOKEN [name: …]     [condition: NX | XX]               optional block or oneof
//
//   suffix                          example                            of an item, in or behind []
//   *                               [key:key*]                         multiple
//   **                              [GET pattern:pattern**]            multiple, word and all
//   @version                        [GET]@6.2.0                        since
//   !version                        [old:string]!7.0.0                 deprecated since
//   #number   #-                    destination:key#1                  its key spec, or none
//   'text'                          node:string'node-id'               display text
//
// A TOKEN begins with a capital and goes on with capitals, digits and -_. or stands in double quotes
// ("=", "*"). A name is in lower case. Types: string integer double key pattern unix-time. A word
// before name=TOKEN or before another word stands for itself. Keys are numbered by themselves: the
// first key has the first key spec, the next one the next, and those left over have the last.
//
//   SET    key:key value:string [condition: NX | XX]@2.6.12 [GET]@6.2.0
//          [expiration: EX seconds:integer | PX milliseconds:integer | KEEPTTL]
//   SCAN   cursor:integer [MATCH pattern:pattern] [COUNT count:integer]
//
// Parsed only when somebody asks for it: the notation costs nothing otherwise.
//
// Threads     Any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/command_spec.h"

namespace alai {

class ReplyWriter;
struct CommandInfo;

enum class ArgumentType : uint8_t {
  kString,
  kInteger,
  kDouble,
  kKey,
  kPattern,
  kUnixTime,
  kPureToken,
  kOneof,
  kBlock,
};

std::string_view ArgumentTypeName(ArgumentType type);

// One node of COMMAND DOCS' `arguments`.
struct ArgumentDoc {
  std::string name;
  ArgumentType type = ArgumentType::kString;
  std::string display_text;  // empty: the same as the name
  int key_spec = -1;
  bool has_token = false;  // a token may be the empty string
  std::string token;
  std::string since;
  std::string deprecated_since;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  std::vector<ArgumentDoc> children;
};

struct ArgumentDocs {
  std::vector<ArgumentDoc> arguments;
  std::string error;  // not empty: what is wrong, and where
};

// `key_specs`: how many the row has, for numbering its keys.
ArgumentDocs ParseArgumentDocs(std::string_view notation, int key_specs);

// The value of one command in COMMAND DOCS' reply: a map of summary, since, group, …, arguments,
// subcommands.
void WriteCommandDocs(const CommandInfo& command, ReplyWriter& reply);

}  // namespace alai
