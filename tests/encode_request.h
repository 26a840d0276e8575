// Requests as clients send them, for the tests that speak to a server in their own process.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace alai {

// The RESP form of a request made of these words, any range of strings.
template <class Words>
std::string EncodeRequest(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    bytes.append("$").append(std::to_string(word.size())).append("\r\n");
    bytes.append(word).append("\r\n");
  }
  return bytes;
}

inline std::string EncodeRequest(std::initializer_list<std::string_view> words) {
  return EncodeRequest<std::initializer_list<std::string_view>>(words);
}

}  // namespace alai
