// The requests that are executed together: parsed in place from what several clients have sent,
// each looked up, hashed and prefetched before the first of them runs.
//
//   runs      [client A, bytes] [client B, bytes] …
//   requests  [GET a] [SET b] … | [PING] …            the requests of a run follow each other
//   arguments  "GET" "a" "SET" "b" "1" … "PING" …      views into the clients' bytes, or unquoted_
//
// Threads     Belongs to one worker.
// Invariants  A client has at most one run in a batch. The bytes of all runs stay in place until
// the
//             batch has been executed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/request_parser.h"
#include "server/command_table.h"

namespace alai {

class Client;
class Store;

class RequestBatch {
 public:
  // So many that prefetched buckets and records are still in the cache when their turn comes.
  static constexpr size_t kRequestsMax = 96;

  struct Request {
    const CommandInfo* command;  // nullptr: there is no command of this name
    uint64_t hash;               // of the first key, if FirstKeyIsFixed() and it is there
    uint32_t first_argument;
    uint32_t argument_count;
    size_t bytes;  // as received
    uint8_t part;  // which argument names a part of the key's value; 0: none
  };

  // How the parsing of a run ended.
  enum class Ending : uint8_t {
    kFull,       // the batch has to be executed, then there is more to parse
    kExhausted,  // what is left is part of a request, or nothing
    kMalformed,  // the parser has an error
  };

  struct Run {
    Client* client;
    char* begin;
    size_t size;    // all the bytes of the client
    size_t parsed;  // of those, in requests
    int db;         // that the keys were prefetched in
    uint32_t first_request;
    uint32_t request_count;
    Ending ending;
  };

  RequestBatch(const CommandTable& commands, Store& store);

  bool empty() const { return runs_.empty(); }
  bool full() const { return requests_.size() >= kRequestsMax; }
  std::span<const Run> runs() const { return runs_; }
  std::span<const Request> requests(const Run& run) const {
    return {requests_.data() + run.first_request, run.request_count};
  }
  const std::string_view* all_arguments() const { return arguments_.data(); }
  Arguments arguments(const Request& request) const {
    return {arguments_.data() + request.first_argument, request.argument_count};
  }
  size_t size() const { return requests_.size(); }

  // Appends the requests in `bytes`, at most `requests_max` of them, as a run of `client`, which
  // works on database `db`.
  const Run& Parse(Client& client, RequestParser& parser, std::span<char> bytes,
                   const RequestLimits& limits, int db, size_t requests_max);
  // The second stage: buckets have been asked for by Parse(), records are now. And the third: fields and
  // members, where requests that follow each other ask for several of one key.
  void PrefetchRecords() const;
  void PrefetchParts();
  void Clear();

 private:
  // A name as it was last spelled, and what it stands for: most pipelines repeat themselves.
  struct KnownName {
    NameWords words{{}};
    size_t size = 0;
    const CommandInfo* command = nullptr;
    size_t first_key = SIZE_MAX;  // where it is, if that is always the same
    uint8_t part = 0;             // CommandSpec::part, if first_key is known
  };
  static constexpr size_t kKnownNames = 8;
  static constexpr size_t kKnownNameBytes = NameWords::kBytes;

  const KnownName& Lookup(Arguments argv);
  const KnownName& LookupInTable(Arguments argv, KnownName& slot);

  const CommandTable& commands_;
  Store& store_;
  std::vector<Run> runs_;
  std::vector<Request> requests_;
  std::vector<std::string_view> arguments_;
  UnquotedWords unquoted_;
  bool names_parts_ = false;  // some request does
  KnownName known_[kKnownNames];
  KnownName other_;  // what is not kept: long names, containers
};

// Whether the first key of a call is to be found at command.first_key, so that it can be hashed
// before the command runs.
inline bool FirstKeyIsFixed(const CommandInfo& command) {
  return command.key_pattern == KeyPattern::kOne || command.key_pattern == KeyPattern::kRange ||
         command.key_pattern == KeyPattern::kReach;
}

}  // namespace alai
