#include "master/master.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <thread>

#include "core/status.h"
#include "net/reactor.h"
#include "tests/master/frame_client.h"
#include "tests/net/one_table.h"

namespace shoal::master {
namespace {

using wire::MessageKind;

struct Shape {
  std::uint32_t reactors;
  net::DescriptorTables tables = net::DescriptorTables::kShared;
};

std::size_t count_open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// A real master on 1, 2 or 4 reactors, on a port the kernel picks.
class MasterTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    if (net::testing::kOneTableOnly && GetParam().tables != net::DescriptorTables::kShared) {
      GTEST_SKIP();
    }
    (void)net::Reactor::create(0);  // what libuv opens once for a process
    open_before = count_open_descriptors();
    std::string pattern = testing::TempDir() + "shoal-master-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    data = pattern;
    options.listen = "127.0.0.1:0";
    options.data_dir = data;
    options.reactors = GetParam().reactors;
    options.descriptor_tables = GetParam().tables;
    net::LogOptions logging;
    logging.daemon = "master";
    logging.sink = [this](std::string_view lines) { logged += lines; };
    log = std::make_unique<net::Log>(std::move(logging));
    options.log = log.get();
    options.version = "test";
    start();
  }
  void TearDown() override {
    if (!thread.joinable()) return;
    stop();
    EXPECT_TRUE(result.ok()) << result;
    EXPECT_EQ(count_open_descriptors(), open_before);
    std::filesystem::remove_all(data);
  }
  void start() {
    std::promise<std::string> ready;
    options.on_ready = [&ready](const std::string& bound) { ready.set_value(bound); };
    std::future<std::string> bound = ready.get_future();
    thread = std::thread([this] { result = run_master(options); });
    address = bound.get();
  }
  void stop() {
    ::kill(::getpid(), SIGTERM);
    thread.join();
  }

  static core::RegisterAgent registration() {
    core::RegisterAgent message;
    message.incarnation = 1;
    message.hostname = "h";
    message.address = "127.0.0.1:1";
    message.resources = core::parse_resources("cpus:2;mem:100").value();
    return message;
  }
  core::AgentId add_agent(FrameClient& client, std::uint64_t id = 0) {
    client.greet(core::PeerKind::kAgent, id);
    client.send(registration());
    const auto registered = client.expect<core::AgentRegistered>(MessageKind::kAgentRegistered);
    EXPECT_TRUE(registered.has_value());
    return registered ? registered->agent : core::AgentId();
  }

  core::FrameworkId subscribe(FrameClient& client, std::uint64_t id = 0) {
    client.greet(core::PeerKind::kFramework, id);
    core::Subscribe message;
    message.name = "f";
    message.user = "u";
    message.roles = {"*"};
    client.send(message);
    const auto subscribed = client.expect<core::Subscribed>(MessageKind::kSubscribed);
    EXPECT_TRUE(subscribed.has_value());
    return subscribed ? subscribed->framework : core::FrameworkId();
  }

  MasterOptions options;
  std::string data;
  std::string address;
  std::thread thread;
  absl::Status result;
  std::string logged;  // of the start; read when the master is ready, after log->flush()
  std::unique_ptr<net::Log> log;
  std::size_t open_before = 0;
};

TEST_P(MasterTest, ATaskGoesFromOfferToItsEnd) {
  FrameClient agent(address);
  const core::AgentId agent_id = add_agent(agent);
  FrameClient framework(address);
  const core::FrameworkId framework_id = subscribe(framework);

  const auto offers = framework.expect<core::Offers>(MessageKind::kOffers);
  ASSERT_TRUE(offers.has_value());
  core::Accept accept;
  accept.offers.push_back(offers->offers.at(0).id);
  core::TaskLaunch task;
  task.id = "t";
  task.resources = core::parse_resources("cpus:1").value();
  accept.tasks.push_back(task);
  framework.send(accept);

  const auto run = agent.expect<core::RunTask>(MessageKind::kRunTask);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->framework, framework_id);
  core::TaskStatus status;
  status.framework = framework_id;
  status.agent = agent_id;
  status.task = "t";
  status.state = core::TaskState::kFinished;
  status.source = core::TaskSource::kAgent;
  status.has_exit = true;
  status.has_uuid = true;
  status.uuid = {1, 2, 3};
  agent.send(status);

  const auto update = framework.expect<core::TaskStatus>(MessageKind::kStatusUpdate);
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(update->state, core::TaskState::kFinished);
  framework.send(core::AcknowledgeUpdate{framework_id, agent_id, "t", update->uuid});
  const auto acknowledged = agent.expect<core::AcknowledgeUpdate>(MessageKind::kAcknowledgeUpdate);
  ASSERT_TRUE(acknowledged.has_value());
  EXPECT_EQ(acknowledged->uuid, status.uuid);
}

TEST_P(MasterTest, ReturningPeersAreHandedToTheirHomeReactor) {
  core::Random random(3);
  const std::uint32_t reactors = GetParam().reactors;
  for (std::uint32_t home = 0; home < reactors; ++home) {
    const std::uint64_t id = core::draw_id(random, home, reactors);
    FrameClient framework(address);
    EXPECT_EQ(subscribe(framework, id).value, id);
    FrameClient agent(address);
    EXPECT_EQ(add_agent(agent, core::draw_id(random, home, reactors)).value != 0, true);
    EXPECT_TRUE(framework.expect<core::Offers>(MessageKind::kOffers).has_value());
  }
}

TEST_P(MasterTest, OperatorsSeeAllReactors) {
  std::vector<std::unique_ptr<FrameClient>> agents;
  for (int i = 0; i < 8; ++i) {
    agents.push_back(std::make_unique<FrameClient>(address));
    add_agent(*agents.back());
  }
  FrameClient client(address);
  client.greet(core::PeerKind::kOperator);
  client.send(core::Query{core::QueryKind::kAgents, ""}, 4);
  const auto answer = client.expect<core::ClusterView>(MessageKind::kQueryAnswer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->agents.size(), 8u);
}

TEST_P(MasterTest, ClosedAgentsLoseTheirOffersWithoutDisturbingOthers) {
  FrameClient framework(address);
  subscribe(framework);
  {
    FrameClient brief(address);
    add_agent(brief);
    ASSERT_TRUE(framework.expect<core::Offers>(MessageKind::kOffers).has_value());
  }
  EXPECT_TRUE(framework.expect<core::Rescind>(MessageKind::kRescind).has_value());
  FrameClient other(address);
  add_agent(other);
  EXPECT_TRUE(framework.expect<core::Offers>(MessageKind::kOffers).has_value());
}

TEST_P(MasterTest, GarbageIsRefusedAndOthersGoOn) {
  FrameClient steady(address);
  subscribe(steady);
  for (const std::string& bytes :
       {std::string("SHxxxxxxxxxxxxxxxxxxxxxx"), std::string(64, '\xff'), std::string(64, '\0'),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        std::string("BREW / HTTP/9.9\r\n\r\n")}) {
    FrameClient rude(address);
    rude.send_raw(bytes.data(), bytes.size());
    EXPECT_TRUE(rude.wait_closed());
    EXPECT_FALSE(rude.text().empty()) << "an error line was expected";
  }
  FrameClient agent(address);
  add_agent(agent);
  EXPECT_TRUE(steady.expect<core::Offers>(MessageKind::kOffers).has_value());
}

TEST_P(MasterTest, TheNextMasterOnTheFolderKnowsWhatItWasTold) {
  core::AgentId agent_id;
  core::FrameworkId framework_id;
  {
    FrameClient agent(address);
    agent_id = add_agent(agent);
    FrameClient framework(address);
    framework_id = subscribe(framework);
    FrameClient oper(address);
    oper.greet(core::PeerKind::kOperator);
    core::UpdateWeights weights;
    weights.weights.push_back({"eng/ads", 2500});
    oper.send(weights);
    ASSERT_TRUE(oper.expect<core::Done>(MessageKind::kDone).has_value());
    oper.send(core::ManageAgent{.agent = agent_id, .action = core::AgentAction::kMarkGone});
    ASSERT_TRUE(oper.expect<core::Done>(MessageKind::kDone).has_value());
    oper.send(core::TeardownFramework{framework_id});
    ASSERT_TRUE(oper.expect<core::Done>(MessageKind::kDone).has_value());
  }
  stop();
  start();
  log->flush();
  EXPECT_THAT(logged, testing::HasSubstr("the registry knows 1 agents"));
  FrameClient agent(address);
  agent.greet(core::PeerKind::kAgent, agent_id.value);
  agent.send(registration());
  const auto gone = agent.expect<core::Refusal>(MessageKind::kRefusal);
  ASSERT_TRUE(gone.has_value());
  EXPECT_EQ(gone->code, core::RefusalCode::kGone);
  FrameClient framework(address);
  framework.greet(core::PeerKind::kFramework, framework_id.value);
  core::Subscribe subscribe;
  subscribe.name = "f";
  subscribe.user = "u";
  framework.send(subscribe);
  const auto fenced = framework.expect<core::Refusal>(MessageKind::kRefusal);
  ASSERT_TRUE(fenced.has_value());
  EXPECT_EQ(fenced->code, core::RefusalCode::kFenced);
  FrameClient oper(address);
  oper.greet(core::PeerKind::kOperator);
  oper.send(core::Query{core::QueryKind::kRoles, "eng/ads"});
  const auto roles = oper.expect<core::ClusterView>(MessageKind::kQueryAnswer);
  ASSERT_TRUE(roles.has_value());
  ASSERT_EQ(roles->roles.size(), 1u);
  EXPECT_EQ(roles->roles[0].weight, 2500);
}

// The disk is full: nothing is promised that the next master would not know.
TEST_P(MasterTest, ARegistryThatCannotBeWrittenEndsTheMaster) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((data + "/registry.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "DROP TABLE agents", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  FrameClient agent(address);
  agent.greet(core::PeerKind::kAgent);
  agent.send(registration());
  EXPECT_FALSE(agent.expect<core::AgentRegistered>(MessageKind::kAgentRegistered).has_value());
  thread.join();
  EXPECT_TRUE(absl::IsUnavailable(result)) << result;
  EXPECT_THAT(std::string(core::message_of(result)),
              testing::HasSubstr("registry.db: cannot write to it"));
  std::filesystem::remove_all(data);
}

constexpr const char* kAllWell =
    R"({"status":"ok","checks":[{"name":"leader","ok":true},{"name":"reactors","ok":true},)"
    R"({"name":"registry","ok":true},{"name":"descriptors","ok":true}]})";

TEST_P(MasterTest, PagesAreServedOnTheSamePort) {
  const std::pair<const char*, const char*> pages[] = {{"/", "SHOAL_MASTER"},
                                                       {"/health", "\"ok\""},
                                                       {"/livez", "\"ok\""},
                                                       {"/readyz?verbose", kAllWell},
                                                       {"/v1/log-level", "\"election\":\"info\""},
                                                       {"/v1/debug/flight", "\"kind\":\"http\""},
                                                       {"/version", "\"allocator\""},
                                                       {"/metrics", "shoal_master_agents 0"},
                                                       {"/nothing", "404"}};
  for (const auto& [path, expected] : pages) {
    FrameClient browser(address);
    const std::string request =
        std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    browser.send_raw(request.data(), request.size());
    EXPECT_TRUE(browser.wait_closed());
    EXPECT_NE(browser.text().find(expected), std::string::npos) << path << "\n" << browser.text();
  }
}

TEST_P(MasterTest, ItsLogSaysForHowManySessionsThereIsRoom) {
  log->flush();
  const bool own = GetParam().tables == net::DescriptorTables::kPerReactor;
  const std::uint32_t count = own ? GetParam().reactors : 1;
  const std::string tables =
      std::to_string(count) + (count == 1 ? " descriptor table of " : " descriptor tables of ");
  EXPECT_THAT(logged, testing::StartsWith("shoal master: room for "));
  EXPECT_THAT(logged, testing::HasSubstr(tables));
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 1) << logged;
}

// Agents of one home and frameworks of another, in crowds, and all of them come back.
TEST_P(MasterTest, CrowdsOfOtherHomesFindEachOther) {
  const std::uint32_t reactors = GetParam().reactors;
  core::Random random(7);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<FrameClient>> agents;
    std::vector<std::unique_ptr<FrameClient>> frameworks;
    for (std::uint32_t i = 0; i < 16; ++i) {
      frameworks.push_back(std::make_unique<FrameClient>(address));
      subscribe(*frameworks.back(), core::draw_id(random, i % reactors, reactors));
      agents.push_back(std::make_unique<FrameClient>(address));
      add_agent(*agents.back(), core::draw_id(random, (i + 1) % reactors, reactors));
    }
    for (const auto& framework : frameworks) {
      EXPECT_TRUE(framework->expect<core::Offers>(MessageKind::kOffers).has_value());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reactors, MasterTest,
                         testing::Values(Shape{1}, Shape{2}, Shape{4},
                                         Shape{1, net::DescriptorTables::kPerReactor},
                                         Shape{2, net::DescriptorTables::kPerReactor},
                                         Shape{4, net::DescriptorTables::kPerReactor}),
                         [](const testing::TestParamInfo<Shape>& shape) {
                           const bool per_reactor =
                               shape.param.tables == net::DescriptorTables::kPerReactor;
                           return std::to_string(shape.param.reactors) +
                                  (per_reactor ? "OwnTables" : "OneTable");
                         });

TEST(Master, AnAddressOthersCanReachHasToBeAskedFor) {
  std::string data = testing::TempDir() + "shoal-master-XXXXXX";
  ASSERT_NE(::mkdtemp(data.data()), nullptr);
  MasterOptions options;
  options.listen = "0.0.0.0:0";
  options.data_dir = data;
  const absl::Status refused = run_master(options);
  EXPECT_NE(core::message_of(refused).find("--insecure"), std::string_view::npos) << refused;
  std::filesystem::remove_all(data);
}

}  // namespace
}  // namespace shoal::master
