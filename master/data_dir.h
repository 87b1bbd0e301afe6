// The master's folder: one master at a time, and the id of its cluster.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace shoal::master {

class DataDir {
 public:
  // Makes the folder (0700) when it is missing and locks it. Errors: FAILED_PRECONDITION (another
  // master has it, or it holds another kind of cluster file), and whatever the system refuses; one
  // line that names the path.
  static absl::StatusOr<DataDir> open(const std::string& path);

  DataDir(DataDir&& other) noexcept;
  DataDir& operator=(DataDir&&) = delete;
  ~DataDir();

  // Of the file that SqliteRegistry keeps.
  std::string registry_path() const { return registry_path_in(path_); }
  static std::string registry_path_in(const std::string& folder) { return folder + "/registry.db"; }

  // <path>/cluster_id: written at the first start with `fresh`, read at every later one.
  absl::StatusOr<std::uint64_t> cluster_id(std::uint64_t fresh);
  // The same without writing: 0 when there is none yet.
  absl::StatusOr<std::uint64_t> known_cluster_id() const;

 private:
  DataDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_;
};

}  // namespace shoal::master
