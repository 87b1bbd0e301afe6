// The processes of one task, seen from its supervisor: the leader with its group, and whatever was
// orphaned below it, as orphans come to the supervisor. A child stays a zombie until it is reaped
// here, so a pid that is signalled is never a stranger's. Where the task has a pid namespace or
// cgroups of its own, it is also all that is in there.
#pragma once

#include <sys/types.h>

#include "agent/supervisor/record.h"

namespace shoal::agent {

class Family {
 public:
  // `leader`: a child, in a session and group of its own. `cgroup`: the folder to kill by, null:
  // there is none. All signals are blocked.
  Family(pid_t leader, const char* cgroup) : leader_(leader), cgroup_(cgroup) {}

  // Passes signals on (agent/supervisor/record.h) until the leader has ended and everything that it
  // left is killed and reaped. What SIGKILL does not end within a second is left, unless it is in
  // an uninterruptible sleep: the task has not ended while it may still write.
  ExitPayload stay_until_the_end();

 private:
  void terminate() const;
  void kill_all() const;
  void kill_rest() const;
  ExitPayload finish() const;

  pid_t leader_;
  const char* cgroup_;
};

}  // namespace shoal::agent
