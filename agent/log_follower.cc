#include "agent/log_follower.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/log_reader.h"

namespace shoal::agent {

namespace {

// Writes are watched on the file, not on its folder: a task that writes other files of its sandbox
// does not wake the agent.
constexpr std::uint32_t kFileMask = IN_MODIFY;
constexpr std::uint32_t kFolderMask =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
constexpr std::size_t kEventBufferBytes = 16 * 1024;

bool same_file(int a, int b) {
  struct stat x {};
  struct stat y {};
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

}  // namespace

absl::StatusOr<LogFollower> LogFollower::create() {
  LogFollower follower;
  follower.inotify_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!follower.inotify_.valid()) return errno_status(errno, "starting to follow logs (inotify)");
  return follower;
}

absl::StatusOr<int> LogFollower::watch(int fd, std::uint32_t mask, FollowId id) {
  // Through the descriptor, not the name: the name may be another file by now.
  const std::string path = absl::StrCat("/proc/self/fd/", fd);
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), mask);
  if (watch < 0) {
    return errno_status(errno, "following a log (inotify watch; see fs.inotify.max_user_watches)");
  }
  by_watch_[watch].push_back(id);
  return watch;
}

void LogFollower::unwatch(int watch, FollowId id) {
  const auto found = by_watch_.find(watch);
  if (found == by_watch_.end()) return;
  auto& ids = found->second;
  ids.erase(std::remove(ids.begin(), ids.end(), id), ids.end());
  if (!ids.empty()) return;
  by_watch_.erase(found);
  ::inotify_rm_watch(inotify_.get(), watch);
}

absl::Status LogFollower::attach(Followed* followed, FollowId id) {
  auto file = open_sandbox_file(followed->folder.get(), followed->name);
  if (!file.ok()) return file.status();
  const auto file_watch = watch(file->get(), kFileMask, id);
  if (!file_watch.ok()) return file_watch.status();
  struct stat info {};
  ::fstat(file->get(), &info);
  followed->size = static_cast<std::uint64_t>(info.st_size);
  followed->file = *std::move(file);
  followed->file_watch = *file_watch;
  return absl::OkStatus();
}

absl::StatusOr<FollowId> LogFollower::follow(int sandbox, const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("can follow only files directly in the sandbox, not ", quoted(name)));
  }
  const FollowId id = next_id_++;
  Followed followed;
  followed.name = name;
  followed.folder = UniqueFd(::fcntl(sandbox, F_DUPFD_CLOEXEC, 3));
  if (!followed.folder.valid()) return errno_status(errno, "following a log");
  // The folder first: a replacement right after the look at the file is seen then.
  const auto folder_watch = watch(followed.folder.get(), kFolderMask, id);
  if (!folder_watch.ok()) return folder_watch.status();
  followed.folder_watch = *folder_watch;
  if (const auto status = attach(&followed, id); !status.ok()) {
    unwatch(followed.folder_watch, id);
    return status;
  }
  followed_.emplace(id, std::move(followed));
  return id;
}

void LogFollower::unfollow(FollowId id) {
  const auto found = followed_.find(id);
  if (found == followed_.end()) return;
  unwatch(found->second.file_watch, id);
  unwatch(found->second.folder_watch, id);
  followed_.erase(found);
}

// Compares what the name is now with what was known of it.
void LogFollower::look_again(FollowId id, std::vector<LogEvent>* events) {
  const auto found = followed_.find(id);
  if (found == followed_.end()) return;
  Followed& followed = found->second;
  const auto now = open_sandbox_file(followed.folder.get(), followed.name);
  if (!now.ok() || !followed.file.valid() || !same_file(now->get(), followed.file.get())) {
    const bool was_there = followed.file.valid();
    unwatch(followed.file_watch, id);
    followed.file_watch = -1;
    followed.file.reset();
    if (now.ok() && attach(&followed, id).ok()) {
      events->push_back({id, LogChange::kReplaced});
    } else if (was_there) {
      events->push_back({id, LogChange::kRemoved});
    }
    return;
  }
  struct stat info {};
  if (::fstat(followed.file.get(), &info) != 0) return;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::uint64_t before = std::exchange(followed.size, size);
  if (size > before) events->push_back({id, LogChange::kGrew});
  if (size < before) events->push_back({id, LogChange::kTruncated});
}

std::vector<LogEvent> LogFollower::drain() {
  alignas(inotify_event) char buffer[kEventBufferBytes];
  const ssize_t got = ::read(inotify_.get(), buffer, sizeof(buffer));
  absl::flat_hash_set<FollowId> touched;
  for (ssize_t at = 0; at < got;) {
    inotify_event event;
    std::memcpy(&event, buffer + at, sizeof(event));
    const char* name = buffer + at + sizeof(event);
    at += static_cast<ssize_t>(sizeof(event) + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      for (const auto& entry : followed_) touched.insert(entry.first);
      continue;
    }
    const auto found = by_watch_.find(event.wd);
    if (found == by_watch_.end()) continue;
    for (const FollowId id : found->second) {
      const auto followed = followed_.find(id);
      if (followed == followed_.end()) continue;
      // A name only comes with events of the folder.
      if (event.len == 0 || followed->second.name == name) touched.insert(id);
    }
  }
  std::vector<LogEvent> events;
  for (const FollowId id : touched) look_again(id, &events);
  return events;
}

}  // namespace shoal::agent
