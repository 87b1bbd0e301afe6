// The state one reactor owns: its agents, its frameworks, its deadlines. Plain data; the handlers
// (agent_handlers.h, framework_handlers.h, operator_handlers.h, shard_handlers.h) are free
// functions over it: state in, effects into the outbox, time passed in.
//
// Threads: one. Shards meet only in SharedTables and by mailbox (shard_message.h).
// Invariants: core/invariants.h checks all of them.
#pragma once

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
#include "core/cluster_view.h"
#include "core/deadlines.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/offer_table.h"
#include "core/outbox.h"
#include "core/random.h"
#include "core/resources.h"
#include "core/shard_message.h"
#include "core/share_table.h"
#include "core/text.h"
#include "core/time.h"

namespace shoal::core {

struct ShardConfig {
  std::uint32_t index = 0;
  std::uint32_t shards = 1;
  std::uint64_t cluster_id = 0;
  std::string version;
  Duration heartbeat_interval = kHeartbeatInterval;
  Duration session_timeout = kSessionTimeout;
  Duration agent_reregister_timeout = kAgentReregisterTimeout;
  Duration offer_timeout = kDefaultOfferTimeout;
  // Wall clock = wall_base_ms + (now - mono_base): for people only, so it may drift.
  std::int64_t wall_base_ms = 0;
  TimePoint mono_base{};
};

// What all shards share; see the headings of the two files for why that is safe.
struct SharedTables {
  SharedTables(std::uint32_t shards, std::uint32_t first_generation)
      : offers(shards, first_generation), shares(shards) {}
  OfferTable offers;
  ShareTable shares;
};

struct TaskKey {
  FrameworkId framework;
  std::string id;
};
struct TaskKeyView {
  FrameworkId framework;
  std::string_view id;
};
struct TaskKeyLess {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    if (a.framework != b.framework) return a.framework < b.framework;
    return std::string_view(a.id) < std::string_view(b.id);
  }
};

// A task as its agent's shard knows it, from launch until its last update is acknowledged.
struct TaskRecord {
  std::string name;
  Resources resources;
  TaskState state = TaskState::kStaging;
  TaskReason reason = TaskReason::kNone;
  std::string message;
  bool has_exit = false;
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;
  bool holds_resources = true;  // until it is known to have ended
  bool kill_requested = false;  // sent again when the agent comes back
  std::int64_t kill_grace_ms = -1;
  UpdateUuid terminal_uuid{};  // of the update that ended it
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
};

// "Not again to this framework, unless there is more than this, before `until`."
struct OfferFilter {
  FrameworkId framework;
  Resources refused;
  TimePoint until;
};

struct AgentRecord {
  AgentDescriptionPtr description;
  std::uint64_t incarnation = 0;
  AgentState state = AgentState::kActive;
  SessionId session;
  TimePoint last_heard;
  TimePoint silence_deadline;  // the one entry of the heap that counts
  TimePoint disconnected_at;
  Resources available;  // total - used - offered, never below nothing
  Resources used;
  Resources offered;
  absl::btree_map<TaskKey, TaskRecord, TaskKeyLess> tasks;
  absl::InlinedVector<OfferId, 2> offers;  // published and not yet settled
  absl::InlinedVector<OfferFilter, 2> filters;
  bool dirty = false;
  std::int64_t registered_ms = 0;

  AgentId id() const { return description->id; }
  // An agent may come back with less than its tasks hold: then nothing is free until they end.
  void update_available() {
    const Resources held = used + offered;
    available = description->total.contains(held) ? description->total - held : Resources();
  }
};

// Where a framework's task is; kept until its last update is acknowledged.
struct TaskPlace {
  AgentId agent;
  bool ended = false;
  UpdateUuid terminal_uuid{};
};

struct FrameworkRecord {
  FrameworkId id;
  std::uint32_t index = 0;
  std::string name;
  std::string user;
  std::string role;
  Duration failover_timeout = kDefaultFailoverTimeout;
  FrameworkState state = FrameworkState::kActive;
  bool suppressed = false;
  SessionId session;
  TimePoint last_heard;
  TimePoint silence_deadline;  // the one entry of the heap that counts
  TimePoint disconnected_at;
  absl::flat_hash_map<std::string, TaskPlace, TextHash, TextEqual> tasks;
  absl::flat_hash_map<OfferId, AgentId> offers;  // held and not answered
  std::int64_t subscribed_ms = 0;
};

// A framework as the allocator of this shard sees it.
struct DirectoryEntry {
  FrameworkEntry framework;
  std::uint64_t last_offer = 0;  // sequence number: among equals the one that waited longest
};

// An operator's question on its way through all shards.
struct Gathering {
  SessionId session;
  std::uint32_t correlation = 0;
  std::uint32_t missing = 0;  // shards that have not answered
  ClusterView view;
};

// Numbers for /metrics; written by the shard's thread, read by any.
struct ShardCounters {
  alloc::Counter agents_registered;
  alloc::Counter agents_unreachable;
  alloc::Counter frameworks_subscribed;
  alloc::Counter frameworks_removed;
  alloc::Counter offers_published;
  alloc::Counter offers_accepted;
  alloc::Counter offers_declined;
  alloc::Counter offers_rescinded;
  alloc::Counter offers_expired;
  alloc::Counter offer_table_full;
  alloc::Counter tasks_launched;
  alloc::Counter tasks_ended;
  alloc::Counter updates_forwarded;
  alloc::Counter refusals;
  alloc::Counter agents;  // gauges
  alloc::Counter frameworks;
  alloc::Counter tasks;
};

struct Shard {
  Shard(ShardConfig shard_config, SharedTables& tables, std::uint64_t seed);

  ShardConfig config;
  SharedTables& shared;
  Random random;

  // Ordered: what handlers do for every agent or framework is the same in every replay of a seed.
  absl::btree_map<AgentId, std::unique_ptr<AgentRecord>> agents;
  absl::btree_map<FrameworkId, std::unique_ptr<FrameworkRecord>> frameworks;
  std::vector<DirectoryEntry> directory;  // every live framework of the cluster
  Deadlines deadlines;

  std::vector<AgentId> dirty;  // agents whose free resources changed in this turn
  std::deque<std::uint32_t> free_framework_indices;
  std::uint64_t offer_sequence = 0;

  std::deque<TaskSummary> completed_tasks;            // newest last, bounded
  std::deque<FrameworkSummary> completed_frameworks;  // of this shard, bounded
  std::deque<AgentId> unreachable_agents;             // oldest first, bounded
  std::deque<FrameworkId> removed_frameworks;         // newest last, bounded

  absl::flat_hash_map<std::uint64_t, Gathering> gatherings;
  std::uint64_t next_query = 1;
  ShardCounters counters;

  std::uint32_t home_of(AgentId id) const { return home_shard(id.value, config.shards); }
  std::uint32_t home_of(FrameworkId id) const { return home_shard(id.value, config.shards); }
  std::int64_t wall_ms(TimePoint now) const {
    return config.wall_base_ms +
           std::chrono::duration_cast<std::chrono::milliseconds>(now - config.mono_base).count();
  }
  AgentRecord* find_agent(AgentId id) {
    const auto it = agents.find(id);
    return it == agents.end() ? nullptr : it->second.get();
  }
  FrameworkRecord* find_framework(FrameworkId id) {
    const auto it = frameworks.find(id);
    return it == frameworks.end() ? nullptr : it->second.get();
  }
  DirectoryEntry* find_entry(FrameworkId id);
  // Whether the framework is gone for good. One that is neither in the directory nor removed has
  // subscribed to an earlier master, and may come back.
  bool was_removed(FrameworkId id) const;
};

// Everything that is due at `now`: silent peers, agents and frameworks that did not come back,
// offers and filters that ran out.
void on_tick(Shard& shard, Outbox& outbox, TimePoint now);

// When on_tick has something to do; nullopt: not before something else happens.
std::optional<TimePoint> next_deadline(const Shard& shard);

// The end of a turn: offers what became free to whoever is furthest below its share.
void on_turn_end(Shard& shard, Outbox& outbox, TimePoint now);

}  // namespace shoal::core
