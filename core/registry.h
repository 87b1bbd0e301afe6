// What a master writes down so that the next one knows it, and what waits for that. The driver that
// makes rows durable is behind Outbox::store(); it answers with on_stored(), in the order of the
// calls. Without a driver nothing outlives the master and nothing waits.
//
//   before it is said   admission of an agent, that it is gone, an operator's settings
//   before it is done   a drain kills nothing that the next master would not know why
//   as it happens       an agent is unreachable or back, a framework comes, leaves, is removed
//
// Tasks are not in it: agents bring them back. After Mesos' registry (REG-05), with frameworks and
// their time to come back, which Mesos forgets.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/ids.h"
#include "core/quantities.h"
#include "core/shard_message.h"

namespace shoal::core {

enum class AgentStanding : std::uint8_t { kAdmitted = 0, kUnreachable = 1, kGone = 2 };
inline constexpr std::uint8_t kAgentStandings = 3;
std::string_view name_of(AgentStanding standing);  // "admitted"

enum class FrameworkStanding : std::uint8_t { kConnected = 0, kDisconnected = 1, kRemoved = 2 };
inline constexpr std::uint8_t kFrameworkStandings = 3;
std::string_view name_of(FrameworkStanding standing);  // "connected"

struct RegisteredAgent {
  AgentId id;
  AgentStanding standing = AgentStanding::kAdmitted;
  AgentMode mode = AgentMode::kNormal;
  Drain drain;  // of a draining or drained one
  std::string hostname;
  std::string address;
  std::int64_t since_ms = 0;  // wall clock: of this standing
};

struct RegisteredFramework {
  FrameworkId id;
  FrameworkStanding standing = FrameworkStanding::kConnected;
  std::string name;
  std::string user;
  std::uint64_t capabilities = 0;  // core::Capability bits
  std::int64_t failover_timeout_ms = 0;
  std::int64_t since_ms = 0;  // wall clock: of this standing
};

// A role with a weight, limits or guarantees of its own.
struct RegisteredRole {
  std::string name;
  Milli weight = kDefaultWeight;
  Quantities limits = kNoLimits;
  Quantities guarantees;
  bool is_default() const {
    return weight == kDefaultWeight && limits == kNoLimits && guarantees.empty();
  }
};

// These are no longer of interest.
struct ForgottenAgent {
  AgentId id;
};
struct ForgottenFramework {
  FrameworkId id;
};

// One change: the row replaces the one of the same id or name. A role that is_default() is erased.
using RegistryRow = std::variant<RegisteredAgent, RegisteredFramework, RegisteredRole,
                                 ForgottenAgent, ForgottenFramework>;

// All that an earlier master left.
struct RegistryContents {
  std::vector<RegisteredAgent> agents;
  std::vector<RegisteredFramework> frameworks;
  std::vector<RegisteredRole> roles;
};

// --- what waits until it is stored ---

// The agent is told that it is registered, and is offered.
struct AdmitAgent {
  AgentId agent;
};
// The agent is taken out of the books. `origin`: who asked, unless a drain ends so.
struct RemoveGoneAgent {
  AgentId agent;
  bool has_origin = false;
  OperatorOrigin origin;
};
// Its tasks are asked to end.
struct BeginDrain {
  AgentId agent;
};
using AfterStored = std::variant<AdmitAgent, RemoveGoneAgent, BeginDrain, OperatorResult>;

// Of one shard.
struct PendingStores {
  struct Waiting {
    std::uint64_t number = 0;  // of the store it waits for
    AfterStored then;
  };
  std::uint64_t issued = 0;
  std::uint64_t done = 0;
  std::deque<Waiting> waiting;  // oldest first
};

struct Shard;
struct AgentRecord;
struct FrameworkRecord;
struct SharedTables;
class Outbox;

void store(Shard& shard, Outbox& outbox, RegistryRow row);
// The agent or framework as it is now. That of a framework is an event, too (core/events.h): it is
// written down at each change of its state.
void store_agent(Shard& shard, Outbox& outbox, const AgentRecord& agent, TimePoint now);
void store_framework(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, TimePoint now);

// Does `then` when all that was stored so far is durable; at once when it is already.
void when_stored(Shard& shard, Outbox& outbox, AfterStored then, TimePoint now);

// The oldest `rows` of those not yet answered are durable.
void on_stored(Shard& shard, Outbox& outbox, std::uint64_t rows, TimePoint now);

// --- the start of a master ---

// Weights and quotas; once, before recover().
void recover_roles(SharedTables& tables, const RegistryContents& contents);
// What of `contents` has its home here; before any peer is heard. Agents are `recovered` until they
// come back; frameworks are disconnected, with at least kAgentReregisterTimeout to come back.
void recover(Shard& shard, Outbox& outbox, const RegistryContents& contents, TimePoint now);

// --- recovery: from recover() until no agent is `recovered` any more ---

// A recovered agent is back, or is given up.
void note_recovered(Shard& shard, Outbox& outbox);
// Enough are back, or it took too long: what was held back for quotas is offered (ALC-07).
void end_recovery_hold(Shard& shard);

}  // namespace shoal::core
