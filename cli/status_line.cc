#include "cli/status_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "cli/terminal.h"

namespace shoal::cli {
namespace {

std::string_view stem(std::string_view text) { return text.substr(0, text.rfind(',')); }

}  // namespace

StatusLine::StatusLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

StatusLine::~StatusLine() {
  if (is_terminal_ && !shown_.empty()) write_fully(STDERR_FILENO, "\r\x1b[K").IgnoreError();
}

void StatusLine::show(const std::string& text) {
  if (text == shown_) return;
  if (!is_terminal_ && stem(text) != stem(shown_)) say(text);
  if (is_terminal_) write_fully(STDERR_FILENO, fmt::format("\r\x1b[K{}", text)).IgnoreError();
  shown_ = text;
}

void StatusLine::show_briefly(const std::string& text) {
  if (is_terminal_) show(text);
}

std::string progress_bar(std::size_t done, std::size_t total, std::size_t width) {
  const std::size_t filled = total == 0 ? width : width * std::min(done, total) / total;
  return fmt::format("[{}{}] {}/{}", std::string(filled, '#'), std::string(width - filled, '.'),
                     done, total);
}

}  // namespace shoal::cli
