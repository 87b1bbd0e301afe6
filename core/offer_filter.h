// The refused filters of one agent: "not again to this subscription, unless there is more than
// this, before then". Most agents have none, so the type is two pointers wide.
//
// A revive forgets all filters of a subscription at once: it raises the subscription's epoch, and
// filters of an older one no longer count. They go when they run out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "core/limits.h"
#include "core/resources.h"
#include "core/share_table.h"
#include "core/time.h"

namespace shoal::core {

class OfferFilters {
 public:
  bool empty() const { return filters_ == nullptr; }
  std::size_t size() const { return filters_ == nullptr ? 0 : filters_->size(); }

  // Whether an offer of `resources` was refused and may not be made yet.
  bool hides(SubscriptionIndex subscription, std::uint32_t epoch,
             const Resources& resources) const {
    if (filters_ == nullptr) return false;
    const auto it = filters_->find(subscription);
    if (it == filters_->end()) return false;
    return std::any_of(it->second.begin(), it->second.end(), [&](const Filter& filter) {
      return filter.epoch == epoch && filter.refused.contains(resources);
    });
  }

  // Kept for at most kMaxFiltersPerAgent subscriptions: beyond that the filter is not set, so the
  // worst is an offer that is refused again.
  void add(SubscriptionIndex subscription, std::uint32_t epoch, const Resources& refused,
           TimePoint until);

  // Takes out what has run out at `now`. True when there was any.
  bool expire(TimePoint now);
  // The first moment expire() has something to do.
  std::optional<TimePoint> next_expiry() const;

 private:
  struct Filter {
    Resources refused;
    TimePoint until;
    std::uint32_t epoch = 0;
  };
  using FilterList = absl::InlinedVector<Filter, 1>;  // distinct amounts refused
  static constexpr std::size_t kMaxPerSubscription = 8;

  std::unique_ptr<absl::flat_hash_map<SubscriptionIndex, FilterList>> filters_;
};

}  // namespace shoal::core
