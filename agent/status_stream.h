// The status updates of one task that its framework has not acknowledged yet, oldest first. Each is
// sent at once, so the master learns of an end (and frees its resources) also while an earlier
// update is not acknowledged; all that are left are sent again, in order and with growing waits.
// So updates arrive at least once and in order, but for earlier ones that a later one made void.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/resend_timer.h"
#include "core/ids.h"
#include "core/task_state.h"
#include "core/time.h"

namespace shoal::agent {

struct StatusUpdate {
  core::TaskState state = core::TaskState::kStaging;
  core::TaskReason reason = core::TaskReason::kNone;
  bool has_exit = false;
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;
  std::int64_t timestamp_ms = 0;  // wall clock, for people
  core::UpdateUuid uuid{};
  std::uint64_t ticket = 0;  // AgentEffects::record; 0: on disk
  std::string message;       // one line
};

class StatusStream {
 public:
  static constexpr core::TimePoint kNever = ResendTimer::kNever;

  void push(StatusUpdate update) { pending_.push_back(std::move(update)); }
  bool empty() const { return pending_.empty(); }
  std::size_t size() const { return pending_.size(); }

  // Oldest first.
  const std::vector<StatusUpdate>& pending() const { return pending_; }

  // True when `uuid` names a pending one, which is then gone, and what came before it too: a
  // framework that has dealt with a later state is not told an earlier one any more. Everything
  // else is an echo of a resend (or a stranger) and changes nothing.
  bool acknowledge(const core::UpdateUuid& uuid);

  // The newest was sent just now, for the first time: all that is pending is sent again later
  // (agent/resend_timer.h).
  void mark_sent(core::TimePoint now) { timer_.mark_sent(now); }
  void mark_resent(core::TimePoint now) { timer_.mark_resent(now); }
  // No session: nothing is due until mark_sent().
  void park() { timer_.park(); }
  core::TimePoint resend_at() const { return timer_.at(); }  // kNever: not in flight

  void clear();

 private:
  std::vector<StatusUpdate> pending_;  // a handful at most: running, killing, ended
  ResendTimer timer_;
};

}  // namespace shoal::agent
