// Any arguments for any command, in any order, to a whole server in this process: every handler reads
// what it was not made for. Each reply must be well-formed, and whatever came before, a new client is
// answered.
//
// The first byte's lowest bit chooses RESP3. Then, again and again: two bytes for the command's row, one
// for the number of its arguments, and for each a byte that says what it is: a key, a number, a word that
// the row's syntax knows, what was answered last, or bytes of the input. A row beyond the last lets time
// pass. What would end the process, or keep it busy by request, is not sent.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/local.h"
#include "tests/encode_request.h"
#include "tests/no_log.h"
#include "tests/protocol/reply_parser.h"

namespace alai {
namespace {

constexpr int64_t kBulkBytesMax = 1 << 20;
constexpr size_t kRequestsMax = 100;
constexpr size_t kArgumentsUsual = 8;
constexpr size_t kArgumentsMax = 60;

constexpr std::string_view kKeys[] = {"a", "b", "c", "key:0000000000000000000000000000001", ""};
constexpr std::string_view kNumbers[] = {"0",
                                         "1",
                                         "-1",
                                         "2",
                                         "3",
                                         "10",
                                         "100",
                                         "1048577",
                                         "1.5",
                                         "-0",
                                         "inf",
                                         "nan",
                                         "1e308",
                                         "2147483648",
                                         "1700000000",
                                         "1700000000000",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "-9223372036854775808",
                                         "18446744073709551615"};

// What DEBUG may be asked for: nothing that crashes, sleeps, restarts or fills the memory by request.
constexpr std::string_view kDebugAllowed[] = {"change-repl-id", "digest",
                                              "digest-value",   "error",
                                              "help",           "htstats",
                                              "htstats-key",    "jmap",
                                              "object",         "protocol",
                                              "quicklist",      "replybuffer",
                                              "sdslen",         "set-active-expire",
                                              "structsize",     "set-skip-checksum-validation"};

// Settings that reach outside of the server, or lift the limit that keeps values small.
constexpr std::string_view kSettingsRefused[] = {"dir", "proto-max-bulk-len", "logfile", "pidfile"};

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  size_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string Bytes(size_t count) {
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return std::string(taken);
  }

 private:
  std::string_view bytes_;
};

template <size_t N>
bool Contains(const std::string_view (&list)[N], std::string_view word) {
  return std::any_of(std::begin(list), std::end(list),
                     [word](std::string_view each) { return EqualsIgnoreCase(each, word); });
}

// The words in capitals of a row's syntax: "[expiration: EX seconds:integer | PERSIST]".
std::vector<std::string> OptionsOf(const CommandInfo& command) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : std::string(command.spec->arguments) + ' ') {
    if ((c >= 'A' && c <= 'Z') || (c == '-' && !word.empty())) {
      word += c;
      continue;
    }
    if (word.size() > 1) words.push_back(word);
    word.clear();
  }
  return words;
}

bool IsSafe(const std::vector<std::string>& words) {
  if (EqualsIgnoreCase(words[0], "debug")) {
    return words.size() > 1 && Contains(kDebugAllowed, words[1]);
  }
  if (EqualsIgnoreCase(words[0], "config")) {
    return std::none_of(words.begin(), words.end(),
                        [](const std::string& word) { return Contains(kSettingsRefused, word); });
  }
  return true;
}

class Session {
 public:
  explicit Session(Input& input) : input_(input) {
    config_.io_threads.set(1);
    config_.databases.set(4);
    config_.enable_debug_command.set(ProtectedAction::kYes);
    config_.proto_max_bulk_len.set(kBulkBytesMax);
  }

  void Run() {
    Server::Local local(config_, clock_);
    Server::Local::Connection client = local.Connect();
    if ((input_.Byte() & 1) != 0) Check(client.Ask(EncodeRequest({"HELLO", "3"})));
    for (size_t i = 0; i < kRequestsMax && !input_.empty(); ++i) {
      const auto rows = local.server().commands().commands();
      const size_t row = input_.Byte() | input_.Byte() << 8;
      if (row >= rows.size()) {
        clock_.AdvanceMillis(static_cast<int64_t>(row - rows.size()));
        local.server().Cron();
        local.RunUntilIdle();
        Check(client.Receive());
        continue;
      }
      const std::vector<std::string> words = Words(rows[row]);
      if (!IsSafe(words)) continue;
      Check(client.Ask(EncodeRequest(words)));
      if (local.server().shutdown_requested()) return;
      if (client.closed()) client = local.Connect();
    }
    const std::string pong = local.Connect().Ask(EncodeRequest({"PING"}));
    ASSERT(paused_ || !pong.empty());
    Check(pong);
  }

 private:
  std::vector<std::string> Words(const CommandInfo& command) {
    std::vector<std::string> words;
    const std::string& name = command.full_name;
    const size_t bar = name.find('|');
    words.push_back(name.substr(0, bar));
    if (bar != std::string::npos) words.push_back(name.substr(bar + 1));
    paused_ = paused_ || EqualsIgnoreCase(words[0], "client");
    const std::vector<std::string> options = OptionsOf(command);
    const size_t choice = input_.Byte();
    const size_t count = choice < 250 ? choice % kArgumentsUsual : choice % kArgumentsMax;
    for (size_t i = 0; i < count; ++i) words.push_back(Argument(options));
    return words;
  }

  std::string Argument(const std::vector<std::string>& options) {
    const size_t byte = input_.Byte();
    const size_t rest = byte >> 3;
    switch (byte & 7) {
      case 0:
      case 1:
        return std::string(kKeys[rest % std::size(kKeys)]);
      case 2:
      case 3:
        return std::string(kNumbers[rest % std::size(kNumbers)]);
      case 4:
      case 5:
        return options.empty() ? "*" : options[rest % options.size()];
      case 6:
        return answer_;
      default:
        return input_.Bytes(rest);
    }
  }

  // Whole replies and nothing else; the last text of them is kept.
  void Check(std::string_view bytes) {
    ReplyParser parser(bytes);
    while (!parser.rest().empty()) {
      Reply reply;
      ASSERT(parser.Next(&reply) == ReplyStatus::kReply);
      const Reply& last = reply.elements.empty() ? reply : reply.elements.front();
      if (!last.text.empty() && !last.is_error()) answer_ = last.text;
    }
  }

  Input& input_;
  FakeClock clock_{1'700'000'000'000};
  Config config_;
  std::string answer_ = "0";
  bool paused_ = false;  // a client command may have stopped the server's clients
};

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  alai::SilenceLog();
  alai::SeedHash("fuzz");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  alai::Input input({reinterpret_cast<const char*>(data), size});
  alai::Session(input).Run();
  return 0;
}
