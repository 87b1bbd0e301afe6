// What every driver of the registry does.
#include <gmock/gmock.h>

#include <filesystem>

#include "master/registry_etcd.h"
#include "master/registry_sqlite.h"
#include "tests/master/etcd_server.h"
#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

enum class Driver { kSqlite, kEtcd };

class RegistryStoreTest : public testing::TestWithParam<Driver> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-registry-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    if (GetParam() == Driver::kSqlite) return;
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
    const EtcdOp op{.key = "/shoal/leader", .value = "me", .range_end = {}};
    const auto led = server_->client()->txn({.compare = {}, .success = {op}, .failure = {}});
    ASSERT_TRUE(led.ok()) << led.status();
    fence_ = {.key = "/shoal/leader", .value = "me", .revision = led->revision};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<RegistryStore> open() {
    if (GetParam() == Driver::kEtcd) {
      auto registry = EtcdRegistry::open(server_->client(), "/shoal", fence_, {0, 0xc1});
      EXPECT_TRUE(registry.ok()) << registry.status();
      return registry.ok() ? *std::move(registry) : nullptr;
    }
    auto registry =
        SqliteRegistry::open(folder_ + "/registry.db", 0xc1, SqliteRegistry::Mode::kWrite);
    EXPECT_TRUE(registry.ok()) << registry.status();
    return registry.ok() ? *std::move(registry) : nullptr;
  }
  // As the next master finds it.
  std::string kept() {
    auto registry = open();
    auto contents = registry->load();
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.ok() ? lines_of(*contents) : "";
  }

  std::string folder_;
  std::unique_ptr<test::EtcdServer> server_;
  EtcdFence fence_;
};

TEST_P(RegistryStoreTest, KeepsWhatWasApplied) {
  EXPECT_EQ(kept(), "");
  {
    auto registry = open();
    const std::vector<core::RegistryRow> rows = {an_agent(1), an_agent(2), a_framework(3),
                                                 a_role("dev"), a_role("eng/infra")};
    ASSERT_TRUE(registry->apply(rows).ok());
    core::RegisteredAgent changed = an_agent(2);
    changed.standing = core::AgentStanding::kGone;
    const std::vector<core::RegistryRow> more = {
        changed, core::ForgottenAgent{core::AgentId{1}}, core::ForgottenAgent{core::AgentId{99}},
        core::RegisteredRole{.name = "eng/infra", .guarantees = {}}};
    ASSERT_TRUE(registry->apply(more).ok());
  }
  core::RegisteredAgent gone = an_agent(2);
  gone.standing = core::AgentStanding::kGone;
  EXPECT_EQ(kept(), lines_of({{gone}, {a_framework(3)}, {a_role("dev")}}));
}

TEST_P(RegistryStoreTest, RowsAreAppliedInOrder) {
  core::RegisteredAgent gone = an_agent(1);
  gone.standing = core::AgentStanding::kGone;
  const std::vector<core::RegistryRow> rows = {an_agent(1), core::ForgottenAgent{core::AgentId{1}},
                                               an_agent(1), gone,
                                               an_agent(2), core::ForgottenAgent{core::AgentId{2}}};
  ASSERT_TRUE(open()->apply(rows).ok());
  EXPECT_EQ(kept(), lines_of({{gone}, {}, {}}));
}

TEST_P(RegistryStoreTest, AnyNumberOfRowsIsOneGroup) {
  std::vector<core::RegistryRow> rows;
  core::RegistryContents expected;
  for (std::uint64_t i = 1; i <= 600; ++i) {
    rows.emplace_back(an_agent(i));
    expected.agents.push_back(an_agent(i));
  }
  ASSERT_TRUE(open()->apply(rows).ok());
  EXPECT_EQ(kept(), lines_of(expected));
  ASSERT_TRUE(open()->apply({}).ok());
}

TEST_P(RegistryStoreTest, KeepsLongAndOddTexts) {
  core::RegisteredAgent agent = an_agent(1);
  agent.hostname = std::string(4000, '"');
  agent.address = "\xe2\x82\xac, \\u0041\n\t'";
  ASSERT_TRUE(open()->apply(std::vector<core::RegistryRow>{agent}).ok());
  EXPECT_EQ(kept(), lines_of({{agent}, {}, {}}));
}

INSTANTIATE_TEST_SUITE_P(Drivers, RegistryStoreTest,
                         testing::Values(Driver::kSqlite, Driver::kEtcd), [](const auto& driver) {
                           return driver.param == Driver::kSqlite ? "Sqlite" : "Etcd";
                         });

}  // namespace
}  // namespace shoal::master
