// What happened, one line per event: hashed always, the last ones kept, all printed when asked.
#pragma once

#include <fmt/core.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "tests/sim/event_queue.h"

namespace shoal::sim {

class Trace {
 public:
  Trace(const EventQueue& queue, bool is_verbose) : queue_(queue), is_verbose_(is_verbose) {}

  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    std::string& line = lines_[count_++ % lines_.size()];
    line.clear();
    const auto since = queue_.now().time_since_epoch().count();
    fmt::format_to(std::back_inserter(line), "{:>6} {:>11.6f} ", queue_.steps(),
                   static_cast<double>(since - kStart) / 1e9);
    fmt::format_to(std::back_inserter(line), format, std::forward<Args>(args)...);
    for (const char c : line) {
      hash_ = (hash_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;  // FNV-1a
    }
    if (is_verbose_) fmt::print("{}\n", line);
  }

  std::uint64_t hash() const { return hash_; }

  void print_tail() const {
    const std::size_t kept = std::min(count_, lines_.size());
    for (std::size_t i = count_ - kept; i < count_; ++i) {
      fmt::print("{}\n", lines_[i % lines_.size()]);
    }
  }

 private:
  static constexpr std::int64_t kStart = std::int64_t{1000} * 1'000'000'000;

  const EventQueue& queue_;
  bool is_verbose_;
  std::array<std::string, 60> lines_;
  std::size_t count_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace shoal::sim
