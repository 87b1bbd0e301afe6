// Persistent volumes as folders, and how tasks get at them.
//
//   <data>/volumes/<role>/<id>/     0700; the role's slashes are blanks, which no role has
//   <data>/removed/<number>/        what volumes held, until it is deleted piece by piece
//
// A volume of a path or mount disk stands in the same way below that disk's root.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/task_user.h"
#include "agent/trash.h"
#include "core/lot.h"
#include "core/resources.h"

namespace shoal::agent {

// `tags` hold a volume, here and below.
std::string volume_path(const std::string& data_dir, const core::LotTags& tags);

// Whether any folder stands where volumes do. Errors: it cannot be read.
absl::StatusOr<bool> has_volumes(const std::string& data_dir);

class VolumeFolders {
 public:
  explicit VolumeFolders(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  // Durable when it returns. ALREADY_EXISTS: something is in its place, which is left alone.
  absl::Status make(const core::LotTags& tags);
  // Out of sight at once. NOT_FOUND: it was not there.
  absl::Status remove(const core::LotTags& tags);

  // At start: removes folders below <data>/volumes that are no volumes of `total`, as after a crash
  // between an operation's steps; what a crash left in <data>/removed is deleted by purge_some().
  // Gives the paths of volumes whose folder is missing.
  absl::StatusOr<std::vector<std::string>> sweep(const core::Resources& total);

  // Deletes about so many files and folders of what was removed. False: nothing is left to do.
  bool purge_some(std::size_t entries);
  // Folders of what was removed that purge_some() has failed to delete.
  std::size_t undeletable() const;

 private:
  Trash& trash_of(const std::string& base);

  std::string data_dir_;
  std::vector<std::unique_ptr<Trash>> trashes_;  // one per disk that something was removed from
};

// A link in the sandbox, an open folder that its task has not seen yet, for each volume of
// `resources`, at its container path. The volume, not what is in it, becomes the user's, if one is
// named; a shared one only while it is nobody's. Errors, one line: a folder is missing, a path
// leads out of the sandbox, or something is there already.
absl::Status link_volumes(const std::string& data_dir, int sandbox,
                          const core::Resources& resources, const TaskUser* user = nullptr);

}  // namespace shoal::agent
