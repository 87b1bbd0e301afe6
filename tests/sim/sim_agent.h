// One agent: its real state machine, tasks that only pretend to run, a connection that comes and
// goes, a process that may die.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/agent_handlers.h"
#include "agent/agent_state.h"
#include "agent/checkpoint.h"
#include "agent/executor.h"
#include "agent/null_executor.h"
#include "agent/session.h"
#include "agent/update_history.h"
#include "tests/sim/master_finder.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

namespace shoal::sim {

class SimAgent final : public agent::FramingEffects,
                       public agent::ExecutorEvents,
                       public LinkHandler {
 public:
  SimAgent(Sim& sim, Network& network, std::uint32_t node);

  void start();
  // The process and its tasks die. `keeps_id`: the next one finds the disk as it was, with the id,
  // the reservations and the volumes.
  void restart(bool keeps_id);
  // The process dies, its tasks and the disk do not; after a while there is another.
  void crash();

  const agent::AgentState& state() const { return *state_; }
  std::uint32_t node() const { return node_; }
  bool is_registered() const { return !is_down_ && state_->is_registered(); }
  bool runs_nothing() const { return executor_->running() == 0; }

  // LinkHandler
  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

  // ExecutorEvents
  void on_started(core::FrameworkId framework, std::string_view task) override;
  void on_failed(core::FrameworkId framework, std::string_view task, std::string_view why) override;
  void on_exited(core::FrameworkId framework, std::string_view task,
                 const agent::ExitStatus& exit) override;
  void on_lost(core::FrameworkId framework, std::string_view task, std::string_view why) override;

 private:
  // AgentEffects
  void send_frame(wire::Bytes frame) override;
  void launch(const agent::LaunchRequest& request) override;
  void kill(core::FrameworkId framework, std::string_view task, agent::KillMode mode) override;
  std::uint64_t record(const core::TaskStatus& status) override;
  void record(const core::AcknowledgeUpdate& message) override {
    agent::append_record(message, unsynced_);
  }
  void record(const core::RemoveFramework& message) override {
    agent::append_record(message, unsynced_);
  }
  std::optional<agent::StoreOutcome> store(const agent::StoreRequest& request) override;
  std::optional<absl::Status> store_epoch(std::uint64_t epoch) override;
  std::optional<absl::Status> store_id(core::AgentId id) override;
  void ask_usage() override {}
  void disconnect(std::string_view reason) override;
  void redirect(std::string_view leader, std::string_view reason) override;
  void give_up(std::string_view reason) override;
  void leave(std::string_view reason) override;

  struct Store;
  // One after the other: `write`, and a moment later, if the process lives on, `tell`.
  void on_disk(std::function<void()> write, std::function<void()> tell);
  bool is_full() { return sim_.random.chance(1, 20); }  // the disk, now
  void write(Store& store);
  void remove_volume(const core::LotTags& tags);
  void add_lots();
  void lend_later();
  void begin_life(core::AgentId id);
  void end_life();
  void describe();
  // What is on the disk, in the daemon's own form.
  void restore();
  void restore_tasks();
  void come_back();
  void sync();
  void forget_unknown(core::FrameworkId framework, std::string_view task);
  void check_volumes();
  void dial_later();
  void end(std::string_view reason, bool keeps_id);
  void on_timer(core::TimePoint armed_for);
  // After anything that changed the state: checks it and sets the next timer.
  void settle();

  Sim& sim_;
  Network& network_;
  const std::uint32_t node_;
  std::uint64_t process_ = 0;  // names this life, in the whole simulation
  std::unique_ptr<agent::AgentState> state_;
  std::unique_ptr<agent::NullExecutor> executor_;
  core::Resources total_;          // as configured
  wire::ByteVector disk_;          // the file of agent/resource_store.h; empty: none
  std::uint64_t disk_epoch_ = 0;   // the file of agent/epoch_store.h
  core::AgentId disk_id_;          // the file of agent/identity.h
  core::TimePoint disk_at_{};      // when it is done with what it was given
  std::set<std::string> volumes_;  // the folders
  // As in <data>/meta: what was started, how it ended, what was said; and what is not synced yet.
  using TaskName = std::pair<core::FrameworkId, std::string>;
  std::map<TaskName, agent::TaskRecord> records_;
  std::map<TaskName, agent::ExitStatus> exits_;
  wire::ByteVector updates_;
  wire::ByteVector unsynced_;
  std::vector<TaskName> unsynced_ends_;
  std::uint64_t last_ticket_ = 0;
  bool is_restoring_ = false;
  std::uint64_t life_ = 0;  // of this agent: processes so far
  bool is_down_ = false;    // crashed, and not back yet
  MasterFinder masters_;
  LinkId link_ = 0;
  std::uint64_t link_epoch_ = 0;  // of the master at the other end, as it said
  bool has_given_up_ = false;
  bool lends_ = false;
  core::TimePoint armed_for_ = core::TimePoint::max();
};

}  // namespace shoal::sim
