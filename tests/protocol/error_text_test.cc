// Error texts with a part that varies, as redis-server 7.0 words and cuts them.
#include "protocol/error_text.h"

#include <string>
#include <vector>

#include "tests/catch.h"

namespace alai {
namespace {

using error_text::UnknownCommand;

std::string Unknown(std::vector<std::string_view> argv) { return UnknownCommand(argv); }

TEST_CASE("An unknown command is shown with the beginning of its arguments") {
  CHECK(Unknown({"foo"}) == "ERR unknown command 'foo', with args beginning with: ");
  CHECK(Unknown({"FoO", "bar"}) == "ERR unknown command 'FoO', with args beginning with: 'bar' ");
  CHECK(Unknown({""}) == "ERR unknown command '', with args beginning with: ");
  CHECK(Unknown({"a", "", "b c"}) ==
        "ERR unknown command 'a', with args beginning with: '' 'b c' ");
}

TEST_CASE("An unknown command shows 128 bytes of its name and of its arguments") {
  const std::string begin = "ERR unknown command 'foo', with args beginning with: ";
  const auto xs = [](size_t count) { return std::string(count, 'x'); };
  CHECK(Unknown({xs(200)}) == "ERR unknown command '" + xs(128) + "', with args beginning with: ");
  CHECK(Unknown({"foo", xs(124), "yy", "zz"}) == begin + "'" + xs(124) + "' 'y' ");
  CHECK(Unknown({"foo", xs(125), "yy", "zz"}) == begin + "'" + xs(125) + "' ");
  CHECK(Unknown({"foo", xs(300), "yy"}) == begin + "'" + xs(128) + "' ");
  CHECK(Unknown({"foo", "aaa", xs(300), "yy"}) == begin + "'aaa' '" + xs(122) + "' ");
}

TEST_CASE("A zero byte ends what is shown of a word") {
  CHECK(Unknown({{"fo\0bar", 6}, {"a\0b", 3}, "c"}) ==
        "ERR unknown command 'fo', with args beginning with: 'a' 'c' ");
  CHECK(error_text::UnknownSubcommand("config", {"F\0o", 3}) ==
        "ERR unknown subcommand 'F'. Try CONFIG HELP.");
}

TEST_CASE("Texts with a part that varies") {
  CHECK(error_text::WrongArgumentCount("get") == "ERR wrong number of arguments for 'get' command");
  CHECK(error_text::WrongArgumentCount("config|get") ==
        "ERR wrong number of arguments for 'config|get' command");
  CHECK(error_text::UnknownSubcommand("config", "foo") ==
        "ERR unknown subcommand 'foo'. Try CONFIG HELP.");
  CHECK(error_text::UnknownSubcommand("client", std::string(200, 'x')) ==
        "ERR unknown subcommand '" + std::string(128, 'x') + "'. Try CLIENT HELP.");
  CHECK(error_text::SubcommandSyntax("memory", "usage") ==
        "ERR unknown subcommand or wrong number of arguments for 'usage'. Try MEMORY HELP.");
  CHECK(error_text::InvalidExpireTime("set") == "ERR invalid expire time in 'set' command");
  CHECK(error_text::OutOfRange(-1, 10) ==
        "ERR value is out of range, value must between -1 and 10");
  CHECK(error_text::ExpectedBulk('x') == "ERR Protocol error: expected '$', got 'x'");
}

}  // namespace
}  // namespace alai
