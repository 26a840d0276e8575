// Reads the tables of facts beside the tests.
#pragma once

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "server/command_spec.h"

namespace alai {

// Commands of these groups are known to no other server.
inline bool IsOursAlone(Group group) {
  return group == Group::kRate || group == Group::kOrigin || group == Group::kKeyClass;
}

// The rows of a file, split at tabs; lines that begin with '#' are comments.
inline std::vector<std::vector<std::string>> ReadReference(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> row(1);
    for (const char c : line) {
      if (c == '\t') {
        row.emplace_back();
      } else {
        row.back() += c;
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace alai
