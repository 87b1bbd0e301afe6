// What the parties say to each other, as plain values. wire/ turns frames into these and back;
// handlers take them. Views (`std::string_view`, `Span`) point into the receive buffer and are
// valid only while the handler runs; whoever keeps something copies it.
//
// Conversations:
//   hello      any peer -> master or agent: Hello;   back: Welcome or Refusal
//   agent      RegisterAgent, StatusUpdate, Heartbeat;
//              back: AgentRegistered, RunTask, KillTask, AcknowledgeUpdate, RemoveFramework,
//              Heartbeat
//   framework  Subscribe, Accept, Decline, Revive, Suppress, KillTask, AcknowledgeUpdate,
//   Reconcile,
//              Teardown, Heartbeat;   back: Subscribed, Offers, Rescind, TaskUpdate, AgentFailure,
//              Refusal, Heartbeat
//   operator   Query, KillTask, TeardownFramework;   back: QueryAnswer (in parts), Done or Refusal
//   log        ReadLog (to an agent);   back: LogChunk, Refusal
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/ids.h"
#include "core/resources.h"
#include "core/task_state.h"

namespace shoal::core {

using BytesView = absl::Span<const std::uint8_t>;

// --- hello --------------------------------------------------------------------------------------

enum class PeerKind : std::uint8_t { kAgent = 0, kFramework = 1, kOperator = 2, kLogReader = 3 };
inline constexpr std::uint8_t kPeerKinds = 4;

struct Hello {
  PeerKind kind = PeerKind::kOperator;
  std::uint16_t protocol_min = 0;
  std::uint16_t protocol_max = 0;
  std::uint64_t features = 0;    // bits; unknown ones are ignored
  std::uint64_t cluster_id = 0;  // 0: not known yet; otherwise it must match
  std::uint64_t peer_id = 0;     // the agent's or framework's id from an earlier session; 0: new
  std::string_view software;     // "shoal/0.1.0", for people
  BytesView credentials;         // empty while there is no authentication
};

struct Welcome {
  std::uint16_t protocol = 0;
  std::uint64_t features = 0;
  std::uint64_t cluster_id = 0;
  std::string_view software;
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
  kOverloaded = 7,    // a table is full; try again later
  kFenced = 8,        // another instance took over this id; the connection is closed
  kShuttingDown = 9,
};
inline constexpr std::uint8_t kRefusalCodes = 10;
std::string_view name_of(RefusalCode code);  // "NOT_FOUND"

struct Refusal {
  RefusalCode code = RefusalCode::kInvalid;
  std::string_view message;  // one line for people
};

// Either way, on every long session; the master echoes the sequence of the peer.
struct Heartbeat {
  std::uint64_t sequence = 0;
};

// --- values shared by conversations ---

struct AttributeView {
  std::string_view name;   // check_name
  std::string_view value;  // clean text
};
using AttributeViews = absl::InlinedVector<AttributeView, 4>;

// What the master reads of a task; the rest is `description`, forwarded unread.
struct TaskLaunch {
  std::string_view id;    // check_name; unique within the framework
  std::string_view name;  // clean text, may be empty
  Resources resources;
  BytesView description;  // an encoded TaskDescription (wire/task_description.h)
};

struct TaskStatus {
  FrameworkId framework;
  AgentId agent;  // 0 when the task never reached one
  std::string_view task;
  TaskState state = TaskState::kUnknown;
  TaskReason reason = TaskReason::kNone;
  TaskSource source = TaskSource::kMaster;
  std::string_view message;  // one line for people, may be empty
  bool has_exit = false;     // the process ended: exactly one of the two below tells how
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;   // > 0: ended by this signal
  std::int64_t timestamp_ms = 0;  // wall clock of the source, for people
  bool has_uuid = false;          // only a status with a uuid is resent until acknowledged
  UpdateUuid uuid{};
};

// --- agent conversation ---

// A task that runs (or ended unacknowledged) on an agent that registers again.
struct TaskReport {
  FrameworkId framework;
  std::string_view id;
  std::string_view name;
  Resources resources;
  TaskState state = TaskState::kStaging;
};

struct RegisterAgent {
  std::uint64_t incarnation = 0;  // random, one per process life; tells a clone from a reconnect
  std::string_view hostname;      // clean text
  std::string_view address;       // HOST:PORT where the agent serves logs; may be empty
  Resources resources;
  AttributeViews attributes;
  absl::InlinedVector<TaskReport, 4> tasks;
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
  std::int64_t grace_ms = -1;  // < 0: the task's own
};

struct AcknowledgeUpdate {
  FrameworkId framework;
  AgentId agent;
  std::string_view task;
  UpdateUuid uuid{};
};

// The framework is gone: kill its tasks and forget them, updates included.
struct RemoveFramework {
  FrameworkId framework;
};

// --- framework conversation ---

struct Subscribe {
  std::string_view name;  // clean text
  std::string_view user;  // clean text
  std::string_view role;  // check_name, or "*"; several roles come with the offer engine
  std::int64_t failover_timeout_ms = -1;  // < 0: the default
};

struct Subscribed {
  FrameworkId framework;
  std::uint32_t heartbeat_interval_ms = 0;
  std::uint32_t session_timeout_ms = 0;
};

struct Accept {
  absl::InlinedVector<OfferId, 4> offers;  // all of one agent
  absl::InlinedVector<TaskLaunch, 4> tasks;
  std::int64_t refuse_ms = -1;  // filter for the unused rest; < 0: the default
};

struct Decline {
  absl::InlinedVector<OfferId, 16> offers;
  std::int64_t refuse_ms = -1;
};

struct Revive {};    // clears the framework's filters and ends a suppression
struct Suppress {};  // no offers until a revive
struct Teardown {};  // ends the framework and its tasks

// Asks for the current state of tasks; an empty list asks for all.
struct Reconcile {
  absl::InlinedVector<std::string_view, 4> tasks;
};

struct OfferView {
  OfferId id;
  AgentId agent;
  std::string_view hostname;
  std::string_view address;
  Resources resources;
  AttributeViews attributes;
};

struct Offers {
  absl::InlinedVector<OfferView, 8> offers;
};

struct Rescind {
  absl::InlinedVector<OfferId, 8> offers;
};

struct AgentFailure {
  AgentId agent;
};

// --- operator conversation ---

enum class QueryKind : std::uint8_t {
  kCluster = 0,
  kAgents = 1,
  kFrameworks = 2,
  kTasks = 3,
  kOffers = 4,
};
inline constexpr std::uint8_t kQueryKinds = 5;

struct Query {
  QueryKind kind = QueryKind::kCluster;
  std::string_view id;  // empty: all; otherwise the one object (or all tasks of that id)
};

struct TeardownFramework {
  FrameworkId framework;
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
