// The framework's side of the conversation, driven frame by frame: no socket, no clock.
#include "sdk/scheduler_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/status.h"
#include "sdk/operations.h"

namespace shoal::sdk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr core::FrameworkId kFramework{0xf00d};
constexpr core::AgentId kAgent{0xa};

struct Sent {
  wire::MessageKind kind{};
  std::vector<std::uint64_t> storage;  // 8-byte aligned copy of the payload
  std::size_t size = 0;

  wire::Bytes payload() const {
    return {reinterpret_cast<const std::uint8_t*>(storage.data()), size};
  }
  template <typename T>
  T as() const {
    auto message = wire::decode<T>(payload());
    EXPECT_TRUE(message.ok()) << message.status();
    return *std::move(message);
  }
};

class FakeSink final : public SessionSink {
 public:
  void send(wire::Bytes frame) override {
    const auto header = wire::parse_frame_header(frame.data(), core::kMaxFrameBytes);
    ASSERT_TRUE(header.ok()) << header.status();
    Sent one;
    one.kind = static_cast<wire::MessageKind>(header->kind);
    one.size = header->length;
    one.storage.resize((one.size + 7) / 8);
    std::copy_n(frame.data() + core::kFrameHeaderBytes, one.size,
                reinterpret_cast<std::uint8_t*>(one.storage.data()));
    sent.push_back(std::move(one));
  }
  void reconnect(const absl::Status& why) override { reconnects.push_back(why); }
  void redirect(std::string_view leader, const absl::Status& why) override {
    leaders.emplace_back(leader);
    redirect_reasons.push_back(why);
  }
  void come_back_after(core::Duration wait, const absl::Status&) override { waits.push_back(wait); }
  void finished(const absl::Status& status) override { ends.push_back(status); }

  std::vector<wire::MessageKind> kinds() const {
    std::vector<wire::MessageKind> all;
    for (const Sent& one : sent) all.push_back(one.kind);
    return all;
  }
  std::size_t count(wire::MessageKind kind) const {
    std::size_t found = 0;
    for (const Sent& one : sent) found += one.kind == kind ? 1u : 0u;
    return found;
  }

  std::vector<Sent> sent;
  std::vector<absl::Status> reconnects;
  std::vector<core::Duration> waits;
  std::vector<std::string> leaders;
  std::vector<absl::Status> redirect_reasons;
  std::vector<absl::Status> ends;
};

class Recorder final : public Scheduler {
 public:
  void subscribed(Driver&, core::FrameworkId id) override {
    log.push_back("subscribed " + core::to_string(id));
  }
  void offers(Driver&, absl::Span<const Offer> offers) override {
    for (const Offer& offer : offers) seen.push_back(offer);
    log.push_back("offers");
  }
  void rescinded(Driver&, absl::Span<const core::OfferId>) override { log.push_back("rescinded"); }
  void update(Driver& driver, const TaskStatus& status) override {
    log.push_back("update " + status.task + " " + std::string(core::name_of(status.state)));
    if (on_update) on_update(driver, status);
  }
  void agent_lost(Driver&, core::AgentId) override { log.push_back("agent lost"); }
  void disconnected(Driver&) override { log.push_back("disconnected"); }
  void refused(Driver&, core::RefusalCode, std::string_view message) override {
    log.push_back("refused " + std::string(message));
  }
  void operation_update(Driver& driver, const OperationStatus& status) override {
    log.push_back("operation " + status.id + " " + std::string(core::name_of(status.state)));
    operations.push_back(status);
    if (on_operation) on_operation(driver, status);
  }
  void explanation(Driver&, const core::Explanation& explanation) override {
    log.push_back("explanation " + explanation.verdict);
  }
  void notice(Driver&, core::NoticeCode, std::string_view message) override {
    log.push_back("notice " + std::string(message));
  }
  void error(Driver&, const absl::Status& status) override {
    log.push_back("error " + std::string(core::message_of(status)));
  }

  std::vector<std::string> log;
  std::vector<Offer> seen;
  std::vector<OperationStatus> operations;
  std::function<void(Driver&, const TaskStatus&)> on_update;
  std::function<void(Driver&, const OperationStatus&)> on_operation;
};

class SchedulerSessionTest : public testing::Test {
 protected:
  SchedulerSessionTest() { make({}); }

  void make(SessionOptions options) {
    options.info.name = "test";
    options.info.user = "me";
    session = std::make_unique<SchedulerSession>(std::move(options), &scheduler, &sink);
  }

  template <typename T>
  absl::Status receive(const T& message) {
    wire::ByteVector bytes;
    wire::encode(message, 0, bytes);
    std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(aligned.data()));
    wire::FrameView frame;
    const auto progress =
        wire::next_frame({reinterpret_cast<const std::uint8_t*>(aligned.data()), bytes.size()},
                         core::kMaxFrameBytes, &frame);
    EXPECT_TRUE(progress.ok()) << progress.status();
    return session->on_frame(frame, now);
  }

  void subscribe() {
    session->on_connected(now);
    core::Welcome welcome;
    welcome.protocol = wire::kProtocolVersion;
    welcome.cluster_id = 77;
    welcome.features = master_features;
    ASSERT_TRUE(receive(welcome).ok());
    ASSERT_TRUE(receive(core::Subscribed{kFramework, 5000, 15'000}).ok());
  }

  core::TaskStatus update_of(core::TaskState state, std::uint8_t uuid) {
    core::TaskStatus status;
    status.framework = kFramework;
    status.agent = kAgent;
    status.task = "t-1";
    status.state = state;
    status.source = core::TaskSource::kAgent;
    status.has_uuid = true;
    status.uuid.fill(uuid);
    return status;
  }

  core::OperationUpdate operation_of(core::OperationState state, std::uint8_t uuid) {
    core::OperationUpdate update;
    update.framework = kFramework;
    update.agent = kAgent;
    update.id = "op-1";
    update.state = state;
    update.uuid.fill(uuid);
    return update;
  }

  std::uint64_t master_features = core::kFeatures;
  core::TimePoint now{std::chrono::seconds(100)};
  FakeSink sink;
  Recorder scheduler;
  std::unique_ptr<SchedulerSession> session;
};

TEST_F(SchedulerSessionTest, GreetsSubscribesAndKeepsItsId) {
  session->on_connected(now);
  ASSERT_THAT(sink.kinds(), ElementsAre(wire::MessageKind::kHello));
  const auto hello = sink.sent[0].as<core::Hello>();
  EXPECT_EQ(hello.kind, core::PeerKind::kFramework);
  EXPECT_EQ(hello.peer_id, 0u);
  EXPECT_EQ(hello.cluster_id, 0u);
  EXPECT_EQ(hello.features, core::kFeatures);
  subscribe();
  EXPECT_TRUE(session->is_connected());
  EXPECT_EQ(session->framework_id(), kFramework);
  EXPECT_THAT(scheduler.log, ElementsAre("subscribed " + core::to_string(kFramework)));

  session->on_disconnected();
  EXPECT_FALSE(session->is_connected());
  EXPECT_EQ(scheduler.log.back(), "disconnected");
  sink.sent.clear();
  session->on_connected(now);
  const auto again = sink.sent[0].as<core::Hello>();
  EXPECT_EQ(again.peer_id, kFramework.value);
  EXPECT_EQ(again.cluster_id, 77u);
}

TEST_F(SchedulerSessionTest, FollowsTheLeaderWithItsIdAndEpoch) {
  const auto welcome = [](std::uint64_t epoch) {
    core::Welcome message;
    message.protocol = wire::kProtocolVersion;
    message.cluster_id = 77;
    message.epoch = epoch;
    return message;
  };
  session->on_connected(now);
  EXPECT_TRUE(receive(core::Refusal{core::RefusalCode::kNotLeader, "standby", "h:2"}).ok());
  EXPECT_THAT(sink.leaders, ElementsAre("h:2"));
  session->on_disconnected();
  session->on_connected(now);
  EXPECT_TRUE(receive(welcome(7)).ok());
  EXPECT_TRUE(receive(core::Subscribed{kFramework, 5000, 15'000}).ok());
  EXPECT_TRUE(receive(core::Refusal{core::RefusalCode::kNotLeader, "no more", ""}).ok());
  EXPECT_THAT(sink.leaders, ElementsAre("h:2", ""));
  session->on_disconnected();
  EXPECT_THAT(scheduler.log,
              ElementsAre("subscribed " + core::to_string(kFramework), "disconnected"));

  for (const std::uint64_t earlier : {6u, 0u}) {
    sink.sent.clear();
    session->on_connected(now);
    EXPECT_EQ(sink.sent[0].as<core::Hello>().epoch, 7u);
    EXPECT_EQ(sink.sent[0].as<core::Hello>().peer_id, kFramework.value);
    EXPECT_TRUE(receive(welcome(earlier)).ok());
    EXPECT_EQ(sink.count(wire::MessageKind::kSubscribe), 0u);
    session->on_disconnected();
  }
  EXPECT_EQ(sink.leaders.size(), 4u);
  EXPECT_THAT(std::string(sink.redirect_reasons.back().message()), HasSubstr("leads no more"));
  session->on_connected(now);
  EXPECT_TRUE(receive(core::Refusal{core::RefusalCode::kFenced, "a later master leads"}).ok());
  EXPECT_EQ(sink.leaders.size(), 5u);
  session->on_disconnected();
  sink.sent.clear();
  session->on_connected(now);
  EXPECT_TRUE(receive(welcome(8)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kSubscribe), 1u);
  EXPECT_THAT(sink.ends, testing::IsEmpty());
  EXPECT_THAT(sink.reconnects, testing::IsEmpty());
}

// What was not acknowledged before the old master went is acknowledged to the new one, once told.
TEST_F(SchedulerSessionTest, AnUpdateThatComesAgainFromTheNextMasterIsToldOnce) {
  subscribe();
  EXPECT_TRUE(receive(update_of(core::TaskState::kRunning, 1)).ok());
  session->on_disconnected();
  EXPECT_TRUE(absl::IsUnavailable(session->accept({}, {})));
  subscribe();
  sink.sent.clear();
  scheduler.log.clear();
  EXPECT_TRUE(receive(update_of(core::TaskState::kRunning, 1)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 1u);
  EXPECT_THAT(scheduler.log, testing::IsEmpty());
}

TEST_F(SchedulerSessionTest, AcknowledgesAfterUpdateReturned) {
  subscribe();
  bool was_acknowledged_inside = false;
  scheduler.on_update = [&](Driver&, const TaskStatus&) {
    was_acknowledged_inside = sink.count(wire::MessageKind::kAcknowledgeUpdate) > 0;
  };
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 1)).ok());
  EXPECT_FALSE(was_acknowledged_inside);
  ASSERT_EQ(sink.sent.back().kind, wire::MessageKind::kAcknowledgeUpdate);
  const auto acknowledgement = sink.sent.back().as<core::AcknowledgeUpdate>();
  EXPECT_EQ(acknowledgement.task, "t-1");
  EXPECT_EQ(acknowledgement.agent, kAgent);
  EXPECT_EQ(acknowledgement.uuid[0], 1);
}

TEST_F(SchedulerSessionTest, AcknowledgesADuplicateWithoutDeliveringIt) {
  subscribe();
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 1)).ok());
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 1)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 2u);
  EXPECT_EQ(scheduler.log.size(), 2u);  // subscribed, one update
}

TEST_F(SchedulerSessionTest, RemembersUpdatesAcrossADisconnection) {
  subscribe();
  ASSERT_TRUE(receive(update_of(core::TaskState::kFinished, 9)).ok());
  session->on_disconnected();
  subscribe();
  sink.sent.clear();
  ASSERT_TRUE(receive(update_of(core::TaskState::kFinished, 9)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 1u);
  EXPECT_EQ(std::count_if(scheduler.log.begin(), scheduler.log.end(),
                          [](const std::string& line) { return line.starts_with("update"); }),
            1);
}

TEST_F(SchedulerSessionTest, ExplicitAcknowledgementIsTheSchedulers) {
  SessionOptions options;
  options.explicit_acknowledgement = true;
  make(options);
  subscribe();
  std::vector<TaskStatus> kept;
  scheduler.on_update = [&](Driver&, const TaskStatus& status) { kept.push_back(status); };
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 3)).ok());
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 3)).ok());  // resent meanwhile
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 0u);
  ASSERT_EQ(kept.size(), 1u);
  session->acknowledge(kept[0]);
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 1u);
  ASSERT_TRUE(receive(update_of(core::TaskState::kRunning, 3)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 2u);
  EXPECT_EQ(kept.size(), 1u);
}

TEST_F(SchedulerSessionTest, AStatusWithoutUuidIsNotAcknowledged) {
  subscribe();
  core::TaskStatus status = update_of(core::TaskState::kDropped, 0);
  status.has_uuid = false;
  ASSERT_TRUE(receive(status).ok());
  ASSERT_TRUE(receive(status).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 0u);
  EXPECT_EQ(scheduler.log.size(), 3u);
}

TEST_F(SchedulerSessionTest, StopInsideUpdateStillAcknowledges) {
  subscribe();
  scheduler.on_update = [](Driver& driver, const TaskStatus&) { driver.teardown(); };
  ASSERT_TRUE(receive(update_of(core::TaskState::kFinished, 1)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kTeardown), 1u);
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeUpdate), 1u);
  ASSERT_EQ(sink.ends.size(), 1u);
  EXPECT_TRUE(sink.ends[0].ok());
  EXPECT_TRUE(session->is_stopped());
  const std::size_t sent = sink.sent.size();
  ASSERT_TRUE(receive(update_of(core::TaskState::kFinished, 2)).ok());
  session->revive();
  EXPECT_EQ(sink.sent.size(), sent);
}

TEST_F(SchedulerSessionTest, SendsHeartbeatsAndNoticesSilence) {
  subscribe();
  sink.sent.clear();
  session->on_tick(now + std::chrono::seconds(1));
  EXPECT_TRUE(sink.sent.empty());
  session->on_tick(now + std::chrono::seconds(5));
  session->on_tick(now + std::chrono::seconds(6));
  EXPECT_THAT(sink.kinds(), ElementsAre(wire::MessageKind::kHeartbeat));
  session->on_tick(now + std::chrono::seconds(14));
  EXPECT_TRUE(sink.reconnects.empty());
  session->on_tick(now + std::chrono::seconds(15));
  ASSERT_EQ(sink.reconnects.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(sink.reconnects[0]));
}

TEST_F(SchedulerSessionTest, HearingTheMasterPutsTheSilenceOff) {
  subscribe();
  now += std::chrono::seconds(14);
  ASSERT_TRUE(receive(core::Heartbeat{1}).ok());
  session->on_tick(now + std::chrono::seconds(14));
  EXPECT_TRUE(sink.reconnects.empty());
}

TEST_F(SchedulerSessionTest, OffersAreOwnedAndAccepted) {
  subscribe();
  core::Offers offers;
  core::OfferView view;
  view.id = {4, 2};
  view.agent = kAgent;
  view.hostname = "h";
  view.address = "127.0.0.1:9";
  view.resources.cpus = 2000;
  view.attributes.push_back({"rack", "a"});
  offers.offers.push_back(view);
  ASSERT_TRUE(receive(offers).ok());
  ASSERT_EQ(scheduler.seen.size(), 1u);
  EXPECT_EQ(scheduler.seen[0].hostname, "h");
  EXPECT_EQ(scheduler.seen[0].attributes[0].second, "a");

  TaskSpec task;
  task.id = "t-1";
  task.resources.cpus = 500;
  task.description.command = "true";
  ASSERT_TRUE(session->accept(scheduler.seen, {&task, 1}, std::chrono::seconds(2)).ok());
  const auto accept = sink.sent.back().as<core::Accept>();
  ASSERT_EQ(accept.offers.size(), 1u);
  EXPECT_EQ(accept.offers[0], (core::OfferId{4, 2}));
  EXPECT_EQ(accept.tasks[0].id, "t-1");
  EXPECT_EQ(accept.refuse_ms, 2000);
  const auto description = wire::decode_task_description(accept.tasks[0].description);
  ASSERT_TRUE(description.ok());
  EXPECT_EQ(description->command, "true");
}

TEST_F(SchedulerSessionTest, SubscribesWithAllThatItIs) {
  SessionOptions options;
  options.info.roles = {"ads", "eng/web"};
  options.info.suppressed_roles = {"eng/web"};
  options.info.capabilities = kDefaultCapabilities.with(core::Capability::kGpu);
  options.info.minimums = {{"ads", *core::parse_quantities("cpus:2")}};
  options.info.constraints = {{"ads", 3, core::ConstraintTarget::kAttribute, "rack",
                               core::ConstraintTest::kTextEquals, "a"}};
  make(options);
  subscribe();
  ASSERT_EQ(sink.sent[1].kind, wire::MessageKind::kSubscribe);
  const auto subscribe = sink.sent[1].as<core::Subscribe>();
  EXPECT_THAT(subscribe.roles, ElementsAre("ads", "eng/web"));
  EXPECT_THAT(subscribe.suppressed_roles, ElementsAre("eng/web"));
  EXPECT_TRUE(subscribe.capabilities.has(core::Capability::kGpu));
  ASSERT_EQ(subscribe.minimums.size(), 1u);
  EXPECT_EQ(subscribe.minimums[0].role, "ads");
  EXPECT_EQ(subscribe.minimums[0].quantities, *core::parse_quantities("cpus:2"));
  ASSERT_EQ(subscribe.constraints.size(), 1u);
  EXPECT_EQ(subscribe.constraints[0].group, 3u);
  EXPECT_EQ(subscribe.constraints[0].name, "rack");
  EXPECT_EQ(subscribe.constraints[0].value, "a");
}

TEST_F(SchedulerSessionTest, CanCopeWithPartitionsAndNoticesUnlessToldOtherwise) {
  subscribe();
  const auto subscribe = sink.sent[1].as<core::Subscribe>();
  EXPECT_TRUE(subscribe.capabilities.has(core::Capability::kPartitionAware));
  EXPECT_TRUE(subscribe.capabilities.has(core::Capability::kNotices));
  EXPECT_FALSE(subscribe.capabilities.has(core::Capability::kRevocable));
  EXPECT_TRUE(subscribe.suppressed_roles.empty());
}

TEST_F(SchedulerSessionTest, OffersSayTheirRoleAndWhereTheyAre) {
  subscribe();
  core::OfferView view;
  view.id = {4, 2};
  view.agent = kAgent;
  view.hostname = "h";
  view.role = "ads";
  view.region = "north";
  view.zone = "n-1";
  view.resources = reserved(*core::parse_resources("cpus:2"), {.role = "ads"});
  core::Offers offers;
  offers.offers.push_back(view);
  ASSERT_TRUE(receive(offers).ok());
  ASSERT_EQ(scheduler.seen.size(), 1u);
  EXPECT_EQ(scheduler.seen[0].role, "ads");
  EXPECT_EQ(scheduler.seen[0].region, "north");
  EXPECT_EQ(scheduler.seen[0].zone, "n-1");
  EXPECT_EQ(scheduler.seen[0].resources, view.resources);
}

TEST_F(SchedulerSessionTest, OperationsTravelInTheirOrder) {
  subscribe();
  Offer offer;
  offer.id = {4, 2};
  const core::Resources disk = *core::parse_resources("disk:64");
  const core::Resources kept = reserved(disk, {.role = "ads"});
  const core::Volume volume{.id = "data", .container_path = "data"};
  TaskSpec task;
  task.id = "t-1";
  task.resources = as_volume(kept, volume);
  task.description.command = "true";
  ASSERT_TRUE(session
                  ->accept({&offer, 1},
                           {reserve(disk, {.role = "ads"}, "op-1"), create(kept, volume), launch(1),
                            shrink(as_volume(kept, volume), 32'000)},
                           {&task, 1}, std::chrono::seconds(1))
                  .ok());
  const auto accept = sink.sent.back().as<core::Accept>();
  ASSERT_EQ(accept.operations.size(), 4u);
  EXPECT_EQ(accept.operations[0].id, "op-1");
  EXPECT_EQ(accept.operations[0].spec.kind, core::OperationKind::kReserve);
  EXPECT_EQ(accept.operations[0].spec.resources, kept);
  EXPECT_EQ(accept.operations[1].id, "");
  EXPECT_EQ(accept.operations[1].spec.resources, task.resources);
  EXPECT_EQ(accept.operations[2].spec.kind, core::OperationKind::kLaunch);
  EXPECT_EQ(accept.operations[2].launches, 1u);
  EXPECT_EQ(accept.operations[3].spec.addition.disk, 32'000);
  ASSERT_EQ(accept.tasks.size(), 1u);
  EXPECT_EQ(accept.tasks[0].resources, task.resources);
  EXPECT_EQ(accept.refuse_ms, 1000);
  // The short way to write it.
  ASSERT_TRUE(session->accept({&offer, 1}, {reserve(disk, {.role = "ads"})}, {task}).ok());
  EXPECT_EQ(sink.sent.back().as<core::Accept>().operations.size(), 1u);
}

TEST_F(SchedulerSessionTest, RefusesBadOperationsBeforeSendingAnything) {
  subscribe();
  const std::size_t sent = sink.sent.size();
  Offer offer;
  Operation operation = reserve(*core::parse_resources("cpus:1"), {.role = "ads"}, "a b");
  EXPECT_TRUE(absl::IsInvalidArgument(session->accept({&offer, 1}, {&operation, 1}, {})));
  operation = reserve(*core::parse_resources("cpus:1"), {.role = ".."});
  EXPECT_TRUE(absl::IsInvalidArgument(session->accept({&offer, 1}, {&operation, 1}, {})));
  const std::vector<Operation> many(core::kMaxOperationsPerAccept + 1, launch(0));
  EXPECT_TRUE(absl::IsResourceExhausted(session->accept({&offer, 1}, many, {})));
  EXPECT_EQ(sink.sent.size(), sent);
}

TEST_F(SchedulerSessionTest, OperationUpdatesAreAcknowledgedAfterTheCallback) {
  subscribe();
  bool was_acknowledged_inside = false;
  scheduler.on_operation = [&](Driver&, const OperationStatus&) {
    was_acknowledged_inside = sink.count(wire::MessageKind::kAcknowledgeOperation) > 0;
  };
  ASSERT_TRUE(receive(operation_of(core::OperationState::kFinished, 5)).ok());
  EXPECT_FALSE(was_acknowledged_inside);
  EXPECT_EQ(scheduler.log.back(), "operation op-1 FINISHED");
  EXPECT_TRUE(scheduler.operations[0].is_finished());
  const auto acknowledgement = sink.sent.back().as<core::AcknowledgeOperation>();
  EXPECT_EQ(acknowledgement.framework, kFramework);
  EXPECT_EQ(acknowledgement.agent, kAgent);
  EXPECT_EQ(acknowledgement.uuid[0], 5);
}

TEST_F(SchedulerSessionTest, ARepeatedOperationUpdateIsAcknowledgedOnly) {
  subscribe();
  ASSERT_TRUE(receive(operation_of(core::OperationState::kUnreachable, 5)).ok());
  ASSERT_TRUE(receive(operation_of(core::OperationState::kFinished, 5)).ok());
  ASSERT_TRUE(receive(operation_of(core::OperationState::kFinished, 5)).ok());
  EXPECT_THAT(scheduler.log, ElementsAre("subscribed " + core::to_string(kFramework),
                                         "operation op-1 UNREACHABLE", "operation op-1 FINISHED"));
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeOperation), 3u);
}

TEST_F(SchedulerSessionTest, AnOperationUpdateWithoutUuidIsNotAcknowledged) {
  subscribe();
  ASSERT_TRUE(receive(operation_of(core::OperationState::kError, 0)).ok());
  EXPECT_EQ(scheduler.log.back(), "operation op-1 ERROR");
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeOperation), 0u);
}

TEST_F(SchedulerSessionTest, ExplicitAcknowledgementIsForOperationsToo) {
  SessionOptions options;
  options.explicit_acknowledgement = true;
  make(options);
  subscribe();
  ASSERT_TRUE(receive(operation_of(core::OperationState::kFinished, 6)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeOperation), 0u);
  session->acknowledge(scheduler.operations[0]);
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeOperation), 1u);
  ASSERT_TRUE(receive(operation_of(core::OperationState::kFinished, 6)).ok());
  EXPECT_EQ(sink.count(wire::MessageKind::kAcknowledgeOperation), 2u);
  EXPECT_EQ(scheduler.operations.size(), 1u);
}

TEST_F(SchedulerSessionTest, SuppressesAndRevivesByRole) {
  subscribe();
  session->suppress();
  EXPECT_TRUE(sink.sent.back().as<core::Suppress>().roles.empty());
  const std::vector<std::string> roles = {"ads", "web"};
  session->suppress(roles);
  EXPECT_THAT(sink.sent.back().as<core::Suppress>().roles, ElementsAre("ads", "web"));
  session->revive({"web"});
  EXPECT_THAT(sink.sent.back().as<core::Revive>().roles, ElementsAre("web"));
}

TEST_F(SchedulerSessionTest, AsksWhyAndIsTold) {
  subscribe();
  ASSERT_TRUE(session->explain(*core::parse_resources("cpus:4"), "ads").ok());
  const auto question = sink.sent.back().as<core::Explain>();
  EXPECT_EQ(question.framework, core::FrameworkId());
  EXPECT_EQ(question.role, "ads");
  EXPECT_EQ(question.resources.cpus, 4000);
  core::Explanation explanation;
  explanation.framework = kFramework;
  explanation.known = true;
  explanation.verdict = "too big";
  ASSERT_TRUE(receive(explanation).ok());
  core::Notice notice;
  notice.message = "all is hidden";
  ASSERT_TRUE(receive(notice).ok());
  EXPECT_THAT(scheduler.log, ElementsAre("subscribed " + core::to_string(kFramework),
                                         "explanation too big", "notice all is hidden"));
}

TEST_F(SchedulerSessionTest, AsksOnlyAMasterThatCanAnswer) {
  EXPECT_TRUE(absl::IsUnavailable(session->explain({})));
  master_features = 0;
  subscribe();
  const std::size_t sent = sink.sent.size();
  EXPECT_TRUE(absl::IsUnimplemented(session->explain({})));
  EXPECT_EQ(sink.sent.size(), sent);
}

TEST_F(SchedulerSessionTest, RefusesBadTasksBeforeSendingAnything) {
  subscribe();
  const std::size_t sent = sink.sent.size();
  Offer offer;
  TaskSpec task;
  task.id = "../x";
  task.description.command = "true";
  EXPECT_TRUE(absl::IsInvalidArgument(session->accept({&offer, 1}, {&task, 1})));
  task.id = "x";
  task.resources.cpus = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(session->accept({&offer, 1}, {&task, 1})));
  task.resources.cpus = 100;
  task.description.command = std::string("a\0b", 3);
  EXPECT_FALSE(session->accept({&offer, 1}, {&task, 1}).ok());
  EXPECT_EQ(sink.sent.size(), sent);
}

TEST_F(SchedulerSessionTest, TooMuchForOneMessageIsRefused) {
  subscribe();
  std::vector<TaskSpec> tasks(8);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].id = "t-" + std::to_string(i);
    tasks[i].resources.cpus = 1;
    tasks[i].description.command = "true";
    for (int k = 0; k < 25; ++k) tasks[i].description.arguments.emplace_back(4000, 'x');
  }
  Offer offer;
  const absl::Status status = session->accept({&offer, 1}, tasks);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST_F(SchedulerSessionTest, CallsWhileDisconnectedDoNothing) {
  Offer offer;
  EXPECT_TRUE(absl::IsUnavailable(session->accept({&offer, 1}, {})));
  session->kill("t");
  session->suppress();
  session->reconcile();
  EXPECT_TRUE(sink.sent.empty());
}

TEST_F(SchedulerSessionTest, AFencedSessionIsTheEnd) {
  subscribe();
  core::Refusal refusal;
  refusal.code = core::RefusalCode::kFenced;
  refusal.message = "another instance";
  ASSERT_TRUE(receive(refusal).ok());
  ASSERT_EQ(sink.ends.size(), 1u);
  EXPECT_TRUE(absl::IsAborted(sink.ends[0]));
  EXPECT_EQ(scheduler.log.back(), "error another instance");
}

TEST_F(SchedulerSessionTest, ARefusedCallIsToldAndTheSessionGoesOn) {
  subscribe();
  core::Refusal refusal;
  refusal.code = core::RefusalCode::kInvalidOffer;
  refusal.message = "too late";
  ASSERT_TRUE(receive(refusal).ok());
  EXPECT_EQ(scheduler.log.back(), "refused too late");
  EXPECT_TRUE(session->is_connected());
}

TEST_F(SchedulerSessionTest, ARefusedHelloEndsUnlessItIsTemporary) {
  session->on_connected(now);
  core::Refusal refusal;
  refusal.code = core::RefusalCode::kOverloaded;
  ASSERT_TRUE(receive(refusal).ok());
  EXPECT_EQ(sink.reconnects.size(), 1u);
  EXPECT_TRUE(sink.ends.empty());
  session->on_disconnected();
  session->on_connected(now);
  refusal.code = core::RefusalCode::kUnsupportedVersion;
  ASSERT_TRUE(receive(refusal).ok());
  ASSERT_EQ(sink.ends.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(sink.ends[0]));
}

TEST_F(SchedulerSessionTest, ABusyMasterIsAskedAgainWhenItSays) {
  session->on_connected(now);
  const core::Refusal busy{core::RefusalCode::kOverloaded, "later", "", 1500};
  ASSERT_TRUE(receive(busy).ok());
  EXPECT_THAT(sink.waits, ElementsAre(std::chrono::milliseconds(1500)));
  EXPECT_TRUE(sink.reconnects.empty());
  EXPECT_TRUE(sink.ends.empty());
  session->on_disconnected();
  subscribe();
  ASSERT_TRUE(receive(busy).ok());  // of a call over the rate
  EXPECT_EQ(scheduler.log.back(), "refused later");
  EXPECT_EQ(sink.waits.size(), 1u);
  EXPECT_TRUE(session->is_connected());
}

TEST_F(SchedulerSessionTest, UnexpectedFramesAreErrorsOfTheConnection) {
  session->on_connected(now);
  EXPECT_FALSE(receive(core::Offers{}).ok());
  subscribe();
  const absl::Status status = receive(core::Query{});
  EXPECT_THAT(std::string(core::message_of(status)), HasSubstr("QUERY"));
}

TEST_F(SchedulerSessionTest, OtherMessagesReachTheScheduler) {
  subscribe();
  core::Rescind rescind;
  rescind.offers.push_back({1, 1});
  ASSERT_TRUE(receive(rescind).ok());
  ASSERT_TRUE(receive(core::AgentFailure{kAgent}).ok());
  EXPECT_THAT(scheduler.log,
              ElementsAre("subscribed " + core::to_string(kFramework), "rescinded", "agent lost"));
  session->decline({}, std::chrono::seconds(1));
  session->kill("t-1", std::chrono::seconds(2));
  EXPECT_EQ(sink.sent.back().as<core::KillTask>().grace_ms, 2000);
  session->reconcile();
  EXPECT_EQ(sink.sent.back().kind, wire::MessageKind::kReconcile);
}

}  // namespace
}  // namespace shoal::sdk
