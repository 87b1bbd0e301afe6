#include "master/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "core/shard_handlers.h"
#include "master/wire_outbox.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

using core::RefusalCode;
using wire::MessageKind;

// Keeps the frames sent to each session, and the shard messages until they are drained.
class FrameRecorder final : public WireOutbox {
 public:
  void close(core::SessionId session) override { closed.push_back(session); }
  bool is_slow(core::SessionId) const override { return false; }
  void to_shard(std::uint32_t, core::ShardMessage message) override {
    mail.push_back(std::move(message));
  }

  std::vector<core::SessionId> closed;
  std::vector<core::ShardMessage> mail;
  std::map<std::uint64_t, std::vector<wire::ByteVector>> frames;

 private:
  void deliver(core::SessionId to, wire::Bytes frame, master::Urgency /*urgency*/) override {
    frames[to.value].emplace_back(frame.begin(), frame.end());
  }
};

class DispatchTest : public testing::Test {
 protected:
  static core::ShardConfig config(std::uint32_t shards) {
    core::ShardConfig config;
    config.shards = shards;
    config.cluster_id = 42;
    return config;
  }

  template <typename T>
  Dispatched send(Peer& peer, const T& message, std::uint32_t correlation = 9) {
    wire::ByteVector bytes;
    wire::encode(message, correlation, bytes);
    return send_bytes(peer, bytes);
  }

  Dispatched send_bytes(Peer& peer, const wire::ByteVector& bytes) {
    wire::FrameView frame;
    const auto progress = wire::next_frame(bytes, core::kMaxFrameBytes, &frame);
    EXPECT_TRUE(progress.ok()) << progress.status();
    const Dispatched result = dispatch(shard, outbox, peer, frame, now, admission);
    while (!outbox.mail.empty()) {
      std::vector<core::ShardMessage> mail = std::move(outbox.mail);
      outbox.mail.clear();
      for (core::ShardMessage& message : mail) {
        core::on_shard_message(shard, outbox, std::move(message), now);
      }
    }
    return result;
  }

  // The last frame to the peer, decoded as a T.
  template <typename T>
  absl::StatusOr<T> last(const Peer& peer) {
    const auto& frames = outbox.frames[peer.session.value];
    if (frames.empty()) return absl::NotFoundError("nothing was sent");
    wire::FrameView frame;
    const auto progress = wire::next_frame(frames.back(), core::kMaxFrameBytes, &frame);
    if (!progress.ok()) return progress.status();
    last_correlation = frame.header.correlation;
    return wire::decode<T>(frame.payload);
  }

  void expect_refused(const Peer& peer, const Dispatched& result, RefusalCode code) {
    EXPECT_EQ(result.verdict, Verdict::kClosed);
    const auto refusal = last<core::Refusal>(peer);
    ASSERT_TRUE(refusal.ok()) << refusal.status();
    EXPECT_EQ(refusal->code, code) << refusal->message;
    EXPECT_FALSE(refusal->message.empty());
    EXPECT_EQ(refusal->message.find('\n'), std::string_view::npos);
    EXPECT_EQ(last_correlation, 9u);
    ASSERT_FALSE(outbox.closed.empty());
    EXPECT_EQ(outbox.closed.back(), peer.session);
  }

  static core::Hello hello(core::PeerKind kind, std::uint64_t id = 0) {
    core::Hello message;
    message.kind = kind;
    message.protocol_min = message.protocol_max = wire::kProtocolVersion;
    message.peer_id = id;
    message.software = "test";
    return message;
  }

  Peer greeted(core::PeerKind kind) {
    Peer peer{.session = core::SessionId{++sessions}};
    EXPECT_EQ(send(peer, hello(kind)).verdict, Verdict::kHandled);
    EXPECT_TRUE(last<core::Welcome>(peer).ok());
    return peer;
  }

  Peer agent() {
    Peer peer = greeted(core::PeerKind::kAgent);
    core::RegisterAgent message;
    message.incarnation = peer.session.value;
    message.hostname = "h";
    message.resources = core::parse_resources("cpus:1;mem:100").value();
    message.capabilities = core::kAgentCapabilities;
    EXPECT_EQ(send(peer, message).verdict, Verdict::kHandled);
    EXPECT_TRUE(peer.agent.valid());
    return peer;
  }

  Peer framework() {
    Peer peer = greeted(core::PeerKind::kFramework);
    core::Subscribe message;
    message.name = "f";
    message.user = "u";
    message.roles = {"*"};
    EXPECT_EQ(send(peer, message).verdict, Verdict::kHandled);
    EXPECT_TRUE(peer.framework.valid());
    return peer;
  }

  core::SharedTables tables{4, 0};
  core::Shard shard{config(1), tables, 1};
  FrameRecorder outbox;
  core::TimePoint now{std::chrono::hours(1)};
  Admission* admission = nullptr;
  std::uint64_t sessions = 0;
  std::uint32_t last_correlation = 0;
};

TEST_F(DispatchTest, AnythingBeforeHelloIsRefused) {
  Peer peer{.session = core::SessionId{1}};
  expect_refused(peer, send(peer, core::Heartbeat{1}), RefusalCode::kNotExpected);
}

TEST_F(DispatchTest, ASecondHelloIsRefused) {
  Peer peer = greeted(core::PeerKind::kOperator);
  expect_refused(peer, send(peer, hello(core::PeerKind::kOperator)), RefusalCode::kNotExpected);
}

TEST_F(DispatchTest, OtherProtocolsAndClustersAreRefused) {
  Peer old{.session = core::SessionId{1}};
  core::Hello message = hello(core::PeerKind::kAgent);
  message.protocol_min = message.protocol_max = wire::kProtocolVersion + 1;
  expect_refused(old, send(old, message), RefusalCode::kUnsupportedVersion);

  Peer stranger{.session = core::SessionId{2}};
  message = hello(core::PeerKind::kAgent);
  message.cluster_id = 43;
  expect_refused(stranger, send(stranger, message), RefusalCode::kWrongCluster);

  Peer member{.session = core::SessionId{3}};
  message.cluster_id = 42;
  EXPECT_EQ(send(member, message).verdict, Verdict::kHandled);
}

TEST_F(DispatchTest, TheEpochIsInTheWelcomeAndFencesAnEarlierMaster) {
  shard.config.epoch = 7;
  core::Hello message = hello(core::PeerKind::kAgent);
  for (const std::uint64_t seen : {0u, 6u, 7u}) {
    Peer peer{.session = core::SessionId{seen + 1}};
    message.epoch = seen;
    EXPECT_EQ(send(peer, message).verdict, Verdict::kHandled);
    EXPECT_EQ(last<core::Welcome>(peer)->epoch, 7u);
  }
  EXPECT_EQ(shard.counters.newer_epochs.value(), 0u);

  Peer later{.session = core::SessionId{20}};
  message.epoch = 8;
  const Dispatched fenced = send(later, message);
  expect_refused(later, fenced, RefusalCode::kFenced);
  EXPECT_EQ(fenced.newer_epoch, 8u);
  EXPECT_EQ(shard.counters.newer_epochs.value(), 1u);
  EXPECT_EQ(last<core::Refusal>(later)->message,
            "this master is of epoch 7, the peer has seen 8: a later master leads");
}

TEST_F(DispatchTest, LogReadersBelongToAgents) {
  Peer peer{.session = core::SessionId{1}};
  expect_refused(peer, send(peer, hello(core::PeerKind::kLogReader)), RefusalCode::kNotExpected);
}

TEST_F(DispatchTest, EveryRoleHasItsOwnMessages) {
  core::RegisterAgent registration;
  registration.hostname = "h";
  core::Query query;
  core::Accept accept;
  accept.offers.push_back({1, 1});

  Peer before_registration = greeted(core::PeerKind::kAgent);
  expect_refused(before_registration, send(before_registration, core::Heartbeat{1}),
                 RefusalCode::kNotExpected);
  Peer scheduler_as_agent = framework();
  expect_refused(scheduler_as_agent, send(scheduler_as_agent, registration),
                 RefusalCode::kNotExpected);
  Peer agent_as_scheduler = agent();
  expect_refused(agent_as_scheduler, send(agent_as_scheduler, accept), RefusalCode::kNotExpected);
  Peer agent_as_operator = agent();
  expect_refused(agent_as_operator, send(agent_as_operator, query), RefusalCode::kNotExpected);
  Peer operator_as_scheduler = greeted(core::PeerKind::kOperator);
  expect_refused(operator_as_scheduler, send(operator_as_scheduler, accept),
                 RefusalCode::kNotExpected);
  Peer twice = agent();
  expect_refused(twice, send(twice, registration), RefusalCode::kNotExpected);
}

// With more tasks than one message holds, an agent tells of them before it registers.
TEST_F(DispatchTest, AnAgentMayRegisterInParts) {
  const core::FrameworkId owner{7};
  core::TaskReports part;
  part.tasks = {{owner, "a", "", {}, core::TaskState::kRunning, "*"},
                {owner, "b", "", {}, core::TaskState::kRunning, "*"}};
  Peer peer = greeted(core::PeerKind::kAgent);
  EXPECT_EQ(send(peer, part).verdict, Verdict::kHandled);
  EXPECT_GT(shard.held_report_bytes, 0u);
  core::RegisterAgent registration;
  registration.incarnation = 1;
  registration.hostname = "h";
  registration.tasks = {{owner, "c", "", {}, core::TaskState::kRunning, "*"}};
  EXPECT_EQ(send(peer, registration).verdict, Verdict::kHandled);
  ASSERT_TRUE(peer.agent.valid());
  EXPECT_EQ(shard.find_agent(peer.agent)->tasks.size(), 3u);
  EXPECT_EQ(shard.held_report_bytes, 0u);
  expect_refused(peer, send(peer, part), RefusalCode::kNotExpected);
}

TEST_F(DispatchTest, PartsOfAnAgentThatNeverRegistersAreForgotten) {
  core::TaskReports part;
  part.tasks = {{core::FrameworkId{7}, "a", "", {}, core::TaskState::kRunning, "*"}};
  {
    Peer peer = greeted(core::PeerKind::kAgent);
    EXPECT_EQ(send(peer, part).verdict, Verdict::kHandled);
    on_peer_gone(shard, outbox, peer, now);
  }
  EXPECT_EQ(shard.held_report_bytes, 0u);
}

TEST_F(DispatchTest, TooManyRegistrationsInPartsAreToldWhenToComeBack) {
  shard.held_report_bytes = core::kMaxHeldReportBytes;
  core::TaskReports part;
  part.tasks = {{core::FrameworkId{7}, "a", "", {}, core::TaskState::kRunning, "*"}};
  Peer peer = greeted(core::PeerKind::kAgent);
  expect_refused(peer, send(peer, part), RefusalCode::kOverloaded);
  EXPECT_GT(last<core::Refusal>(peer)->retry_after_ms, 0u);
}

// The offer engine's messages: each from whom it may come, and from nobody else.
class EngineDispatchTest : public DispatchTest {
 protected:
  Peer from(core::PeerKind kind) {
    if (kind == core::PeerKind::kAgent) return agent();
    if (kind == core::PeerKind::kFramework) return framework();
    return greeted(kind);
  }

  template <typename T>
  void expect_only_from(const T& message, std::vector<core::PeerKind> allowed) {
    for (const auto kind :
         {core::PeerKind::kAgent, core::PeerKind::kFramework, core::PeerKind::kOperator}) {
      SCOPED_TRACE(static_cast<int>(kind));
      Peer peer = from(kind);
      const Dispatched result = send(peer, message);
      if (std::find(allowed.begin(), allowed.end(), kind) != allowed.end()) {
        EXPECT_EQ(result.verdict, Verdict::kHandled);
      } else {
        expect_refused(peer, result, RefusalCode::kNotExpected);
      }
    }
  }

  static core::Resources one_cpu() { return core::parse_resources("cpus:1").value(); }
};

TEST_F(EngineDispatchTest, EveryMessageComesFromItsOwnPeers) {
  const auto from_agent = {core::PeerKind::kAgent};
  const auto from_framework = {core::PeerKind::kFramework};
  const auto from_operator = {core::PeerKind::kOperator};

  core::OperationUpdate update;
  update.uuid = {1};
  expect_only_from(update, from_agent);
  expect_only_from(core::UpdateRevocable{one_cpu()}, from_agent);
  expect_only_from(core::UsageReport{}, from_agent);

  core::AcknowledgeOperation acknowledge;
  acknowledge.agent = core::AgentId{1};
  expect_only_from(acknowledge, from_framework);
  expect_only_from(core::Revive{}, from_framework);
  expect_only_from(core::Suppress{}, from_framework);
  expect_only_from(core::Explain{}, {core::PeerKind::kFramework, core::PeerKind::kOperator});

  core::UpdateQuota quota;
  quota.configs.push_back({.role = "eng", .limits = core::kNoLimits, .guarantees = {}});
  expect_only_from(quota, from_operator);
  core::UpdateWeights weights;
  weights.weights.push_back({"eng", 2000});
  expect_only_from(weights, from_operator);
  core::OperateAgent operate;
  operate.agent = core::AgentId{1};
  operate.spec.resources = one_cpu();
  expect_only_from(operate, from_operator);
}

TEST_F(EngineDispatchTest, WhatOnlyTheMasterSaysComesFromNobody) {
  core::ApplyOperation apply;
  apply.uuid = {1};
  apply.kind = core::OperationKind::kReserve;
  apply.consumed = apply.converted = one_cpu();
  expect_only_from(apply, {});
  expect_only_from(core::Explanation{}, {});
  expect_only_from(core::Notice{core::NoticeCode::kFiltersHideAll, "x"}, {});
  core::AgentResources stored;
  stored.resources = one_cpu();
  expect_only_from(stored, {});
}

TEST_F(EngineDispatchTest, TheMasterSaysThatItKnowsTheOfferEngine) {
  const Peer peer = greeted(core::PeerKind::kOperator);
  const auto welcome = last<core::Welcome>(peer);
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->features, core::kFeatures);
}

TEST_F(EngineDispatchTest, CallsAreAnsweredWithTheirCorrelation) {
  Peer peer = greeted(core::PeerKind::kOperator);
  core::UpdateWeights weights;
  weights.weights.push_back({"eng", 2000});
  send(peer, weights, 71);
  EXPECT_TRUE(last<core::Done>(peer).ok());
  EXPECT_EQ(last_correlation, 71u);
  Peer scheduler = framework();
  send(scheduler, core::Explain{}, 72);
  const auto explanation = last<core::Explanation>(scheduler);
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  EXPECT_TRUE(explanation->known);
  EXPECT_EQ(explanation->framework, scheduler.framework);
  EXPECT_EQ(last_correlation, 72u);
}

TEST_F(EngineDispatchTest, ARoleThatIsNoneClosesTheConnection) {
  Peer peer = framework();
  core::Revive revive;
  revive.roles = {"../x"};
  expect_refused(peer, send(peer, revive), RefusalCode::kBadMessage);
}

TEST_F(DispatchTest, AnExpelledAgentIsDisconnected) {
  Peer peer = agent();
  send(peer, core::Query());
  EXPECT_EQ(shard.find_agent(peer.agent)->state, core::AgentState::kDisconnected);
}

TEST_F(DispatchTest, UnknownKindsAndBrokenPayloadsAreRefused) {
  Peer unknown = agent();
  wire::ByteVector bytes(core::kFrameHeaderBytes + 8, 0);
  wire::write_frame_header({.kind = 999, .flags = 0, .length = 8, .correlation = 9}, bytes.data());
  expect_refused(unknown, send_bytes(unknown, bytes), RefusalCode::kNotExpected);

  Peer broken = agent();
  wire::write_frame_header({.kind = static_cast<std::uint16_t>(MessageKind::kHeartbeat),
                            .flags = 0,
                            .length = 8,
                            .correlation = 9},
                           bytes.data());
  std::fill(bytes.begin() + core::kFrameHeaderBytes, bytes.end(), std::uint8_t{0xff});
  expect_refused(broken, send_bytes(broken, bytes), RefusalCode::kBadMessage);
}

TEST_F(DispatchTest, AnswersCarryTheCorrelationOfTheCall) {
  Peer peer = greeted(core::PeerKind::kOperator);
  send(peer, core::Query{core::QueryKind::kCluster, ""}, 77);
  ASSERT_TRUE(last<core::ClusterView>(peer).ok());
  EXPECT_EQ(last_correlation, 77u);
}

TEST_F(DispatchTest, APeerWithAnIdGoesToItsHome) {
  core::Random random(5);
  core::Shard first_of_four(config(4), tables, 1);
  for (std::uint32_t home = 0; home < 4; ++home) {
    Peer peer{.session = core::SessionId{100 + home}};
    wire::ByteVector bytes;
    wire::encode(hello(core::PeerKind::kAgent, core::draw_id(random, home, 4)), 9, bytes);
    wire::FrameView frame;
    ASSERT_TRUE(wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
    const Dispatched result = dispatch(first_of_four, outbox, peer, frame, now);
    EXPECT_EQ(result.verdict, home == 0 ? Verdict::kHandled : Verdict::kHandOver);
    EXPECT_EQ(result.shard, home);
    EXPECT_EQ(peer.greeted, home == 0);
  }
}

TEST_F(DispatchTest, WhileItIsBusyNewcomersAndListsAreTurnedAwayAndSessionsGoOn) {
  Peer framework_peer = framework();
  Peer agent_peer = agent();
  Peer operator_peer = greeted(core::PeerKind::kOperator);
  const net::ReactorCounters reactor;
  Admission busy(reactor, std::chrono::seconds(1), 1);
  busy.on_load(now, {.rows = core::kBusyRegistryRows + 1});
  admission = &busy;

  for (const auto kind : {core::PeerKind::kAgent, core::PeerKind::kFramework}) {
    Peer peer{.session = core::SessionId{++sessions}};
    expect_refused(peer, send(peer, hello(kind)), RefusalCode::kOverloaded);
    EXPECT_GE(last<core::Refusal>(peer)->retry_after_ms, 250u);
    EXPECT_FALSE(peer.greeted);
  }
  core::Query tasks;
  tasks.kind = core::QueryKind::kTasks;
  EXPECT_EQ(send(operator_peer, tasks).verdict, Verdict::kHandled);
  ASSERT_TRUE(last<core::Refusal>(operator_peer).ok());
  EXPECT_GE(last<core::Refusal>(operator_peer)->retry_after_ms, 250u);
  EXPECT_EQ(send(operator_peer, core::Query{}).verdict, Verdict::kHandled);
  EXPECT_TRUE(last<core::ClusterView>(operator_peer).ok());
  for (std::size_t guest = 0; guest < Admission::kGuests; ++guest) {
    EXPECT_EQ(busy.counters().turned_away[guest].value(), 1u);
  }

  for (Peer* peer : {&framework_peer, &agent_peer}) {
    EXPECT_EQ(send(*peer, core::Heartbeat{.sequence = 4}).verdict, Verdict::kHandled);
    EXPECT_EQ(last<core::Heartbeat>(*peer)->sequence, 4u);
  }
  EXPECT_TRUE(greeted(core::PeerKind::kOperator).greeted);  // who may want to kill something
}

TEST_F(DispatchTest, AFencedSessionIsClosed) {
  Peer first = framework();
  Peer second{.session = core::SessionId{++sessions}};
  send(second, hello(core::PeerKind::kFramework, first.framework.value));
  core::Subscribe message;
  message.name = "f";
  message.user = "u";
  message.roles = {"*"};
  EXPECT_EQ(send(second, message).verdict, Verdict::kHandled);
  EXPECT_EQ(second.framework, first.framework);
  EXPECT_EQ(outbox.closed, std::vector<core::SessionId>{first.session});
}

}  // namespace
}  // namespace shoal::master
