// Plays command scripts against a server in this process, without sockets and on a clock that stands
// still, so that a script that waits for seconds takes none:
//
//   command_scripts FILE.test...
//
// Says what differs, and exits with 1 when anything does, with 77 when every script asks for a process
// of its own (`@process`). The server has two workers, among which a script's connections are dealt
// out, all moved by this one thread.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/local.h"
#include "tests/commands/human_format.h"
#include "tests/commands/script.h"
#include "tests/encode_request.h"
#include "tests/no_log.h"

namespace alai {
namespace {

constexpr int kWorkers = 2;
constexpr int64_t kCronPeriodMs = 100;
constexpr int64_t kQuietMs = 100;
constexpr int64_t kPatienceMs = 10'000;
constexpr int64_t kStepMs = 10;
constexpr size_t kFailuresShownMax = 10;
constexpr int kExitSkipped = 77;

// A server on a clock of its own, and its connections by name.
class Process {
 public:
  // Empty, or why the options are not those of a server.
  std::string Start(const std::vector<std::string>& options) {
    const std::vector<std::string_view> args(options.begin(), options.end());
    const auto error = LoadConfig(ParseCommandLine(args), -1, config_);
    if (error) return error->Report();
    config_.io_threads.set(kWorkers);
    start_ms_ = clock_.WallMillis();
    local_ = std::make_unique<Server::Local>(config_, clock_);
    return {};
  }

  // Lets time pass, at most a cron's period at once.
  void Advance(int64_t ms) {
    while (ms > 0) {
      const int64_t to_cron = kCronPeriodMs - (clock_.WallMillis() - start_ms_) % kCronPeriodMs;
      const int64_t step = std::min(ms, to_cron);
      clock_.AdvanceMillis(step);
      ms -= step;
      if (step == to_cron) local_->server().Cron();
      Settle();
    }
  }

  void Send(const std::string& name, std::string_view bytes) {
    Open(name).connection.Send(bytes);
    Settle();
  }

  // Takes the next reply; time passes if it must. False when none comes.
  bool Read(const std::string& name, Reply* reply, std::string* problem) {
    Peer& peer = Open(name);
    for (int64_t waited_ms = 0;; waited_ms += kStepMs) {
      ReplyParser parser(peer.received);
      *reply = Reply();
      const ReplyStatus status = parser.Next(reply);
      if (status == ReplyStatus::kReply) {
        peer.received.erase(0, peer.received.size() - parser.rest().size());
        return true;
      }
      if (status == ReplyStatus::kMalformed) *problem = "not a reply: " + peer.received;
      if (peer.closed) *problem = "the server closed the connection";
      if (waited_ms >= kPatienceMs) *problem = "no reply came";
      if (!problem->empty()) return false;
      Advance(kStepMs);
    }
  }

  // Whether neither bytes nor an end come for a while.
  bool IsQuiet(const std::string& name) {
    Advance(kQuietMs);
    const Peer& peer = Open(name);
    return peer.received.empty() && !peer.closed;
  }

  bool HasEnded(const std::string& name) {
    const Peer& peer = Open(name);
    for (int64_t ms = 0; ms < kPatienceMs && !peer.closed; ms += kStepMs) Advance(kStepMs);
    return peer.closed && peer.received.empty();
  }

  void Close(const std::string& name) {
    Open(name).connection.End();
    Settle();
    peers_.erase(name);
  }

 private:
  struct Peer {
    Server::Local::Connection connection;
    std::string received;
    bool closed = false;
  };

  Peer& Open(const std::string& name) {
    const auto found = peers_.find(name);
    if (found != peers_.end()) return found->second;
    const size_t worker = opened_++ % kWorkers;
    return peers_.emplace(name, Peer{local_->Connect(worker), {}}).first->second;
  }

  // Runs until nothing is left to do now. After a shutdown nobody is connected any more.
  void Settle() {
    const bool down = local_->server().shutdown_requested();
    if (!down) local_->RunUntilIdle();
    for (auto& [name, peer] : peers_) {
      peer.received += peer.connection.Receive();
      peer.closed = peer.connection.closed() || local_->server().shutdown_requested();
    }
  }

  FakeClock clock_{1'700'000'000'000};
  Config config_;
  int64_t start_ms_ = 0;
  std::unique_ptr<Server::Local> local_;
  std::map<std::string, Peer> peers_;
  size_t opened_ = 0;
};

class Player {
 public:
  explicit Player(const Script& script) : script_(script) {}

  // What went wrong, one text each.
  std::vector<std::string> Play() {
    std::vector<std::string> options = {"--enable-debug-command", "yes", "--save", ""};
    options.insert(options.end(), script_.options.begin(), script_.options.end());
    if (const std::string problem = process_.Start(options); !problem.empty()) return {problem};
    for (const ScriptStep& step : script_.steps) {
      PlayStep(step);
      if (failures_.size() >= kFailuresShownMax) break;
    }
    return failures_;
  }

 private:
  using Verb = ScriptStep::Verb;

  void PlayStep(const ScriptStep& step) {
    switch (step.verb) {
      case Verb::kAdvance:
        return Advance(step);
      case Verb::kConnection:
        name_ = step.text;
        return;
      case Verb::kClose:
        return process_.Close(name_);
      case Verb::kResp:
        return SwitchProtocol(step);
      case Verb::kServer:
        if (step.text != "alai" && step.text != "all") Fail(step, "@server alai or @server all");
        return;
      default:
        return Exchange(step);
    }
  }

  void Advance(const ScriptStep& step) {
    const int64_t ms = ParseDurationMillis(step.text);
    if (ms < 0) return Fail(step, "not a duration such as 30ms or 2s");
    process_.Advance(ms);
  }

  void SwitchProtocol(const ScriptStep& step) {
    process_.Send(name_, EncodeRequest({"HELLO", step.text}));
    Reply reply;
    std::string problem;
    if (!process_.Read(name_, &reply, &problem)) return Fail(step, problem);
    if (reply.is_error()) Fail(step, "HELLO " + step.text + " said " + reply.text);
  }

  // Sends what a step says, if anything, and checks what comes back.
  void Exchange(const ScriptStep& step) {
    if (step.verb != Verb::kRead) {
      const auto words = SplitArguments(Substitute(step.text, captured_));
      if (!words) return Fail(step, "quotes that do not pair up");
      std::string bytes;
      if (step.verb == Verb::kRequest) {
        bytes = EncodeRequest(*words);
      } else {
        for (const std::string& word : *words) bytes += word;
      }
      process_.Send(name_, bytes);
    }
    if (step.expected.no_reply && !process_.IsQuiet(name_)) {
      Fail(step, "something came where no reply is expected");
    }
    if (step.expected.wants_reply() && !CheckReply(step)) return process_.Close(name_);
    if (!step.expected.closed) return;
    if (!process_.HasEnded(name_)) Fail(step, "the server did not close the connection");
    process_.Close(name_);
  }

  // False when there was no reply.
  bool CheckReply(const ScriptStep& step) {
    Reply reply;
    std::string problem;
    if (!process_.Read(name_, &reply, &problem)) {
      Fail(step, problem);
      return false;
    }
    if (!step.expected.capture.empty()) {
      captured_[step.expected.capture] = CapturedText(reply);
      return true;
    }
    std::vector<std::string> wanted;
    for (const std::string& line : step.expected.lines) {
      wanted.push_back(Substitute(line, captured_));
    }
    if (!Agrees(wanted, step.expected.unordered, reply)) {
      Fail(step, Listing("expected", wanted) + Listing("received", FormatReply(reply)));
    }
    return true;
  }

  // What stands for a captured reply in later lines: bytes are quoted, to be one argument.
  static std::string CapturedText(const Reply& reply) {
    if (reply.type == Reply::Type::kInteger) return std::to_string(reply.integer);
    const bool word =
        !reply.text.empty() && std::all_of(reply.text.begin(), reply.text.end(),
                                           [](unsigned char c) { return std::isalnum(c) != 0; });
    if (reply.type == Reply::Type::kBulk) return word ? reply.text : QuoteText(reply.text);
    return FormatReply(reply).front();
  }

  static std::string Listing(std::string_view mark, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
      text.append("    ").append(mark).append(" ").append(line).append("\n");
    }
    return text;
  }

  void Fail(const ScriptStep& step, const std::string& what) {
    failures_.push_back("line " + std::to_string(step.line) + ": " + step.text + "\n" + what);
  }

  const Script& script_;
  Process process_;
  std::string name_ = "main";
  Captured captured_;
  std::vector<std::string> failures_;
};

enum class Outcome : uint8_t { kPassed, kFailed, kSkipped };

Outcome PlayFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Script script;
  std::string error;
  if (!file) {
    error = "cannot be read";
  } else if (!ParseScript(text, &script, &error)) {
    error += ", so nothing was played";
  } else if (!script.process.empty()) {
    std::printf("skipped %s: it needs a process of its own: %s\n", path, script.process.c_str());
    return Outcome::kSkipped;
  }
  const int64_t began_ns = SystemClock::Get()->MonotonicNanos();
  std::vector<std::string> failures;
  if (error.empty()) {
    failures = Player(script).Play();
  } else {
    failures.push_back(error);
  }
  for (const std::string& failure : failures) std::printf("%s: %s\n", path, failure.c_str());
  const int64_t spent_ms = (SystemClock::Get()->MonotonicNanos() - began_ns) / 1'000'000;
  std::printf("%s %s (%zu steps, %lld ms)\n", failures.empty() ? "ok" : "FAILED", path,
              script.steps.size(), static_cast<long long>(spent_ms));
  return failures.empty() ? Outcome::kPassed : Outcome::kFailed;
}

int PlayFiles(int count, char** paths) {
  SilenceLog();
  int failed = 0;
  int skipped = 0;
  for (int i = 0; i < count; ++i) {
    const Outcome outcome = PlayFile(paths[i]);
    failed += outcome == Outcome::kFailed ? 1 : 0;
    skipped += outcome == Outcome::kSkipped ? 1 : 0;
  }
  if (failed > 0 || count == 0) return EXIT_FAILURE;
  return skipped == count ? kExitSkipped : EXIT_SUCCESS;
}

}  // namespace
}  // namespace alai

int main(int argc, char** argv) { return alai::PlayFiles(argc - 1, argv + 1); }
