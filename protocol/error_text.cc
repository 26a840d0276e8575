#include "protocol/error_text.h"

#include "engine/base/ascii.h"

namespace alai::error_text {

namespace {

// What an unknown command's error shows of the command and, together, of its arguments.
constexpr size_t kPreviewBytesMax = 128;

// Pieces of a client's bytes end up in C strings in Redis, so a zero byte ends them.
std::string_view Shown(std::string_view bytes) {
  return bytes.substr(0, bytes.find('\0')).substr(0, kPreviewBytesMax);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = ToUpper(c);
  return upper;
}

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

}  // namespace

std::string WrongArgumentCount(std::string_view command) {
  return Join({"ERR wrong number of arguments for '", command, "' command"});
}

std::string UnknownCommand(std::span<const std::string_view> argv) {
  std::string preview;
  for (size_t i = 1; i < argv.size() && preview.size() < kPreviewBytesMax; ++i) {
    const size_t room = kPreviewBytesMax - preview.size();
    preview += Join({"'", Shown(argv[i]).substr(0, room), "' "});
  }
  return Join({"ERR unknown command '", Shown(argv[0]), "', with args beginning with: ", preview});
}

std::string UnknownSubcommand(std::string_view command, std::string_view subcommand) {
  return Join({"ERR unknown subcommand '", Shown(subcommand), "'. Try ", Upper(command), " HELP."});
}

std::string SubcommandSyntax(std::string_view command, std::string_view subcommand) {
  return Join({"ERR unknown subcommand or wrong number of arguments for '", Shown(subcommand),
               "'. Try ", Upper(command), " HELP."});
}

std::string InvalidExpireTime(std::string_view command) {
  return Join({"ERR invalid expire time in '", command, "' command"});
}

std::string OutOfRange(int64_t min, int64_t max) {
  return Join({"ERR value is out of range, value must between ", std::to_string(min), " and ",
               std::to_string(max)});
}

std::string ExpectedBulk(char got) {
  return Join({"ERR Protocol error: expected '$', got '", std::string_view(&got, 1), "'"});
}

}  // namespace alai::error_text
