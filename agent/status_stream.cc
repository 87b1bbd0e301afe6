#include "agent/status_stream.h"

#include <algorithm>

namespace shoal::agent {

bool StatusStream::acknowledge(const core::UpdateUuid& uuid) {
  if (pending_.empty() || pending_.front().uuid != uuid) return false;
  pending_.erase(pending_.begin());
  park();
  return true;
}

void StatusStream::mark_sent(core::TimePoint now) {
  const core::Duration doubled = wait_ * 2;
  wait_ = std::clamp<core::Duration>(doubled, core::kUpdateRetryMin, core::kUpdateRetryMax);
  resend_at_ = now + wait_;
}

void StatusStream::park() {
  resend_at_ = kNever;
  wait_ = core::Duration{0};
}

void StatusStream::clear() {
  pending_.clear();
  park();
}

}  // namespace shoal::agent
