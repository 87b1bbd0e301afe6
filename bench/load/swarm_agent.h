// One agent of a swarm: the session, the handlers and the books of a real agent over a real
// connection, with an executor that only pretends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/agent_state.h"
#include "agent/null_executor.h"
#include "agent/session.h"
#include "net/dialer.h"

namespace shoal::load {

class SwarmGroup;

// Threads: those of its group.
class SwarmAgent final : public agent::FramingEffects,
                         public agent::ExecutorEvents,
                         public net::ConnectionHandler {
 public:
  // `number`: of all agents of the swarm.
  SwarmAgent(SwarmGroup& group, std::uint32_t number);

  void start();
  // The process dies without a word, and its tasks with it; start() brings it back under its id.
  void die();
  // The connection breaks; the agent dials again.
  void break_connection();
  // The master is out of reach until start().
  void cut_off();
  // One of this part of the swarm, 0 to 1, which is spread evenly over it.
  bool is_among(double part) const;

  bool is_registered() const { return state_->is_registered(); }
  std::size_t tasks() const { return executor_.running(); }
  // Does what is due, and returns when there is more; core::TimePoint::max(): nothing.
  core::TimePoint tick(core::TimePoint now);

  // For the group: the moment of the next tick() as it stands in its queue.
  core::TimePoint armed = core::TimePoint::max();
  bool is_awake = false;  // in the group's list for the end of the turn

 private:
  std::unique_ptr<agent::AgentState> fresh_state() const;

  // AgentEffects
  void send_frame(wire::Bytes frame) override;
  void launch(const agent::LaunchRequest& request) override;
  void kill(core::FrameworkId framework, std::string_view task, agent::KillMode mode) override;
  // Nothing outlives the swarm: what is told needs no disk.
  std::uint64_t record(const core::TaskStatus&) override { return 0; }
  void record(const core::AcknowledgeUpdate&) override {}
  void record(const core::RemoveFramework&) override {}
  std::optional<agent::StoreOutcome> store(const agent::StoreRequest&) override {
    return agent::StoreOutcome{};
  }
  std::optional<absl::Status> store_epoch(std::uint64_t) override { return absl::OkStatus(); }
  std::optional<absl::Status> store_id(core::AgentId) override { return absl::OkStatus(); }
  void ask_usage() override {}
  void disconnect(std::string_view reason) override;
  void redirect(std::string_view leader, std::string_view reason) override;
  void come_back_after(core::Duration wait, std::string_view reason) override;
  void give_up(std::string_view reason) override;
  void leave(std::string_view reason) override { give_up(reason); }

  // ExecutorEvents
  void on_started(core::FrameworkId framework, std::string_view task) override;
  void on_failed(core::FrameworkId framework, std::string_view task, std::string_view why) override;
  void on_exited(core::FrameworkId framework, std::string_view task,
                 const agent::ExitStatus& exit) override;
  void on_lost(core::FrameworkId framework, std::string_view task, std::string_view why) override;

  // ConnectionHandler
  void on_connected(net::Connection& connection) override;
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;

  SwarmGroup& group_;
  const std::uint32_t number_;
  std::uint32_t lives_ = 0;
  std::unique_ptr<agent::AgentState> state_;
  agent::NullExecutor executor_;
  std::unique_ptr<net::Dialer> dialer_;
  bool is_meant_ = false;  // the end of the session that comes next
  bool was_registered_ = false;
};

}  // namespace shoal::load
