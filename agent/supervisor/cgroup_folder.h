// One folder of a cgroup file system, version 1 or 2: kill what is in it, see whether it is empty,
// remove it. With nothing but libc and without memory of its own: the supervisor and the agent use
// it. Paths are absolute and without a '/' at their end. Errors in errno.
#pragma once

#include <cstdint>

namespace shoal::agent {

// Longer ones are refused with ENAMETOOLONG.
inline constexpr int kMaxCgroupPath = 1024;

// `text` into the file `name` of the folder.
bool write_cgroup_file(const char* folder, const char* name, const char* text);

// The number that a file holds, or that stands after `key` in a file of "key number" lines (`key`
// not null). False: no such file, no such key, or no number ("max").
bool read_cgroup_number(const char* folder, const char* name, const char* key,
                        std::uint64_t* value);

// How many of its processes the kernel has killed for want of memory. False: not told there.
bool read_oom_kills(const char* folder, std::uint64_t* kills);

// SIGKILL to everything in the folder, also in folders below it when the kernel has cgroup.kill.
// Else it is frozen for that, where it can be, so that nothing escapes by forking. Does not wait.
// False: nothing could be sent.
bool kill_cgroup(const char* folder);

// The same without cgroup.kill: one by one.
bool kill_each_of_cgroup(const char* folder);

// Of version 2: with all that is below it. Also when there is no such folder.
bool is_cgroup_empty(const char* folder);

// True: it is gone. Folders below it keep it.
bool remove_cgroup(const char* folder);

}  // namespace shoal::agent
