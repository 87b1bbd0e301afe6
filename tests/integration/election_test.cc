// Several masters over one etcd: who leads when one is killed, frozen or told to end, or when etcd
// is away; and that nothing is lost or said by one who no longer leads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/integration/shoal_process.h"
#include "tests/master/etcd_server.h"
#include "tests/master/frame_client.h"

namespace shoal::test {
namespace {

using master::FrameClient;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::chrono_literals;

struct MasterProcess {
  std::string address;
  std::unique_ptr<Process> process;
};

// The whole answer; "" when there is none, as in the moment in which the port changes hands: the
// kernel resets what waits in the queue of a listener that is closed.
std::string get(const std::string& address, const std::string& target,
                const std::string& method = "GET") {
  return run({"/usr/bin/curl", "-s", "-i", "--max-time", "20", "-X", method, address + target}).out;
}

class ElectionTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    etcd_ = std::make_unique<EtcdServer>();
    ASSERT_TRUE(etcd_->is_up());
  }

  std::vector<std::string> words(std::size_t i, const std::string& listen) const {
    return {SHOAL_BINARY, "master", "--listen",     listen,
            "--data",     data(i),  "--registry",   "etcd://" + etcd_->endpoint() + "/test",
            "--lease",    "1s",     "--ready-file", ready(i)};
  }
  std::string data(std::size_t i) const { return folder_.path() + "/m" + std::to_string(i); }
  std::string ready(std::size_t i) const { return data(i) + ".json"; }

  void start(std::size_t i, const std::string& listen = "127.0.0.1:0") {
    std::filesystem::remove(ready(i));
    masters_.resize(std::max(masters_.size(), i + 1));
    masters_[i].process = std::make_unique<Process>(words(i, listen));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready(i)); }));
    std::ifstream file(ready(i));
    std::stringstream text;
    text << file.rdbuf();
    const std::string key = "\"master\":\"";
    const std::size_t from = text.str().find(key) + key.size();
    masters_[i].address = text.str().substr(from, text.str().find('"', from) - from);
  }
  void start_three() {
    for (std::size_t i = 0; i < 3; ++i) start(i);
  }
  bool leads(std::size_t i) const {
    return get(masters_[i].address, "/metrics").find("\nshoal_master_leader 1\n") !=
           std::string::npos;
  }
  // One that leads and is not `besides`; -1: none in time.
  int find_leader(int besides = -1) const {
    int found = -1;
    eventually([&] {
      for (std::size_t i = 0; i < masters_.size(); ++i) {
        if (static_cast<int>(i) != besides && masters_[i].process != nullptr && leads(i)) {
          found = static_cast<int>(i);
        }
      }
      return found >= 0;
    });
    return found;
  }
  MasterProcess& at(int i) { return masters_[static_cast<std::size_t>(i)]; }
  Result shoal(int i, std::vector<std::string> more) {
    more.insert(more.begin(), SHOAL_BINARY);
    StartOptions options;
    options.environment.emplace_back("SHOAL_MASTER", at(i).address);
    return run(std::move(more), std::move(options));
  }

  TempFolder folder_;
  std::unique_ptr<EtcdServer> etcd_;
  std::vector<MasterProcess> masters_;
};

TEST_F(ElectionTest, AKilledLeaderIsFollowedByOneThatKnowsWhatItKnew) {
  start_three();
  const int first = find_leader();
  ASSERT_GE(first, 0);
  EXPECT_EQ(shoal(first, {"weight", "ads", "2.5"}).exit_code, 0);
  at(first).process->signal(SIGKILL);
  at(first).process->wait();
  at(first).process.reset();
  const int second = find_leader();
  ASSERT_GE(second, 0);
  EXPECT_THAT(shoal(second, {"weight", "get"}).out, HasSubstr("2.5"));
  start(static_cast<std::size_t>(first), at(first).address);  // on the same port and folder
  EXPECT_FALSE(leads(static_cast<std::size_t>(first)));
  EXPECT_EQ(shoal(second, {"weight", "ads", "3"}).exit_code, 0);
}

TEST_F(ElectionTest, AStandbySaysWhoLeads) {
  start(0);
  ASSERT_EQ(find_leader(), 0);
  start(1);
  const std::string& standby = masters_[1].address;
  const std::string& leader = masters_[0].address;
  ASSERT_TRUE(eventually([&] {
    return get(standby, "/health").find("\"leader\":\"" + leader + "\"") != std::string::npos;
  }));
  EXPECT_THAT(get(standby, "/health"), AllOf(HasSubstr(" 200 "), HasSubstr("\"standby\"")));
  EXPECT_THAT(get(standby, "/readyz"), HasSubstr(" 503 "));
  EXPECT_THAT(get(standby, "/version"), HasSubstr("\"allocator\""));
  EXPECT_THAT(get(standby, "/metrics"), HasSubstr("shoal_master_leader 0\n"));
  EXPECT_THAT(get(standby, "/a/b?c=d"),
              AllOf(HasSubstr(" 307 "), HasSubstr("http://" + leader + "/a/b?c=d\r\n")));
  EXPECT_THAT(get(standby, "/redirect"), HasSubstr("http://" + leader + "/\r\n"));
  EXPECT_THAT(get(leader, "/redirect"), HasSubstr("http://" + leader + "/\r\n"));

  FrameClient client(standby);
  core::Hello hello;
  hello.kind = core::PeerKind::kOperator;
  hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
  hello.software = "test";
  client.send(hello);
  const auto refusal = client.expect<core::Refusal>(wire::MessageKind::kRefusal);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, core::RefusalCode::kNotLeader);
  EXPECT_EQ(refusal->leader, leader);
  EXPECT_TRUE(client.wait_closed());
}

TEST_F(ElectionTest, ALeaderThatWasFrozenSaysNothingStale) {
  start(0);
  ASSERT_EQ(find_leader(), 0);
  start(1);
  FrameClient client(masters_[0].address);
  client.greet(core::PeerKind::kOperator);
  ASSERT_TRUE(at(0).process->freeze());
  client.send(core::Heartbeat{.sequence = 7});  // it would be answered
  EXPECT_EQ(find_leader(0), 1);
  at(0).process->signal(SIGCONT);
  EXPECT_TRUE(client.wait_closed());
  EXPECT_EQ(client.text(), "");
  EXPECT_TRUE(eventually([&] {
    return get(masters_[0].address, "/health").find(masters_[1].address) != std::string::npos;
  })) << "it is a standby of the other";
  EXPECT_TRUE(leads(1));
}

TEST_F(ElectionTest, WithoutEtcdNobodyLeads) {
  start(0);
  ASSERT_EQ(find_leader(), 0);
  EXPECT_EQ(shoal(0, {"weight", "ads", "2.5"}).exit_code, 0);
  etcd_->signal(SIGSTOP);
  EXPECT_TRUE(eventually(
      [&] { return get(masters_[0].address, "/health").find("standby") != std::string::npos; }));
  EXPECT_THAT(get(masters_[0].address, "/"), HasSubstr(" 503 "));
  etcd_->signal(SIGCONT);
  ASSERT_EQ(find_leader(), 0);
  EXPECT_THAT(shoal(0, {"weight", "get"}).out, HasSubstr("2.5"));
}

TEST_F(ElectionTest, ALeaderThatEndsHandsOver) {
  start(0);
  ASSERT_EQ(find_leader(), 0);
  start(1);
  ASSERT_TRUE(at(1).process->wait_for_output("leads"));
  at(0).process->signal(SIGTERM);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return leads(1); }));
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took, 900ms) << "less than a lease";  // 500 ms on a machine that has nothing else to do
  EXPECT_EQ(at(0).process->wait().exit_code, 0);
}

TEST_F(ElectionTest, TheLeaderListsMastersAndStepsDown) {
  const auto step_down = [&](const std::string& address, const std::string& path) {
    const std::string post = "POST " + path +
                             " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                             "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    FrameClient client(address);
    client.send_raw(post.data(), post.size());
    client.wait_closed();
    return client.text();
  };
  start(0);
  ASSERT_EQ(find_leader(), 0);
  for (const char* path : {"/step-down", "/v1/step-down"}) {
    EXPECT_THAT(step_down(masters_[0].address, path),
                AllOf(HasSubstr(" 409 "), HasSubstr("no other master is alive")));
  }
  EXPECT_THAT(get(masters_[0].address, "/step-down"), HasSubstr(" 405 "));
  EXPECT_THAT(get(masters_[0].address, "/step-down", "POST"), HasSubstr(" 415 "));
  EXPECT_THAT(get(masters_[0].address, "/v1/step-down"), HasSubstr(" 405 "));
  EXPECT_THAT(get(masters_[0].address, "/v1/step-down", "POST"), HasSubstr(" 415 "));
  start(1);
  ASSERT_TRUE(eventually([&] {
    const std::string list = get(masters_[0].address, "/masters");
    return list.find("\"state\":\"leader\"") != std::string::npos &&
           list.find("\"address\":\"" + masters_[1].address + "\",\"state\":\"standby\"") !=
               std::string::npos;
  }));
  EXPECT_THAT(shoal(1, {"masters"}).out, AllOf(HasSubstr("leader"), HasSubstr("standby")));
  EXPECT_THAT(shoal(0, {"masters", "-o", "name"}).out,
              masters_[0].address + "\n" + masters_[1].address + "\n");
  EXPECT_THAT(get(masters_[0].address, "/v1/masters"),
              HasSubstr("\"state\":\"standby\",\"since\":\"2"));
  EXPECT_THAT(step_down(masters_[0].address, "/v1/step-down"),
              AllOf(HasSubstr(" 200 "), HasSubstr("\"done\":true,\"epoch\":")));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return leads(1); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms) << "less than a lease";
  EXPECT_TRUE(eventually([&] {
    return get(masters_[0].address, "/health").find(masters_[1].address) != std::string::npos;
  }));
  const Result back = shoal(0, {"step-down"});  // through the standby
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_THAT(back.err, HasSubstr(masters_[0].address + " leads; " + masters_[1].address));
  EXPECT_TRUE(leads(0)) << "in the same process, again";
}

TEST_F(ElectionTest, WhatCannotWorkIsSaidInOneLine) {
  std::vector<std::string> bad = words(0, "127.0.0.1:0");
  bad[7] = "etcd://nowhere";
  const Result malformed = run(bad);
  EXPECT_EQ(malformed.exit_code, 2);
  EXPECT_THAT(malformed.err, HasSubstr("--registry: address 'nowhere': the port is missing"));
  std::vector<std::string> everywhere = words(0, "0.0.0.0:0");
  everywhere.emplace_back("--insecure");
  const Result vague = run(everywhere);
  EXPECT_EQ(vague.exit_code, 2);
  EXPECT_THAT(vague.err, HasSubstr("say --advertise HOST:PORT"));
  bad[7] = "etcd://127.0.0.1:1";
  Process waits(bad);
  EXPECT_TRUE(
      waits.wait_for_output("etcd at 127.0.0.1:1: Couldn't connect to server; waiting for it"));
  waits.signal(SIGTERM);
  EXPECT_EQ(waits.wait().exit_code, 0);

  const master::EtcdOp newer{.key = "/test/cluster",
                             .value = R"({"cluster_id":"00000000000000c1","format":9})",
                             .range_end = {}};
  ASSERT_TRUE(etcd_->client()->txn({.compare = {}, .success = {newer}, .failure = {}}).ok());
  const Result refused = run(words(0, "127.0.0.1:0"));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("written by a newer version (format 9"));
}

}  // namespace
}  // namespace shoal::test
