// The ledger on its own: what it must let pass, and what it must not.
#include "tests/sim/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "core/operation_handlers.h"
#include "tests/core/test_cluster.h"

namespace shoal::sim {
namespace {

using core::AgentId;
using core::OperationKind;
using core::OperationState;

// One shard, without frameworks: what they hold is brought by agents.
class LedgerTest : public testing::Test {
 protected:
  template <typename Message>
  static wire::ByteVector encode(const Message& message) {
    wire::ByteVector out;
    wire::encode(message, 0, out);
    return out;
  }

  template <typename Message>
  void hear(core::SessionId session, const Message& message) {
    const wire::ByteVector bytes = encode(message);
    wire::FrameView frame;
    ASSERT_TRUE(wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
    ledger.on_received(session, frame);
  }

  void check() {
    cluster.settle();
    ledger.check(cluster.shard());
  }

  // It runs a task of that name and role on `used`.
  AgentId add_agent(std::string_view resources, std::string_view task, std::string_view role,
                    std::string_view used) {
    core::RegisterAgent message;
    const core::SessionId session = cluster.new_session();
    message.incarnation = session.value;
    message.hostname = "host";
    message.capabilities = core::kAgentCapabilities;
    message.resources = core::parse_resources(resources).value();
    core::TaskReport& report = message.tasks.emplace_back();
    report.framework = framework;
    report.id = task;
    report.role = role;
    report.resources = core::parse_resources(used).value();
    report.state = core::TaskState::kRunning;
    hear(session, message);
    const AgentId id = core::on_register_agent(cluster.shard(), cluster.outbox(), session,
                                               AgentId(), message, cluster.now);
    check();
    return id;
  }

  void operate(AgentId agent, OperationKind kind, std::string_view resources) {
    core::OperateAgent message;
    message.agent = agent;
    message.spec.kind = kind;
    message.spec.resources = core::parse_resources(resources).value();
    core::on_operate_agent(cluster.shard(), cluster.outbox(), cluster.new_session(), message, 1,
                           cluster.now);
    cluster.settle();
    const core::SeenOperation& sent = cluster.bag_of(agent).operations.back();
    ledger.on_sent(cluster.session_of(agent),
                   encode(core::ApplyOperation{.framework = {},
                                               .id = sent.id,
                                               .uuid = sent.uuid,
                                               .kind = kind,
                                               .consumed = sent.consumed,
                                               .converted = sent.converted}));
    check();
  }

  // What became of the operation that the agent was sent as number `index`.
  void tell(AgentId agent, std::size_t index, OperationState state) {
    core::OperationUpdate update;
    update.uuid = cluster.bag_of(agent).operations.at(index).uuid;
    update.state = state;
    hear(cluster.session_of(agent), update);
    core::on_operation_update(cluster.shard(), cluster.outbox(), agent, update, cluster.now);
    check();
  }

  void end_task(AgentId agent, std::string_view task) {
    core::TaskStatus status;
    status.framework = framework;
    status.agent = agent;
    status.task = task;
    status.state = core::TaskState::kFinished;
    hear(cluster.session_of(agent), status);
    cluster.update(agent, framework, task, status.state);
    check();
  }

  core::RoleRow& eng() { return **cluster.tables().roles.intern("eng"); }

  // An UNRESERVE has failed while a task used what it would have made, and what it would have freed
  // of the limit of "eng" is used by another task.
  AgentId fail_an_unreserve_in_use() {
    core::Quantities limits = core::kNoLimits;
    limits[core::ResourceKind::kCpus] = 3000;
    eng().limits.store(limits);
    const AgentId agent =
        add_agent("cpus:3;mem:1024;cpus(eng,dynamic):3", "t", "*", "cpus:3;mem:32");
    operate(agent, OperationKind::kUnreserve, "cpus(eng,dynamic):3");
    operate(agent, OperationKind::kReserve, "cpus(ops,dynamic):3");
    tell(agent, 1, OperationState::kFinished);
    add_agent("cpus:3;mem:1024", "u", "eng", "cpus:3;mem:32");
    tell(agent, 0, OperationState::kFailed);
    EXPECT_TRUE(ledger.is_in_doubt(agent));
    EXPECT_EQ(eng().charged.load()[core::ResourceKind::kCpus], 3000);
    EXPECT_EQ(checker.failure(), "");
    return agent;
  }

  core::TestCluster cluster;
  Checker checker;
  Ledger ledger{checker, cluster.tables()};
  core::FrameworkId framework{7};
};

TEST_F(LedgerTest, ARoleMayRiseOverItsLimitWhenAFailedOperationIsTakenBackLater) {
  const AgentId agent = fail_an_unreserve_in_use();
  end_task(agent, "t");
  EXPECT_EQ(checker.failure(), "");
  EXPECT_FALSE(ledger.is_in_doubt(agent));
  EXPECT_EQ(eng().charged.load()[core::ResourceKind::kCpus], 6000);
}

TEST_F(LedgerTest, ARoleMayNotRiseOverItsLimitWhileAFailedOperationIsNotTakenBack) {
  fail_an_unreserve_in_use();
  core::Quantities more;
  more[core::ResourceKind::kCpus] = 1000;
  eng().charged.add(more);
  ledger.check(cluster.shard());
  EXPECT_THAT(checker.failure(), testing::HasSubstr("role 'eng' reserves and holds cpus:4"));
}

}  // namespace
}  // namespace shoal::sim
