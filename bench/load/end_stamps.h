// When tasks ended, told from the swarm's process to the load framework's: a file that both map.
// The only way to time "an agent frees resources -> an offer of them" between two processes, as
// both read the same CLOCK_MONOTONIC.
//
// Threads: any. A stamp is one relaxed atomic: the offer that follows it comes through two sockets,
// which order more than enough.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/time.h"

namespace shoal::load {

class EndStamps {
 public:
  // Tasks whose ids are this far apart share a place.
  static constexpr std::uint64_t kPlaces = std::uint64_t{1} << 21;

  // Makes the file, all zero. Errors: INTERNAL, naming the file.
  static absl::StatusOr<std::unique_ptr<EndStamps>> create(const std::string& path);
  // Errors: NOT_FOUND, INVALID_ARGUMENT (its size).
  static absl::StatusOr<std::unique_ptr<EndStamps>> open(const std::string& path);
  ~EndStamps();
  EndStamps(const EndStamps&) = delete;
  EndStamps& operator=(const EndStamps&) = delete;

  // `task`: an id that is a decimal number; others are ignored.
  void set(std::string_view task, core::TimePoint ended);
  // TimePoint{}: not ended, or of another process's tasks.
  core::TimePoint get(std::uint64_t task) const;
  void clear(std::uint64_t task);

 private:
  explicit EndStamps(std::atomic<std::int64_t>* places) : places_(places) {}
  static absl::StatusOr<std::unique_ptr<EndStamps>> map(int fd, const std::string& path);

  std::atomic<std::int64_t>* places_;  // nanoseconds of the monotonic clock
};

}  // namespace shoal::load
