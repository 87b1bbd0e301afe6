// Loaded into a program by LD_PRELOAD: while the file that SHOAL_TEST_HANG names is there, syncs of
// files do not return, as those of a disk that hangs.
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

void hang_if_told() {
  const char* file = ::getenv("SHOAL_TEST_HANG");
  while (file != nullptr && ::access(file, F_OK) == 0) ::usleep(10'000);
}

}  // namespace

extern "C" int fsync(int fd) {
  hang_if_told();
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int fdatasync(int fd) {
  hang_if_told();
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
