#include "core/allocator.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/accounting.h"
#include "core/allocation_pass.h"
#include "core/eligibility.h"
#include "core/quota.h"

namespace shoal::core {
namespace {

std::vector<AgentRecord*>* queue_of(Shard& shard, AgentQueue queue) {
  switch (queue) {
    case AgentQueue::kDirty:
      return &shard.allocator.dirty;
    case AgentQueue::kIdle:
      return &shard.allocator.idle;
    case AgentQueue::kNone:
      break;
  }
  return nullptr;
}

// The last agent of the idle queue takes the place of one that leaves. A sweep that has passed that
// place would miss it, so the sweep goes back.
void leave_queue(Shard& shard, AgentRecord& agent) {
  std::vector<AgentRecord*>* queue = queue_of(shard, agent.queue);
  if (queue == nullptr) return;
  AllocatorState& state = shard.allocator;
  std::uint32_t hole = agent.queue_position;
  const auto fill = [queue](std::uint32_t place, std::uint32_t from) {
    (*queue)[place] = (*queue)[from];
    (*queue)[place]->queue_position = place;
  };
  if (agent.queue == AgentQueue::kIdle && hole < state.wake_position) {
    // Keep those that were looked at together in front.
    const auto last_seen = static_cast<std::uint32_t>(--state.wake_position);
    fill(hole, last_seen);
    hole = last_seen;
  }
  fill(hole, static_cast<std::uint32_t>(queue->size() - 1));
  queue->pop_back();
  agent.queue = AgentQueue::kNone;
}

void enter_queue(Shard& shard, AgentRecord& agent, AgentQueue to) {
  if (agent.queue == to) return;
  leave_queue(shard, agent);
  std::vector<AgentRecord*>& queue = *queue_of(shard, to);
  agent.queue = to;
  agent.queue_position = static_cast<std::uint32_t>(queue.size());
  queue.push_back(&agent);
}

void sort_roles(std::vector<RoleRow*>& roles) {
  std::sort(roles.begin(), roles.end(),
            [](const RoleRow* a, const RoleRow* b) { return a->index < b->index; });
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
}

// Roles that were at a limit and have room again: whoever is in them wants idle agents.
void unblock_roles(Shard& shard) {
  AllocatorState& state = shard.allocator;
  sort_roles(state.freed_roles);
  const std::size_t before = state.wanting_roles.size();
  for (RoleRow* role : state.freed_roles) {
    if (!shard.fair_share.has_blocked()) break;
    for (RoleRow* row = role; row != nullptr; row = row->parent) {
      if (!shard.fair_share.is_blocked_itself(*row) || is_exhausted(*row)) continue;
      shard.fair_share.unblock(*row);
      state.wanting_roles.push_back(row);
    }
  }
  state.freed_roles.clear();
  if (state.wanting_roles.size() > before) state.wake_position = 0;
}

void tell_fallen(Shard& shard, Outbox& outbox) {
  AllocatorState& state = shard.allocator;
  if (state.fallen_roles.empty()) return;
  sort_roles(state.fallen_roles);
  if (shard.config.shards > 1) {
    std::sort(state.fallen.begin(), state.fallen.end());
    state.fallen.erase(std::unique(state.fallen.begin(), state.fallen.end()), state.fallen.end());
    for (std::uint32_t i = 0; i < shard.config.shards; ++i) {
      if (i != shard.config.index) {
        outbox.to_shard(i, SharesFell{state.fallen, state.fallen_roles});
      }
    }
  }
  state.freed_roles.insert(state.freed_roles.end(), state.fallen_roles.begin(),
                           state.fallen_roles.end());
  state.fallen.clear();
  state.fallen_roles.clear();
}

// All shards take back offers of roles that are above a limit.
void tell_overdrawn(Shard& shard, Outbox& outbox) {
  std::vector<RoleRow*>& roles = shard.allocator.overdrawn_roles;
  if (roles.empty()) return;
  std::erase_if(roles, [](const RoleRow* role) { return !is_over(*role); });
  sort_roles(roles);
  if (!roles.empty()) {
    const QuotaChanged changed{.roles = std::move(roles), .rescind = true};
    for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, changed);
  }
  roles.clear();
}

// One scan over dirty agents; false when the pass is full and some are left.
bool offer_dirty(Shard& shard, AllocationPass& pass) {
  std::vector<AgentRecord*>& dirty = shard.allocator.dirty;
  // In the order they became dirty; those that stay are moved to the front.
  std::size_t done = 0;
  while (done < dirty.size() && pass.has_room()) {
    AgentRecord& agent = *dirty[done++];
    agent.queue = AgentQueue::kNone;
    const bool is_left = pass.offer(agent);
    if (pass.table_is_full()) {  // it stays dirty until a slot is settled in a later turn
      --done;
      agent.queue = AgentQueue::kDirty;
      break;
    }
    if (is_left) enter_queue(shard, agent, AgentQueue::kIdle);
  }
  dirty.erase(dirty.begin(), dirty.begin() + static_cast<std::ptrdiff_t>(done));
  for (std::uint32_t i = 0; i < dirty.size(); ++i) dirty[i]->queue_position = i;
  return dirty.empty();
}

bool somebody_wants(const AllocatorState& state) {
  return state.wake_all || !state.wanting.empty() || !state.wanting_roles.empty();
}

// Goes on with the sweep over idle agents; false when the pass is full and some are left.
bool offer_idle(Shard& shard, AllocationPass& pass) {
  AllocatorState& state = shard.allocator;
  const Scope scope = Scope::of(shard);
  while (state.wake_position < state.idle.size()) {
    if (!pass.has_room() || pass.table_is_full()) return false;
    if (!pass.wants(scope)) break;
    AgentRecord& agent = *state.idle[state.wake_position++];
    const bool is_left = pass.offer(agent, scope);
    if (pass.table_is_full()) {
      --state.wake_position;
      return false;
    }
    if (!is_left) leave_queue(shard, agent);
  }
  state.wake_position = 0;
  state.wake_all = false;
  state.wanting.clear();
  state.wanting_roles.clear();
  return true;
}

void count_rescind(ShardCounters& counters, RescindCause cause) {
  counters.offers_rescinded.add();
  switch (cause) {
    case RescindCause::kAgentLost:
      return counters.rescinded_agent_lost.add();
    case RescindCause::kHoarding:
      return counters.rescinded_hoarding.add();
    case RescindCause::kQuota:
      return counters.rescinded_quota.add();
    case RescindCause::kFrameworkRemoved:
      return counters.rescinded_framework_removed.add();
    case RescindCause::kOperator:
      return counters.rescinded_operator.add();
    case RescindCause::kRevocable:
      return counters.rescinded_revocable.add();
  }
}

void notify_withdrawn(Shard& shard, Outbox& outbox, OfferId id) {
  const FrameworkId framework = shard.shared.offers.payload(id).framework;
  outbox.to_shard(shard.home_of(framework), OffersWithdrawn{framework, {id}});
}

// A framework that waits does so for one period of the watch, and for offers to become as old.
Duration watch_period(const Shard& shard) { return shard.config.offer_patience / 2; }

constexpr Duration kLeastOfferWatch = std::chrono::milliseconds(1);

void arm_offer_watch(Shard& shard, TimePoint now) {
  const auto oldest = shard.shared.offers.oldest(shard.config.index);
  if (!oldest.has_value()) return;
  TimePoint when = shard.shared.offers.payload(*oldest).published + shard.config.offer_timeout;
  // Offers that are old already are looked at again and again: who waits changes.
  if (shard.fair_share.active() > 1) when = std::min(when, now + watch_period(shard));
  // The oldest may be past its timeout and answered, but not settled yet: the mail that does it is
  // read after this turn.
  when = std::max(when, now + kLeastOfferWatch);
  TimePoint& armed = shard.allocator.offer_deadline;
  if (armed != TimePoint() && armed <= when) return;
  armed = when;
  shard.deadlines.push(when, DeadlineKind::kOfferWatch, 0);
}

void arm_filter_deadline(Shard& shard, AgentRecord& agent, TimePoint when) {
  if (agent.filter_deadline != TimePoint() && agent.filter_deadline <= when) return;
  agent.filter_deadline = when;
  shard.deadlines.push(when, DeadlineKind::kFilterExpiry, agent.id().value);
}

// The subscriptions of frameworks that hold nothing, in none of their roles.
std::vector<SubscriptionIndex> find_empty_handed(const Shard& shard) {
  std::vector<SubscriptionIndex> out;
  for (const auto& [id, framework] : shard.directory) {
    const auto holds_nothing = [&shard](const SubscriptionEntry& subscription) {
      return shard.shared.shares.held(subscription.index).load().empty();
    };
    if (!std::all_of(framework.subscriptions.begin(), framework.subscriptions.end(),
                     holds_nothing)) {
      continue;
    }
    for (const SubscriptionEntry& subscription : framework.subscriptions) {
      if (subscription.active) out.push_back(subscription.index);
    }
  }
  return out;
}

// Who gets an old offer that its holder does not answer: one of the empty-handed, however its roles
// stand, or who is furthest behind and would still be with it. Null: nobody.
const Subscription* heir_of(Shard& shard, const AgentRecord& agent, const OfferPayload& offer,
                            const std::vector<SubscriptionIndex>& empty_handed) {
  const Subscription* holder = shard.fair_share.find(offer.subscription);
  if (holder == nullptr) return nullptr;
  if (const Subscription* poor = first_that_waits(shard, agent, offer, empty_handed)) return poor;
  const Subscription* waiting = who_waits(shard, agent, offer);
  if (waiting == nullptr) return nullptr;
  const Quantities what = offer.resources.all_quantities();
  return shard.fair_share.stays_behind(*waiting, what, *holder) ? waiting : nullptr;
}

// Old offers of one agent that nobody answers, and who gets what they hold.
struct Inheritance {
  std::vector<OfferId> offers;
  const Subscription* heir = nullptr;  // null: nobody
};

// Each old offer of the agent may be too small for all of the empty-handed, and several of them,
// with what is free, enough: the oldest that are.
Inheritance gather(Shard& shard, const AgentRecord& agent, TimePoint limit,
                   const std::vector<SubscriptionIndex>& empty_handed) {
  const OfferTable& table = shard.shared.offers;
  Inheritance found;
  if (agent.offers.size() == 1 && agent.available.empty()) return found;  // it was looked at
  OfferPayload sum;
  sum.resources = agent.available;
  for (const OfferId id : agent.offers) {
    const OfferPayload& offer = table.payload(id);
    if (offer.published > limit || table.state(id) != OfferState::kOpen) continue;
    Resources scratch;
    sum.resources += exclusive_part(offer.resources, scratch);
    found.offers.push_back(id);
    found.heir = first_that_waits(shard, agent, sum, empty_handed);
    if (found.heir != nullptr) break;
  }
  return found;
}

// Takes the offers back and offers their agent to the heir first. False: all were answered.
bool hand_over(Shard& shard, Outbox& outbox, AllocationPass& pass, AgentRecord& agent,
               const std::vector<OfferId>& offers, SubscriptionIndex heir, TimePoint now) {
  bool is_any = false;
  for (const OfferId id : offers) {
    const OfferPayload offer = shard.shared.offers.payload(id);
    if (!rescind_offer(shard, outbox, id, RescindCause::kHoarding)) continue;
    is_any = true;
    // As if the holder had declined for as long as it did not answer: the others come first.
    if (const Subscription* holder = shard.fair_share.find(offer.subscription)) {
      add_filter(shard, agent, *holder, offer.resources, shard.config.offer_patience, now);
    }
  }
  if (!is_any) return false;
  // At once, so that the shares are those of after, for the next decision.
  leave_queue(shard, agent);
  pass.offer(agent, Scope::only(heir));
  return true;
}

constexpr std::size_t kOffersPerWatch = 1024;

// Rescinds old offers while others wait for them; looks at a bounded number a time.
void end_hoarding(Shard& shard, Outbox& outbox, TimePoint now) {
  OfferTable& table = shard.shared.offers;
  AllocatorState& state = shard.allocator;
  const TimePoint limit = now - watch_period(shard);
  std::optional<OfferId> next = table.state(state.patience_cursor) != OfferState::kFree
                                    ? std::optional(state.patience_cursor)
                                    : table.oldest(shard.config.index);
  AllocationPass pass(shard, now);
  std::optional<std::vector<SubscriptionIndex>> empty_handed;  // when the first offer is old
  absl::flat_hash_set<AgentId> gathered;                       // agents, each once
  for (std::size_t seen = 0; next.has_value() && seen < kOffersPerWatch; ++seen) {
    const OfferId id = *next;
    next = table.next_newer(id);
    const OfferPayload offer = table.payload(id);
    if (offer.published > limit) {
      next.reset();
      break;
    }
    AgentRecord* agent = shard.find_agent(offer.agent);
    if (agent == nullptr || table.state(id) != OfferState::kOpen) continue;
    if (!empty_handed.has_value()) empty_handed = find_empty_handed(shard);
    Inheritance taken{{}, heir_of(shard, *agent, offer, *empty_handed)};
    if (taken.heir != nullptr) {
      taken.offers.push_back(id);
    } else if (!empty_handed->empty() && gathered.insert(agent->id()).second) {
      taken = gather(shard, *agent, limit, *empty_handed);
    }
    if (taken.heir == nullptr) continue;
    while (next.has_value() && std::ranges::find(taken.offers, *next) != taken.offers.end()) {
      next = table.next_newer(*next);
    }
    const FrameworkId heir_framework = taken.heir->framework;
    if (!hand_over(shard, outbox, pass, *agent, taken.offers, taken.heir->index, now)) continue;
    std::erase_if(*empty_handed, [&](SubscriptionIndex index) {
      const Subscription* subscription = shard.fair_share.find(index);
      return subscription == nullptr || subscription->framework == heir_framework;
    });
    if (pass.offer(*agent)) enter_queue(shard, *agent, AgentQueue::kIdle);
  }
  state.patience_cursor = next.value_or(OfferId{0xffffffff, 0});
  pass.send(outbox);
}

void expire_offers(Shard& shard, Outbox& outbox, TimePoint now) {
  OfferTable& table = shard.shared.offers;
  std::optional<OfferId> next = table.oldest(shard.config.index);
  while (next.has_value()) {
    const OfferId id = *next;
    if (table.payload(id).published + shard.config.offer_timeout > now) return;
    next = table.next_newer(id);
    if (!table.expire(id)) continue;
    notify_withdrawn(shard, outbox, id);
    settle_offer(shard, id);
    shard.counters.offers_expired.add();
  }
}

}  // namespace

void mark_dirty(Shard& shard, AgentRecord& agent) {
  if (!agent.may_be_offered()) return;
  enter_queue(shard, agent, AgentQueue::kDirty);
}

void dequeue(Shard& shard, AgentRecord& agent) { leave_queue(shard, agent); }

void note_wanting(Shard& shard, SubscriptionIndex subscription) {
  shard.allocator.wanting.push_back(subscription);
  shard.allocator.wake_position = 0;
}

void note_all_wanting(Shard& shard) {
  shard.allocator.wake_all = true;
  shard.allocator.wake_position = 0;
}

void allocate(Shard& shard, Outbox& outbox, TimePoint now) {
  AllocatorState& state = shard.allocator;
  tell_overdrawn(shard, outbox);
  tell_fallen(shard, outbox);
  const bool freed = !state.freed_roles.empty();
  unblock_roles(shard);
  if (state.is_recovering) return;
  if (state.dirty.empty() && !somebody_wants(state) && !(freed && state.held_back)) return;
  shard.fair_share.refresh();
  AllocationPass pass(shard, now);
  if (state.held_back && pass.has_surplus()) {
    state.held_back = false;
    note_all_wanting(shard);
  }
  bool done = offer_dirty(shard, pass);
  if (done && somebody_wants(state)) done = offer_idle(shard, pass);
  // What this very pass was denied, and gave back, is news as well.
  tell_overdrawn(shard, outbox);
  tell_fallen(shard, outbox);
  unblock_roles(shard);
  if (somebody_wants(state)) done = false;
  pass.send(outbox);
  state.table_full = pass.table_is_full();
  if (!done && !state.table_full) shard.deadlines.push(now, DeadlineKind::kAllocate, 0);
  arm_offer_watch(shard, now);
  shard.counters.offers.set(shard.shared.offers.outstanding(shard.config.index));
  shard.counters.idle_agents.set(state.idle.size());
}

void settle_offer(Shard& shard, OfferId id) {
  const OfferPayload& offer = shard.shared.offers.payload(id);
  RoleRow& role = shard.shared.roles[offer.role];
  end_offer(role, offer.resources);
  give_up(shard, role, offer.subscription, offer.resources);
  AgentRecord* agent = shard.find_agent(offer.agent);
  if (agent != nullptr && forget_offer(*agent, id, offer.resources)) {
    Resources scratch;
    make_available(*agent, exclusive_part(offer.resources, scratch));
    mark_dirty(shard, *agent);
  }
  shard.shared.offers.settle(id);
  shard.allocator.table_full = false;
}

bool rescind_offer(Shard& shard, Outbox& outbox, OfferId id, RescindCause cause) {
  if (!shard.shared.offers.rescind(id)) return false;
  notify_withdrawn(shard, outbox, id);
  settle_offer(shard, id);
  count_rescind(shard.counters, cause);
  return true;
}

void rescind_offers(Shard& shard, Outbox& outbox, AgentRecord& agent, RescindCause cause) {
  const auto offers = agent.offers;  // settle_offer takes them out of the agent's list
  for (const OfferId id : offers) rescind_offer(shard, outbox, id, cause);
}

void add_filter(Shard& shard, AgentRecord& agent, const Subscription& subscription,
                const Resources& resources, Duration refuse, TimePoint now) {
  if (refuse <= Duration::zero() || resources.empty()) return;
  const TimePoint until = now + std::min<Duration>(refuse, kMaxRefuse);
  agent.filters.add(subscription.index, subscription.filter_epoch, resources, until);
  arm_filter_deadline(shard, agent, until);
}

void expire_filters(Shard& shard, const Deadline& deadline, TimePoint now) {
  AgentRecord* agent = shard.find_agent(AgentId{deadline.id});
  if (agent == nullptr || agent->filter_deadline != deadline.when) return;
  agent->filter_deadline = TimePoint();
  if (agent->filters.expire(now)) mark_dirty(shard, *agent);
  if (const auto next = agent->filters.next_expiry(); next.has_value()) {
    arm_filter_deadline(shard, *agent, *next);
  }
}

void watch_offers(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now) {
  AllocatorState& state = shard.allocator;
  if (state.offer_deadline != deadline.when) return;
  state.offer_deadline = TimePoint();
  expire_offers(shard, outbox, now);
  if (shard.fair_share.active() > 1) end_hoarding(shard, outbox, now);
  arm_offer_watch(shard, now);
}

}  // namespace shoal::core
