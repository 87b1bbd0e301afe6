#include "net/log.h"

#include <errno.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "net/clock.h"
#include "net/helper_thread.h"

namespace shoal::net {
namespace {

// Waits for whoever reads it; what cannot be written at all is lost.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd room{STDERR_FILENO, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace

Log::Log(LogOptions options) : options_(std::move(options)) {
  set_levels(options_.levels);
  thread_ = start_helper_thread([this] { work(); });
}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Log::flush() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return waiting_.empty() && !is_writing_; });
}

core::LogLevels Log::levels() const {
  core::LogLevels levels{};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    levels[i] = levels_[i].load(std::memory_order_relaxed);
  }
  return levels;
}

void Log::set_levels(const core::LogLevels& levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    levels_[i].store(levels[i], std::memory_order_relaxed);
  }
}

std::string Log::compose(const core::LogEntry& entry) const {
  return options_.format == LogFormat::kJson ? log_json(options_.daemon, wall_now_ms(), entry)
                                             : log_text(options_.daemon, entry);
}

void Log::write(core::LogModule module, core::LogLevel level, std::string_view message,
                std::initializer_list<core::LogField> fields) {
  if (!is_on(module, level)) return;
  const std::string line = compose({module, level, message, fields});
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMaxWaitingBytes) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    waiting_ += line;
  }
  lines_.fetch_add(1, std::memory_order_relaxed);
  changed_.notify_one();
}

void Log::work() {
  std::string batch;
  std::uint64_t told = 0;
  while (true) {
    batch.clear();
    {
      std::unique_lock lock(mutex_);
      is_writing_ = false;
      if (waiting_.empty()) done_.notify_all();
      changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::swap(batch, waiting_);
      is_writing_ = true;
    }
    if (const std::uint64_t now = dropped(); now > told) {
      // They were dropped while what is written here was waiting.
      const std::string message = fmt::format("{} lines of this log were dropped", now - told);
      batch += compose({core::LogModule::kNet, core::LogLevel::kWarn, message, {}});
      told = now;
    }
    if (options_.sink) {
      options_.sink(batch);
    } else {
      write_to_stderr(batch);
    }
  }
}

}  // namespace shoal::net
