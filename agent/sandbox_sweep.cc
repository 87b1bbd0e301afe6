#include "agent/sandbox_sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/folders.h"

namespace shoal::agent {

namespace {

// A clock that is set back a little is no reason to touch anything.
constexpr std::int64_t kFutureMs = 3'600'000;

std::int64_t ms_of(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

// The names in an open folder that may be ids.
std::vector<std::string> ids_in(int folder) {
  std::vector<std::string> names;
  UniqueFd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd.valid() ? ::fdopendir(fd.get()) : nullptr,
                                                    ::closedir);
  if (!listing) return names;
  fd.release();
  while (const dirent* entry = ::readdir(listing.get())) {
    if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
    if (check_id("folder", entry->d_name).ok()) names.emplace_back(entry->d_name);
  }
  return names;
}

// Of the folder and of what is written most; 0: it is no folder (any more).
std::int64_t ended_at(int task_folder, const std::string& run, std::int64_t now_ms) {
  struct stat info {};
  if (::fstatat(task_folder, run.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISDIR(info.st_mode)) {
    return 0;
  }
  std::int64_t newest = ms_of(info.st_mtim);
  for (const char* name : {"stdout", "stderr"}) {
    if (::fstatat(task_folder, absl::StrCat(run, "/", name).c_str(), &info, AT_SYMLINK_NOFOLLOW) ==
        0) {
      newest = std::max(newest, ms_of(info.st_mtim));
    }
  }
  if (newest <= now_ms + kFutureMs) return std::min(newest, now_ms);
  const timespec now[2] = {{now_ms / 1000, now_ms % 1000 * 1'000'000},
                           {now_ms / 1000, now_ms % 1000 * 1'000'000}};
  for (const char* name : {"", "/stdout", "/stderr"}) {
    ::utimensat(task_folder, absl::StrCat(run, name).c_str(), now, AT_SYMLINK_NOFOLLOW);
  }
  return now_ms;
}

bool is_older(const EndedSandbox& a, const EndedSandbox& b) {
  return std::tie(a.ended_ms, a.id.run_uuid) < std::tie(b.ended_ms, b.id.run_uuid);
}

}  // namespace

core::Duration KeepRule::max_age(double usage) const {
  const double part = std::clamp(1.0 - headroom - usage, 0.0, 1.0);
  return std::chrono::duration_cast<core::Duration>(delay * part);
}

absl::StatusOr<double> disk_usage(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) {
    return errno_status(errno, absl::StrCat("looking at the disk of ", path));
  }
  const auto part = [](fsblkcnt_t total, fsblkcnt_t free, fsblkcnt_t available) {
    const double used = static_cast<double>(total - std::min(free, total));
    const double usable = used + static_cast<double>(available);
    return usable > 0 ? used / usable : 0;  // some file systems count no inodes
  };
  return std::max(part(info.f_blocks, info.f_bfree, info.f_bavail),
                  part(info.f_files, info.f_ffree, info.f_favail));
}

absl::StatusOr<SandboxScan> scan_sandboxes(const std::string& data_dir, std::int64_t until_ms,
                                           std::int64_t now_ms,
                                           const absl::flat_hash_set<std::string>& in_use,
                                           std::size_t most) {
  SandboxScan scan;
  const auto base = open_base(data_dir);
  if (!base.ok()) return base.status();
  const auto sandboxes = open_folder(base->get(), kSandboxes);
  if (absl::IsNotFound(sandboxes.status())) return scan;
  if (!sandboxes.ok()) return sandboxes.status();
  for (const std::string& framework : ids_in(sandboxes->get())) {
    const auto framework_folder = open_folder(sandboxes->get(), framework);
    if (!framework_folder.ok()) continue;
    for (const std::string& task : ids_in(framework_folder->get())) {
      const auto task_folder = open_folder(framework_folder->get(), task);
      if (!task_folder.ok()) continue;
      for (const std::string& run : ids_in(task_folder->get())) {
        if (in_use.contains(run)) continue;
        const std::int64_t ended_ms = ended_at(task_folder->get(), run, now_ms);
        if (ended_ms == 0) continue;
        ++scan.kept;
        if (ended_ms > until_ms) continue;
        // A heap with the newest at the front, which goes when there are too many.
        scan.old.push_back({{framework, task, run}, ended_ms});
        std::push_heap(scan.old.begin(), scan.old.end(), is_older);
        if (scan.old.size() <= most) continue;
        scan.has_more = true;
        std::pop_heap(scan.old.begin(), scan.old.end(), is_older);
        scan.old.pop_back();
      }
    }
  }
  std::sort_heap(scan.old.begin(), scan.old.end(), is_older);
  return scan;
}

absl::Status SandboxRemover::take(const SandboxId& id) {
  const auto folder = open_task_folder(data_dir_, id.framework_id, id.task_id);
  if (absl::IsNotFound(folder.status())) return absl::OkStatus();
  if (!folder.ok()) return folder.status();
  absl::Status taken = trash_.take(folder->get(), id.run_uuid);
  if (absl::IsNotFound(taken)) return absl::OkStatus();
  return taken;
}

void tidy_after(const std::string& data_dir, const SandboxId& id) {
  const auto latest = latest_run(data_dir, id.framework_id, id.task_id);
  const auto task = open_task_folder(data_dir, id.framework_id, id.task_id);
  if (!task.ok()) return;
  if (latest.ok() && *latest == id.run_uuid) ::unlinkat(task->get(), kLatest, 0);
  const auto base = open_base(data_dir);
  if (!base.ok()) return;
  const auto sandboxes = open_folder(base->get(), kSandboxes);
  if (!sandboxes.ok()) return;
  const auto framework = open_folder(sandboxes->get(), id.framework_id);
  if (!framework.ok()) return;
  // Each only if nothing is left in it.
  if (::unlinkat(framework->get(), id.task_id.c_str(), AT_REMOVEDIR) != 0) return;
  ::unlinkat(sandboxes->get(), id.framework_id.c_str(), AT_REMOVEDIR);
}

}  // namespace shoal::agent
