// Deletes folders of any size and depth without stopping the loop for long: a folder that is thrown
// away is moved aside in one step, and what it holds goes in small portions.
//
// A task may have built what is deleted, so nothing trusts it: no link is followed, no path is put
// together, and depth costs neither descriptors nor stack, because a folder within a folder is
// moved up to the top and waits for its turn.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

class Trash {
 public:
  // `folder`: absolute, on the file system of what is thrown away; made when needed. Nobody else
  // uses it.
  explicit Trash(std::string folder) : folder_(std::move(folder)) {}
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  const std::string& folder() const { return folder_; }

  // Moves the folder `name` of the open folder `parent` here. Errors as errno_status.
  absl::Status take(int parent, const std::string& name);

  // Deletes about so many files and folders, also those that an earlier process threw away. False:
  // nothing is left, but for what cannot be deleted (see failures()).
  bool purge_some(std::size_t entries);
  std::size_t failures() const { return failed_.size(); }

 private:
  struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  using Dir = std::unique_ptr<DIR, CloseDir>;

  absl::Status open(bool make);
  Dir list() const;
  bool move_here(int parent, const char* name);
  bool begin_next();
  void delete_in_current(const char* name);
  void end_current();

  std::string folder_;
  UniqueFd fd_;
  std::uint64_t next_name_ = 0;
  Dir current_;            // being emptied
  std::string name_;       // its name in folder_
  bool is_stuck_ = false;  // something in it cannot be deleted
  std::set<std::string> failed_;
};

}  // namespace shoal::agent
