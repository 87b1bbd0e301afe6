// What the handlers want done. They only speak to this interface: the daemon does it over a
// connection and with processes, tests write it down, the simulator makes it up.
//
// A call never leads back into a handler before the handler that made it has returned. Views are
// valid during the call.
#pragma once

#include <cstdint>
#include <string_view>

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

  // What the agent has and must not forget. Once it returns OK the next agent on this data folder
  // finds it, also after a power cut; an error (one line) has changed nothing.
  virtual absl::Status store(const core::AgentResources& resources) = 0;
  // An empty folder for a new volume; `tags` hold one. Errors: one line.
  virtual absl::Status make_volume(const core::LotTags& tags) = 0;
  // A volume that is no more: its folder is gone for tasks at once, its data soon.
  virtual void remove_volume(const core::LotTags& tags) = 0;

  // A higher epoch of a master than any before: like store(), and before anything of that master
  // is acted on.
  virtual absl::Status store_epoch(std::uint64_t epoch) = 0;

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
