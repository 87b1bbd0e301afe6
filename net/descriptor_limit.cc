#include "net/descriptor_limit.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace shoal::net {

std::uint64_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kNoDescriptorLimit;
  }
  return limit.rlim_cur;
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return descriptor_limit();
}

std::uint64_t acceptable_descriptors(std::uint64_t limit) {
  if (limit == kNoDescriptorLimit) return limit;
  return limit / 100 * 95 + limit % 100 * 95 / 100;
}

std::uint64_t descriptors_in_use() {
  const int probe = ::epoll_create1(EPOLL_CLOEXEC);
  if (probe < 0) return descriptor_limit();
  ::close(probe);
  return static_cast<std::uint64_t>(probe);
}

}  // namespace shoal::net
