#include "agent/status_stream.h"

#include <algorithm>

namespace shoal::agent {

bool StatusStream::acknowledge(const core::UpdateUuid& uuid) {
  const auto named =
      std::find_if(pending_.begin(), pending_.end(),
                   [&uuid](const StatusUpdate& update) { return update.uuid == uuid; });
  if (named == pending_.end()) return false;
  pending_.erase(pending_.begin(), named + 1);
  if (pending_.empty()) park();
  return true;
}

void StatusStream::mark_sent(core::TimePoint now) {
  wait_ = core::Duration{0};
  mark_resent(now);
}

void StatusStream::mark_resent(core::TimePoint now) {
  wait_ = std::clamp<core::Duration>(wait_ * 2, core::kUpdateRetryMin, core::kUpdateRetryMax);
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
