// Offer constraints: which agents a framework wants to see, in a role.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using Target = ConstraintTarget;
using Is = ConstraintTest;

class ConstraintsScenario : public ScenarioTest {
 protected:
  // Three agents, and which of them (by hostname) a framework with these constraints is offered.
  std::string seen_with(std::vector<OfferConstraintView> constraints) {
    if (!has_agents_) {
      agent("cpus:1;mem:100", {.hostname = "a1.local",
                               .attributes = {{"rack", "r1"}, {"ssd", "yes"}},
                               .region = "eu",
                               .zone = "eu-1"});
      agent(
          "cpus:1;mem:100",
          {.hostname = "a2.local", .attributes = {{"rack", "r2"}}, .region = "eu", .zone = "eu-2"});
      agent("cpus:1;mem:100", {.hostname = "b3.local"});
      has_agents_ = true;
    }
    const FrameworkId f = framework({.roles = {"eng"}, .constraints = std::move(constraints)});
    std::string out;
    for (const std::string_view host : {"a1.local", "a2.local", "b3.local"}) {
      for (const SeenOffer& offer : held(f)) {
        if (cluster.agent(offer.agent).description->hostname == host) out += host.substr(0, 2);
      }
    }
    teardown(f);
    return out;
  }
  static OfferConstraintView rack(Is test, std::string_view value = "", std::uint32_t group = 0) {
    return constraint("eng", Target::kAttribute, "rack", test, value, group);
  }

 private:
  bool has_agents_ = false;
};

TEST_P(ConstraintsScenario, Existence) {
  EXPECT_EQ(seen_with({}), "a1a2b3");
  EXPECT_EQ(seen_with({rack(Is::kExists)}), "a1a2");
  EXPECT_EQ(seen_with({rack(Is::kNotExists)}), "b3");
}

TEST_P(ConstraintsScenario, Equality) {
  EXPECT_EQ(seen_with({rack(Is::kTextEquals, "r1")}), "a1");
  EXPECT_EQ(seen_with({rack(Is::kTextNotEquals, "r1")}), "a2b3");
  EXPECT_EQ(seen_with({rack(Is::kTextEquals, "r")}), "");
}

TEST_P(ConstraintsScenario, RegularExpressions) {
  EXPECT_EQ(seen_with({rack(Is::kTextMatches, "r[12]")}), "a1a2");
  EXPECT_EQ(seen_with({rack(Is::kTextMatches, "r")}), "");  // the whole text
  EXPECT_EQ(seen_with({rack(Is::kTextNotMatches, "r[1]")}), "a2b3");
}

TEST_P(ConstraintsScenario, HostnameRegionAndZone) {
  EXPECT_EQ(seen_with({constraint("eng", Target::kHostname, "", Is::kTextMatches, "a.*")}), "a1a2");
  EXPECT_EQ(seen_with({constraint("eng", Target::kRegion, "", Is::kNotExists)}), "b3");
  EXPECT_EQ(seen_with({constraint("eng", Target::kZone, "", Is::kTextEquals, "eu-2")}), "a2");
}

TEST_P(ConstraintsScenario, AllOfAGroupAndOneOfTheGroups) {
  const auto ssd = constraint("eng", Target::kAttribute, "ssd", Is::kExists);
  EXPECT_EQ(seen_with({rack(Is::kExists), ssd}), "a1");
  EXPECT_EQ(seen_with({rack(Is::kTextEquals, "r2"), ssd}), "");
  EXPECT_EQ(seen_with({rack(Is::kTextEquals, "r1", 1), rack(Is::kNotExists, "", 2)}), "a1b3");
}

TEST_P(ConstraintsScenario, TheyAreForOneRole) {
  const FrameworkId f =
      framework({.roles = {"eng", "ops"}, .constraints = {rack(Is::kTextEquals, "r1")}});
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "eng"), "nothing");
  EXPECT_EQ(offered(f, "ops"), "cpus:2;mem:200");
  agent("cpus:1;mem:100", {.attributes = {{"rack", "r1"}}});
  EXPECT_EQ(offered(f, "eng"), "cpus:1;mem:100");
}

TEST_P(ConstraintsScenario, ReservedResourcesAreExcludedToo) {
  const FrameworkId f = framework({.roles = {"eng"}, .constraints = {rack(Is::kTextEquals, "r1")}});
  agent("cpus(eng):1;mem(eng):100");
  EXPECT_EQ(offers(f), 0u);
}

TEST_P(ConstraintsScenario, NewOnesCountFromTheNextSubscription) {
  const FrameworkId f = framework({.roles = {"eng"}, .constraints = {rack(Is::kTextEquals, "r1")}});
  agent("cpus:1;mem:100", {.attributes = {{"rack", "r2"}}});
  EXPECT_EQ(offers(f), 0u);
  cluster.disconnect(f);
  framework({.roles = {"eng"}, .constraints = {rack(Is::kTextEquals, "r2")}}, f);
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(ConstraintsScenario, AnAgentThatComesBackIsLookedAtAnew) {
  const FrameworkId f = framework({.roles = {"eng"}, .constraints = {rack(Is::kTextEquals, "r1")}});
  const AgentId a = agent("cpus:1;mem:100", {.attributes = {{"rack", "r2"}}});
  cluster.disconnect(a);
  reconnect(a, "cpus:1;mem:100", {.attributes = {{"rack", "r1"}}});
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(ConstraintsScenario, BadOnesAreRefused) {
  const auto refused = [this](const OfferConstraintView& bad) {
    return refused_subscription({.roles = {"eng"}, .constraints = {bad}});
  };
  EXPECT_THAT(refused(rack(Is::kTextMatches, "r[")), testing::HasSubstr("regular expression"));
  EXPECT_THAT(refused(rack(Is::kTextMatches, std::string(kMaxRegexBytes + 1, 'x'))),
              testing::HasSubstr("the limit is 256"));
  EXPECT_THAT(refused(rack(Is::kTextMatches, "(a{1,50}){1,9}")),
              testing::HasSubstr("regular expression"));
  EXPECT_THAT(refused(rack(Is::kExists, "r1")), testing::HasSubstr("takes no value"));
  EXPECT_THAT(refused(constraint("eng", Target::kAttribute, "", Is::kExists)),
              testing::HasSubstr("has no name"));
  EXPECT_THAT(refused(constraint("eng", Target::kZone, "z", Is::kExists)),
              testing::HasSubstr("only attributes have a name"));
  EXPECT_EQ(cluster.shard().directory.size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, ConstraintsScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
