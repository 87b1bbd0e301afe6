// Accounts of the cluster kept beside a master's, as long as it serves, from what it says and is
// told: what agents have, which offers are out, what tasks hold. The master's own sums are not
// read, but compared:
//
//   agents   offers and tasks together hold no more than there is; no port or volume twice
//   roles    what counts against a limit is what the role table says, and within the limit
//   offers   as many slots of the table are taken as offers were published and not yet settled;
//            each is answered or withdrawn once
//
// Shared volumes are left out of the sums, as any number of tasks may hold one.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/messages.h"
#include "core/shard.h"
#include "core/shard_message.h"
#include "core/time.h"
#include "tests/sim/checker.h"
#include "wire/message.h"

namespace shoal::sim {

class Ledger {
 public:
  struct OpenOffer {
    core::AgentId agent;
    core::FrameworkId framework;
    core::RoleIndex role = core::kRootRole;
    core::Resources resources;
    core::TimePoint since;
    bool is_held = true;  // the agent has not registered again since
  };

  Ledger(Checker& checker, const core::SharedTables& tables)
      : checker_(checker), tables_(&tables) {}

  // --- what shards tell each other: when it is sent, and before it is handled ---
  void on_mail_sent(std::uint32_t from, const core::ShardMessage& message, core::TimePoint now);
  void on_mail_due(std::uint32_t to, const core::ShardMessage& message);

  // --- what agents are told and say ---
  void on_sent(core::SessionId session, wire::Bytes frame);
  void on_received(core::SessionId session, const wire::FrameView& frame);
  void on_session_gone(core::SessionId session);

  // After every event of a shard: its sums against these.
  void check(const core::Shard& shard);

  const std::map<core::OfferId, OpenOffer>& offers() const { return offers_; }
  // Neither an offer nor a task.
  bool holds_nothing(core::FrameworkId framework) const;
  // The master still has to take back what operations that failed would have made.
  bool is_in_doubt(core::AgentId agent) const;
  std::uint64_t operations_sent() const { return operations_sent_; }
  std::uint64_t operations_failed() const { return operations_failed_; }

 private:
  using TaskName = std::pair<core::FrameworkId, std::string>;
  struct HeldTask {
    const core::RoleRow* role = nullptr;
    core::Resources resources;
  };
  struct Agent {
    core::SessionId session;     // none: not connected
    core::Resources total;       // its own: reserved or not, volumes
    core::Resources lent;        // revocable
    core::Resources held;        // by offers and tasks
    core::Quantities overdrawn;  // of what was lent, when it was taken back
    std::map<TaskName, HeldTask> tasks;
    bool is_counted = true;              // the tasks, in what roles are charged
    std::set<core::UpdateUuid> pending;  // operations
  };
  // What an agent said when it registered.
  struct Registration {
    core::AgentId agent;
    core::SessionId session;
    core::Resources total;
    std::map<TaskName, std::pair<HeldTask, std::string>> running;  // with the role's name
    std::set<TaskName> known;                                      // also those that have ended
  };

  void leave_open(const std::vector<core::OfferId>& offers, std::string_view how);
  void publish(std::uint32_t shard, const core::OffersOut& message, core::TimePoint now);
  void settle(core::OfferId offer);
  void settle_all(std::uint32_t shard, core::FrameworkId framework);
  void take_registrations(const core::Shard& shard);
  void finish_registration(const Registration& registration);
  void release_answered(core::AgentId id, Agent& agent);
  void run(Agent& agent, const core::RunTask& message);
  void operate(Agent& agent, const core::ApplyOperation& message);
  void end_task(Agent& agent, const core::TaskStatus& status);
  void end_operation(Agent& agent, const core::OperationUpdate& update);
  void lend(Agent& agent, const core::UpdateRevocable& message);

  void hold(core::AgentId id, Agent& agent, const core::Resources& resources);
  void release(core::AgentId id, Agent& agent, const core::Resources& resources);
  void charge(const core::RoleRow* role, const core::Quantities& amount, bool adds);
  void charge_reservations(const core::Resources& total, bool adds);
  void charge_tasks(core::AgentId id, bool adds);
  void drop_session(Agent& agent);
  Agent* find(core::SessionId session, core::AgentId* id = nullptr);

  void forget_gone(const core::Shard& shard);
  void check_agent(core::AgentId id, Agent& agent);
  void check_doubts(const core::Shard& shard);
  void check_roles();

  Checker& checker_;
  const core::SharedTables* tables_;
  std::map<core::OfferId, std::string_view> left_open_;  // and how
  core::AgentId late_;  // the mail that is handled answers offers of it of before its registration
  std::map<core::AgentId, Agent> agents_;
  std::map<core::SessionId, core::AgentId> sessions_;
  std::map<core::OfferId, OpenOffer> offers_;
  std::vector<std::uint32_t> open_;        // offers, by shard
  std::vector<core::Quantities> charged_;  // by role
  std::vector<core::Quantities> over_;     // how far each role may be over its limit
  std::set<core::AgentId> touched_;
  std::set<core::AgentId> doubtful_;
  std::set<core::AgentId> owing_;  // of those: what would have been made was not taken back yet
  bool roles_touched_ = false;
  bool may_rise_ = false;  // over a limit: what happened is not the allocator's doing
  std::map<core::SessionId, wire::ByteVector> registering_;  // REGISTER_AGENTs not dealt with yet
  std::uint64_t operations_sent_ = 0;
  std::uint64_t operations_failed_ = 0;
};

}  // namespace shoal::sim
