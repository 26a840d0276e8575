// Which clients CLIENT LIST shows and CLIENT KILL closes: a conjunction of conditions, each of which may
// be negated.
//
//   ID id [id …]   TYPE NORMAL|MASTER|REPLICA|PUBSUB   USER name   ADDR ip:port   LADDR ip:port
//   IP address   NAME name   LIB-NAME name   LIB-VER version   FLAGS letters   CAPA letters   DB index
//   IDLE seconds   MAXAGE seconds   SKIPME YES|NO    NOT-… before all but IDLE, MAXAGE and SKIPME
//
// Threads     A filter belongs to the call that made it; Matches() with the registry's lock held.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "protocol/arg_reader.h"

namespace alai {

class Client;

class ClientFilter {
 public:
  enum class Use : uint8_t { kList, kKill };

  // `databases`: how many there are, for DB.
  ClientFilter(Use use, int databases) : use_(use), databases_(databases) {}

  // Reads the conditions from all that is left of `args`. Empty, or the error line.
  std::string Read(ArgReader& args);

  bool Matches(const Client& client, UnixMillis now) const;

  // Whether the client that asks is left out; nothing was said: as the command has it.
  bool skips_self(bool otherwise) const {
    return skip_self_ == Skip::kUnsaid ? otherwise : skip_self_ == Skip::kYes;
  }
  // The ids when there is no other condition than ID: clients are then shown in this order.
  const std::vector<uint64_t>* only_ids() const;

 private:
  enum class Field : uint8_t {
    kId,
    kType,
    kUser,
    kAddress,
    kLocalAddress,
    kIp,
    kName,
    kLibraryName,
    kLibraryVersion,
    kFlags,
    kCapabilities,
    kDb,
    kIdle,
    kMaxAge,
  };
  enum class Skip : uint8_t { kUnsaid, kNo, kYes };

  struct Condition {
    Field field;
    bool negated = false;
    std::vector<uint64_t> ids;  // kId
    int64_t number = 0;         // kDb, kIdle, kMaxAge; kType: whether it is the normal one
    std::string text;
  };

  std::string ReadCondition(std::string_view word, ArgReader& args);
  void Add(Condition condition);
  std::string ReadValue(ArgReader& args, Condition* condition) const;
  std::string ReadIds(ArgReader& args, Condition* condition) const;
  std::string ReadDb(ArgReader& args, Condition* condition) const;
  static bool FindField(std::string_view word, Field* field);
  static bool Holds(const Condition& condition, const Client& client, UnixMillis now);

  const Use use_;
  const int databases_;
  std::vector<Condition> conditions_;
  Skip skip_self_ = Skip::kUnsaid;
};

}  // namespace alai
