#include "master/leadership.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "net/clock.h"
#include "tests/master/etcd_server.h"

namespace shoal::master {
namespace {

using namespace std::chrono_literals;

TEST(LeaseClockTest, WhatIsOverStaysOver) {
  LeaseClock clock;
  EXPECT_FALSE(clock.is_valid());
  clock.begin(net::since_boot() + 1h);
  EXPECT_TRUE(clock.is_valid());
  EXPECT_TRUE(clock.extend(net::since_boot() + 2h));
  clock.end();
  EXPECT_FALSE(clock.is_valid());
  EXPECT_FALSE(clock.extend(net::since_boot() + 2h)) << "the answer came too late";
  EXPECT_FALSE(clock.is_valid());
}

// One who would like to lead, and what happened to it.
class Contender {
 public:
  Contender(std::vector<std::string> endpoints, std::uint64_t id) {
    LeadershipOptions options;
    options.target.endpoints = std::move(endpoints);
    options.lease = 1s;
    options.address = "127.0.0.1:" + std::to_string(id);
    options.version = "v";
    options.id = id;
    Leadership::Events events;
    events.elected = [this](const EtcdFence& term) { note([&] { terms_.push_back(term); }); };
    events.lost = [this](const std::string& why) { note([&] { losses_.push_back(why); }); };
    events.log = [this](const std::string& line) {
      if (on_log_) on_log_(line);
      note([&] { log_ += line + "\n"; });
    };
    leadership_ = std::make_unique<Leadership>(std::move(options), std::move(events));
  }
  Leadership& leadership() { return *leadership_; }
  void end() { leadership_.reset(); }
  // On the thread of Leadership, before has_said() knows of the line. Set it before campaign().
  void on_log(std::function<void(const std::string& line)> call) { on_log_ = std::move(call); }

  bool is_elected(std::size_t times = 1) {
    return wait([&] { return terms_.size() >= times; });
  }
  bool has_lost() {
    return wait([&] { return !losses_.empty(); });
  }
  bool has_said(const std::string& words) {
    return wait([&] { return log_.find(words) != std::string::npos; });
  }
  bool leads() const { return leadership_->epoch() != 0; }
  EtcdFence term() {
    const std::lock_guard lock(mutex_);
    return terms_.back();
  }
  std::string loss() {
    const std::lock_guard lock(mutex_);
    return losses_.back();
  }

 private:
  void note(const std::function<void()>& what) {
    const std::lock_guard lock(mutex_);
    what();
    changed_.notify_all();
  }
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<EtcdFence> terms_;
  std::vector<std::string> losses_;
  std::string log_;
  std::function<void(const std::string&)> on_log_;
  std::unique_ptr<Leadership> leadership_;
};

class LeadershipTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
  }
  std::vector<std::string> endpoints() const { return {server_->endpoint()}; }

  std::unique_ptr<test::EtcdServer> server_;
};

TEST_F(LeadershipTest, OneOfThreeLeadsAndTheNextFollowsIt) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  EXPECT_TRUE(a.leadership().may_send());
  Contender b(endpoints(), 2);
  Contender c({"127.0.0.1:1", server_->endpoint()}, 3);
  b.leadership().campaign();
  c.leadership().campaign();
  ASSERT_TRUE(b.has_said("127.0.0.1:1 leads"));
  ASSERT_TRUE(c.has_said("127.0.0.1:1 leads"));
  EXPECT_EQ(b.leadership().leader(), "127.0.0.1:1");
  EXPECT_FALSE(b.leadership().may_send());

  const core::TimePoint begin = net::monotonic_now();
  a.end();  // as with SIGTERM: the lease is given back
  while (!b.leads() && !c.leads()) ::poll(nullptr, 0, 5);
  EXPECT_LT(net::monotonic_now() - begin, 900ms) << "no lease had to run out";
  EXPECT_NE(b.leads(), c.leads());
}

TEST_F(LeadershipTest, EpochsGrowAndTheOldOneIsFenced) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  const EtcdFence first = a.term();
  a.leadership().resign(0ms);
  EXPECT_FALSE(a.leadership().may_send());
  EXPECT_EQ(a.leadership().epoch(), 0);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected(2));
  EXPECT_GT(a.term().revision, first.revision);
  EXPECT_EQ(a.leadership().elections(), 2u);
  auto registry = EtcdRegistry::open(server_->client(), "/shoal", first, {0, 0xc1});
  EXPECT_TRUE(absl::IsUnavailable(registry.status())) << registry.status();
}

TEST_F(LeadershipTest, WhoResignsLeavesItToOthers) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  Contender b(endpoints(), 2);
  b.leadership().campaign();
  ASSERT_TRUE(b.has_said("127.0.0.1:1 leads"));
  a.leadership().resign(1h);
  a.leadership().campaign();
  ASSERT_TRUE(b.is_elected());
  ASSERT_TRUE(a.has_said("127.0.0.1:2 leads"));
  b.end();
  ASSERT_TRUE(a.is_elected(2)) << "somebody had it meanwhile";
}

// resign() does not wait for an etcd that hangs, so the next campaign may begin before the term has
// been taken down.
TEST_F(LeadershipTest, WhoStandsAgainWhileItResignsIsElected) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  server_->signal(SIGSTOP);
  std::thread resigning([&a] { a.leadership().resign(0ms); });
  while (a.leadership().may_send()) ::poll(nullptr, 0, 1);
  a.leadership().campaign();
  server_->signal(SIGCONT);
  resigning.join();
  EXPECT_TRUE(a.is_elected(2));
}

TEST_F(LeadershipTest, AStoppedEtcdEndsTheTermInTime) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  server_->signal(SIGSTOP);
  ASSERT_TRUE(a.has_lost());
  EXPECT_THAT(a.loss(), testing::HasSubstr("could not be renewed in time"));
  EXPECT_FALSE(a.leadership().may_send());
  server_->signal(SIGCONT);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected(2)) << "it comes back";
  EXPECT_TRUE(a.has_said("etcd answers again"));
}

TEST_F(LeadershipTest, ALeaseThatIsGoneEndsTheTerm) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  const EtcdOp drop{
      .kind = EtcdOp::Kind::kDelete, .key = "/shoal/leader", .value = {}, .range_end = {}};
  ASSERT_TRUE(server_->client()->txn({.compare = {}, .success = {drop}, .failure = {}}).ok());
  a.leadership().verify();
  ASSERT_TRUE(a.has_lost());
  EXPECT_EQ(a.loss(), "another master leads");
}

TEST_F(LeadershipTest, AFalseClaimOfALaterLeaderIsOnlyLogged) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  a.leadership().verify();
  ASSERT_TRUE(a.has_said("etcd knows of none"));
  EXPECT_TRUE(a.leads());
}

TEST_F(LeadershipTest, GivingUpIsAtOnce) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  a.leadership().give_up("the registry failed");
  EXPECT_FALSE(a.leadership().may_send());
  ASSERT_TRUE(a.has_lost());
  EXPECT_EQ(a.loss(), "the registry failed");
}

// The renewal then finds a lease that was ended, and must not say that it had run out.
TEST_F(LeadershipTest, GivingUpBesideARenewalKeepsItsReason) {
  Contender a(endpoints(), 1);
  a.on_log([&a](const std::string& line) {
    if (line.find("etcd knows of none") != std::string::npos) {
      a.leadership().give_up("the registry failed");
    }
  });
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  a.leadership().verify();
  ASSERT_TRUE(a.has_lost());
  EXPECT_EQ(a.loss(), "the registry failed");
}

TEST_F(LeadershipTest, TheLeaderListsAllThatAreAlive) {
  Contender a(endpoints(), 1);
  a.leadership().campaign();
  ASSERT_TRUE(a.is_elected());
  {
    Contender b(endpoints(), 2);
    b.leadership().campaign();
    ASSERT_TRUE(b.has_said("127.0.0.1:1 leads"));
    while (a.leadership().masters().size() != 2) ::poll(nullptr, 0, 10);
    const std::vector<MasterEntry> all = a.leadership().masters();
    EXPECT_TRUE(all[0].leads);
    EXPECT_EQ(all[0].address, "127.0.0.1:1");
    EXPECT_EQ(all[1].id, "0000000000000002");
    EXPECT_EQ(all[1].version, "v");
    EXPECT_GT(all[1].since_ms, 0);
  }
  while (a.leadership().masters().size() != 1) ::poll(nullptr, 0, 10);
}

TEST(LeadershipWithoutEtcdTest, ItWaitsAndSaysSo) {
  Contender a({"127.0.0.1:1"}, 1);
  a.leadership().campaign();
  EXPECT_TRUE(a.has_said("etcd at 127.0.0.1:1: Couldn't connect to server; waiting for it"));
  EXPECT_FALSE(a.leads());
}

}  // namespace
}  // namespace shoal::master
