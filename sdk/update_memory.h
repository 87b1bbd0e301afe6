// Which updates a framework has been told, so that repetitions are recognised. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "core/ids.h"
#include "core/limits.h"

namespace shoal::sdk {

// The last kMaxRememberedUpdates uuids, with what was known of each.
class UpdateMemory {
 public:
  struct Entry {
    std::uint8_t state = 0;  // that was delivered, of updates that repeat a uuid in another state
    bool acknowledged = false;  // the scheduler has dealt with it
  };

  // Null when it is not remembered. Valid until the next remember().
  Entry* find(const core::UpdateUuid& uuid) {
    const auto found = entries_.find(uuid);
    return found == entries_.end() ? nullptr : &found->second;
  }

  void remember(const core::UpdateUuid& uuid, std::uint8_t state) {
    if (!entries_.insert_or_assign(uuid, Entry{state, false}).second) return;
    order_.push_back(uuid);
    if (order_.size() <= core::kMaxRememberedUpdates) return;
    entries_.erase(order_.front());
    order_.pop_front();
  }

 private:
  absl::flat_hash_map<core::UpdateUuid, Entry> entries_;
  std::deque<core::UpdateUuid> order_;  // oldest first
};

}  // namespace shoal::sdk
