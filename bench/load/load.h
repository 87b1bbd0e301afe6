// A load of launches: frameworks that answer offers as fast as they may, or at fixed times, and
// measure what the cluster makes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "bench/load/end_stamps.h"
#include "bench/load/load_options.h"
#include "bench/load/load_session.h"
#include "net/fd_watcher.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::load {

// Threads: the reactor's.
class Load {
 public:
  // Connects; launches nothing before go(). Errors: INVALID_ARGUMENT, INTERNAL (no timer).
  static absl::StatusOr<std::unique_ptr<Load>> create(net::Reactor& reactor,
                                                      const LoadOptions& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  bool is_connected() const;  // every framework is subscribed
  void go() { go(options_.rate); }
  // From now on at this rate; 0: closed loop.
  void go(double rate);
  void pause();  // launches nothing more; tasks under way end by themselves
  std::uint64_t under_way() const { return launched_ - finished_; }

  // Counts and latencies from now on. A launch counts where it is heard of.
  void start_measuring();
  LoadResult measured() const;
  // The latencies from launch to RUNNING since the last call.
  LatencyHistogram take_latest();

  // --- for its sessions ---
  net::Reactor& reactor() { return reactor_; }
  const LoadOptions& options() const { return options_; }
  core::BytesView description() const { return description_; }
  void on_offer(core::AgentId agent, core::TimePoint now);
  void on_launch(std::uint64_t task, core::AgentId agent);
  void on_status(const core::TaskStatus& status, core::TimePoint now);
  void on_failure(std::string_view what);
  void on_session_lost(core::TimePoint now) {
    if (!result_.lost_at.has_value()) result_.lost_at = now;
  }

 private:
  static constexpr std::uint64_t kPlaces = EndStamps::kPlaces;

  Load(net::Reactor& reactor, const LoadOptions& options);
  absl::Status open_clock();
  void on_clock();
  void launch_some();
  std::uint64_t budget() const;

  net::Reactor& reactor_;
  const LoadOptions options_;
  std::vector<std::uint8_t> description_;
  std::unique_ptr<EndStamps> stamps_;
  std::vector<std::unique_ptr<LoadSession>> sessions_;
  std::size_t next_session_ = 0;
  net::Timer heartbeat_;
  net::Reactor::HookId hook_ = 0;

  // The open loop: a timerfd, as the loop's timers are too coarse.
  int clock_fd_ = -1;
  std::unique_ptr<net::FdWatcher> clock_;
  double rate_ = 0;
  core::TimePoint started_;       // of the open loop
  std::uint64_t due_count_ = 0;   // launches due since then
  std::uint64_t sent_count_ = 0;  // and sent
  core::TimePoint due_at(std::uint64_t index) const;

  bool is_going_ = false;
  std::uint64_t launched_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t answered_ = 0;  // of those launched: RUNNING was heard, or an end
  // Of task number n, at n % kPlaces; min(): RUNNING was heard, max(): its end was.
  std::vector<core::TimePoint> due_;
  absl::flat_hash_map<core::AgentId, std::uint64_t> last_task_;  // where stamps are asked for

  core::TimePoint measuring_since_;
  LoadResult result_;
  LatencyHistogram latest_;
};

}  // namespace shoal::load
