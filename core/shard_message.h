// What shards tell each other, by mailbox. Owned values: they cross threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/ids.h"
#include "core/messages.h"
#include "core/offer_constraint.h"
#include "core/operation.h"
#include "core/resources.h"
#include "core/role_table.h"
#include "core/share_table.h"
#include "core/time.h"

namespace shoal::core {

// What every shard knows of an agent that it sees offers of. Immutable once shared.
struct AgentDescription {
  AgentId id;
  std::string hostname;
  std::string address;
  std::string region;  // fault domain; both empty or neither
  std::string zone;
  std::vector<std::pair<std::string, std::string>> attributes;
};
using AgentDescriptionPtr = std::shared_ptr<const AgentDescription>;

// What every shard knows of every framework; its home shard sends it again when it changes.
struct SubscriptionEntry {
  SubscriptionIndex index = 0;  // its row in the share table
  RoleRow* role = nullptr;
  bool active = false;         // the framework is connected and wants offers in this role
  bool clear_filters = false;  // sent with a revive
  Quantities minimum;
  std::shared_ptr<const OfferConstraints> constraints;
};
struct FrameworkEntry {
  FrameworkId id;
  std::uint32_t index = 0;  // names it in offer slots
  std::string name;
  bool connected = false;
  Capabilities capabilities;
  std::vector<SubscriptionEntry> subscriptions;
};

struct FrameworkRemoved {
  FrameworkId id;
};

struct OfferNotice {
  OfferId id;
  AgentDescriptionPtr agent;
  RoleIndex role = kRootRole;
  Resources resources;
};

// agent's shard -> framework's shard: offers that were published to it in one pass.
struct OffersOut {
  FrameworkId framework;
  std::vector<OfferNotice> offers;
};

// agent's shard -> framework's shard: these are no longer open.
struct OffersWithdrawn {
  FrameworkId framework;
  std::vector<OfferId> offers;
};

struct OwnedTask {
  std::string id;
  std::string name;
  Resources resources;
  std::vector<std::uint8_t> description;
};

struct OwnedOperation {
  std::string id;
  OperationSpec spec;
  std::uint32_t launches = 0;  // kLaunch: of the tasks
};

// framework's shard -> agent's shard: it has left OPEN for all of `offers`, which are of one agent
// and role; do the operations, run the tasks, take the rest back, and do not offer it again for
// `refuse`.
struct OffersAnswered {
  FrameworkId framework;
  AgentId agent;
  std::vector<OfferId> offers;
  std::vector<OwnedTask> tasks;
  std::vector<OwnedOperation> operations;
  Duration refuse{0};
};

// Every shard -> every other: these sums became smaller in the turn that ends.
struct SharesFell {
  std::vector<SubscriptionIndex> subscriptions;
  std::vector<RoleRow*> roles;
};

// Shard 0 -> every shard: weights, limits or guarantees of these roles have changed.
struct QuotaChanged {
  std::vector<RoleRow*> roles;
  bool weights = false;
  bool rescind = false;    // a limit may be below what is out
  bool recovered = false;  // enough agents are back to hold nothing back any more
};

struct OwnedStatus {
  TaskStatus status;  // its views are empty; the texts are here
  std::string task;
  std::string message;

  explicit OwnedStatus(const TaskStatus& from)
      : status(from), task(from.task), message(from.message) {
    status.task = {};
    status.message = {};
  }
  // Views into this object.
  TaskStatus view() const {
    TaskStatus out = status;
    out.task = task;
    out.message = message;
    return out;
  }
};

// framework's shard -> agent's shard.
struct KillForward {
  FrameworkId framework;
  AgentId agent;
  std::string task;
  std::int64_t grace_ms = -1;
};
struct AcknowledgeForward {
  FrameworkId framework;
  AgentId agent;
  std::string task;
  UpdateUuid uuid{};
};
// Answer with the state of one task (or of all of the framework's when `task` is empty).
struct ReconcileForward {
  FrameworkId framework;
  std::string task;
};

// agent's shard -> framework's shard: an agent brought a task that this shard may not know.
struct TaskAdopted {
  FrameworkId framework;
  AgentId agent;
  std::string task;
};

struct AgentLost {
  AgentId agent;
};

// agent's shard -> framework's shard.
struct OperationForward {
  FrameworkId framework;
  AgentId agent;
  std::string id;
  UpdateUuid uuid{};
  OperationState state = OperationState::kPending;
  std::string message;
};
// framework's shard -> agent's shard.
struct OperationAcknowledged {
  FrameworkId framework;
  AgentId agent;
  UpdateUuid uuid{};
};

// A question for every shard, and its part of the answer.
struct ExplainAsk {
  std::uint32_t origin_shard = 0;
  std::uint64_t query = 0;  // names the gathering at the origin
  FrameworkId framework;
  std::string role;
  Resources resources;
};
struct ExplainPart {
  std::uint64_t query = 0;
  Explanation part;
};

// --- operator requests that cross shards ---

// Where an answer has to go.
struct OperatorOrigin {
  std::uint32_t shard = 0;
  SessionId session;
  std::uint32_t correlation = 0;
};

struct QueryAsk {
  std::uint32_t origin_shard = 0;
  std::uint64_t query = 0;  // names the gathering at the origin
  QueryKind kind = QueryKind::kCluster;
  std::string id;
};
struct QueryPart {
  std::uint64_t query = 0;
  ClusterView part;
};
struct OperatorKill {
  OperatorOrigin origin;
  KillForward kill;
};
struct OperatorTeardown {
  OperatorOrigin origin;
  FrameworkId framework;
};
// -> shard 0, which alone changes quotas and weights.
struct OwnedQuota {
  RoleRow* role = nullptr;
  Quantities limits = kNoLimits;
  Quantities guarantees;
};
struct OperatorQuota {
  OperatorOrigin origin;
  std::vector<OwnedQuota> configs;
  bool force = false;
};
struct OperatorWeights {
  OperatorOrigin origin;
  std::vector<std::pair<RoleRow*, Milli>> weights;
};
struct OperatorOperation {
  OperatorOrigin origin;
  AgentId agent;
  OperationSpec spec;
  std::string principal;
};
struct OperatorManage {
  OperatorOrigin origin;
  ManageAgent what;
};
struct OperatorResult {
  OperatorOrigin origin;
  bool ok = true;
  RefusalCode code = RefusalCode::kNotFound;
  std::string message;
};

// Those that are large and rare are on the heap: a mailbox between two shards has 4,096 places of
// the largest.
using ShardMessage = std::variant<
    FrameworkEntry, FrameworkRemoved, OffersOut, OffersWithdrawn, OffersAnswered, SharesFell,
    QuotaChanged, OwnedStatus, KillForward, AcknowledgeForward, ReconcileForward, TaskAdopted,
    AgentLost, OperationForward, OperationAcknowledged, QueryAsk, std::unique_ptr<QueryPart>,
    ExplainAsk, std::unique_ptr<const ExplainPart>, OperatorKill, OperatorTeardown, OperatorQuota,
    OperatorWeights, std::unique_ptr<const OperatorOperation>, OperatorManage, OperatorResult>;

}  // namespace shoal::core
