// How much disk a folder takes, with all below it.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

// A walk that can be broken off and goes on where it was. Counts blocks, as du does: a hole takes
// none, and a file of several names counts once. Follows no links and leaves no file system. What
// is changed meanwhile may be counted twice or not at all. Calls block; one thread at a time.
class DiskWalk {
 public:
  // Deeper folders are not entered: each takes a descriptor.
  static constexpr std::size_t kMaxDepth = 128;

  explicit DiskWalk(UniqueFd folder);

  // Looks at `entries` more, or at all that are left. How many there were; fewer than asked for:
  // it is done.
  std::size_t step(std::size_t entries);

  std::uint64_t bytes() const { return bytes_; }
  bool is_too_deep() const { return is_too_deep_; }  // there is more, below kMaxDepth

 private:
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  using Dir = std::unique_ptr<DIR, Close>;

  void look_at(int folder, const char* name);
  bool enter(UniqueFd folder);

  std::vector<Dir> open_;  // from the root to where it is
  std::uint64_t device_ = 0;
  std::uint64_t bytes_ = 0;
  bool is_too_deep_ = false;
  absl::flat_hash_set<std::uint64_t> seen_;  // inodes that have several names
};

}  // namespace shoal::agent
