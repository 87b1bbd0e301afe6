// A disk that is slow, as this process sees it: while a SlowDisk lives, each call that syncs a file
// or makes, renames or removes one takes as long as it is told; so does each read at an offset
// (pread), if that is asked for: what is read lies elsewhere than in the page cache. It says who
// has waited, so a test can tell that the thread of a loop never did. Writes are the page cache's.
//
// slow_disk.cc puts its own calls in the place of libc's for all of the test program.
#pragma once

#include <chrono>

namespace shoal::agent {

class SlowDisk {
 public:
  // One at a time. `here` below is the thread that makes it.
  SlowDisk(std::chrono::milliseconds sync, std::chrono::milliseconds change,
           std::chrono::milliseconds read = std::chrono::milliseconds(0));
  ~SlowDisk();
  SlowDisk(const SlowDisk&) = delete;
  SlowDisk& operator=(const SlowDisk&) = delete;

  // Calls that were slow so far.
  int here() const;
  int elsewhere() const;
};

}  // namespace shoal::agent
