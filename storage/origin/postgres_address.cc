#include "storage/origin/postgres_address.h"

#include <libpq-fe.h>

#include <fstream>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace alai::origin {
namespace {

constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"connect_timeout", "2"},     {"keepalives", "1"},         {"keepalives_idle", "10"},
    {"keepalives_interval", "5"}, {"keepalives_count", "3"},   {"tcp_user_timeout", "10000"},
    {"application_name", "alai"}, {"client_encoding", "UTF8"},
};

// Within quotes, a quote and a backslash are written with a backslash.
void Append(std::string_view name, std::string_view value, std::string* text) {
  if (!text->empty()) *text += ' ';
  text->append(name).append("='");
  for (const char c : value) {
    if (c == '\'' || c == '\\') *text += '\\';
    *text += c;
  }
  *text += '\'';
}

absl::Status ReadPassword(const std::string& path, std::string* password) {
  std::ifstream file(path);
  if (!file || !std::getline(file, *password)) {
    return absl::NotFoundError("the password file " + path + " cannot be read");
  }
  if (!password->empty() && password->back() == '\r') password->pop_back();
  return absl::OkStatus();
}

}  // namespace

absl::Status ConnectionString(const PostgresAddress& address, std::string* text) {
  char* words = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(address.url.c_str(), &words), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> error(words, &PQfreemem);
  if (options == nullptr) {
    std::string why = error == nullptr ? "out of memory" : error.get();
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return absl::InvalidArgumentError(why);
  }
  text->clear();
  std::vector<std::string_view> given;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    given.emplace_back(option->keyword);
    Append(option->keyword, option->val, text);
  }
  for (const auto& [name, value] : kDefaults) {
    bool is_given = false;
    for (const std::string_view each : given) is_given |= each == name;
    if (!is_given) Append(name, value, text);
  }
  if (address.password_file.empty()) return absl::OkStatus();
  std::string password;
  if (absl::Status status = ReadPassword(address.password_file, &password); !status.ok()) {
    return status;
  }
  Append("password", password, text);
  return absl::OkStatus();
}

}  // namespace alai::origin
