#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/exit_code.h"
#include "core/status.h"

namespace shoal::cli {

void prepare_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is `fd`. Opened the wrong way round on purpose: reading from a closed
    // stdin and writing to a closed stdout stay errors.
    const int opened = ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    if (opened != fd) std::_Exit(kExitFailed);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

Terminal describe_stdout() {
  Terminal terminal;
  terminal.is_terminal = ::isatty(STDOUT_FILENO) == 1;
  if (!terminal.is_terminal) return terminal;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  terminal.use_colour = (no_colour == nullptr || *no_colour == '\0') && term != nullptr &&
                        std::strcmp(term, "dumb") != 0 && *term != '\0';
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) terminal.width = size.ws_col;
  return terminal;
}

absl::Status write_fully(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      return absl::CancelledError("nobody reads the output");
    } else if (errno != EINTR) {
      return absl::InternalError(fmt::format("cannot write: {}", std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

void say(std::string_view message) {
  write_fully(STDERR_FILENO, fmt::format("shoal: {}\n", message)).IgnoreError();
}

int print_output(std::string_view text) {
  const absl::Status status = write_fully(STDOUT_FILENO, text);
  if (status.ok() || absl::IsCancelled(status)) return kExitOk;
  say(fmt::format("standard output: {}", core::message_of(status)));
  return kExitFailed;
}

}  // namespace shoal::cli
