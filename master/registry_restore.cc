#include "master/registry_restore.h"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "master/data_dir.h"
#include "master/registry_sqlite.h"

namespace shoal::master {
namespace {

absl::Status move_file(const std::string& from, const std::string& to) {
  std::error_code failed;
  std::filesystem::rename(from, to, failed);
  if (!failed || failed == std::errc::no_such_file_or_directory) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{}: cannot be renamed to {}: {}", from, to, failed.message()));
}

// With what SQLite keeps beside it.
absl::Status keep_old(const std::string& path) {
  for (const char* part : {"-wal", "-shm", ""}) {
    std::error_code ignored;
    std::filesystem::remove(path + ".old" + part, ignored);
    if (absl::Status moved = move_file(path + part, path + ".old" + part); !moved.ok())
      return moved;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status restore_registry(const std::string& data_dir, const std::string& file) {
  absl::StatusOr<DataDir> folder = DataDir::open(data_dir);
  if (!folder.ok()) return folder.status();
  auto backup = SqliteRegistry::open(file, 0, SqliteRegistry::Mode::kRead);
  if (!backup.ok()) return backup.status();
  if (absl::Status sound = (*backup)->check_file(); !sound.ok()) return sound;
  if (auto contents = (*backup)->load(); !contents.ok()) return contents.status();
  const absl::StatusOr<std::uint64_t> cluster = folder->cluster_id((*backup)->cluster_id());
  if (!cluster.ok()) return cluster.status();
  if (*cluster != (*backup)->cluster_id()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: it is of the cluster {:016x}, the folder {} of {:016x}", file,
                    (*backup)->cluster_id(), data_dir, *cluster));
  }
  const std::string path = folder->registry_path();
  const std::string copy = path + ".restored";
  std::error_code ignored;
  std::filesystem::remove(copy, ignored);  // of an attempt that was interrupted
  if (absl::Status copied = (*backup)->copy_to(copy); !copied.ok()) return copied;
  if (absl::Status kept = keep_old(path); !kept.ok()) return kept;
  return move_file(copy, path);
}

}  // namespace shoal::master
