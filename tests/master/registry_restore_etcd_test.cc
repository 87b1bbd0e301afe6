#include "master/registry_restore_etcd.h"

#include <gmock/gmock.h>

#include "core/status.h"
#include "master/registry_etcd.h"
#include "tests/master/etcd_server.h"
#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

using testing::HasSubstr;

class RestoreToEtcdTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
    target_ = parse_etcd_target(server_->url()).value();
    backup_.roles.push_back(a_role("dev/ops"));
    for (std::uint64_t id = 1; id <= 300; ++id) backup_.agents.push_back(an_agent(id));
    backup_.frameworks.push_back(a_framework(7));
  }
  absl::Status restore(const core::RegistryContents& contents, bool replaces = false) {
    return restore_registry_to_etcd(target_, 0xc1, contents, replaces);
  }
  absl::StatusOr<core::RegistryContents> load(std::uint64_t* cluster = nullptr) {
    auto registry = EtcdRegistry::open(server_->client(), target_.prefix, std::nullopt, {});
    if (!registry.ok()) return registry.status();
    if (cluster != nullptr) *cluster = (*registry)->cluster_id();
    return (*registry)->load();
  }
  void put(const std::string& key, const std::string& value) {
    const EtcdOp op{.key = key, .value = value, .range_end = {}};
    ASSERT_TRUE(server_->client()->txn({.compare = {}, .success = {op}, .failure = {}}).ok());
  }
  bool has_leader() {
    return !server_->client()->range({.key = "/shoal/leader", .range_end = {}})->rows.empty();
  }

  std::unique_ptr<test::EtcdServer> server_;
  EtcdTarget target_;
  core::RegistryContents backup_;  // more than one transaction takes
};

TEST_F(RestoreToEtcdTest, ABackupIsThereAsItWas) {
  const absl::Status done = restore(backup_);
  ASSERT_TRUE(done.ok()) << done;
  std::uint64_t cluster = 0;
  const auto found = load(&cluster);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(cluster, 0xc1u);
  EXPECT_EQ(lines_of(*found), lines_of(backup_));
  EXPECT_FALSE(has_leader()) << "the lead is free again";
}

TEST_F(RestoreToEtcdTest, WhatIsThereIsReplacedOnlyIfThatIsSaid) {
  ASSERT_TRUE(restore(backup_).ok());
  core::RegistryContents other;
  other.agents.push_back(an_agent(9));
  const absl::Status refused = restore(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("say --force"));
  EXPECT_EQ(lines_of(*load()), lines_of(backup_));
  ASSERT_TRUE(restore(other, true).ok());
  EXPECT_EQ(lines_of(*load()), lines_of(other));
}

TEST_F(RestoreToEtcdTest, WhileMastersAreAliveNothingIsChanged) {
  put("/shoal/masters/0001", "{}");
  absl::Status refused = restore(backup_, true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("1 masters are alive at /shoal"));
  EXPECT_TRUE(absl::IsNotFound(load().status()));
}

TEST_F(RestoreToEtcdTest, WhileSomebodyLeadsNothingIsChanged) {
  put("/shoal/leader", "somebody");
  const absl::Status refused = restore(backup_, true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("somebody leads at /shoal"));
  EXPECT_TRUE(absl::IsNotFound(load().status()));
  EXPECT_TRUE(has_leader());
}

}  // namespace
}  // namespace shoal::master
