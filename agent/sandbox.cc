#include "agent/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/folders.h"
#include "core/limits.h"

namespace shoal::agent {

namespace {

constexpr mode_t kParentMode = 0711;
constexpr mode_t kRunMode = 0700;
constexpr mode_t kFileMode = 0600;

absl::StatusOr<UniqueFd> make_file(int folder, const char* name) {
  UniqueFd fd(
      ::openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd.valid() || ::fchmod(fd.get(), kFileMode) != 0) {
    return errno_status(errno, absl::StrCat("making sandbox file ", quoted(name)));
  }
  return fd;
}

absl::Status check_ids(std::string_view framework_id, std::string_view task_id) {
  absl::Status status = check_id("framework id", framework_id);
  if (status.ok()) status = check_id("task id", task_id);
  return status;
}

absl::Status check_sandbox_id(const SandboxId& id) {
  absl::Status status = check_ids(id.framework_id, id.task_id);
  if (status.ok()) status = check_id("run id", id.run_uuid);
  if (status.ok() && id.run_uuid == kLatest) {
    status = absl::InvalidArgumentError("run id 'latest' is taken by the pointer to the newest");
  }
  return status;
}

// Replaced in one step, so that a reader sees the old or the new.
absl::Status point_latest_at(int task_folder, const std::string& run) {
  const std::string temporary = absl::StrCat(".", kLatest, ".", ::getpid());
  ::unlinkat(task_folder, temporary.c_str(), 0);  // of a crashed agent with our pid
  if (::symlinkat(run.c_str(), task_folder, temporary.c_str()) != 0) {
    return errno_status(errno, "making the pointer to the newest run");
  }
  if (::renameat(task_folder, temporary.c_str(), task_folder, kLatest) != 0) {
    const int err = errno;
    ::unlinkat(task_folder, temporary.c_str(), 0);
    return errno_status(err, "replacing the pointer to the newest run");
  }
  return absl::OkStatus();
}

absl::Status fill(int task_folder, const std::string& run, Sandbox* sandbox) {
  const auto fill_one = [&](const char* name, UniqueFd* out) {
    auto file = make_file(sandbox->directory.get(), name);
    if (!file.ok()) return file.status();
    *out = *std::move(file);
    return absl::OkStatus();
  };
  absl::Status status = fill_one("stdout", &sandbox->stdout_file);
  if (status.ok()) status = fill_one("stderr", &sandbox->stderr_file);
  if (status.ok()) status = point_latest_at(task_folder, run);
  return status;
}

void remove_run(int task_folder, int run_folder, const std::string& run) {
  ::unlinkat(run_folder, "stdout", 0);
  ::unlinkat(run_folder, "stderr", 0);
  ::unlinkat(task_folder, run.c_str(), AT_REMOVEDIR);
}

}  // namespace

absl::Status check_id(std::string_view what, std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const bool good = !id.empty() && id.size() <= core::kMaxIdBytes && id != "." && id != ".." &&
                    std::all_of(id.begin(), id.end(), allowed);
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      absl::string_view(what.data(), what.size()), " ", quoted(id), " is not 1 to ",
      core::kMaxIdBytes, " characters of A-Z a-z 0-9 . _ - (and neither '.' nor '..')"));
}

std::string sandbox_path(const std::string& data_dir, const SandboxId& id) {
  return absl::StrCat(data_dir, "/", kSandboxes, "/", id.framework_id, "/", id.task_id, "/",
                      id.run_uuid);
}

absl::StatusOr<UniqueFd> open_task_folder(const std::string& data_dir,
                                          std::string_view framework_id, std::string_view task_id) {
  if (absl::Status named = check_ids(framework_id, task_id); !named.ok()) return named;
  auto folder = open_base(data_dir);
  for (const std::string& name :
       {std::string(kSandboxes), std::string(framework_id), std::string(task_id)}) {
    if (!folder.ok()) return folder;
    folder = open_folder(folder->get(), name);
  }
  return folder;
}

absl::StatusOr<Sandbox> create_sandbox(const std::string& data_dir, const SandboxId& id) {
  if (auto status = check_sandbox_id(id); !status.ok()) return status;
  auto folder = open_base(data_dir);
  for (const std::string& name : {std::string(kSandboxes), id.framework_id, id.task_id}) {
    if (!folder.ok()) return folder.status();
    folder = make_folder(folder->get(), name, kParentMode, /*may_exist=*/true);
  }
  if (!folder.ok()) return folder.status();
  auto run = make_folder(folder->get(), id.run_uuid, kRunMode, /*may_exist=*/false);
  if (!run.ok()) return run.status();
  Sandbox sandbox;
  sandbox.path = sandbox_path(data_dir, id);
  sandbox.directory = *std::move(run);
  if (const auto status = fill(folder->get(), id.run_uuid, &sandbox); !status.ok()) {
    remove_run(folder->get(), sandbox.directory.get(), id.run_uuid);
    return status;
  }
  return sandbox;
}

absl::StatusOr<UniqueFd> open_sandbox(const std::string& data_dir, const SandboxId& id) {
  if (auto status = check_sandbox_id(id); !status.ok()) return status;
  auto folder = open_task_folder(data_dir, id.framework_id, id.task_id);
  if (!folder.ok()) return folder;
  return open_folder(folder->get(), id.run_uuid);
}

absl::StatusOr<std::string> latest_run(const std::string& data_dir, std::string_view framework_id,
                                       std::string_view task_id) {
  const auto folder = open_task_folder(data_dir, framework_id, task_id);
  if (!folder.ok()) return folder.status();
  char target[core::kMaxIdBytes + 1];
  const ssize_t length = ::readlinkat(folder->get(), kLatest, target, sizeof(target));
  if (length < 0) return errno_status(errno, "reading the pointer to the newest run");
  std::string run(target, static_cast<std::size_t>(length));
  if (auto status = check_id("newest run", run); !status.ok()) return status;
  return run;
}

void mark_sandbox_ended(const std::string& data_dir, const SandboxId& id, std::int64_t wall_ms) {
  const auto folder = open_sandbox(data_dir, id);
  if (!folder.ok()) return;
  const timespec time = {wall_ms / 1000, wall_ms % 1000 * 1'000'000};
  const timespec times[2] = {time, time};
  ::futimens(folder->get(), times);  // if it fails, the times of what it holds are as good
}

}  // namespace shoal::agent
