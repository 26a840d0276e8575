// The memory that control groups allow, on trees of files like the kernel's.
#include "server/process/control_group.h"

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/catch.h"
#include "tests/server/temporary_folder.h"

namespace alai {
namespace {

constexpr uint64_t kNone = UINT64_MAX;

struct Tree {
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder.Path(name)).parent_path());
    folder.Write(name, text);
  }
  uint64_t Max() const { return ControlGroupMemoryMax(folder.path()); }

  TemporaryFolder folder;
};

TEST_CASE("a system without control groups sets no limit") { CHECK(Tree().Max() == kNone); }

TEST_CASE("version 2: the smallest limit of the group and of those around it holds") {
  Tree tree;
  tree.Write("proc/self/cgroup", "0::/system.slice/alai.service\n");
  CHECK(tree.Max() == kNone);
  tree.Write("sys/fs/cgroup/system.slice/alai.service/memory.max", "1000000\n");
  CHECK(tree.Max() == 1'000'000);
  tree.Write("sys/fs/cgroup/system.slice/memory.max", "max\n");
  CHECK(tree.Max() == 1'000'000);
  tree.Write("sys/fs/cgroup/system.slice/memory.max", "900000\n");
  CHECK(tree.Max() == 900'000);
  tree.Write("sys/fs/cgroup/memory.max", "800000\n");
  CHECK(tree.Max() == 800'000);
  // Somebody else's.
  tree.Write("sys/fs/cgroup/system.slice/other.service/memory.max", "1\n");
  tree.Write("sys/fs/cgroup/system.slice/alai.service/child/memory.max", "2\n");
  CHECK(tree.Max() == 800'000);
}

TEST_CASE("version 1: the memory controller's own hierarchy counts") {
  Tree tree;
  tree.Write("proc/self/cgroup",
             "12:cpu,cpuacct:/cpu\n5:hugetlb,memory:/docker/1a2b\n1:name=systemd:/x\n0::/y\n");
  tree.Write("sys/fs/cgroup/memory/cpu/memory.limit_in_bytes", "1\n");
  tree.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(tree.Max() == 9'223'372'036'854'771'712u);
  tree.Write("sys/fs/cgroup/memory/docker/1a2b/memory.limit_in_bytes", "700000\n");
  CHECK(tree.Max() == 700'000);
  tree.Write("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "600000\n");
  CHECK(tree.Max() == 600'000);
  // Both versions at once.
  tree.Write("sys/fs/cgroup/y/memory.max", "500000\n");
  CHECK(tree.Max() == 500'000);
}

TEST_CASE("in a container the root has its limit, wherever the process is said to be") {
  const char* const path = GENERATE("/", "/host/only", "/../outside", "");
  Tree tree;
  tree.Write("outside/memory.max", "1\n");
  tree.Write("sys/fs/outside/memory.max", "1\n");
  tree.Write("sys/fs/cgroup/memory.max", "400000\n");
  tree.Write("proc/self/cgroup", std::string("0::") + path + "\n");
  CHECK(tree.Max() == 400'000);
}

TEST_CASE("what cannot be read as a limit is none") {
  Tree tree;
  tree.Write("proc/self/cgroup", "nonsense\n0:\n\n0::/a");
  tree.Write("sys/fs/cgroup/a/memory.max", "");
  tree.Write("sys/fs/cgroup/memory.max", "many\n");
  CHECK(tree.Max() == kNone);
}

}  // namespace
}  // namespace alai
