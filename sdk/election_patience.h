// How long a command goes on asking when it finds masters and none of them leads, or the leader has
// too much to do: an election takes a few seconds. Where nobody is at all it fails at once.
#pragma once

#include <chrono>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "core/limits.h"
#include "core/time.h"
#include "net/master_list.h"

namespace shoal::sdk {

inline constexpr std::chrono::milliseconds kElectionPatience{8000};
static_assert(kElectionPatience < core::kClientTimeout);  // so that it can tell what it found

class ElectionPatience {
 public:
  ElectionPatience(net::MasterList masters, core::Duration patience)
      : masters_(std::move(masters)), patience_(patience) {}

  // A master has said that it does not lead, or leads no more.
  void met_standby() { met_standby_ = true; }
  // The leader has said that it has too much to do.
  void met_busy() { met_busy_ = true; }

  // Whether to go on after an attempt that failed as DialerOptions::on_retry says.
  bool goes_on(const net::HostPort& address, const absl::Status& why, core::Duration wait,
               core::TimePoint now) {
    if (wait == core::Duration::zero()) return true;
    // etcd has named nobody, or somebody who is gone and whose lease runs out soon.
    met_standby_ = met_standby_ || absl::IsNotFound(why) ||
                   (masters_.etcd.has_value() && !address.host.empty());
    if (!met_standby_ && !met_busy_) return false;
    if (ends_ == core::TimePoint{}) ends_ = now + patience_;
    return now + wait < ends_;
  }

  // UNAVAILABLE, with the reason of the last attempt. `peer`: "master", "agent".
  absl::Status failure(std::string_view peer, const absl::Status& why) const;

 private:
  const net::MasterList masters_;
  const core::Duration patience_;
  bool met_standby_ = false;
  bool met_busy_ = false;
  core::TimePoint ends_{};
};

}  // namespace shoal::sdk
