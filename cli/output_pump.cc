#include "cli/output_pump.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "core/status.h"

namespace shoal::cli {
namespace {

constexpr std::size_t kLongestLine = 64 * 1024;

}  // namespace

void OutputPump::write(std::string_view text) {
  if (broken_ || text.empty()) return;
  pending_ += text;
  if (watcher_ == nullptr) pump();
}

bool OutputPump::is_writable() const {
  pollfd entry{fd_, POLLOUT, 0};
  return ::poll(&entry, 1, 0) != 0;  // an error is found by the write
}

void OutputPump::pump() {
  while (written_ < pending_.size()) {
    if (!is_writable()) return wait_until_writable();
    const std::size_t size = std::min<std::size_t>(PIPE_BUF, pending_.size() - written_);
    const ssize_t done = ::write(fd_, pending_.data() + written_, size);
    if (done >= 0) {
      written_ += static_cast<std::size_t>(done);
    } else if (errno == EPIPE) {
      return break_off(absl::CancelledError("nobody reads the output"));
    } else if (errno == EAGAIN) {  // somebody else made the descriptor non-blocking
      return wait_until_writable();
    } else if (errno != EINTR) {
      return break_off(absl::InternalError(fmt::format("cannot write: {}", std::strerror(errno))));
    }
  }
  pending_.clear();
  written_ = 0;
  if (watcher_ == nullptr) return;
  watcher_.reset();
  if (events_.on_drained) events_.on_drained();
}

void OutputPump::wait_until_writable() {
  if (written_ > 0) {
    pending_.erase(0, written_);
    written_ = 0;
  }
  if (watcher_ != nullptr) return;
  auto watcher = net::FdWatcher::create(reactor_, fd_, [this](net::FdEvents) { pump(); });
  if (!watcher.ok()) return break_off(watcher.status());
  watcher_ = *std::move(watcher);
  watcher_->watch(false, true);
}

void OutputPump::break_off(absl::Status why) {
  broken_ = true;
  pending_.clear();
  written_ = 0;
  watcher_.reset();
  if (events_.on_broken) events_.on_broken(std::move(why));
}

std::string LinePrefixer::add(std::string_view bytes) {
  if (prefix_.empty()) return std::string(bytes);
  std::string out;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      partial_ += bytes;
      break;
    }
    out += prefix_;
    out += partial_;
    out += bytes.substr(0, end + 1);
    partial_.clear();
    bytes.remove_prefix(end + 1);
  }
  if (partial_.size() > kLongestLine) out += finish();
  return out;
}

std::string LinePrefixer::finish() {
  if (partial_.empty()) return "";
  std::string out = prefix_ + std::exchange(partial_, {});
  out += '\n';
  return out;
}

}  // namespace shoal::cli
