// What a framework author sees: implement Scheduler, hand it to a SchedulerDriver, run().
//
//   class Echo : public sdk::Scheduler {
//     void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override { … accept … }
//     void update(sdk::Driver& driver, const sdk::TaskStatus& status) override { … }
//   };
//
// examples/hello_framework.cc is a whole one; docs/FIRST_FRAMEWORK.md explains it.
//
// Threads: every callback comes on the driver's thread, one at a time, and every method of Driver
// is called on that thread (SchedulerDriver::post() brings other threads there). All values are
// owned copies: keep them as long as you like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/ids.h"
#include "core/messages.h"
#include "core/resources.h"
#include "core/task_state.h"
#include "core/time.h"
#include "wire/task_description.h"

namespace shoal::sdk {

// The least that is worth an offer in a role: an offer holds one of the role's minimums. A role
// without any has the cluster's.
struct RoleMinimum {
  std::string role{};
  core::Quantities quantities{};
};

// Which agents a framework wants to be offered in a role (core/offer_constraint.h): all constraints
// of a group must hold, and one group of the role. A role without groups takes every agent.
struct OfferConstraint {
  std::string role{};
  std::uint32_t group = 0;  // any number; equal numbers belong together
  core::ConstraintTarget target = core::ConstraintTarget::kAttribute;
  std::string name{};  // of the attribute; empty for the other targets
  core::ConstraintTest test = core::ConstraintTest::kExists;
  std::string value{};  // a text, or a regular expression (RE2) for the tests that match
};

// What a framework on this library can cope with from the start: every task state, and notices.
inline constexpr core::Capabilities kDefaultCapabilities =
    core::Capabilities().with(core::Capability::kNotices);

// Who the framework is and what it wants. It is said anew at every subscription.
struct FrameworkInfo {
  std::string name{};  // clean text
  std::string user{};  // clean text
  // Whose shares of the cluster it uses, at most kMaxRolesPerFramework; empty: the role "*". Every
  // offer is for one of them.
  std::vector<std::string> roles{};
  // Of `roles`: no offers for these until revive(). It counts after every (re)subscription.
  std::vector<std::string> suppressed_roles{};
  core::Capabilities capabilities = kDefaultCapabilities;
  std::vector<RoleMinimum> minimums{};
  std::vector<OfferConstraint> constraints{};
  // How long the master keeps the framework's tasks when it is not connected; nullopt: an hour.
  std::optional<core::Duration> failover_timeout{};
  core::FrameworkId id{};  // from an earlier run, to take its tasks over; 0: a new framework
};

// A part of one agent, this framework's until it accepts, declines, or loses it (rescinded,
// disconnected, agent_lost).
struct Offer {
  core::OfferId id;
  core::AgentId agent;
  std::string hostname;
  std::string address;  // HOST:PORT where the agent serves logs (sdk/log_client.h); may be empty
  // Plain fields and, in `lots`, what is reserved for the role, volumes, and revocable resources.
  core::Resources resources;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string role;    // whose share it counts in
  std::string region;  // the agent's fault domain; both may be empty
  std::string zone;
};

// One command to run.
struct TaskSpec {
  std::string id;    // unique within the framework: 1 to 128 of [A-Za-z0-9._-]
  std::string name;  // for people, may be empty
  // Lots are taken as they are named; plain fields first from what is reserved, then from the rest.
  // A task sees the volumes among its lots in its sandbox.
  core::Resources resources{};
  wire::TaskDescription description{};  // the command, its environment, its kill grace
};

// Where a task is in its life (core/task_state.h has the states).
struct TaskStatus {
  std::string task;
  core::AgentId agent;  // 0 when the task never reached one
  core::TaskState state = core::TaskState::kUnknown;
  core::TaskReason reason = core::TaskReason::kNone;
  core::TaskSource source = core::TaskSource::kMaster;
  std::string message;                      // one line for people, may be empty
  std::optional<std::int32_t> exit_code;    // its process ended by itself
  std::optional<std::int32_t> exit_signal;  // its process was ended by this signal
  std::int64_t timestamp_ms = 0;            // wall clock of the source
  std::optional<core::UpdateUuid> uuid;     // set when the status waits for an acknowledgement

  bool is_terminal() const { return core::is_terminal(state); }
};

// A change of what an agent's resources are for. The functions of sdk/operations.h make them.
struct Operation {
  core::OperationSpec spec{};
  std::string id{};  // 1 to 128 of [A-Za-z0-9._-]: operation_update() tells what became of it
  std::uint32_t launches = 0;  // of a kLaunch: how many of the tasks that follow
};

// What became of an operation that has an id.
struct OperationStatus {
  std::string id;
  core::AgentId agent;
  core::OperationState state = core::OperationState::kPending;
  std::string message;                   // one line for people, may be empty
  std::optional<core::UpdateUuid> uuid;  // set when the status waits for an acknowledgement

  bool is_finished() const { return state == core::OperationState::kFinished; }
};

// What a framework can do. Calls are sent at once and answered by callbacks; while the driver is
// not connected they do nothing, because what they speak of is void after a reconnection.
class Driver {
 public:
  virtual ~Driver() = default;

  // Launches `tasks` on what `offers` hold, all of one agent; what is left over goes back, and is
  // not offered again for `refuse` (nullopt: 5 s). Every task gets an update, also when the launch
  // fails. Errors: INVALID_ARGUMENT (a task id or description out of bounds), RESOURCE_EXHAUSTED
  // (more than one message can hold: use several offers), UNAVAILABLE (not connected). The offers
  // are untouched then.
  virtual absl::Status accept(absl::Span<const Offer> offers, absl::Span<const TaskSpec> tasks,
                              std::optional<core::Duration> refuse = std::nullopt) = 0;

  // The same with operations, done in their order before the tasks are launched (a kLaunch among
  // them launches the next of the tasks there): what one makes, the next ones and the tasks may
  // use. All of the call is done or nothing; then refused() says why, and the offers went back.
  // Errors as above; INVALID_ARGUMENT also for the id or the resources of an operation.
  virtual absl::Status accept(absl::Span<const Offer> offers,
                              absl::Span<const Operation> operations,
                              absl::Span<const TaskSpec> tasks,
                              std::optional<core::Duration> refuse = std::nullopt) = 0;

  virtual void decline(absl::Span<const Offer> offers,
                       std::optional<core::Duration> refuse = std::nullopt) = 0;

  // Ends a task: SIGTERM, then SIGKILL after `grace` (nullopt: the task's own). An update follows.
  virtual void kill(std::string_view task, std::optional<core::Duration> grace = std::nullopt) = 0;

  // No more offers in these roles (none named: in all) …
  virtual void suppress(absl::Span<const std::string> roles = {}) = 0;
  // … until this, which also forgets every decline in them.
  virtual void revive(absl::Span<const std::string> roles = {}) = 0;

  // Asks why no offer holds `resources` (empty: anything) in `role` (empty: in all of ours);
  // answered by explanation(), or by refused(). Errors: UNAVAILABLE (not connected), UNIMPLEMENTED
  // (the master is too old to say).
  virtual absl::Status explain(const core::Resources& resources, std::string_view role = {}) = 0;

  // Asks for the present state of these tasks, or of all; answered by update().
  virtual void reconcile(absl::Span<const std::string> tasks = {}) = 0;

  // Says that `status` has been dealt with. Only with explicit acknowledgement, and once for each
  // status that has a uuid; otherwise it is done when update() or operation_update() returns.
  virtual void acknowledge(const TaskStatus& status) = 0;
  virtual void acknowledge(const OperationStatus& status) = 0;

  // Ends the framework and its tasks. stop() follows by itself.
  virtual void teardown() = 0;

  // Leaves run() with OK. The tasks go on, for the failover timeout.
  virtual void stop() = 0;

  virtual core::FrameworkId framework_id() const = 0;  // 0 before the first subscribed()
  virtual bool is_connected() const = 0;               // subscribed, and not disconnected since
};

// What a framework is told. Override what you need.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // The master knows us, for the first time or again. Offers of earlier sessions are void.
  virtual void subscribed(Driver& driver, core::FrameworkId id) { (void)driver, (void)id; }

  virtual void offers(Driver& driver, absl::Span<const Offer> offers) {
    (void)driver, (void)offers;
  }

  // These offers are void; using one gives refused(kInvalidOffer) or a dropped task.
  virtual void rescinded(Driver& driver, absl::Span<const core::OfferId> offers) {
    (void)driver, (void)offers;
  }

  // A task changed its state. At least once each, in order per task; repetitions are filtered.
  virtual void update(Driver& driver, const TaskStatus& status) { (void)driver, (void)status; }

  // What became of an operation that has an id. At least once each; repetitions are filtered.
  virtual void operation_update(Driver& driver, const OperationStatus& status) {
    (void)driver, (void)status;
  }

  // The answer to Driver::explain().
  virtual void explanation(Driver& driver, const core::Explanation& explanation) {
    (void)driver, (void)explanation;
  }

  // Something about our offers that we should know, such as that our own filters hide every agent.
  virtual void notice(Driver& driver, core::NoticeCode code, std::string_view message) {
    (void)driver, (void)code, (void)message;
  }

  // The agent is lost, and its offers are void; its tasks get updates of their own.
  virtual void agent_lost(Driver& driver, core::AgentId agent) { (void)driver, (void)agent; }

  // The master is away; the driver tries to come back. All offers are void, tasks go on.
  virtual void disconnected(Driver& driver) { (void)driver; }

  // The master did not do what was asked; nothing changed.
  virtual void refused(Driver& driver, core::RefusalCode code, std::string_view message) {
    (void)driver, (void)code, (void)message;
  }

  // There is no way on (wrong cluster, version, or another instance took over): run() ends with
  // this status after the call.
  virtual void error(Driver& driver, const absl::Status& status) { (void)driver, (void)status; }
};

}  // namespace shoal::sdk
