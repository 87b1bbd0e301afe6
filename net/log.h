// The log of a daemon. Lines are composed where something happens, and written by a thread of their
// own: a terminal that is stopped, or a disk that is slow, holds up no reactor. When more waits
// than kMaxWaitingBytes lines are dropped and counted, and the next line written says how many.
//
// Threads: every call on any thread.
//
// Invariants: 1. lines of one thread are written in its order, each whole. 2. what was not dropped
// is
//   written before the destructor returns.
//
// Memory order: levels are relaxed; a line more or less while one changes harms nobody. What waits
//   is guarded by the mutex, which is held for an append or a swap, never during I/O.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/log_line.h"

namespace shoal::net {

enum class LogFormat { kText, kJson };

struct LogOptions {
  std::string daemon;  // "master" or "agent"
  LogFormat format = LogFormat::kText;
  core::LogLevels levels = core::all_at(core::LogLevel::kInfo);
  // Gets what is to be written, whole lines, on the log's own thread; empty: stderr.
  std::function<void(std::string_view lines)> sink;
};

class Log {
 public:
  static constexpr std::size_t kMaxWaitingBytes = 1024 * 1024;

  explicit Log(LogOptions options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Ask it before making a field that costs something.
  bool is_on(core::LogModule module, core::LogLevel level) const {
    return level >= levels_[static_cast<std::size_t>(module)].load(std::memory_order_relaxed);
  }
  void write(core::LogModule module, core::LogLevel level, std::string_view message,
             std::initializer_list<core::LogField> fields = {});

  // Returns when what was not dropped so far is written.
  void flush();

  LogFormat format() const { return options_.format; }
  core::LogLevels levels() const;
  void set_levels(const core::LogLevels& levels);
  std::uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  std::string compose(const core::LogEntry& entry) const;
  void work();

  const LogOptions options_;
  std::array<std::atomic<core::LogLevel>, core::kLogModules> levels_;
  std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;                 // guards the next five
  std::condition_variable changed_;  // there is something to write
  std::condition_variable done_;     // nothing is left to write
  std::string waiting_;
  bool is_writing_ = false;
  bool is_ending_ = false;
  std::thread thread_;  // last: it uses all the others
};

// All: nothing happens without a log.
inline bool is_logged(const Log* log, core::LogModule module, core::LogLevel level) {
  return log != nullptr && log->is_on(module, level);
}
inline void log_line(Log* log, core::LogModule module, core::LogLevel level,
                     std::string_view message, std::initializer_list<core::LogField> fields = {}) {
  if (log != nullptr) log->write(module, level, message, fields);
}
inline void log_lines(Log* log, core::LogModule module, const std::vector<std::string>& messages) {
  for (const std::string& message : messages) {
    log_line(log, module, core::LogLevel::kInfo, message);
  }
}

}  // namespace shoal::net
