// A real master with more to do than it can, or than it lets frameworks ask, over real connections.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "master/master.h"
#include "tests/master/frame_client.h"

namespace shoal::master {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using wire::MessageKind;

class ProtectionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-protection-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    options.data_dir = pattern;
    options.listen = "127.0.0.1:0";
    options.reactors = 1;
    options.version = "test";
  }
  void start() {
    std::promise<std::string> ready;
    options.on_ready = [&ready](const std::string& bound) { ready.set_value(bound); };
    std::future<std::string> bound = ready.get_future();
    thread = std::thread([this] { result = run_master(options); });
    address = bound.get();
  }
  void TearDown() override {
    if (thread.joinable()) {
      ::kill(::getpid(), SIGTERM);
      thread.join();
      EXPECT_TRUE(result.ok()) << result;
    }
    std::filesystem::remove_all(options.data_dir);
  }

  static core::AgentId add_agent(FrameClient& client) {
    client.greet(core::PeerKind::kAgent);
    core::RegisterAgent message;
    message.incarnation = 1;
    message.hostname = "h";
    message.resources = core::parse_resources("cpus:8;mem:1000").value();
    client.send(message);
    const auto registered = client.expect<core::AgentRegistered>(MessageKind::kAgentRegistered);
    EXPECT_TRUE(registered.has_value());
    return registered ? registered->agent : core::AgentId();
  }
  static core::FrameworkId subscribe(FrameClient& client, std::string_view name) {
    client.greet(core::PeerKind::kFramework);
    core::Subscribe message;
    message.name = name;
    message.user = "u";
    message.roles = {"*"};
    client.send(message);
    const auto subscribed = client.expect<core::Subscribed>(MessageKind::kSubscribed);
    EXPECT_TRUE(subscribed.has_value());
    return subscribed ? subscribed->framework : core::FrameworkId();
  }
  static core::OfferId offer_to(FrameClient& framework) {
    const auto offers = framework.expect<core::Offers>(MessageKind::kOffers);
    EXPECT_TRUE(offers.has_value());
    return offers ? offers->offers.at(0).id : core::OfferId();
  }
  static void launch(FrameClient& framework, core::OfferId offer, std::string_view id,
                     std::uint32_t correlation = 0) {
    core::Accept accept;
    accept.offers.push_back(offer);
    accept.refuse_ms = 0;
    core::TaskLaunch task;
    task.id = id;
    task.resources = core::parse_resources("cpus:1").value();
    accept.tasks.push_back(task);
    framework.send(accept, correlation);
  }
  static void kill(FrameClient& framework, core::FrameworkId id, std::string_view task) {
    core::KillTask message;
    message.framework = id;
    message.task = task;
    framework.send(message);
  }
  static void beat(FrameClient& client, std::uint64_t sequence) {
    client.send(core::Heartbeat{sequence});
    const auto echo = client.expect<core::Heartbeat>(MessageKind::kHeartbeat);
    ASSERT_TRUE(echo.has_value());
    EXPECT_EQ(echo->sequence, sequence);
  }
  std::string get(const std::string& target) const {
    FrameClient client(address);
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
    client.send_raw(request.data(), request.size());
    EXPECT_TRUE(client.wait_closed());
    return client.text();
  }

  MasterOptions options;
  std::string address;
  std::thread thread;
  absl::Status result;
};

// One call in a thousand seconds, and one may wait: no clock has a say in what follows.
class OneCallTest : public ProtectionTest {
 protected:
  void SetUp() override {
    ProtectionTest::SetUp();
    options.rate_limits.limits = {{{seconds(1000), 1}, "greedy"}};
    start();
    agent_id = add_agent(agent.emplace(address));
    framework_id = subscribe(framework.emplace(address), "greedy");
    offer = offer_to(*framework);
    launch(*framework, offer, "first");
    EXPECT_TRUE(agent->expect<core::RunTask>(MessageKind::kRunTask).has_value());
    offer = offer_to(*framework);
    launch(*framework, offer, "second");  // waits
  }

  std::optional<FrameClient> agent;
  std::optional<FrameClient> framework;
  core::AgentId agent_id;
  core::FrameworkId framework_id;
  core::OfferId offer;
};

TEST_F(OneCallTest, KillsAcknowledgementsAndHeartbeatsPassLaunchesThatWait) {
  beat(*framework, 7);
  kill(*framework, framework_id, "first");
  const auto killed = agent->expect<core::KillTask>(MessageKind::kKillTask);
  ASSERT_TRUE(killed.has_value());
  EXPECT_EQ(killed->task, "first");
  core::TaskStatus status;
  status.framework = framework_id;
  status.agent = agent_id;
  status.task = "first";
  status.state = core::TaskState::kKilled;
  status.has_uuid = true;
  status.uuid[0] = 1;
  agent->send(status);
  ASSERT_TRUE(framework->expect<core::TaskStatus>(MessageKind::kStatusUpdate).has_value());
  framework->send(core::AcknowledgeUpdate{framework_id, agent_id, "first", status.uuid});
  EXPECT_TRUE(agent->expect<core::AcknowledgeUpdate>(MessageKind::kAcknowledgeUpdate).has_value());

  kill(*framework, framework_id, "second");  // behind its launch, so not "there is no such task"
  beat(*framework, 8);
  EXPECT_THAT(get("/metrics"),
              HasSubstr("shoal_master_framework_calls_waiting{principal=\"greedy\"} 1\n"));
}

TEST_F(OneCallTest, OverTheCapacityTheFrameworkIsToldWhatWasNotDone) {
  launch(*framework, offer, "third", 42);
  const auto refusal = framework->expect<core::Refusal>(MessageKind::kRefusal);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, core::RefusalCode::kOverloaded);
  EXPECT_THAT(std::string(refusal->message), HasSubstr("over the rate limit of 'greedy'"));
  EXPECT_EQ(refusal->retry_after_ms, 60'000u);
  const auto dropped = framework->expect<core::TaskStatus>(MessageKind::kStatusUpdate);
  ASSERT_TRUE(dropped.has_value());
  EXPECT_EQ(dropped->task, "third");
  EXPECT_EQ(dropped->state, core::TaskState::kDropped);
  framework->send(core::Explain{}, 43);
  EXPECT_TRUE(framework->expect<core::Refusal>(MessageKind::kRefusal).has_value());
  beat(*framework, 9);  // the session goes on
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics,
              HasSubstr("shoal_master_framework_calls_refused_total{principal=\"greedy\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("shoal_master_framework_calls_total{principal=\"greedy\"} 4\n"));
  EXPECT_THAT(metrics, HasSubstr("shoal_master_framework_calls_total{principal=\"*\"} 0\n"));
}

TEST_F(OneCallTest, AnotherFrameworkIsServed) {
  FrameClient other(address);
  subscribe(other, "modest");
  launch(other, offer_to(other), "theirs");
  const auto run = agent->expect<core::RunTask>(MessageKind::kRunTask);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->task.id, "theirs");
}

TEST_F(OneCallTest, WhatWaitsGoesWithTheSession) {
  beat(*framework, 1);
  framework.reset();
  std::string metrics;
  do {
    metrics = get("/metrics");
  } while (metrics.find("calls_waiting{principal=\"greedy\"} 1\n") != std::string::npos);
  EXPECT_THAT(metrics, HasSubstr("shoal_master_framework_calls_waiting{principal=\"greedy\"} 0\n"));
}

TEST_F(ProtectionTest, CallsThatWaitedAreAnsweredInOrder) {
  constexpr std::uint32_t kCalls = 40;  // 20 at once, and the others within a second
  options.rate_limits.others = {milliseconds(50), 1000};
  start();
  FrameClient framework(address);
  subscribe(framework, "any");
  wire::ByteVector all;
  for (std::uint32_t i = 1; i <= kCalls; ++i) {
    core::Reconcile reconcile;
    const std::string task = fmt::format("t{}", i);
    reconcile.tasks = {task};
    wire::encode(reconcile, i, all);
  }
  framework.send_raw(all.data(), all.size());
  for (std::uint32_t i = 1; i <= kCalls; ++i) {
    const auto status = framework.expect<core::TaskStatus>(MessageKind::kStatusUpdate);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->task, fmt::format("t{}", i));
  }
  EXPECT_THAT(
      get("/metrics"),
      HasSubstr(fmt::format("shoal_master_framework_calls_total{{principal=\"*\"}} {}\n", kCalls)));
}

// The reactor is kept in one turn for half a second, while a limit of 10 ms holds.
TEST_F(ProtectionTest, ABusyMasterTurnsNewcomersAndListsAwayAndServesItsSessions) {
  options.busy_lag = milliseconds(10);
  std::promise<void> is_stuck;
  std::promise<void> never;
  options.reload = [&] {
    is_stuck.set_value();
    (void)never.get_future().wait_for(milliseconds(500));
    return MasterReload();
  };
  start();
  FrameClient agent(address);
  add_agent(agent);
  FrameClient framework(address);
  const core::FrameworkId framework_id = subscribe(framework, "f");
  launch(framework, offer_to(framework), "t");
  ASSERT_TRUE(agent.expect<core::RunTask>(MessageKind::kRunTask).has_value());

  ::kill(::getpid(), SIGHUP);
  is_stuck.get_future().wait();
  FrameClient newcomer(address);
  core::Hello hello;
  hello.kind = core::PeerKind::kAgent;
  hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
  hello.software = "test";
  newcomer.send(hello, 5);
  const auto refusal = newcomer.expect<core::Refusal>(MessageKind::kRefusal);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, core::RefusalCode::kOverloaded);
  EXPECT_GE(refusal->retry_after_ms, 250u);
  EXPECT_TRUE(newcomer.wait_closed());

  const std::string list = get("/v1/tasks");
  EXPECT_THAT(list, HasSubstr("HTTP/1.1 503"));
  EXPECT_THAT(list, HasSubstr("Retry-After: "));
  EXPECT_THAT(list, HasSubstr("\"code\":\"busy\""));
  EXPECT_THAT(get("/v1/cluster"), HasSubstr("HTTP/1.1 200"));
  beat(framework, 3);
  kill(framework, framework_id, "t");
  EXPECT_TRUE(agent.expect<core::KillTask>(MessageKind::kKillTask).has_value());
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("shoal_master_busy_reactors 1\n"));
  EXPECT_THAT(metrics, HasSubstr("shoal_master_turned_away_total{guest=\"agent\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("shoal_master_turned_away_total{guest=\"read\"} 1\n"));

  // It comes back until it is taken.
  while (true) {
    FrameClient again(address);
    again.send(hello, 6);
    if (again.expect<core::Welcome>(MessageKind::kWelcome).has_value()) break;
  }
}

}  // namespace
}  // namespace shoal::master
