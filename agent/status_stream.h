// The status updates of one task that its framework has not acknowledged yet, oldest first. Only
// the oldest is in flight: it is sent again, with growing waits, until its uuid is acknowledged.
// So updates arrive at least once and in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
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
  std::string message;  // one line
};

class StatusStream {
 public:
  static constexpr core::TimePoint kNever = core::TimePoint::max();

  void push(StatusUpdate update) { pending_.push_back(std::move(update)); }
  bool empty() const { return pending_.empty(); }
  std::size_t size() const { return pending_.size(); }

  // The oldest; pre-condition: not empty.
  const StatusUpdate& front() const { return pending_.front(); }

  // True when `uuid` names the oldest, which is then gone and the next may be sent. Everything else
  // is an echo of a resend (or a stranger) and changes nothing.
  bool acknowledge(const core::UpdateUuid& uuid);

  // The oldest was sent just now: the next time is after kUpdateRetryMin, then twice that …
  void mark_sent(core::TimePoint now);
  // No session: nothing is due until mark_sent().
  void park();
  core::TimePoint resend_at() const { return resend_at_; }  // kNever: not in flight

  void clear();

 private:
  std::vector<StatusUpdate> pending_;  // a handful at most: running, killing, ended
  core::TimePoint resend_at_ = kNever;
  core::Duration wait_{0};  // the last one; 0: not sent yet in this session
};

}  // namespace shoal::agent
