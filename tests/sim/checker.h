// The promises of docs/ARCHITECTURE.md, watched from outside: a ledger of what every party said and
// did. The first broken one is kept; the run stops there.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "core/messages.h"
#include "core/task_state.h"

namespace shoal::sim {

// How far a state is in the life of a task; an agent reports them in this order.
int progress_of(core::TaskState state);

class Checker {
 public:
  using TaskName = std::pair<core::FrameworkId, std::string>;

  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (failure_.empty()) failure_ = fmt::format(format, std::forward<Args>(args)...);
  }

  // --- agents: `process` names one life of one agent
  // ----------------------------------------------
  void on_process_started(std::uint64_t process, core::FrameworkId framework,
                          std::string_view task);
  void on_process_ended(std::uint64_t process, core::FrameworkId framework, std::string_view task);
  void on_agent_died(std::uint64_t process);
  void on_agent_said(const core::TaskStatus& status);
  // The agent may forget the update now: its framework must have seen it, or be gone.
  void on_acknowledged(const core::AcknowledgeUpdate& message);
  // Somebody is about to acknowledge an update that no agent sent.
  void on_lie(const core::UpdateUuid& uuid) { lies_.insert(uuid); }

  // --- frameworks -------------------------------------------------------------------------------
  void on_framework_saw(core::FrameworkId framework, std::string_view task, core::TaskState state,
                        const core::UpdateUuid& uuid);
  // The framework was told, on the master's own word, that a task has ended.
  void on_master_ended(core::FrameworkId framework, std::string_view task, core::TaskState state);
  // The framework will not come back under this id.
  void on_framework_retired(core::FrameworkId framework) { retired_.insert(framework); }

  bool is_retired(core::FrameworkId framework) const { return retired_.contains(framework); }
  bool has_started(core::FrameworkId framework, std::string_view task) const {
    return started_.contains({framework, std::string(task)});
  }

 private:
  struct Said {
    TaskName task;
    core::TaskState state = core::TaskState::kUnknown;
    bool seen = false;
  };

  std::string failure_;
  std::set<core::FrameworkId> retired_;
  std::map<TaskName, std::uint64_t> started_;  // where its process was started
  std::map<TaskName, std::uint64_t> running_;
  std::map<TaskName, core::TaskState> ended_by_master_;
  std::map<core::UpdateUuid, Said> said_;
  std::set<core::UpdateUuid> lies_;
  std::map<TaskName, int> progress_seen_;  // by its framework, in updates of the agent
};

}  // namespace shoal::sim
