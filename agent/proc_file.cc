#include "agent/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/unique_fd.h"

namespace shoal::agent {

namespace {
constexpr std::size_t kMaxBytes = 64 * 1024;
}  // namespace

std::string read_proc_file(const std::string& path) {
  std::string text;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return text;
  char buffer[4096];
  while (text.size() < kMaxBytes) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace shoal::agent
