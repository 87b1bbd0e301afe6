#include "core/fair_share.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace shoal::core {
namespace {

// Whether shares computed with `old_total` would be off by 0.1 % or more.
bool moved(const Quantities& old_total, const Quantities& total) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const Milli difference = std::abs(total[kind] - old_total[kind]);
    if (difference * 1000 > old_total[kind]) return true;
  }
  return false;
}

}  // namespace

FairShare::FairShare(const RoleTable& roles, const ShareTable& shares, Options options)
    : roles_(roles), shares_(shares), options_(options), random_(options.seed) {
  root_ = &make_node(roles_.root());
}

FairShare::~FairShare() = default;

double FairShare::dominant_share(const Quantities& held) const {
  double share = 0;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    share = std::max(share, static_cast<double>(held[kind]) * part_[kind]);
  }
  return share;
}

double FairShare::share_of(const Quantities& held, Milli weight) const {
  return dominant_share(held) * static_cast<double>(kDefaultWeight) / static_cast<double>(weight);
}

double FairShare::share_of(const Subscription& subscription) const {
  if (options_.policy == SharePolicy::kRandom) return subscription.share_;
  return share_of(shares_.held(subscription.index).load(), kDefaultWeight);
}

double FairShare::share_of(const Node& node) const {
  if (options_.policy == SharePolicy::kRandom) return node.place.share;
  return share_of(node.role->allocated.load(), node.role->weight.load(std::memory_order_relaxed));
}

double FairShare::own_share_of(const Node& node) const {
  if (options_.policy == SharePolicy::kRandom) return node.self.share;
  return share_of(node.role->own.load(), kDefaultWeight);
}

double FairShare::drawn(double from, Milli weight) {
  // Arrivals of Poisson processes whose rates are the weights: the next one among all is each of
  // them in proportion to its weight.
  const double uniform =
      (static_cast<double>(random_.next() >> 11) + 1.0) / 9007199254740993.0;  // (0, 1]
  return from -
         std::log(uniform) * static_cast<double>(kDefaultWeight) / static_cast<double>(weight);
}

FairShare::Node& FairShare::make_node(RoleRow& role) {
  if (Node* node = node_of(role.index); node != nullptr) return *node;
  Node* parent = role.parent == nullptr ? nullptr : &make_node(*role.parent);
  if (nodes_.size() <= role.index) nodes_.resize(role.index + 1);
  nodes_[role.index] = std::make_unique<Node>();
  Node& node = *nodes_[role.index];
  node.role = &role;
  node.parent = parent;
  if (parent != nullptr && !parent->has_child_nodes) {
    parent->has_child_nodes = true;
    update_listing(*parent);  // its own members become one child beside the new one
  }
  return node;
}

// --- membership ---

void FairShare::put(const Subscription& subscription) {
  std::unique_ptr<Subscription>& mine = subscriptions_[subscription.index];
  if (mine == nullptr) {
    mine = std::make_unique<Subscription>(subscription);
    mine->active = false;
  }
  Node& node = make_node(*subscription.role);
  if (mine->listed_) unlist(*mine, node);
  const double share = mine->share_;
  const std::uint64_t last_offer = mine->last_offer_;
  *mine = subscription;
  mine->share_ = share;
  mine->last_offer_ = last_offer;
  mine->listed_ = false;
  if (mine->active) list(*mine, node);
  update_listing(node);
}

void FairShare::remove(SubscriptionIndex index) {
  const auto it = subscriptions_.find(index);
  if (it == subscriptions_.end()) return;
  Node& node = make_node(*it->second->role);
  if (it->second->listed_) unlist(*it->second, node);
  subscriptions_.erase(it);
  update_listing(node);
}

const Subscription* FairShare::find(SubscriptionIndex index) const {
  const auto it = subscriptions_.find(index);
  return it == subscriptions_.end() ? nullptr : it->second.get();
}

void FairShare::list(Subscription& subscription, Node& node) {
  if (options_.policy == SharePolicy::kRandom) {
    const double now = node.members.empty() ? 0 : node.members.begin()->share;
    subscription.share_ = drawn(now, kDefaultWeight);
  } else {
    subscription.share_ = share_of(subscription);
  }
  node.members.insert({subscription.share_, subscription.last_offer_, &subscription});
  subscription.listed_ = true;
  ++active_;
}

void FairShare::unlist(Subscription& subscription, Node& node) {
  node.members.erase({subscription.share_, subscription.last_offer_, &subscription});
  subscription.listed_ = false;
  --active_;
}

void FairShare::update_listing(Node& node) {
  const bool wants_self = node.has_child_nodes && !node.members.empty();
  if (wants_self != node.self.listed) {
    if (wants_self) {
      const double first = node.children.empty() ? 0 : node.children.begin()->share;
      node.self.share = options_.policy == SharePolicy::kRandom ? drawn(first, kDefaultWeight)
                                                                : own_share_of(node);
      node.children.insert({node.self.share, node.self.last_offer, &node});
    } else {
      node.children.erase({node.self.share, node.self.last_offer, &node});
    }
    node.self.listed = wants_self;
  }
  if (node.parent == nullptr || node.is_active() == node.place.listed) return;
  if (node.place.listed) {
    siblings_of(node).erase({node.place.share, node.place.last_offer, &node});
  } else {
    const auto& siblings = siblings_of(node);
    const double first = siblings.empty() ? 0 : siblings.begin()->share;
    node.place.share = options_.policy == SharePolicy::kRandom
                           ? drawn(first, node.role->weight.load(std::memory_order_relaxed))
                           : share_of(node);
    siblings_of(node).insert({node.place.share, node.place.last_offer, &node});
  }
  node.place.listed = !node.place.listed;
  update_listing(*node.parent);
}

// --- order ---

void FairShare::reorder(Subscription& subscription, Node& node) {
  const double share = share_of(subscription);
  if (!subscription.listed_) return;
  if (share == subscription.share_) return;
  node.members.erase({subscription.share_, subscription.last_offer_, &subscription});
  subscription.share_ = share;
  node.members.insert({share, subscription.last_offer_, &subscription});
}

void FairShare::reorder(Node& node) {
  if (!node.place.listed) return;
  const double share = share_of(node);
  if (share == node.place.share) return;
  auto& siblings = siblings_of(node);
  siblings.erase({node.place.share, node.place.last_offer, &node});
  node.place.share = share;
  siblings.insert({share, node.place.last_offer, &node});
}

void FairShare::reorder_self(Node& node) {
  if (!node.self.listed) return;
  const double share = own_share_of(node);
  if (share == node.self.share) return;
  node.children.erase({node.self.share, node.self.last_offer, &node});
  node.self.share = share;
  node.children.insert({share, node.self.last_offer, &node});
}

void FairShare::touched(const RoleRow& role, std::optional<SubscriptionIndex> subscription) {
  if (subscription.has_value()) {
    const auto it = subscriptions_.find(*subscription);
    if (it != subscriptions_.end()) reorder(*it->second, *node_of(it->second->role->index));
  }
  // A role without members has no node; those above it may have.
  const RoleRow* row = &role;
  while (node_of(row->index) == nullptr) row = row->parent;
  Node* node = node_of(row->index);
  reorder_self(*node);
  for (; node->parent != nullptr; node = node->parent) reorder(*node);
}

void FairShare::served(SubscriptionIndex index) {
  const auto it = subscriptions_.find(index);
  if (it == subscriptions_.end() || !it->second->listed_) return;
  Subscription& subscription = *it->second;
  Node* node = node_of(subscription.role->index);
  const bool random = options_.policy == SharePolicy::kRandom;
  const std::uint64_t sequence = ++offer_sequence_;
  node->members.erase({subscription.share_, subscription.last_offer_, &subscription});
  subscription.last_offer_ = sequence;
  subscription.share_ =
      random ? drawn(subscription.share_, kDefaultWeight) : share_of(subscription);
  node->members.insert({subscription.share_, sequence, &subscription});
  if (node->self.listed) {
    node->children.erase({node->self.share, node->self.last_offer, node});
    node->self.share = random ? drawn(node->self.share, kDefaultWeight) : own_share_of(*node);
    node->self.last_offer = sequence;
    node->children.insert({node->self.share, sequence, node});
  }
  for (; node->parent != nullptr; node = node->parent) {
    auto& siblings = siblings_of(*node);
    siblings.erase({node->place.share, node->place.last_offer, node});
    node->place.share =
        random ? drawn(node->place.share, node->role->weight.load(std::memory_order_relaxed))
               : share_of(*node);
    node->place.last_offer = sequence;
    siblings.insert({node->place.share, sequence, node});
  }
}

void FairShare::refresh(bool weights_changed) {
  const Quantities total = shares_.total.load();
  if (!weights_changed && !moved(total_, total)) return;
  total_ = total;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const bool counts = total[kind] > 0 && !options_.excluded[kind];
    part_[kind] = counts ? 1.0 / static_cast<double>(total[kind]) : 0.0;
  }
  for (const auto& node : nodes_) {
    if (node == nullptr) continue;
    std::vector<Subscription*> members;
    members.reserve(node->members.size());
    for (const MemberKey& key : node->members) members.push_back(key.entry);
    for (Subscription* member : members) reorder(*member, *node);
    reorder_self(*node);
    if (node->parent != nullptr) reorder(*node);
  }
}

// --- blocked roles ---

void FairShare::block(const RoleRow& role) {
  Node* node = node_of(role.index);
  if (node == nullptr || node->parent == nullptr || node->is_blocked) return;
  const ChildKey key{node->place.share, node->place.last_offer, node};
  if (node->place.listed) node->parent->children.erase(key);
  node->is_blocked = true;
  if (node->place.listed) node->parent->blocked.insert(key);
  ++blocked_;
}

void FairShare::unblock(const RoleRow& role) {
  Node* node = node_of(role.index);
  if (node == nullptr || !node->is_blocked) return;
  const ChildKey key{node->place.share, node->place.last_offer, node};
  if (node->place.listed) node->parent->blocked.erase(key);
  node->is_blocked = false;
  if (node->place.listed) node->parent->children.insert(key);
  --blocked_;
}

bool FairShare::is_blocked(const RoleRow& role) const {
  for (const RoleRow* row = &role; row != nullptr; row = row->parent) {
    const Node* node = node_of(row->index);
    if (node != nullptr && node->is_blocked) return true;
  }
  return false;
}

bool FairShare::is_blocked_itself(const RoleRow& role) const {
  const Node* node = node_of(role.index);
  return node != nullptr && node->is_blocked;
}

absl::Status FairShare::check_order() const {
  const auto wrong = [](std::string_view what, const RoleRow& role) {
    return absl::InternalError(fmt::format("fair share: {} in role '{}'", what, role.name));
  };
  // Raised by another shard is right as it is: the entry is moved when it comes first.
  const auto is_current = [this](double key, double now) {
    return options_.others_change_sums ? key <= now : key == now;
  };
  std::size_t listed = 0;
  for (const auto& node : nodes_) {
    if (node == nullptr) continue;
    for (const MemberKey& key : node->members) {
      ++listed;
      if (!key.entry->active) return wrong("an inactive member is listed", *node->role);
      if (!is_current(key.share, share_of(*key.entry))) {
        return wrong("a member has an old share", *node->role);
      }
    }
    if (node->self.listed != (node->has_child_nodes && !node->members.empty())) {
      return wrong("its own members are not listed rightly", *node->role);
    }
    if (node->parent == nullptr) continue;
    if (node->place.listed != node->is_active()) return wrong("the listing is old", *node->role);
    if (node->place.listed && !is_current(node->place.share, share_of(*node))) {
      return wrong("the share is old", *node->role);
    }
    const auto& siblings = node->is_blocked ? node->parent->blocked : node->parent->children;
    const bool found = siblings.contains({node->place.share, node->place.last_offer, node.get()});
    if (found != node->place.listed) return wrong("the place is wrong", *node->role);
  }
  if (listed != active_) return wrong("the number of active members is wrong", *root_->role);
  return absl::OkStatus();
}

// --- comparison ---

bool FairShare::precedes(const RoleRow& role, const RoleRow& other) const {
  const Node* a = node_of(role.index);
  const Node* b = node_of(other.index);
  if (a == nullptr || b == nullptr || !a->place.listed || !b->place.listed) {
    return a != nullptr && a->place.listed && (b == nullptr || !b->place.listed);
  }
  const Place& first = a->place;
  const Place& second = b->place;
  return std::tie(first.share, first.last_offer, role.index) <
         std::tie(second.share, second.last_offer, other.index);
}

bool FairShare::stays_behind(const Subscription& poor, const Quantities& amount,
                             const Subscription& rich) const {
  if (poor.role == rich.role) {
    return share_of(shares_.held(poor.index).load() + amount, kDefaultWeight) <
           share_of(shares_.held(rich.index).load(), kDefaultWeight);
  }
  // Climb to the children of the role where the two ways part; a role above the other one takes
  // part with its own members.
  const RoleRow* a = poor.role;
  const RoleRow* b = rich.role;
  const RoleRow* below_a = nullptr;
  const RoleRow* below_b = nullptr;
  while (a != b) {
    if (a->depth >= b->depth) {
      below_a = a;
      a = a->parent;
    } else {
      below_b = b;
      b = b->parent;
    }
  }
  const auto held = [](const RoleRow* child, const RoleRow* meeting) {
    return child == nullptr ? meeting->own.load() : child->allocated.load();
  };
  const auto weight = [](const RoleRow* child) {
    return child == nullptr ? kDefaultWeight : child->weight.load(std::memory_order_relaxed);
  };
  return share_of(held(below_a, a) + amount, weight(below_a)) <
         share_of(held(below_b, b), weight(below_b));
}

}  // namespace shoal::core
