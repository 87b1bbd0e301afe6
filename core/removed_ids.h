// Who is gone for good: a set with a bound.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace shoal::core {

// Who is gone for good, the newest `kMost`; the oldest are forgotten.
template <typename Id, std::size_t kMost>
class RemovedIds {
 public:
  // The one that is forgotten for it.
  std::optional<Id> add(Id id) {
    if (!ids_.insert(id).second) return std::nullopt;
    order_.push_back(id);
    if (order_.size() <= kMost) return std::nullopt;
    const Id oldest = order_.front();
    ids_.erase(oldest);
    order_.pop_front();
    return oldest;
  }
  bool contains(Id id) const { return ids_.contains(id); }

 private:
  absl::flat_hash_set<Id> ids_;
  std::deque<Id> order_;  // newest last
};

}  // namespace shoal::core
