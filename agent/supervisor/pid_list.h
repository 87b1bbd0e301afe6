// "12 34 56 ", "12\n34\n": how the kernel lists processes. No memory is taken.
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace shoal::agent {

// Calls visit(pid) for each that the file lists, from where it stands; how many.
template <typename Visit>
int each_pid(int fd, Visit visit) {
  char text[4096];
  int count = 0;
  pid_t pid = 0;
  ssize_t got = 0;
  while ((got = read(fd, text, sizeof(text))) > 0) {
    for (ssize_t i = 0; i < got; ++i) {
      if (text[i] >= '0' && text[i] <= '9') {
        pid = pid * 10 + (text[i] - '0');
        continue;
      }
      visit(pid);
      ++count;
      pid = 0;
    }
  }
  return count;
}

}  // namespace shoal::agent
