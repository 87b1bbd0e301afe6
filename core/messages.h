// What the parties say to each other, as plain values. wire/ turns frames into these and back;
// handlers take them. Views (`std::string_view`, `Span`) point into the receive buffer and are
// valid only while the handler runs; whoever keeps something copies it.
//
// Conversations:
//   hello      any peer -> master or agent: Hello;   back: Welcome or Refusal
//   agent      TaskReports, RegisterAgent, StatusUpdate, OperationUpdate, UpdateRevocable,
//              UsageReport, Heartbeat; back: AgentRegistered, RunTask, KillTask, ApplyOperation,
//              AcknowledgeUpdate, AcknowledgeOperation, RemoveFramework, Heartbeat
//   framework  Subscribe, Accept, Decline, Revive, Suppress, KillTask, AcknowledgeUpdate,
//              AcknowledgeOperation, Reconcile, Explain, Teardown, Heartbeat;
//              back: Subscribed, Offers, Rescind, TaskUpdate, OperationUpdate, AgentFailure,
//              Explanation, Notice, Refusal, Heartbeat
//   operator   Query, Explain, KillTask, TeardownFramework, UpdateQuota, UpdateWeights,
//              OperateAgent, ManageAgent; back: QueryAnswer (in parts), Explanation, Done or
//              Refusal
//   log        ReadLog (to an agent);   back: LogChunk, Refusal
// Those of the framework conversation are in framework_messages.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "core/framework_messages.h"
#include "core/ids.h"
#include "core/message_values.h"
#include "core/operation.h"
#include "core/quantities.h"
#include "core/resources.h"
#include "core/task_state.h"
#include "core/usage.h"

namespace shoal::core {

// --- hello --------------------------------------------------------------------------------------

enum class PeerKind : std::uint8_t { kAgent = 0, kFramework = 1, kOperator = 2, kLogReader = 3 };
inline constexpr std::uint8_t kPeerKinds = 4;

// Bits of Hello.features and Welcome.features: what the sender understands.
enum class Feature : std::uint64_t {
  // ApplyOperation, OperationUpdate, AcknowledgeOperation, UpdateRevocable, Explain, Explanation,
  // Notice, UpdateQuota, UpdateWeights, OperateAgent, and a Query for roles.
  kOfferEngine = 1,
  kTaskReports = 2,  // TaskReports before RegisterAgent
  kUsage = 4,        // UsageReport
};
inline constexpr std::uint64_t kFeatures = static_cast<std::uint64_t>(Feature::kOfferEngine) |
                                           static_cast<std::uint64_t>(Feature::kTaskReports) |
                                           static_cast<std::uint64_t>(Feature::kUsage);
inline constexpr bool has_feature(std::uint64_t features, Feature feature) {
  return (features & static_cast<std::uint64_t>(feature)) != 0;
}

struct Hello {
  PeerKind kind = PeerKind::kOperator;
  std::uint16_t protocol_min = 0;
  std::uint16_t protocol_max = 0;
  std::uint64_t features = 0;    // bits; unknown ones are ignored
  std::uint64_t cluster_id = 0;  // 0: not known yet; otherwise it must match
  std::uint64_t peer_id = 0;     // the agent's or framework's id from an earlier session; 0: new
  std::string_view software;     // "shoal/0.1.0", for people
  BytesView credentials;         // empty while there is no authentication
  std::uint64_t epoch = 0;       // the highest of a master that the peer has seen; 0: none
};

struct Welcome {
  std::uint16_t protocol = 0;
  std::uint64_t features = 0;
  std::uint64_t cluster_id = 0;
  std::string_view software;
  std::uint64_t epoch = 0;  // of this master's leadership; 0: it leads without an election
};

// Why a call was not done; the sender's state is unchanged. `correlation` of the frame names the
// call. Numbers are the wire's.
enum class RefusalCode : std::uint8_t {
  kBadMessage = 0,  // not decodable, or a field out of range; the connection is closed
  kUnsupportedVersion = 1,
  kWrongCluster = 2,
  kNotExpected = 3,  // a message that this peer may not send, or not now
  kInvalid = 4,      // well formed but refused by validation
  kNotFound = 5,
  kInvalidOffer = 6,  // unknown, late, foreign or twice-named offer
  kOverloaded = 7,    // a table is full, or too much at once; see Refusal.retry_after_ms
  kFenced = 8,        // another instance took over this id, or, in answer to Hello, the peer has
                      // seen a master of a higher epoch; the connection is closed
  kShuttingDown = 9,
  kGone = 10,       // an operator has declared the agent gone; its tasks must end
  kNotLeader = 11,  // a standby; the connection is closed
};
inline constexpr std::uint8_t kRefusalCodes = 12;
std::string_view name_of(RefusalCode code);  // "NOT_FOUND"

struct Refusal {
  RefusalCode code = RefusalCode::kInvalid;
  std::string_view message;      // one line for people
  std::string_view leader = {};  // HOST:PORT, with kNotLeader; empty: not known
  // With kOverloaded: when to ask again, as a time of one's own, so that not all come back at once;
  // 0: not said. Of the hello: the connection is closed.
  std::uint32_t retry_after_ms = 0;
};

// Either way, on every long session; the master echoes the sequence of the peer.
struct Heartbeat {
  std::uint64_t sequence = 0;
};

// --- agent conversation ---

// A task that runs (or ended unacknowledged) on an agent that registers again.
struct TaskReport {
  FrameworkId framework;
  std::string_view id;
  std::string_view name;
  Resources resources;
  TaskState state = TaskState::kStaging;
  std::string_view role;  // as RunTask said it; empty: not known
};

// An operation that was applied, or failed, and whose feedback nobody has acknowledged.
struct OperationReport {
  FrameworkId framework;  // 0: an operator's
  std::string_view id;
  UpdateUuid uuid{};
  OperationState state = OperationState::kFinished;
  std::string_view message;  // at most kMaxOperationTextBytes
};

// What an agent can do; what it cannot is not asked of it.
enum class AgentCapability : std::uint64_t { kOperations = 1 };  // ApplyOperation may be sent
inline constexpr std::uint64_t kAgentCapabilities =
    static_cast<std::uint64_t>(AgentCapability::kOperations);

// Before RegisterAgent, in any number of messages: the tasks that it has no room for.
struct TaskReports {
  absl::InlinedVector<TaskReport, 4> tasks;
};

struct RegisterAgent {
  std::uint64_t incarnation = 0;  // random, one per process life; tells a clone from a reconnect
  std::string_view hostname;      // clean text
  std::string_view address;       // HOST:PORT where the agent serves logs; may be empty
  Resources resources;
  AttributeViews attributes;
  absl::InlinedVector<TaskReport, 4> tasks;
  // With its dynamic reservations and volumes `resources` is what the agent has stored: it is right
  // and the master's record is not.
  absl::InlinedVector<OperationReport, 1> operations;
  std::string_view region;  // fault domain; check_name or empty, both or none
  std::string_view zone;
  std::uint64_t capabilities = 0;  // AgentCapability bits; unknown ones are ignored
};

struct AgentRegistered {
  AgentId agent;
  std::uint32_t heartbeat_interval_ms = 0;
  std::uint32_t session_timeout_ms = 0;
};

struct RunTask {
  FrameworkId framework;
  TaskLaunch task;
};

struct KillTask {
  FrameworkId framework;
  AgentId agent;  // 0: the master finds it
  std::string_view task;
  std::int64_t grace_ms = -1;      // < 0: the task's own
  std::int64_t max_grace_ms = -1;  // whichever of them counts is at most this; < 0: no bound
};

struct AcknowledgeUpdate {
  FrameworkId framework;
  AgentId agent;
  std::string_view task;
  UpdateUuid uuid{};
};

// Replace `consumed` by `converted` in what the agent has, durably, with what that means for
// volumes; then say OperationUpdate until it is acknowledged. One that is known is not done twice.
struct ApplyOperation {
  FrameworkId framework;  // 0: an operator's
  std::string_view id;    // the framework's name for it, may be empty
  UpdateUuid uuid{};
  OperationKind kind = OperationKind::kReserve;
  Resources consumed;
  Resources converted;
};

// agent -> master, and master -> framework.
struct OperationUpdate {
  FrameworkId framework;
  AgentId agent;
  std::string_view id;
  UpdateUuid uuid{};  // all zero: wants no acknowledgement
  OperationState state = OperationState::kPending;
  std::string_view message;
};

struct AcknowledgeOperation {
  FrameworkId framework;
  AgentId agent;
  UpdateUuid uuid{};
};

// What the agent lends beyond its own resources, and may take back at any time (oversubscription).
// Replaces what it said before; only plain fields. Scalars only.
struct UpdateRevocable {
  Resources resources;
};

// Never sent: what an agent stores of its resources, as one frame in a file.
struct AgentResources {
  Resources resources;
  absl::InlinedVector<OperationReport, 4> operations;
};

// The framework is gone: kill its tasks and forget them, updates included.
struct RemoveFramework {
  FrameworkId framework;
};

// --- operator conversation ---

enum class QueryKind : std::uint8_t {
  kCluster = 0,
  kAgents = 1,
  kFrameworks = 2,
  kTasks = 3,
  kOffers = 4,
  kRoles = 5,
};
inline constexpr std::uint8_t kQueryKinds = 6;

struct Query {
  QueryKind kind = QueryKind::kCluster;
  std::string_view id;  // empty: all; otherwise the one object (or all tasks of that id)
};

struct TeardownFramework {
  FrameworkId framework;
};

// Limits cap what a role and those below it reserve and are allocated; guarantees are kept free for
// them. All of the call or nothing.
struct QuotaConfig {
  std::string_view role;          // check_role
  Quantities limits = kNoLimits;  // kNoLimit: none
  Quantities guarantees;          // top-level roles only
};
struct UpdateQuota {
  absl::InlinedVector<QuotaConfig, 1> configs;
  bool force = false;  // also below present use, or beyond what the cluster has
};

struct RoleWeight {
  std::string_view role;
  Milli weight = 1000;  // 1 to kMaxWeightMilli
};
struct UpdateWeights {
  absl::InlinedVector<RoleWeight, 1> weights;
};

// An operator's reservation or volume. Offers of the agent are rescinded when it takes that.
struct OperateAgent {
  AgentId agent;
  OperationSpec spec;
  std::string_view principal;  // clean text, may be empty
};

enum class AgentAction : std::uint8_t {
  kDeactivate = 0,  // nothing of it is offered; its tasks run on
  kReactivate = 1,  // offered again
  kDrain = 2,       // deactivated, and its tasks are killed, each by its own grace
  kMarkGone = 3,    // it will never come back: its tasks are TASK_GONE_BY_OPERATOR
};
inline constexpr std::uint8_t kAgentActions = 4;
std::string_view name_of(AgentAction action);  // "deactivate"

// What an operator wants of an agent (core/agent_mode.h).
struct ManageAgent {
  AgentId agent;
  AgentAction action = AgentAction::kDeactivate;
  // Of kDrain:
  std::int64_t max_grace_ms = -1;  // no task takes longer after SIGTERM; < 0: no bound
  bool mark_gone = false;          // kMarkGone follows when it is drained
};

struct Done {};

// --- log conversation ---

enum class LogStream : std::uint8_t { kStdout = 0, kStderr = 1 };
inline constexpr std::uint8_t kLogStreams = 2;

struct ReadLog {
  FrameworkId framework;
  std::string_view task;
  LogStream stream = LogStream::kStdout;
  std::uint64_t offset = 0;  // bytes from the start
  bool follow = false;       // keep sending while the file grows, until the task has ended
};

struct LogChunk {
  std::uint64_t offset = 0;
  BytesView data;
  bool end = false;  // nothing follows: end of file, or of the task when following
};

}  // namespace shoal::core
