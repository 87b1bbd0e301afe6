// What a task sees of the file system: changed in a mount namespace of its own, before it begins.
// Nothing but libc, no memory of its own. False: it is not done, and errno says why.
#pragma once

namespace shoal::agent {

// In a new mount namespace. What the operator mounts later is seen in there; what is mounted in
// there is not seen outside. /proc is of its pid namespace, /dev/mqueue of its IPC namespace. What
// a task of the user root could change the machine with is read-only, what it could spy on it with
// is empty.
bool arrange_mounts();

// The folder or file, and all that is mounted below it.
bool make_read_only(const char* path);
// The folder alone, also below one that was made read-only.
bool make_writable(const char* path);
// An empty one, in memory.
bool mount_tmpfs(const char* path);

}  // namespace shoal::agent
