// Tells when files of sandboxes change: one inotify descriptor for all that are followed.
//
// Threads: one at a time. The owner watches fd() for reading and calls drain() then.
//
// A follower first calls follow(), then reads to the end: what is written in between is reported.
// Changes are reported at least once, possibly once for many writes, and possibly without need
// (after the kernel's queue overflowed every file is reported).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

enum class LogChange {
  kGrew,
  kTruncated,  // shorter than it was: read from 0
  kReplaced,   // another file has the name now: open it again, read from 0
  kRemoved     // or replaced by something that is no regular file; may come back as kReplaced
};

using FollowId = std::uint64_t;

struct LogEvent {
  FollowId id = 0;
  LogChange change = LogChange::kGrew;
};

class LogFollower {
 public:
  static absl::StatusOr<LogFollower> create();
  LogFollower(LogFollower&&) = default;
  LogFollower& operator=(LogFollower&&) = default;

  int fd() const { return inotify_.get(); }

  // Follows `name`, a file directly in the open folder `sandbox`. Errors as open_sandbox_file;
  // ResourceExhausted: no inotify watch left (fs.inotify.max_user_watches).
  absl::StatusOr<FollowId> follow(int sandbox, const std::string& name);
  void unfollow(FollowId id);

  // What has changed, each file at most once a call. Bounded work: reads one buffer of events; the
  // descriptor stays readable while there is more.
  std::vector<LogEvent> drain();

 private:
  struct Followed {
    UniqueFd folder;
    std::string name;
    UniqueFd file;  // invalid while the name is gone
    std::uint64_t size = 0;
    int folder_watch = -1;
    int file_watch = -1;
  };

  LogFollower() = default;
  absl::StatusOr<int> watch(int fd, std::uint32_t mask, FollowId id);
  void unwatch(int watch, FollowId id);
  absl::Status attach(Followed* followed, FollowId id);
  void look_again(FollowId id, std::vector<LogEvent>* events);

  UniqueFd inotify_;
  FollowId next_id_ = 1;
  absl::flat_hash_map<FollowId, Followed> followed_;
  // One inode has one watch, however many follow it.
  absl::flat_hash_map<int, std::vector<FollowId>> by_watch_;
};

}  // namespace shoal::agent
