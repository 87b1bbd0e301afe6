// Effects that are only written down, and short ways to make a registered agent and its messages.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/agent_handlers.h"
#include "agent/agent_state.h"
#include "agent/effects.h"
#include "agent/resource_store.h"
#include "agent/update_history.h"
#include "agent/volumes.h"
#include "core/messages.h"
#include "wire/task_description.h"

namespace shoal::agent {

inline constexpr core::FrameworkId kFramework{0xf1};
inline constexpr core::FrameworkId kOtherFramework{0xf2};
inline constexpr std::uint64_t kCluster = 0xc1;

struct SentStatus {
  std::string task;
  core::TaskState state;
  core::TaskReason reason;
  std::string message;
  bool has_exit;
  int exit_code;
  int exit_signal;
  std::int64_t timestamp_ms;
  bool has_uuid;
  core::UpdateUuid uuid;
  core::FrameworkId framework;
  core::AgentId agent;
};

struct SentReport {
  core::FrameworkId framework;
  std::string id;
  std::string name;
  core::TaskState state;
  std::string role;
};

struct SentOperation {
  core::FrameworkId framework;
  core::AgentId agent;
  std::string id;
  core::UpdateUuid uuid;
  core::OperationState state;
  std::string message;
};

struct KillCall {
  std::string task;
  KillMode mode;
  bool operator==(const KillCall&) const = default;
};

struct RecordingEffects final : AgentEffects {
  void send(const core::Hello& message) override { hellos.push_back(message); }
  void send(const core::RegisterAgent& message) override {
    ++registrations;
    incarnation = message.incarnation;
    reports.clear();
    for (const core::TaskReport& task : message.tasks) {
      reports.push_back({task.framework, std::string(task.id), std::string(task.name), task.state,
                         std::string(task.role)});
    }
    registered = message.resources;
    reported_operations.clear();
    for (const core::OperationReport& report : message.operations) {
      reported_operations.emplace_back(report.id);
    }
    domain = fmt::format("{}/{}", message.region, message.zone);
  }
  void send(const core::TaskStatus& s) override {
    statuses.push_back({std::string(s.task), s.state, s.reason, std::string(s.message), s.has_exit,
                        s.exit_code, s.exit_signal, s.timestamp_ms, s.has_uuid, s.uuid, s.framework,
                        s.agent});
  }
  void send(const core::OperationUpdate& u) override {
    deeds.push_back(fmt::format("tell {} {}", u.id, core::name_of(u.state)));
    operations.push_back(
        {u.framework, u.agent, std::string(u.id), u.uuid, u.state, std::string(u.message)});
  }
  void send(const core::UpdateRevocable& message) override { lent.push_back(message.resources); }
  void send(const core::TaskReports& message) override {
    parts.push_back(message.tasks.size());
    for (const core::TaskReport& task : message.tasks) parted.emplace_back(task.id);
  }
  void send(const core::UsageReport& message) override {
    usage.push_back(message.machine.cpus_milli);
  }
  void ask_usage() override { ++usage_asked; }
  void send(const core::Heartbeat& message) override { heartbeats.push_back(message.sequence); }
  void launch(const LaunchRequest& request) override {
    deeds.push_back(fmt::format("launch {}", request.task));
    launches.emplace_back(request.task);
    commands.push_back(request.description.command);
  }
  void kill(core::FrameworkId, std::string_view task, KillMode mode) override {
    kills.push_back({std::string(task), mode});
  }
  std::uint64_t record(const core::TaskStatus& status) override {
    append_record(status, history);
    return records_later ? ++last_ticket : 0;
  }
  void record(const core::AcknowledgeUpdate& message) override { append_record(message, history); }
  void record(const core::RemoveFramework& message) override { append_record(message, history); }
  std::optional<absl::Status> store_epoch(std::uint64_t epoch) override {
    if (stores_later) {
      asked_epochs.push_back(epoch);
      return std::nullopt;
    }
    if (store_status.ok()) epochs.push_back(epoch);
    return store_status;
  }
  std::optional<absl::Status> store_id(core::AgentId id) override {
    ids.push_back(id);
    if (stores_later) return std::nullopt;
    return store_status;
  }
  void redirect(std::string_view leader, std::string_view reason) override {
    leaders.emplace_back(leader);
    disconnect(reason);
  }
  void come_back_after(core::Duration wait, std::string_view reason) override {
    waits.push_back(wait);
    disconnect(reason);
  }
  std::optional<StoreOutcome> store(const StoreRequest& request) override {
    asked.emplace();
    asked->file = *encode_stored(request.resources);
    asked->made = request.made;
    asked->removed = request.removed;
    if (stores_later) return std::nullopt;
    return do_store();
  }
  // What the disk does with what was asked for.
  StoreOutcome do_store() {
    const AskedStore now = *std::exchange(asked, std::nullopt);
    const auto remove = [this](const core::LotTagsPtr& tags) {
      deeds.push_back(fmt::format("remove {}", volume_path("", *tags)));
    };
    for (std::size_t i = 0; i < now.made.size(); ++i) {
      const std::string path = volume_path("", *now.made[i]);
      if (path == unmakeable) {
        std::for_each(now.made.begin(), now.made.begin() + static_cast<std::ptrdiff_t>(i), remove);
        return {absl::ResourceExhaustedError(path + ": the disk is full"), i};
      }
      deeds.push_back(fmt::format("make {}", path));
    }
    if (!store_status.ok()) {
      std::for_each(now.made.begin(), now.made.end(), remove);
      return {store_status, std::nullopt};
    }
    deeds.emplace_back("store");
    disk = now.file;
    std::for_each(now.removed.begin(), now.removed.end(), remove);
    return {absl::OkStatus(), std::nullopt};
  }
  void disconnect(std::string_view reason) override { disconnects.emplace_back(reason); }
  void give_up(std::string_view reason) override { ends.emplace_back(reason); }
  void leave(std::string_view reason) override { departures.emplace_back(reason); }

  // The statuses since the last call.
  std::vector<SentStatus> take() { return std::exchange(statuses, {}); }
  std::vector<SentOperation> take_operations() { return std::exchange(operations, {}); }
  // What was stored, made, removed, told of operations and launched, in order.
  std::vector<std::string> take_deeds() { return std::exchange(deeds, {}); }

  std::vector<core::Hello> hellos;
  int registrations = 0;
  std::uint64_t incarnation = 0;
  std::vector<SentReport> reports;
  core::Resources registered;
  std::vector<std::string> reported_operations;
  std::string domain;
  std::vector<core::Resources> lent;
  std::vector<SentOperation> operations;
  std::vector<std::string> deeds;
  wire::ByteVector disk;
  wire::ByteVector history;
  bool records_later = false;  // on_recorded() is the test's to call
  std::uint64_t last_ticket = 0;
  struct AskedStore {
    wire::ByteVector file;
    std::vector<core::LotTagsPtr> made;
    std::vector<core::LotTagsPtr> removed;
  };
  bool stores_later = false;                // on_stored() and the like are the test's to call
  std::optional<AskedStore> asked;          // do_store() does it
  std::vector<core::AgentId> ids;           // that were to be stored
  std::vector<std::uint64_t> asked_epochs;  // while stores_later
  absl::Status store_status;
  std::vector<std::uint64_t> epochs;  // that were stored
  std::vector<std::string> leaders;   // of redirections
  std::vector<core::Duration> waits;  // that a master asked for
  std::string unmakeable;             // the path of a volume
  std::vector<SentStatus> statuses;
  std::vector<std::uint64_t> heartbeats;
  std::vector<std::size_t> parts;    // tasks of each TaskReports
  std::vector<std::string> parted;   // and their ids
  std::vector<std::uint32_t> usage;  // cpus_milli of each UsageReport
  int usage_asked = 0;
  std::vector<std::string> launches;
  std::vector<std::string> commands;
  std::vector<KillCall> kills;
  std::vector<std::string> disconnects;
  std::vector<std::string> ends;
  std::vector<std::string> departures;
};

inline core::Resources resources_of(std::string_view text) { return *core::parse_resources(text); }

// An agent with a clock that only a test moves.
struct TestAgent {
  std::int64_t max_completion_ms = -1;  // of the tasks that follow

  TestAgent() {
    state.hostname = "host-1";
    state.address = "127.0.0.1:1";
    state.total = resources_of("cpus:4;mem:1000;ports:[31000-31009]");
    state.wall_offset_ms = 1'000'000;
  }

  void connect(std::uint64_t id = 0xa1) {
    on_connected(state, fx, now);
    on_welcome(state, fx, core::Welcome{1, core::kFeatures, kCluster, "shoal/test"}, now);
    on_registered(state, fx, core::AgentRegistered{core::AgentId{id}, 5000, 15'000}, now);
  }

  void run(std::string_view task, std::string_view resources = "cpus:1;mem:10",
           std::int64_t grace_ms = -1, core::FrameworkId framework = kFramework) {
    wire::TaskDescription description;
    description.shell = true;
    description.command = "true";
    description.kill_grace_ms = grace_ms;
    description.max_completion_ms = max_completion_ms;
    const auto bytes = wire::encode_task_description(description);
    core::RunTask message;
    message.framework = framework;
    message.task = {task, task, resources_of(resources), *bytes, role};
    on_run_task(state, fx, message, now);
  }
  void start(std::string_view task, std::string_view resources = "cpus:1;mem:10",
             std::int64_t grace_ms = -1, core::FrameworkId framework = kFramework) {
    run(task, resources, grace_ms, framework);
    on_process_started(state, fx, framework, task, now);
  }
  void kill(std::string_view task, std::int64_t grace_ms = -1) {
    on_kill_task(state, fx, core::KillTask{kFramework, state.id, task, grace_ms}, now);
  }
  void exit(std::string_view task, ExitStatus status = {},
            core::FrameworkId framework = kFramework) {
    on_process_exited(state, fx, framework, task, status, now);
  }
  void acknowledge(const SentStatus& status) {
    on_acknowledge(state, fx,
                   core::AcknowledgeUpdate{status.framework, state.id, status.task, status.uuid});
  }
  void advance(std::chrono::milliseconds by) {
    now += by;
    on_tick(state, fx, now);
  }
  // Keeps the session alive while time passes.
  void advance_hearing(std::chrono::milliseconds by) {
    now += by;
    state.last_heard = now;
    on_tick(state, fx, now);
  }
  std::string broken() const {
    const std::string tasks = state.tasks.broken_invariant(state.capacity());
    return tasks.empty() ? broken_invariant(state) : tasks;
  }

  std::string role;  // of the tasks that run() starts
  AgentState state{7};
  RecordingEffects fx;
  core::TimePoint now = core::TimePoint(std::chrono::hours(1));
};

}  // namespace shoal::agent
