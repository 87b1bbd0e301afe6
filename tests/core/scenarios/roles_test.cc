// The tree of roles: nested roles, the virtual leaf, several roles per framework and several
// frameworks per role.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using RolesScenario = ScenarioTest;

TEST_P(RolesScenario, TheDefaultRoleIsTheStar) {
  const FrameworkId f = framework(FrameworkOptions{});
  agent("cpus:1;mem:100");
  EXPECT_EQ(held(f).at(0).role, "*");
  EXPECT_EQ(role("*").frameworks, 1u);
}

TEST_P(RolesScenario, SubtreesShareBeforeTheirChildrenDo) {
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId web = framework("eng/web");
  const FrameworkId ops = framework("ops");
  agents(8, "cpus:1;mem:100");
  EXPECT_EQ(offers(ops), 4u);
  EXPECT_EQ(offers(ads), 2u);
  EXPECT_EQ(offers(web), 2u);
  EXPECT_EQ(allocated("eng"), "cpus:4;mem:400");
}

// Mesos' virtual leaf: the members of a role that has children are one child more.
TEST_P(RolesScenario, MembersOfAParentAreOneMoreChild) {
  const std::vector<FrameworkId> eng = {framework("eng"), framework("eng")};
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId web = framework("eng/web");
  agents(12, "cpus:1;mem:100");
  EXPECT_EQ(offers(eng[0]) + offers(eng[1]), 4u);
  EXPECT_EQ(offers(eng[0]), 2u);
  EXPECT_EQ(offers(ads), 4u);
  EXPECT_EQ(offers(web), 4u);
}

TEST_P(RolesScenario, AChildThatComesLaterMakesTheParentsMembersOneChild) {
  const FrameworkId parent = framework("eng");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(parent), 4u);
  const FrameworkId child = framework("eng/ads");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(parent), 4u);
  EXPECT_EQ(offers(child), 4u);
  teardown(child);  // and back again
  EXPECT_EQ(offers(parent), 8u);
}

TEST_P(RolesScenario, ThreeLevelsDivideEvenly) {
  const FrameworkId batch = framework("eng/ads/batch");
  const FrameworkId serve = framework("eng/ads/serve");
  const FrameworkId web = framework("eng/web");
  const FrameworkId ops = framework("ops");
  agents(16, "cpus:1;mem:100");
  EXPECT_EQ(offers(ops), 8u);
  EXPECT_EQ(offers(web), 4u);
  EXPECT_EQ(offers(batch), 2u);
  EXPECT_EQ(offers(serve), 2u);
}

TEST_P(RolesScenario, ATaskCountsInItsRoleAndAllAbove) {
  const FrameworkId f = framework("eng/ads/batch");
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  suppress(f);
  decline(f, 0);
  for (const std::string_view name : {"eng/ads/batch", "eng/ads", "eng"}) {
    EXPECT_EQ(allocated(name), "cpus:1;mem:100") << name;
  }
  finish("t");
  for (const std::string_view name : {"eng/ads/batch", "eng/ads", "eng"}) {
    EXPECT_EQ(allocated(name), "none") << name;
  }
}

TEST_P(RolesScenario, EachOfferIsForOneRole) {
  const FrameworkId f = framework({.roles = {"a", "b", "c/d"}});
  agents(6, "cpus:1;mem:100");
  for (const std::string_view name : {"a", "b", "c/d"}) {
    EXPECT_EQ(offered(f, name), "cpus:2;mem:200") << name;
  }
}

TEST_P(RolesScenario, TheNextSubscriptionReplacesTheRoles) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  cluster.disconnect(f);
  framework({.roles = {"b", "c"}}, f);
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:2;mem:200");
  EXPECT_EQ(offered(f, "c"), "cpus:2;mem:200");
  EXPECT_EQ(row("a").frameworks.load(), 0u);
  EXPECT_EQ(role("b").frameworks, 1u);
}

TEST_P(RolesScenario, TasksOfARoleThatWasLeftStillCountThere) {
  const FrameworkId f = framework("old");
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100", 3'600'000));
  cluster.disconnect(f);
  framework({.roles = {"new"}}, f);
  EXPECT_EQ(allocated("old"), "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "new"), "cpus:3;mem:300");
  finish("t");
  EXPECT_EQ(allocated("old"), "none");
}

TEST_P(RolesScenario, RolesAreShownWithWhatTheyHold) {
  ASSERT_EQ(weight("eng/ads", 2000), "");
  const FrameworkId f = framework("eng/ads");
  agents(2, "cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:4;mem:400"));
  const RoleSummary summary = role("eng/ads");
  EXPECT_EQ(summary.frameworks, 1u);
  EXPECT_EQ(summary.weight, 2000);
  EXPECT_EQ(to_string(summary.allocated), "cpus:8;mem:800");
  EXPECT_EQ(to_string(summary.offered), "cpus:4;mem:400");
  EXPECT_EQ(summary.dominant_share_ppm, 1'000'000u);
  EXPECT_EQ(to_string(role("eng").allocated), "cpus:8;mem:800");
}

// Roles that differ in a prefix of their names have nothing to do with each other.
TEST_P(RolesScenario, APrefixIsNotAParent) {
  ASSERT_EQ(limit("eng", "cpus:0"), "");
  const FrameworkId engine = framework("engine");
  const FrameworkId eng = framework("eng");
  agent("cpus:1;mem:100");
  EXPECT_EQ(offers(engine), 1u);
  EXPECT_EQ(offers(eng), 0u);
}

TEST_P(RolesScenario, SixtyFourRolesAndNotOneMore) {
  FrameworkOptions options;
  for (std::size_t i = 0; i < kMaxRolesPerFramework; ++i) {
    options.roles.push_back("r" + std::to_string(i));
  }
  EXPECT_EQ(refused_subscription(options), "");
  options.roles.push_back("one-more");
  EXPECT_THAT(refused_subscription(options), testing::HasSubstr("64 roles"));
  agents(64, "cpus:1;mem:100");
  EXPECT_EQ(allocated("r0"), "cpus:1;mem:100");
  EXPECT_EQ(allocated("r63"), "cpus:1;mem:100");
}

TEST_P(RolesScenario, BadNamesAreRefusedWithTheReason) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"..", "part '.' or '..'"},
      {"eng/./ads", "part '.' or '..'"},
      {"/", "starts with a slash"},
      {"/eng", "starts with a slash"},
      {"eng/", "ends with a slash"},
      {"eng//ads", "two slashes"},
      {"eng/*", "only a role by itself"},
      {"-eng", "starts with '-'"},
      {"my role", "white space"},
      {"", "is empty"},
      {std::string(10'000, 'x'), "10000 bytes; the limit is 256"},
      {"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "17 parts; the limit is 16"},
      {"eng\x01", "not clean UTF-8"}};
  for (const auto& [name, reason] : bad) {
    EXPECT_THAT(refused_subscription({.roles = {name}}), testing::HasSubstr(reason)) << name;
    EXPECT_THAT(limit(name, "cpus:1"), testing::HasSubstr(reason)) << name;
  }
  EXPECT_EQ(cluster.shard().directory.size(), 0u);
  EXPECT_EQ(counted(&ShardCounters::refusals), 2 * bad.size());
}

TEST_P(RolesScenario, TheTableOfRolesIsFullAtItsBound) {
  std::string refusal;
  std::uint32_t named = 0;
  for (; refusal.empty() && named < 100'000; ++named) {
    refusal =
        std::string(cluster.tables().roles.intern("r" + std::to_string(named)).status().message());
  }
  EXPECT_LT(named, kMaxRoles + 1);
  EXPECT_THAT(refused_subscription({.roles = {"another"}}), testing::HasSubstr("roles"));
  EXPECT_EQ(refused_subscription({.roles = {"r1"}}), "");  // known ones still work
}

INSTANTIATE_TEST_SUITE_P(Shards, RolesScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
