#include "core/offer_filter.h"

namespace shoal::core {

void OfferFilters::add(SubscriptionIndex subscription, std::uint32_t epoch,
                       const Resources& refused, TimePoint until) {
  if (filters_ == nullptr) {
    filters_ = std::make_unique<absl::flat_hash_map<SubscriptionIndex, FilterList>>();
  }
  if (filters_->size() >= kMaxFiltersPerAgent && !filters_->contains(subscription)) return;
  FilterList& list = (*filters_)[subscription];
  // What the new one covers for longer need not be kept.
  const auto covered = [&](const Filter& old) {
    return old.epoch != epoch || (old.until <= until && refused.contains(old.refused));
  };
  list.erase(std::remove_if(list.begin(), list.end(), covered), list.end());
  if (list.size() == kMaxPerSubscription) list.erase(list.begin());
  list.push_back({refused, until, epoch});
}

bool OfferFilters::expire(TimePoint now) {
  if (filters_ == nullptr) return false;
  bool any = false;
  for (auto it = filters_->begin(); it != filters_->end();) {
    FilterList& list = it->second;
    const auto end = std::remove_if(list.begin(), list.end(),
                                    [now](const Filter& filter) { return filter.until <= now; });
    any = any || end != list.end();
    list.erase(end, list.end());
    if (list.empty()) {
      filters_->erase(it++);
    } else {
      ++it;
    }
  }
  if (filters_->empty()) filters_.reset();
  return any;
}

std::optional<TimePoint> OfferFilters::next_expiry() const {
  std::optional<TimePoint> next;
  if (filters_ == nullptr) return next;
  for (const auto& [subscription, list] : *filters_) {
    for (const Filter& filter : list) {
      if (!next.has_value() || filter.until < *next) next = filter.until;
    }
  }
  return next;
}

}  // namespace shoal::core
