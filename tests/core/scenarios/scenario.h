// Words for allocation scenarios: what agents, frameworks and operators do, and who holds what
// afterwards, as texts. Agents and frameworks are spread over the shards as they come. Every step
// runs to rest and checks all invariants (TestCluster::settle).
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/agent_mode.h"
#include "core/operation_handlers.h"
#include "core/quota_handlers.h"
#include "core/text.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline Resources res(std::string_view text) { return parse_resources(text).value(); }
inline Quantities amount(std::string_view text) { return parse_quantities(text).value(); }

template <typename... Which>
Capabilities can(Which... which) {
  Capabilities out;
  ((out = out.with(which)), ...);
  return out;
}

inline OfferConstraintView constraint(std::string_view role, ConstraintTarget target,
                                      std::string_view name, ConstraintTest test,
                                      std::string_view value = "", std::uint32_t group = 0) {
  return {role, group, target, name, test, value};
}

inline Operation operation(OperationKind kind, std::string_view resources, std::string_view id = "",
                           std::string_view addition = "") {
  Operation out;
  out.id = id;
  out.spec.kind = kind;
  out.spec.resources = res(resources);
  out.spec.addition = res(addition);
  return out;
}
inline Operation launch_operation(std::uint32_t tasks) {
  Operation out;
  out.spec.kind = OperationKind::kLaunch;
  out.launches = tasks;
  return out;
}

class ScenarioTest : public ShardedTest {
 protected:
  // --- peers ---

  AgentId agent(std::string_view resources, const AgentOptions& options = {}) {
    const SessionId session = cluster.new_session();
    const AgentId id = cluster.register_described(session, AgentId(), resources, session.value,
                                                  options, next_agent_++ % cluster.size());
    cluster.settle();
    return id;
  }
  std::vector<AgentId> agents(int count, std::string_view resources) {
    std::vector<AgentId> out;
    for (int i = 0; i < count; ++i) out.push_back(agent(resources));
    return out;
  }
  // The same process comes back on a new connection.
  void reconnect(AgentId id, std::string_view resources, const AgentOptions& options = {}) {
    cluster.register_described(cluster.new_session(), id, resources, cluster.agent(id).incarnation,
                               options);
    cluster.settle();
  }

  FrameworkId framework(FrameworkOptions options, FrameworkId known = FrameworkId()) {
    const FrameworkId id = cluster.subscribe(cluster.new_session(), known, options,
                                             next_framework_++ % cluster.size());
    cluster.settle();
    return id;
  }
  FrameworkId framework(std::string_view role, Capabilities capabilities = {}) {
    return framework({.roles = {std::string(role)}, .capabilities = capabilities});
  }
  // Why a subscription is refused; empty when it is not.
  std::string refused_subscription(const FrameworkOptions& options) {
    const SessionId session = cluster.new_session();
    const FrameworkId id = cluster.subscribe(session, FrameworkId(), options, last());
    cluster.settle();
    const auto& refusals = cluster.bag(session).refusals;
    EXPECT_EQ(id.valid(), refusals.empty());
    return refusals.empty() ? "" : refusals.back().second;
  }
  Mailbag& bag(FrameworkId id) { return cluster.bag_of(id); }
  Mailbag& bag(AgentId id) { return cluster.bag_of(id); }

  // --- who holds what ---

  // The offers that the framework may still answer, oldest first.
  std::vector<SeenOffer> held(FrameworkId id) {
    std::vector<SeenOffer> out;
    const auto& open = cluster.home(id).find_framework(id)->offers;
    for (const SeenOffer& offer : bag(id).offers) {
      if (open.contains(offer.id)) out.push_back(offer);
    }
    return out;
  }
  std::size_t offers(FrameworkId id) { return held(id).size(); }
  // "cpus:4;mem:100", summed up over its open offers.
  std::string offered(FrameworkId id) {
    Resources sum;
    for (const SeenOffer& offer : held(id)) sum += offer.resources;
    return to_string(sum);
  }
  std::string offered(FrameworkId id, std::string_view role) {
    Resources sum;
    for (const SeenOffer& offer : held(id)) {
      if (offer.role == role) sum += offer.resources;
    }
    return to_string(sum);
  }
  // What the role and those below it hold, offered or used.
  std::string allocated(std::string_view role) { return to_string(row(role).allocated.load()); }
  // What counts against its limits.
  std::string charged(std::string_view role) { return to_string(row(role).charged.load()); }
  RoleRow& row(std::string_view role) { return *cluster.tables().roles.intern(role).value(); }

  std::uint64_t counted(alloc::Counter ShardCounters::*counter) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < cluster.size(); ++i) {
      sum += static_cast<std::uint64_t>((cluster.shard(i).counters.*counter).value());
    }
    return sum;
  }

  // --- what frameworks do ---

  // Runs a task in the first open offer that is large enough; the rest is free at once.
  // False when there is no such offer.
  bool launch(FrameworkId id, std::string_view task, std::string_view resources,
              std::int64_t refuse_ms = 0) {
    const Resources wanted = res(resources);
    for (const SeenOffer& offer : held(id)) {
      if (!resolve(wanted, offer.resources).ok()) continue;
      tasks_[std::string(task)] = {offer.agent, id};
      cluster.accept(id, {offer.id}, {{std::string(task), std::string(resources)}}, refuse_ms);
      return true;
    }
    return false;
  }
  void finish(std::string_view task) {
    const auto [where, whose] = tasks_.at(std::string(task));
    const UpdateUuid uuid = cluster.update(where, whose, task, TaskState::kFinished);
    cluster.acknowledge(whose, where, task, uuid);
  }
  TaskState state(FrameworkId id, std::string_view task) {
    const OwnedStatus* last = bag(id).last_update(task);
    return last == nullptr ? TaskState::kStaging : last->status.state;
  }
  // All open offers.
  void decline(FrameworkId id, std::int64_t refuse_ms) {
    std::vector<OfferId> ids;
    for (const SeenOffer& offer : held(id)) ids.push_back(offer.id);
    cluster.decline(id, ids, refuse_ms);
  }
  void suppress(FrameworkId id, RoleViews roles = {}) {
    on_suppress(cluster.home(id), cluster.outbox(), id, {roles}, 4, cluster.now);
    cluster.settle();
  }
  void revive(FrameworkId id, RoleViews roles = {}) {
    on_revive(cluster.home(id), cluster.outbox(), id, {roles}, 4, cluster.now);
    cluster.settle();
  }
  void teardown(FrameworkId id) {
    on_teardown(cluster.home(id), cluster.outbox(), id, cluster.now);
    cluster.settle();
  }

  // ACCEPT of the framework's first open offer, with operations.
  void accept(FrameworkId id, std::vector<Operation> operations,
              const std::vector<TestCluster::Launch>& launches = {}, std::int64_t refuse_ms = 0) {
    Accept message;
    message.refuse_ms = refuse_ms;
    const SeenOffer offer = held(id).at(0);
    message.offers.push_back(offer.id);
    for (Operation& o : operations) message.operations.push_back(std::move(o));
    for (const TestCluster::Launch& launch : launches) {
      TaskLaunch task;
      task.id = launch.id;
      task.resources = res(launch.resources);
      message.tasks.push_back(task);
      tasks_[launch.id] = {offer.agent, id};
    }
    on_accept(cluster.home(id), cluster.outbox(), id, message, 5, cluster.now);
    cluster.settle();
  }
  // Feedback of the agent about the last operation that it was sent.
  void report(AgentId id, OperationState state, std::string_view message = "") {
    const SeenOperation last = bag(id).operations.back();
    OperationUpdate update;
    update.framework = owner_of(id, last.uuid);
    update.agent = id;
    update.id = last.id;
    update.uuid = last.uuid;
    update.state = state;
    update.message = message;
    on_operation_update(cluster.home(id), cluster.outbox(), id, update, cluster.now);
    cluster.settle();
  }
  void acknowledge_operation(FrameworkId id, AgentId from, const UpdateUuid& uuid) {
    on_acknowledge_operation(cluster.home(id), cluster.outbox(), id, {id, from, uuid}, 6,
                             cluster.now);
    cluster.settle();
  }
  void lend(AgentId id, std::string_view resources) {
    on_update_revocable(cluster.home(id), cluster.outbox(), id, {res(resources)}, cluster.now);
    cluster.settle();
  }

  // --- what operators do: empty, or why it is refused ---

  std::string quota(const UpdateQuota& message) {
    const SessionId session = cluster.new_session();
    on_update_quota(cluster.shard(last()), cluster.outbox(), session, message, 7, cluster.now);
    return answer(session);
  }
  // Kinds that are not named have no limit.
  std::string limit(std::string_view role, std::string_view limits, bool force = false) {
    return quota(
        {.configs = {{role, parse_quantities(limits, kNoLimit).value(), {}}}, .force = force});
  }
  std::string guarantee(std::string_view role, std::string_view guarantees, bool force = false) {
    return quota({.configs = {{role, kNoLimits, amount(guarantees)}}, .force = force});
  }
  std::string weight(std::string_view role, Milli milli) {
    const SessionId session = cluster.new_session();
    UpdateWeights message;
    message.weights.push_back({role, milli});
    on_update_weights(cluster.shard(last()), cluster.outbox(), session, message, 8, cluster.now);
    return answer(session);
  }
  std::string operate(AgentId id, OperationKind kind, std::string_view resources,
                      std::string_view principal = "", std::string_view addition = "") {
    const SessionId session = cluster.new_session();
    OperateAgent message;
    message.agent = id;
    message.spec = operation(kind, resources, "", addition).spec;
    message.principal = principal;
    on_operate_agent(cluster.shard(last()), cluster.outbox(), session, message, 9, cluster.now);
    return answer(session);
  }
  std::string manage(AgentId id, AgentAction action, std::int64_t max_grace_ms = -1,
                     bool mark_gone = false) {
    const SessionId session = cluster.new_session();
    on_manage_agent(cluster.shard(last()), cluster.outbox(), session,
                    {id, action, max_grace_ms, mark_gone}, 9, cluster.now);
    return answer(session);
  }
  Explanation why(FrameworkId id, std::string_view wanted = "", std::string_view role = "") {
    const SessionId session = cluster.new_session();
    on_operator_explain(cluster.shard(last()), cluster.outbox(), session, {id, role, res(wanted)},
                        10, cluster.now);
    cluster.settle();
    return cluster.bag(session).explanations.at(0);
  }
  // How many agents are ruled out by `cause`.
  std::uint32_t count(const Explanation& explanation, ExplainCause cause) {
    return explanation.counts[static_cast<std::size_t>(cause)];
  }
  RoleSummary role(std::string_view name) {
    const SessionId session = cluster.new_session();
    on_query(cluster.shard(last()), cluster.outbox(), session, {QueryKind::kRoles, name}, 11,
             cluster.now);
    cluster.settle();
    return cluster.bag(session).answers.at(0).roles.at(0);
  }

 private:
  std::string answer(SessionId session) {
    cluster.settle();
    const Mailbag& mail = cluster.bag(session);
    EXPECT_EQ(mail.done + static_cast<int>(mail.refusals.size()), 1);
    return mail.refusals.empty() ? "" : mail.refusals.back().second;
  }
  FrameworkId owner_of(AgentId id, const UpdateUuid& uuid) {
    const auto& operations = cluster.agent(id).operations;
    const auto it = operations.find(uuid);
    return it == operations.end() ? FrameworkId() : it->second.framework;
  }

  std::map<std::string, std::pair<AgentId, FrameworkId>> tasks_;
  std::uint32_t next_agent_ = 0;
  std::uint32_t next_framework_ = 0;
};

}  // namespace shoal::core
