// Who is next: hierarchical weighted dominant resource fairness over the tree of roles, then over
// the frameworks of a role, as one shard sees it.
//
// The share of a role is the largest part it holds of any kind of the cluster's resources (its
// dominant share: Ghodsi et al., NSDI 2011), divided by its weight; that of a framework within its
// role likewise, without weight. From the root down the child with the smallest share is next;
// among equals the one that waited longest for an offer. The members of a role that also has roles
// below compete with those as one child of weight 1 (Mesos' virtual leaf "."). Only what is
// subscribed, connected and not suppressed is in the order.
//
// Cost: one choice looks at one child per level, plus those that are not eligible; a change of
// shares re-orders one entry per level, in O(log n).
//
// Threads: one, the shard's. The sums it orders by are shared (role_table.h, share_table.h):
//   - the shard itself calls touched() or served() after it changed sums;
//   - sums that another shard raised are found when their entry comes first: it is put where it
//     belongs, and the next one is looked at. So the choice is right for raised sums at any time;
//   - sums that another shard lowered arrive by mailbox (SharesFell), then touched() is called.
// Shares are parts of the cluster's total as it was at the last refresh(); one that is off by less
// than 0.1 % changes no order that matters and is left alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/ids.h"
#include "core/messages.h"
#include "core/offer_constraint.h"
#include "core/random.h"
#include "core/role_table.h"
#include "core/share_table.h"

namespace shoal::core {

enum class SharePolicy : std::uint8_t {
  kDominantShare = 0,
  kRandom = 1,  // the next one is drawn, in proportion to the weights; holdings do not count
};

// A framework's membership in a role.
struct Subscription {
  SubscriptionIndex index = 0;
  FrameworkId framework;
  std::uint32_t framework_index = 0;  // names the framework in offer slots
  RoleRow* role = nullptr;
  Capabilities capabilities;
  std::shared_ptr<const OfferConstraints> constraints;  // null: every agent will do
  Quantities minimum;                                   // empty: the master's own minimum
  std::uint32_t filter_epoch = 0;                       // filters of an older one are forgotten
  bool active = false;

 private:
  friend class FairShare;
  double share_ = 0;  // the key it is in the order with
  std::uint64_t last_offer_ = 0;
  bool listed_ = false;
};

class FairShare {
 public:
  struct Options {
    SharePolicy policy = SharePolicy::kDominantShare;
    // Kinds that do not count in dominant shares.
    std::array<bool, kResourceKinds> excluded{};
    bool others_change_sums = false;  // there are other shards
    std::uint64_t seed = 1;           // of SharePolicy::kRandom
  };

  FairShare(const RoleTable& roles, const ShareTable& shares, Options options);
  ~FairShare();

  // Takes the values of `subscription` over; whether it is active decides about its place.
  void put(const Subscription& subscription);
  void remove(SubscriptionIndex index);
  const Subscription* find(SubscriptionIndex index) const;
  std::size_t active() const { return active_; }

  // The sums of the role and those above it, and of the subscription in it, have changed.
  void touched(const RoleRow& role, std::optional<SubscriptionIndex> subscription);
  // It was given an offer: among equals it is last now.
  void served(SubscriptionIndex index);

  // Looks at the cluster's total again, and at weights when `weights_changed`.
  void refresh(bool weights_changed = false);

  // A blocked role, and all below it, is skipped by neediest(); not by neediest_within().
  void block(const RoleRow& role);
  void unblock(const RoleRow& role);
  bool is_blocked(const RoleRow& role) const;  // itself, or a role above it
  bool is_blocked_itself(const RoleRow& role) const;
  bool has_blocked() const { return blocked_ > 0; }

  // The first in the order that is eligible; null when none is.
  // Eligible: bool(const Subscription&). RoleOk: bool(const RoleRow&), asked once for each role on
  // the way down; false skips the role and those below it.
  template <typename RoleOk, typename Eligible>
  const Subscription* neediest(RoleOk role_ok, Eligible eligible) {
    return search(*root_, /*with_blocked=*/false, role_ok, eligible);
  }
  // The same among the members of `role` and the roles below it, blocked or not.
  template <typename Eligible>
  const Subscription* neediest_within(const RoleRow& role, Eligible eligible) {
    const auto every_role = [](const RoleRow&) { return true; };
    return neediest_within(role, every_role, eligible);
  }
  template <typename RoleOk, typename Eligible>
  const Subscription* neediest_within(const RoleRow& role, RoleOk role_ok, Eligible eligible) {
    Node* node = node_of(role.index);
    return node == nullptr ? nullptr : search(*node, /*with_blocked=*/true, role_ok, eligible);
  }

  // Whether the one role comes before the other; both have the same parent. A role that nobody
  // subscribes to comes last.
  bool precedes(const RoleRow& role, const RoleRow& other) const;

  // Whether `poor` would not be ahead of `rich` yet if it held `amount` more: where their ways from
  // the root part, its share with `amount` is below that of `rich` now.
  bool stays_behind(const Subscription& poor, const Quantities& amount,
                    const Subscription& rich) const;

  // For tests, at rest: exactly the active subscriptions are in the order, under present shares.
  absl::Status check_order() const;

 private:
  struct Node;

  template <typename T>
  struct Key {
    double share = 0;
    std::uint64_t last_offer = 0;
    T* entry = nullptr;  // a child; the node itself stands for its own members
    bool operator<(const Key& other) const {
      if (share != other.share) return share < other.share;
      if (last_offer != other.last_offer) return last_offer < other.last_offer;
      return index_of(*entry) < index_of(*other.entry);
    }
  };
  using ChildKey = Key<Node>;
  using MemberKey = Key<Subscription>;

  // A role's place among its siblings.
  struct Place {
    double share = 0;
    std::uint64_t last_offer = 0;
    bool listed = false;
  };

  struct Node {
    RoleRow* role = nullptr;
    Node* parent = nullptr;
    absl::btree_set<MemberKey> members;  // active
    absl::btree_set<ChildKey> children;  // with something active below, and `self`
    absl::btree_set<ChildKey> blocked;   // children that are blocked
    Place place;                         // in the parent's children or blocked
    Place self;                          // in its own children, when it has any
    bool is_blocked = false;
    bool has_child_nodes = false;
    bool is_active() const { return !members.empty() || !children.empty() || !blocked.empty(); }
  };

  static std::uint32_t index_of(const Node& node) { return node.role->index; }
  static std::uint32_t index_of(const Subscription& subscription) { return subscription.index; }

  Node* node_of(RoleIndex index) const {
    return index < nodes_.size() ? nodes_[index].get() : nullptr;
  }
  Node& make_node(RoleRow& role);
  absl::btree_set<ChildKey>& siblings_of(Node& node) {
    return node.is_blocked ? node.parent->blocked : node.parent->children;
  }

  double dominant_share(const Quantities& held) const;  // by the last refresh
  double share_of(const Quantities& held, Milli weight) const;
  double share_of(const Subscription& subscription) const;
  double share_of(const Node& node) const;      // as a child of its parent
  double own_share_of(const Node& node) const;  // of its own members, as its child

  void list(Subscription& subscription, Node& node);
  void unlist(Subscription& subscription, Node& node);
  // Lists or unlists the node, its self entry and those above as far as that changes.
  void update_listing(Node& node);
  void reorder(Subscription& subscription, Node& node);
  void reorder(Node& node);
  void reorder_self(Node& node);
  double drawn(double from, Milli weight);  // SharePolicy::kRandom

  template <typename RoleOk, typename Eligible>
  const Subscription* search(Node& node, bool with_blocked, RoleOk& role_ok, Eligible& eligible);
  template <typename RoleOk, typename Eligible>
  const Subscription* search_children(Node& node, absl::btree_set<ChildKey>& children,
                                      bool with_blocked, RoleOk& role_ok, Eligible& eligible);
  template <typename Eligible>
  const Subscription* search_members(Node& node, Eligible& eligible);

  const RoleTable& roles_;
  const ShareTable& shares_;
  const Options options_;
  Random random_;
  std::vector<std::unique_ptr<Node>> nodes_;  // by role index; null: no member here or below
  Node* root_ = nullptr;
  absl::flat_hash_map<SubscriptionIndex, std::unique_ptr<Subscription>> subscriptions_;
  std::size_t active_ = 0;
  std::size_t blocked_ = 0;
  std::uint64_t offer_sequence_ = 0;
  Quantities total_;                           // at the last refresh
  std::array<double, kResourceKinds> part_{};  // 1 / total; 0: does not count
};

template <typename RoleOk, typename Eligible>
const Subscription* FairShare::search(Node& node, bool with_blocked, RoleOk& role_ok,
                                      Eligible& eligible) {
  if (!role_ok(*node.role)) return nullptr;
  if (!node.has_child_nodes) return search_members(node, eligible);
  const Subscription* found = search_children(node, node.children, with_blocked, role_ok, eligible);
  if (found != nullptr || !with_blocked) return found;
  return search_children(node, node.blocked, with_blocked, role_ok, eligible);
}

template <typename RoleOk, typename Eligible>
const Subscription* FairShare::search_children(Node& node, absl::btree_set<ChildKey>& children,
                                               bool with_blocked, RoleOk& role_ok,
                                               Eligible& eligible) {
  for (auto it = children.begin(); it != children.end();) {
    const ChildKey key = *it;
    const bool is_self = key.entry == &node;
    if (options_.others_change_sums) {
      const double now = is_self ? own_share_of(node) : share_of(*key.entry);
      if (now > key.share) {  // another shard gave it something
        if (is_self) {
          reorder_self(node);
        } else {
          reorder(*key.entry);
        }
        it = children.lower_bound(key);
        continue;
      }
    }
    const Subscription* found = is_self ? search_members(node, eligible)
                                        : search(*key.entry, with_blocked, role_ok, eligible);
    if (found != nullptr) return found;
    // The search below may have re-ordered entries of other sets only, so `it` is still good.
    ++it;
  }
  return nullptr;
}

template <typename Eligible>
const Subscription* FairShare::search_members(Node& node, Eligible& eligible) {
  for (auto it = node.members.begin(); it != node.members.end();) {
    const MemberKey key = *it;
    if (options_.others_change_sums && share_of(*key.entry) > key.share) {
      reorder(*key.entry, node);
      it = node.members.lower_bound(key);
      continue;
    }
    if (eligible(static_cast<const Subscription&>(*key.entry))) return key.entry;
    ++it;
  }
  return nullptr;
}

}  // namespace shoal::core
