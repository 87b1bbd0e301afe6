// One master that holds more sessions than a descriptor table does: `--fd-tables=per-reactor` under
// a limit of descriptors that is far too low for one table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/messages.h"
#include "core/random.h"
#include "tests/integration/shoal_process.h"
#include "tests/master/frame_client.h"
#include "tests/net/one_table.h"

namespace shoal::test {
namespace {

using master::FrameClient;
using net::testing::kOneTableOnly;
using testing::HasSubstr;
using wire::MessageKind;

constexpr std::uint32_t kReactors = 4;
constexpr int kLimit = 256;
constexpr std::size_t kSessions = 600;

class LimitedMaster {
 public:
  explicit LimitedMaster(const std::string& tables) {
    const std::string ready = folder_.path() + "/ready";
    process_ = std::make_unique<Process>(std::vector<std::string>{
        "/bin/sh", "-c", "ulimit -n " + std::to_string(kLimit) + " && exec \"$0\" \"$@\"",
        SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data", folder_.path() + "/master",
        "--ready-file", ready, "--reactors", std::to_string(kReactors), "--fd-tables", tables});
    EXPECT_TRUE(eventually([&] { return !read(ready).empty(); }));
    const std::string text = read(ready);
    const std::size_t start = text.find(":\"") + 2;
    address_ = text.substr(start, text.find('"', start) - start);
  }

  const std::string& address() const { return address_; }

  std::string metrics() const {
    FrameClient browser(address_);
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    browser.send_raw(request.data(), request.size());
    EXPECT_TRUE(browser.wait_closed());
    return browser.text();
  }
  // The sum of a metric over all reactors.
  std::uint64_t sum_of(const std::string& metric) const {
    std::istringstream lines(metrics());
    std::uint64_t sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(metric, 0) == 0) sum += std::stoull(line.substr(line.rfind(' ')));
    }
    return sum;
  }

  Result stop() {
    process_->signal(SIGTERM);
    return process_->wait();
  }

 private:
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  TempFolder folder_;
  std::unique_ptr<Process> process_;
  std::string address_;
};

void add_agent(FrameClient& client, std::uint64_t id) {
  client.greet(core::PeerKind::kAgent, id);
  core::RegisterAgent message;
  message.incarnation = 1;
  message.hostname = "h";
  message.address = "127.0.0.1:1";
  message.resources = core::parse_resources("cpus:1;mem:100").value();
  client.send(message);
  EXPECT_TRUE(client.expect<core::AgentRegistered>(MessageKind::kAgentRegistered).has_value());
}

TEST(DescriptorTables, OneMasterHoldsMoreSessionsThanATableHasDescriptors) {
  if (kOneTableOnly) GTEST_SKIP();
  LimitedMaster master("per-reactor");
  core::Random random(11);
  std::vector<std::unique_ptr<FrameClient>> agents;
  // Three of four are accepted away from home.
  for (std::size_t i = 0; i < kSessions; ++i) {
    agents.push_back(std::make_unique<FrameClient>(master.address()));
    const auto home = static_cast<std::uint32_t>(i % kReactors);
    add_agent(*agents.back(), core::draw_id(random, home, kReactors));
  }
  EXPECT_EQ(master.sum_of("shoal_reactor_connections{"), kSessions);
  EXPECT_GT(master.sum_of("shoal_reactor_descriptors{"), kSessions);
  EXPECT_GT(master.sum_of("shoal_reactor_handed_over_total{"), kSessions / 2);
  EXPECT_EQ(master.sum_of("shoal_reactor_hand_over_refused_total{"), 0u);
  agents.clear();
  EXPECT_TRUE(eventually([&] { return master.sum_of("shoal_reactor_connections{") == 0; }));
  // Each has its loop's four and its listener; the page itself is asked for over one connection.
  EXPECT_TRUE(
      eventually([&] { return master.sum_of("shoal_reactor_descriptors{") == 5 * kReactors + 1; }));
  const Result result = master.stop();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("4 descriptor tables of 256"));
}

// All ids are of one home: its table fills by hand-over, whoever accepts. What the kernel gives to
// its own listener then waits for room.
TEST(DescriptorTables, AHomeWhoseTableIsFullRefusesAndGoesOn) {
  if (kOneTableOnly) GTEST_SKIP();
  LimitedMaster master("per-reactor");
  core::Random random(12);
  std::vector<std::unique_ptr<FrameClient>> agents;
  for (int i = 0; i < 2 * kLimit; ++i) {
    agents.push_back(std::make_unique<FrameClient>(master.address()));
    core::Hello hello;
    hello.kind = core::PeerKind::kAgent;
    hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
    hello.peer_id = core::draw_id(random, 1, kReactors);
    hello.software = "test";
    agents.back()->send(hello);
  }
  std::size_t refused = 0;
  EXPECT_TRUE(eventually([&] {
    refused = 0;
    for (const auto& agent : agents) refused += agent->is_refused() ? 1 : 0;
    return refused >= 20;
  }));
  agents.clear();
  FrameClient late(master.address());
  add_agent(late, core::draw_id(random, 1, kReactors));
  EXPECT_GE(master.sum_of("shoal_reactor_hand_over_refused_total{"), refused);
  const Result result = master.stop();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("refused on their way between reactors"));
}

TEST(DescriptorTables, ALowLimitIsToldWithWhatToDo) {
  LimitedMaster master("shared");
  const Result result = master.stop();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 descriptor table of 256"));
  EXPECT_THAT(result.err, HasSubstr("ulimit -n"));
  EXPECT_THAT(result.err, HasSubstr("--fd-tables=per-reactor"));
}

}  // namespace
}  // namespace shoal::test
