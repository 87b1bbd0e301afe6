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

void StatusStream::clear() {
  pending_.clear();
  park();
}

}  // namespace shoal::agent
