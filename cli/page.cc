#include "cli/page.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cli/lookup.h"
#include "core/status.h"
#include "master/json_writer.h"
#include "net/clock.h"

namespace shoal::cli {
namespace {

// Ctrl-C ends the program well, at once, but not within what is being written.
class GoodEnd {
 public:
  GoodEnd() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    std::signal(SIGINT, [](int) { ::_exit(kExitOk); });
  }
  absl::Status write(std::string_view text) const {
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
    absl::Status written = write_fully(STDOUT_FILENO, text);
    ::sigprocmask(SIG_UNBLOCK, &signals_, nullptr);
    return written;
  }

 private:
  sigset_t signals_{};
};

int show_once(const Look& look) {
  const absl::StatusOr<Page> page = look(describe_stdout());
  if (!page.ok()) return report(page.status());
  if (!page->note.empty()) say(page->note);
  const int printed = print_output(page->text);
  return printed == kExitOk ? page->exit_code : printed;
}

// What follows the pages before, where they stay.
std::string appended(const Page& page, OutputFormat format) {
  if (format != OutputFormat::kTable) return page.text;
  const std::string body = page.text.empty() ? page.note + "\n" : page.text;
  return fmt::format("{}\n{}\n", master::iso_time(net::wall_now_ms()), body);
}

}  // namespace

std::size_t terminal_lines() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2) return 24;
  return size.ws_row;
}

std::string redrawn(std::string_view text, std::size_t lines) {
  std::string out = "\x1b[H";
  for (; !text.empty() && lines > 0; --lines) {
    const std::string_view line = text.substr(0, text.find('\n'));
    out += fmt::format("{}\x1b[K\n", line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return out + "\x1b[J";
}

namespace {

// The next page on its way to stdout.
std::string next_page(const absl::StatusOr<Page>& page, OutputFormat format,
                      const Terminal& terminal, bool is_first) {
  if (!terminal.is_terminal) {
    if (page.ok()) return appended(*page, format);
    say(core::message_of(page.status()));
    return "";
  }
  std::string text = page.ok() ? page->text + page->note
                               : fmt::format("shoal: {}\n", core::message_of(page.status()));
  return (is_first ? "\x1b[2J" : "") + redrawn(text, terminal_lines() - 1);
}

}  // namespace

int show(const std::optional<core::Duration>& every, OutputFormat format, const Look& look) {
  if (!every.has_value()) return show_once(look);
  const GoodEnd end;
  for (bool is_first = true;; is_first = false) {
    // Again each time: a window may have changed its size.
    const Terminal terminal = describe_stdout();
    const absl::StatusOr<Page> page = look(terminal);
    if (is_first && !page.ok()) return report(page.status());
    if (is_first && page->exit_code != kExitOk) {
      say(page->note);
      return page->exit_code;
    }
    const absl::Status written = end.write(next_page(page, format, terminal, is_first));
    if (absl::IsCancelled(written)) return kExitOk;
    if (!written.ok()) return report(written);
    ::poll(nullptr, 0, static_cast<int>(*every / std::chrono::milliseconds(1)));
  }
}

}  // namespace shoal::cli
