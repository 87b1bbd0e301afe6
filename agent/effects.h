// What the handlers want done. They only speak to this interface: the daemon does it over a
// connection and with processes, tests write it down, the simulator makes it up.
//
// A call never leads back into a handler before the handler that made it has returned. Views are
// valid during the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/ids.h"
#include "core/lot.h"
#include "core/messages.h"
#include "core/resources.h"
#include "core/time.h"
#include "wire/task_description.h"

namespace shoal::agent {

struct LaunchRequest {
  core::FrameworkId framework;
  core::AgentId agent;
  std::string_view task;
  const core::Resources& resources;
  const wire::TaskDescription& description;
  std::string_view name = {};
  std::string_view role = {};  // whose share it counts in
};

enum class KillMode : std::uint8_t {
  kTerminate = 0,  // SIGTERM: the task may clean up
  kForce = 1,      // SIGKILL to everything it started
};

// What the agent has and must not forget, with the folders that go with it.
struct StoreRequest {
  const core::AgentResources& resources;
  const std::vector<core::LotTagsPtr>& made;  // each a volume: an empty folder, made first
  const std::vector<core::LotTagsPtr>&
      removed;  // gone for tasks when it is stored, their data soon
};

struct StoreOutcome {
  absl::Status status;                // an error (one line) has changed nothing
  std::optional<std::size_t> unmade;  // which of `made` is to blame for it; nullopt: none
};

class AgentEffects {
 public:
  virtual ~AgentEffects() = default;

  // To the master, in this order, over the present session.
  virtual void send(const core::Hello& message) = 0;
  virtual void send(const core::RegisterAgent& message) = 0;
  virtual void send(const core::TaskStatus& message) = 0;
  virtual void send(const core::OperationUpdate& message) = 0;
  virtual void send(const core::UpdateRevocable& message) = 0;
  virtual void send(const core::TaskReports& message) = 0;
  virtual void send(const core::UsageReport& message) = 0;
  virtual void send(const core::Heartbeat& message) = 0;

  // Answered, later, by exactly one of on_process_started() and on_launch_failed(); after
  // on_process_started() by exactly one on_process_exited().
  virtual void launch(const LaunchRequest& request) = 0;
  // Of a task that was launched and has not exited. One that the executor has not started yet must
  // not run on: it fails to launch, or exits.
  virtual void kill(core::FrameworkId framework, std::string_view task, KillMode mode) = 0;

  // An update of a task that is to be told: written down, and on disk before anybody hears of it.
  // A ticket, higher than those before: on_recorded() says when, later and in order. 0: at once.
  virtual std::uint64_t record(const core::TaskStatus& status) = 0;
  // So that the next agent on this data folder does not tell it again, or at all. Not urgent.
  virtual void record(const core::AcknowledgeUpdate& message) = 0;
  virtual void record(const core::RemoveFramework& message) = 0;

  // Three that must be on disk before the agent goes on, each in its order: what is OK the next
  // agent on this data folder finds, also after a power cut. nullopt: on_stored(),
  // on_epoch_stored() and on_id_stored() tell, later, in order; else it is done or has failed.
  // One store() at a time.
  virtual std::optional<StoreOutcome> store(const StoreRequest& request) = 0;
  // A higher epoch of a master than any before: before anything of that master is acted on.
  virtual std::optional<absl::Status> store_epoch(std::uint64_t epoch) = 0;
  // Who the agent is to its master: before anything runs that will outlive this process.
  virtual std::optional<absl::Status> store_id(core::AgentId id) = 0;

  // A look at what the machine and its tasks use, away from the loop; on_usage() gets it, later.
  virtual void ask_usage() = 0;

  // The session is over (the handlers take it as ended at once); connect again, after a wait.
  virtual void disconnect(std::string_view reason) = 0;
  // The same, of a master that does not lead: `leader` is where to connect to, at once; empty when
  // it does not know.
  virtual void redirect(std::string_view /*leader*/, std::string_view reason) {
    disconnect(reason);
  }
  // The same, of a master that has too much to do and wants to be asked again after `wait`.
  virtual void come_back_after(core::Duration /*wait*/, std::string_view reason) {
    disconnect(reason);
  }
  // The agent cannot go on, and trying again is of no use: tell the operator and end.
  virtual void give_up(std::string_view reason) = 0;
  // The same, and its tasks end with it: the cluster has written them off.
  virtual void leave(std::string_view reason) = 0;
};

}  // namespace shoal::agent
