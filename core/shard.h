// The state one reactor owns: its agents, its frameworks, its deadlines. Plain data; the handlers
// (agent_handlers.h, framework_handlers.h, operator_handlers.h, shard_handlers.h) are free
// functions over it: state in, effects into the outbox, time passed in.
//
// Threads: one. Shards meet only in SharedTables and by mailbox (shard_message.h).
// Invariants: core/invariants.h checks all of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "alloc/counters.h"
#include "alloc/histogram.h"
#include "core/cluster_view.h"
#include "core/deadlines.h"
#include "core/event_log.h"
#include "core/fair_share.h"
#include "core/fleet.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/offer_filter.h"
#include "core/offer_table.h"
#include "core/outbox.h"
#include "core/random.h"
#include "core/recovery.h"
#include "core/registry.h"
#include "core/removed_ids.h"
#include "core/resources.h"
#include "core/role_table.h"
#include "core/shard_message.h"
#include "core/share_table.h"
#include "core/task_record.h"
#include "core/text.h"
#include "core/time.h"
#include "core/usage.h"

namespace shoal::core {

struct ShardConfig {
  std::uint32_t index = 0;
  std::uint32_t shards = 1;
  std::uint64_t cluster_id = 0;
  std::uint64_t epoch = 0;  // of this master's leadership; 0: without an election
  std::string version;
  Duration heartbeat_interval = kHeartbeatInterval;
  Duration session_timeout = kSessionTimeout;
  Duration agent_reregister_timeout = kAgentReregisterTimeout;
  RemovalLimits removals;
  // Of a framework that only agents tell of: the registry did not hear of it in time.
  Duration default_failover_timeout = kDefaultFailoverTimeout;
  Duration offer_timeout = kDefaultOfferTimeout;
  Duration offer_patience = kDefaultOfferPatience;
  // What is offered holds at least one of these, so that crumbs are not: Mesos' default
  // "cpus:0.01|mem:32".
  std::vector<Quantities> minimums = {{{kMinOfferCpusMilli, 0, 0, 0}},
                                      {{0, kMinOfferMemMilli, 0, 0}}};
  SharePolicy share_policy = SharePolicy::kDominantShare;
  std::array<bool, kResourceKinds> excluded_from_shares{};
  bool filter_gpus = true;  // agents with GPUs only to frameworks that can use them
  std::string region;       // the master's own; empty: no fault domains
  // Wall clock = wall_base_ms + (now - mono_base): for people only, so it may drift.
  std::int64_t wall_base_ms = 0;
  TimePoint mono_base{};
};

// What all shards share; see the headings of the files for why that is safe.
struct SharedTables {
  SharedTables(std::uint32_t shards, std::uint32_t first_generation)
      : offers(shards, first_generation), shares(shards) {}
  OfferTable offers;
  RoleTable roles;
  ShareTable shares;
  Recovery recovery;
  Fleet fleet;
};

// An operation that was sent to the agent, until its feedback is acknowledged.
struct OperationRecord {
  FrameworkId framework;  // 0: an operator's
  std::string id;         // empty: nobody wants feedback
  OperationKind kind = OperationKind::kReserve;
  OperationState state = OperationState::kPending;
  Conversion conversion;
};

// Where an agent waits for the allocator.
enum class AgentQueue : std::uint8_t {
  kNone = 0,   // nothing to offer
  kDirty = 1,  // looked at in the next pass
  kIdle = 2,   // has something that nobody wanted, or might have
};

struct AgentRecord {
  AgentDescriptionPtr description;
  std::uint64_t capabilities = 0;  // AgentCapability bits
  std::uint64_t incarnation = 0;
  AgentState state = AgentState::kActive;
  AgentMode mode = AgentMode::kNormal;
  bool is_admitted = false;          // it is in the registry
  bool is_declared_gone = false;     // by an operator; taken out when that is in the registry
  bool awaits_removal = false;       // it is in the shard's removals
  std::uint32_t drains_waiting = 0;  // requests to drain it that are not in the registry yet
  std::unique_ptr<Drain> drain;      // of a draining or drained one
  SessionId session;
  TimePoint last_heard;
  TimePoint silence_deadline;  // the one entry of the heap that counts
  TimePoint disconnected_at;
  Resources total;      // with its reservations and volumes, and what it lends (revocable)
  Resources available;  // total - used - offered, never below nothing
  Resources used;       // without shared volumes: those are always available
  Resources offered;    // likewise
  absl::btree_map<TaskKey, TaskRecord, TaskKeyLess> tasks;
  absl::InlinedVector<OfferId, 2> offers;  // published and not yet settled
  absl::btree_map<UpdateUuid, OperationRecord> operations;
  // What operations that failed have in sum made of the agent's resources, and `total` still has,
  // because some of it is held. Until it is undone nothing is offered. Null: nothing.
  std::unique_ptr<Conversion> failed;
  OfferFilters filters;
  TimePoint filter_deadline;  // the one entry of the heap that counts; 0: none
  AgentQueue queue = AgentQueue::kNone;
  std::uint32_t queue_position = 0;  // in the shard's dirty or idle
  std::int64_t registered_ms = 0;
  std::unique_ptr<MachineUse> machine;  // of an active one that has reported it

  AgentId id() const { return description->id; }
  bool may_be_offered() const {
    return is_admitted && state == AgentState::kActive && mode == AgentMode::kNormal;
  }
};

// An offer as the framework's shard knows it.
struct HeldOffer {
  AgentId agent;
  RoleIndex role = kRootRole;
};

// A role of a framework, at its home shard. A role that the framework leaves keeps its row, for the
// tasks that still run in it.
struct FrameworkRole {
  RoleRow* role = nullptr;
  SubscriptionIndex subscription = 0;
  bool subscribed = true;
  bool suppressed = false;
  Quantities minimum;
  std::shared_ptr<const OfferConstraints> constraints;
};

struct FrameworkRecord {
  FrameworkId id;
  std::uint32_t index = 0;  // names it in offer slots
  std::string name;
  std::string user;
  std::vector<FrameworkRole> roles;
  Capabilities capabilities;
  Duration failover_timeout = kDefaultFailoverTimeout;
  FrameworkState state = FrameworkState::kActive;
  SessionId session;
  TimePoint last_heard;
  TimePoint silence_deadline;  // the one entry of the heap that counts
  TimePoint disconnected_at;
  absl::flat_hash_map<std::string, TaskPlace, TextHash, TextEqual> tasks;
  absl::flat_hash_map<OfferId, HeldOffer> offers;  // held and not answered
  TimePoint notice_deadline;  // when to ask why it has no offers; the entry of the heap that counts
  std::int64_t subscribed_ms = 0;

  // In every role it subscribes to.
  bool suppressed() const {
    return std::none_of(roles.begin(), roles.end(), [](const FrameworkRole& role) {
      return role.subscribed && !role.suppressed;
    });
  }
};

// A question on its way through all shards.
struct Gathering {
  SessionId session;
  std::uint32_t correlation = 0;
  std::uint32_t missing = 0;  // shards that have not answered
  ClusterView view;
};
struct ExplainGathering {
  SessionId session;  // none: the master itself asks, to tell `framework` (Notice)
  FrameworkId framework;
  std::uint32_t correlation = 0;
  std::uint32_t missing = 0;
  Explanation explanation;
};

// What the allocator has to look at beside the dirty agents.
struct AllocatorState {
  std::vector<AgentRecord*> dirty;  // what is free changed
  std::vector<AgentRecord*> idle;   // nobody wanted what is free when it was last offered

  // Who may want idle agents now: it was blocked, suppressed, away, or had filters.
  std::vector<SubscriptionIndex> wanting;
  std::vector<RoleRow*> wanting_roles;
  bool wake_all = false;          // anybody
  std::size_t wake_position = 0;  // idle agents before it have been looked at for those above

  std::vector<RoleRow*> guaranteed;  // roles with a guarantee
  bool held_back = false;            // something is free and kept for them
  bool table_full = false;           // dirty agents wait for a slot to be settled
  bool is_recovering = false;        // nothing is offered until enough agents are back
  // Sums that this shard lowered in this turn, for the others to hear.
  std::vector<SubscriptionIndex> fallen;
  std::vector<RoleRow*> fallen_roles;
  // Roles charged with what is there, asked or not: open offers may be above their limits now.
  std::vector<RoleRow*> overdrawn_roles;
  // Roles that may have room again: fallen here or elsewhere, or with other limits.
  std::vector<RoleRow*> freed_roles;

  OfferId patience_cursor;   // where the search for unanswered offers goes on
  TimePoint offer_deadline;  // the one entry of the heap that counts; 0: none
};

// Numbers for /metrics; written by the shard's thread, read by any.
struct ShardCounters {
  alloc::Counter agents_registered;
  alloc::Counter agents_unreachable;
  alloc::Counter removals_postponed;  // for want of a fleet, core/fleet.h
  alloc::Counter frameworks_subscribed;
  alloc::Counter frameworks_removed;
  alloc::Counter offers_published;
  alloc::Counter offers_accepted;
  alloc::Counter offers_declined;
  alloc::Counter offers_rescinded;  // for any cause
  alloc::Counter rescinded_hoarding;
  alloc::Counter rescinded_quota;
  alloc::Counter rescinded_agent_lost;
  alloc::Counter rescinded_framework_removed;
  alloc::Counter rescinded_operator;
  alloc::Counter rescinded_revocable;
  alloc::Counter offers_expired;
  alloc::Counter offer_table_full;
  alloc::Counter tasks_launched;
  alloc::Counter tasks_ended;
  alloc::Counter updates_forwarded;
  alloc::Counter refusals;
  alloc::Counter newer_epochs;  // peers that have seen a master of a higher epoch
  alloc::Counter operations;
  alloc::Counter operations_failed;
  alloc::Counter notices;
  alloc::Counter agents_drained;
  alloc::Counter agents_marked_gone;
  alloc::Counter agents;  // gauges
  alloc::Counter frameworks;
  alloc::Counter tasks;
  alloc::Counter offers;
  alloc::Counter idle_agents;
  alloc::Counter held_agents;  // deactivated, draining or drained
  // Sums of what agents last reported.
  alloc::Counter reporting_agents;
  alloc::Counter machines_cpus_milli;
  alloc::Counter machines_memory_bytes;
  alloc::Counter machines_memory_used_bytes;
  alloc::Counter machines_disk_bytes;
  alloc::Counter machines_disk_used_bytes;
  // From the start of the turn in which resources became free to the end of the pass that offered
  // them. Observed by who has a clock (master/service.cc).
  alloc::Histogram offer_delay;
  alloc::Histogram launch_delay;  // to the news that the task runs; in whole milliseconds
};

struct Shard {
  Shard(ShardConfig shard_config, SharedTables& tables, std::uint64_t seed);

  ShardConfig config;
  SharedTables& shared;
  Random random;

  // Ordered: what handlers do for every agent or framework is the same in every replay of a seed.
  absl::btree_map<AgentId, std::unique_ptr<AgentRecord>> agents;
  absl::flat_hash_map<AgentId, AgentRecord*> agents_by_id;  // the same, for find_agent()
  absl::btree_map<FrameworkId, std::unique_ptr<FrameworkRecord>> frameworks;
  absl::btree_map<FrameworkId, FrameworkEntry> directory;  // every live framework of the cluster
  FairShare fair_share;                                    // their subscriptions, in order
  AllocatorState allocator;
  Deadlines deadlines;

  std::deque<std::uint32_t> free_framework_indices;
  std::deque<SubscriptionIndex> free_subscriptions;

  std::deque<TaskSummary> completed_tasks;            // newest last, bounded
  std::deque<FrameworkSummary> completed_frameworks;  // of this shard, bounded
  std::uint64_t forgotten_tasks = 0;                  // that have left the front of the above
  std::uint64_t forgotten_frameworks = 0;
  EventLog events;
  std::deque<AgentId> unreachable_agents;  // oldest first, bounded
  // Those that did not come back, the longest first. While there are any, one deadline is set.
  std::deque<AgentId> removals;
  TimePoint next_removal{};  // earliest moment at which another of them is given up
  RemovedIds<FrameworkId, kMaxFrameworksPerShard> removed_frameworks;
  RemovedIds<AgentId, kMaxGoneAgentsPerShard> gone_agents;  // an operator said so
  PendingStores stores;
  // Bytes of the task reports of agents that are about to register (master/held_reports.h).
  std::size_t held_report_bytes = 0;
  std::vector<AgentId> maybe_drained;  // draining ones that lost a task or operation in this turn

  absl::flat_hash_map<std::uint64_t, Gathering> gatherings;
  absl::flat_hash_map<std::uint64_t, ExplainGathering> explain_gatherings;
  std::uint64_t next_query = 1;
  ShardCounters counters;

  std::uint32_t home_of(AgentId id) const { return home_shard(id.value, config.shards); }
  std::uint32_t home_of(FrameworkId id) const { return home_shard(id.value, config.shards); }
  std::int64_t wall_ms(TimePoint now) const {
    return config.wall_base_ms +
           std::chrono::duration_cast<std::chrono::milliseconds>(now - config.mono_base).count();
  }
  AgentRecord* find_agent(AgentId id) {
    const auto it = agents_by_id.find(id);
    return it == agents_by_id.end() ? nullptr : it->second;
  }
  FrameworkRecord* find_framework(FrameworkId id) {
    const auto it = frameworks.find(id);
    return it == frameworks.end() ? nullptr : it->second.get();
  }
  const FrameworkEntry* find_entry(FrameworkId id) const {
    const auto it = directory.find(id);
    return it == directory.end() ? nullptr : &it->second;
  }
  // The framework's row in a role; nullopt when the framework is not in the directory, or was never
  // in that role.
  std::optional<SubscriptionIndex> subscription_of(FrameworkId id, const RoleRow& role) const;
  // Whether the framework is gone for good. One that is neither in the directory nor removed has
  // subscribed to an earlier master, and may come back.
  bool was_removed(FrameworkId id) const { return removed_frameworks.contains(id); }
};

// Everything that is due at `now`: silent peers, agents and frameworks that did not come back,
// offers and filters that ran out.
void on_tick(Shard& shard, Outbox& outbox, TimePoint now);

// When on_tick has something to do; nullopt: not before something else happens.
std::optional<TimePoint> next_deadline(const Shard& shard);

// Whether the end of the turn would do something again at once: messages to the own shard may have
// freed resources after it.
bool has_work_left(const Shard& shard);

// The end of a turn: offers what became free to whoever is furthest below its share. Work that is
// left for the next turn is a deadline that is due at once.
void on_turn_end(Shard& shard, Outbox& outbox, TimePoint now);

}  // namespace shoal::core
