#include "server/process/control_group.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "engine/base/number.h"

namespace alai {
namespace {

// A file with one number; none when it says "max" or is not there.
uint64_t ReadMemoryMax(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  uint64_t limit;
  return file >> word && ParseUint64(word, &limit) ? limit : UINT64_MAX;
}

// Of the group at `path` and of those around it. A path that leads out of what is mounted tells of the root
// alone.
uint64_t SmallestAbove(const std::string& mount, std::string path, const std::string& file) {
  if (path.find("/..") != std::string::npos) path.clear();
  uint64_t smallest = UINT64_MAX;
  for (;;) {
    std::string limit = mount;
    limit.append(path).append("/").append(file);
    smallest = std::min(smallest, ReadMemoryMax(limit));
    const size_t end = path.find_last_of('/');
    if (path.empty() || end == std::string::npos) return smallest;
    path.resize(end);
  }
}

bool HasMemory(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

}  // namespace

uint64_t ControlGroupMemoryMax(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::string unified_path;
  std::string memory_path;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t controllers = line.find(':') + 1;
    const size_t path = line.find(':', controllers) + 1;
    if (controllers == 0 || path == 0) continue;
    const std::string_view names =
        std::string_view(line).substr(controllers, path - 1 - controllers);
    if (names.empty()) unified_path = line.substr(path);
    if (HasMemory(names)) memory_path = line.substr(path);
  }
  return std::min(SmallestAbove(mount, unified_path, "memory.max"),
                  SmallestAbove(mount + "/memory", memory_path, "memory.limit_in_bytes"));
}

}  // namespace alai
