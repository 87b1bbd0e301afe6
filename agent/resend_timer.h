// When something that was sent and not acknowledged is sent again: after kUpdateRetryMin, then
// after twice that, and so on up to kUpdateRetryMax.
#pragma once

#include <algorithm>

#include "core/limits.h"
#include "core/time.h"

namespace shoal::agent {

class ResendTimer {
 public:
  static constexpr core::TimePoint kNever = core::TimePoint::max();

  // Sent just now, for the first time: the waits begin anew.
  void mark_sent(core::TimePoint now) {
    wait_ = core::Duration{0};
    mark_resent(now);
  }
  void mark_resent(core::TimePoint now) {
    wait_ = std::clamp<core::Duration>(wait_ * 2, core::kUpdateRetryMin, core::kUpdateRetryMax);
    at_ = now + wait_;
  }
  // No session: nothing is due until mark_sent() or mark_resent().
  void park() {
    at_ = kNever;
    wait_ = core::Duration{0};
  }
  core::TimePoint at() const { return at_; }  // kNever: not in flight

 private:
  core::TimePoint at_ = kNever;
  core::Duration wait_{0};  // the last one; 0: not sent yet in this session
};

}  // namespace shoal::agent
