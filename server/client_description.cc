#include "server/client_description.h"

#include <algorithm>
#include <string_view>

#include "server/client.h"
#include "server/command_table.h"
#include "server/worker_limits.h"

namespace alai {
namespace {

class InfoLine {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += ' ';
    text_ += name;
    text_ += '=';
    text_ += value;
  }
  void Add(std::string_view name, int64_t value) { Add(name, std::to_string(value)); }
  void Add(std::string_view name, uint64_t value) { Add(name, std::to_string(value)); }
  void Add(std::string_view name, int value) { Add(name, std::to_string(value)); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

int64_t SecondsSince(UnixMillis then, UnixMillis now) {
  return std::max<int64_t>(now - then, 0) / 1000;
}

}  // namespace

std::string FlagLetters(const Client& client) {
  constexpr struct {
    uint32_t flag;
    char letter;
  } kLetters[] = {
      {kClientMonitor, 'O'},  {kClientBlocked, 'b'},    {kClientCloseAfterReply, 'c'},
      {kClientCloseNow, 'A'}, {kClientUnixSocket, 'U'}, {kClientNoEvict, 'e'},
      {kClientNoTouch, 'T'},
  };
  std::string letters;
  for (const auto& [flag, letter] : kLetters) {
    if (client.has(flag)) letters += letter;
  }
  return letters.empty() ? "N" : letters;
}

std::string DescribeClient(const Client& client, UnixMillis now) {
  const CommandInfo* command = client.last_command.load(std::memory_order_relaxed);
  const uint64_t unread = client.unread_bytes.Get();
  const uint64_t capacity = std::max(client.unread_capacity.Get(), unread);
  const uint64_t arguments = client.argument_bytes.Get();
  const uint64_t unsent = client.unsent_bytes.Get();
  const uint64_t unsent_memory = client.unsent_memory.Get();
  // In Redis's terms the first chunk is the client's own buffer and the others are a list, of which
  // client-output-buffer-limit takes account.
  const uint64_t own = std::min<uint64_t>(unsent, kUnlimitedOutputBytes);
  const uint64_t own_memory = std::min<uint64_t>(unsent_memory, kUnlimitedOutputBytes);
  const uint64_t listed = unsent - own;
  InfoLine line;
  line.Add("id", client.id());
  line.Add("addr", client.address);
  line.Add("laddr", client.local_address);
  line.Add("fd", client.listed_fd);
  line.Add("name", client.name);
  line.Add("age", SecondsSince(client.created_ms, now));
  line.Add("idle", SecondsSince(client.last_interaction_ms.load(std::memory_order_relaxed), now));
  line.Add("flags", FlagLetters(client));
  line.Add("db", client.db_index());
  line.Add("sub", 0);
  line.Add("psub", 0);
  line.Add("ssub", 0);
  line.Add("multi", -1);
  line.Add("qbuf", unread);
  line.Add("qbuf-free", capacity - unread);
  line.Add("argv-mem", arguments);  // else they are read where they arrived
  line.Add("multi-mem", 0);
  line.Add("rbs", own_memory);
  line.Add("rbp", own);
  line.Add("obl", own);
  line.Add("oll", (listed + kUnlimitedOutputBytes - 1) / kUnlimitedOutputBytes);
  line.Add("omem", listed);
  line.Add("tot-mem", client.memory() + (capacity - client.unread_capacity.Get()));
  line.Add("events", unsent == 0 ? "r" : "rw");
  line.Add("cmd", command == nullptr ? std::string_view("NULL") : command->full_name);
  line.Add("user", "default");
  line.Add("redir", -1);
  line.Add("resp", client.resp());
  line.Add("lib-name", client.library_name);
  line.Add("lib-ver", client.library_version);
  line.Add("tot-net-in", client.bytes_in.Get());
  line.Add("tot-net-out", client.bytes_out.Get());
  line.Add("tot-cmds", client.commands.Get());
  return line.Take();
}

}  // namespace alai
