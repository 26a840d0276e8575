// How much memory the process's control group allows it: its own limit and those of all groups around it, of
// which the smallest holds.
//
//   /proc/self/cgroup            where the process is                     its limits, up to the root
//   0::/system.slice/x.service   in the one hierarchy of version 2        /sys/fs/cgroup/…/memory.max
//   4:memory:/docker/1a2b        in version 1's of the memory controller  /sys/fs/cgroup/memory/…/memory.limit_in_bytes
//
// In a container the path may be the one that the host sees; what of it is not there is passed over, and the
// root has the container's own limit.
//
// Threads     Any.
#pragma once

#include <cstdint>
#include <string>

namespace alai {

// In bytes; UINT64_MAX when there is none. `root` stands before the names of all files that are read; empty for
// the system's own.
uint64_t ControlGroupMemoryMax(const std::string& root);

}  // namespace alai
