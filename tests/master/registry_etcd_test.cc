#include "master/registry_etcd.h"

#include <gmock/gmock.h>

#include "core/status.h"
#include "tests/master/etcd_server.h"
#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

using testing::HasSubstr;

class EtcdRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
    client_ = server_->client();
    lead();
  }
  // The leader key anew.
  void lead() {
    const EtcdOp drop{
        .kind = EtcdOp::Kind::kDelete, .key = "/shoal/leader", .value = {}, .range_end = {}};
    ASSERT_TRUE(client_->txn({.compare = {}, .success = {drop}, .failure = {}}).ok());
    fence_ = {.key = "/shoal/leader", .value = "me"};
    fence_.revision = put(fence_.key, fence_.value);
  }
  std::int64_t put(const std::string& key, const std::string& value) {
    const EtcdOp op{.key = key, .value = value, .range_end = {}};
    const auto done = client_->txn({.compare = {}, .success = {op}, .failure = {}});
    EXPECT_TRUE(done.ok()) << done.status();
    return done.ok() ? done->revision : 0;
  }
  std::string get(const std::string& key) {
    const auto found = client_->range({.key = key, .range_end = {}});
    return found.ok() && !found->rows.empty() ? found->rows.front().value : "";
  }
  absl::StatusOr<std::unique_ptr<EtcdRegistry>> open(std::uint64_t expected = 0) {
    return EtcdRegistry::open(server_->client(), "/shoal", fence_, {expected, 0xc1});
  }
  absl::StatusOr<std::unique_ptr<EtcdRegistry>> open_to_read() {
    return EtcdRegistry::open(server_->client(), "/shoal", std::nullopt, {});
  }
  std::string why_not(std::uint64_t expected = 0) {
    auto registry = open(expected);
    if (!registry.ok()) return std::string(core::message_of(registry.status()));
    return std::string(core::message_of((*registry)->load().status()));
  }
  void fill() {
    auto registry = open();
    ASSERT_TRUE(registry.ok()) << registry.status();
    const std::vector<core::RegistryRow> rows = {an_agent(1), an_agent(2), a_framework(3),
                                                 a_role("dev/ops"), a_role("eng")};
    ASSERT_TRUE((*registry)->apply(rows).ok());
  }

  std::unique_ptr<test::EtcdServer> server_;
  std::unique_ptr<EtcdClient> client_;
  EtcdFence fence_;
};

TEST_F(EtcdRegistryTest, WhoNoLongerLeadsCannotWrite) {
  fill();
  auto old = open();
  ASSERT_TRUE(old.ok());
  lead();  // the same value, at a later revision
  const std::vector<core::RegistryRow> rows = {core::ForgottenAgent{core::AgentId{1}}};
  EXPECT_THAT((*old)->apply(rows).ToString(), HasSubstr("no longer leads"));
  EXPECT_EQ((*open())->load()->agents.size(), 2u);
  put("/shoal/leader", "somebody else");
  EXPECT_THAT(why_not(), HasSubstr("no longer leads"));
}

TEST_F(EtcdRegistryTest, TheLastChangeOfARowCounts) {
  auto registry = open();
  ASSERT_TRUE(registry.ok());
  core::RegisteredAgent gone = an_agent(1);
  gone.standing = core::AgentStanding::kGone;
  const std::vector<core::RegistryRow> rows = {an_agent(1), gone, an_agent(2),
                                               core::ForgottenAgent{core::AgentId{2}}};
  ASSERT_TRUE((*registry)->apply(rows).ok());
  EXPECT_EQ(lines_of((*registry)->load().value()), lines_of({{gone}, {}, {}}));
}

// More than one transaction and one page.
TEST_F(EtcdRegistryTest, ALargeGroupIsStoredAsAWhole) {
  auto registry = open();
  ASSERT_TRUE(registry.ok());
  std::vector<core::RegistryRow> rows;
  for (std::uint64_t i = 1; i <= 3000; ++i) rows.emplace_back(an_agent(i));
  ASSERT_TRUE((*registry)->apply(rows).ok());
  EXPECT_EQ((*registry)->load()->agents.size(), 3000u);
  const auto journal = client_->range(
      {.key = "/shoal/journal/", .range_end = prefix_end("/shoal/journal/"), .limit = 0});
  EXPECT_TRUE(journal->rows.empty());
}

TEST_F(EtcdRegistryTest, AGroupThatWasCutOffIsFinishedOrForgotten) {
  fill();
  std::vector<core::RegistryRow> rows;
  for (std::uint64_t i = 1; i <= 300; ++i) rows.emplace_back(an_agent(i));
  {
    auto registry = open();
    ASSERT_TRUE(registry.ok());
    ASSERT_TRUE((*registry)->apply(rows).ok());
  }
  // As it is after the part that counts was written, and before all rows are.
  const auto history = client_->range({.key = "/shoal/leader", .range_end = {}});
  std::vector<EtcdRow> journal;
  for (std::int64_t revision = history->revision; journal.size() < 4; --revision) {
    const auto then = client_->range({.key = "/shoal/journal/",
                                      .range_end = prefix_end("/shoal/journal/"),
                                      .limit = 0,
                                      .revision = revision});
    ASSERT_TRUE(then.ok()) << then.status();
    journal = then->rows;
  }
  for (const EtcdRow& part : journal) put(part.key, part.value);
  const EtcdOp drop{.kind = EtcdOp::Kind::kDelete,
                    .key = "/shoal/rows/agents/",
                    .value = {},
                    .range_end = prefix_end("/shoal/rows/agents/")};
  ASSERT_TRUE(client_->txn({.compare = {}, .success = {drop}, .failure = {}}).ok());
  EXPECT_EQ((*open_to_read())->load()->agents.size(), 300u) << "whoever reads sees all of it";
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(get("/shoal/journal/commit"), "");
  EXPECT_NE(get("/shoal/rows/agents/a-0000000000000001"), "");

  put(journal.front().key, journal.front().value);  // no commit: it never was
  ASSERT_TRUE(client_->txn({.compare = {}, .success = {drop}, .failure = {}}).ok());
  EXPECT_TRUE((*open())->load()->agents.empty());
  put("/shoal/journal/00000000", "x" + journal.front().value);
  put("/shoal/journal/commit", "{\"parts\":1}");
  EXPECT_THAT(why_not(), HasSubstr("00000000 is damaged: its checksum is wrong"));
  put("/shoal/journal/commit", "{\"parts\":2}");
  EXPECT_THAT(why_not(), HasSubstr("not as many parts"));
}

TEST_F(EtcdRegistryTest, WhatIsNotItsOwnIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(open_to_read().status()));
  fill();
  EXPECT_EQ((*open(0xc1))->cluster_id(), 0xc1u);
  EXPECT_THAT(why_not(0xc2), HasSubstr("of the cluster 00000000000000c1, the folder of"));
  put("/shoal/cluster", R"({"cluster_id":"00000000000000c1","format":2})");
  EXPECT_THAT(why_not(), HasSubstr("written by a newer version (format 2, this one knows 1)"));
  for (const char* text :
       {"", "[", R"({"format":1})", R"({"format":"1"})", R"({"format":1,"cluster_id":"xyz"})"}) {
    put("/shoal/cluster", text);
    EXPECT_THAT(why_not(), HasSubstr("this is not a registry")) << text;
  }
}

TEST_F(EtcdRegistryTest, ADamagedRowIsNamed) {
  fill();
  const std::string key = "/shoal/rows/agents/a-0000000000000002";
  const std::string good = get(key);
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    put(key, bad);
    EXPECT_THAT(why_not(), HasSubstr("the row 'agents/a-0000000000000002' is damaged")) << bad;
  }
  put(key, get("/shoal/rows/agents/a-0000000000000001"));
  EXPECT_THAT(why_not(), HasSubstr("that of another key"));
  put(key, good);
  put("/shoal/rows/songs/1", good);
  EXPECT_THAT(why_not(), HasSubstr("there is no such table"));
}

TEST_F(EtcdRegistryTest, CancelEndsAWrite) {
  auto registry = open();
  ASSERT_TRUE(registry.ok());
  (*registry)->cancel();
  const std::vector<core::RegistryRow> rows = {an_agent(1)};
  EXPECT_TRUE(absl::IsCancelled((*registry)->apply(rows)));
}

}  // namespace
}  // namespace shoal::master
