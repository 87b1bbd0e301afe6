// The schemas of docs/CLI.md that came with roles, reservations and explanations.
#include "cli/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/explain.h"
#include "cli/list.h"
#include "cli/operate.h"
#include "cli/shares.h"

namespace shoal::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

core::Resources parse(std::string_view text) {
  auto resources = core::parse_resources(text);
  EXPECT_TRUE(resources.ok()) << resources.status();
  return resources.ok() ? *resources : core::Resources();
}

core::RoleSummary role() {
  core::RoleSummary out;
  out.name = "eng/ads";
  out.weight = 2500;
  out.frameworks = 3;
  out.allocated = *core::parse_quantities("cpus:2.5;mem:100");
  out.offered = *core::parse_quantities("cpus:1");
  out.reserved = *core::parse_quantities("disk:64");
  out.consumed = *core::parse_quantities("cpus:2.5;mem:100;disk:64");
  out.limits = *core::parse_quantities("cpus:10;gpus:0", core::kNoLimit);
  out.dominant_share_ppm = 250'000;
  return out;
}

TEST(JsonTest, Roles) {
  core::ClusterView view;
  view.roles.push_back(role());
  EXPECT_EQ(to_json(view, core::QueryKind::kRoles, true),
            R"({"role":"eng/ads","weight":2.5,"frameworks":3,)"
            R"("allocated":{"cpus":2.5,"mem_mib":100,"disk_mib":0,"gpus":0},)"
            R"("offered":{"cpus":1,"mem_mib":0,"disk_mib":0,"gpus":0},)"
            R"("reserved":{"cpus":0,"mem_mib":0,"disk_mib":64,"gpus":0},)"
            R"("consumed":{"cpus":2.5,"mem_mib":100,"disk_mib":64,"gpus":0},)"
            R"("limits":{"cpus":10,"mem_mib":null,"disk_mib":null,"gpus":0},)"
            R"("guarantees":{"cpus":0,"mem_mib":0,"disk_mib":0,"gpus":0},)"
            R"("dominant_share":0.25,"dominant":"cpus"})"
            "\n");
  view.roles[0].dominant_share_ppm = 1'000'000;
  EXPECT_THAT(to_json(view, core::QueryKind::kRoles, true), HasSubstr(R"("dominant_share":1.0,)"));
  view.roles[0].dominant_share_ppm = 7;
  EXPECT_THAT(to_json(view, core::QueryKind::kRoles, true),
              HasSubstr(R"("dominant_share":0.000007,)"));
}

TEST(JsonTest, QuotasAndWeights) {
  EXPECT_EQ(quotas_to_json({role()}, true),
            R"({"role":"eng/ads",)"
            R"("limits":{"cpus":10,"mem_mib":null,"disk_mib":null,"gpus":0},)"
            R"("guarantees":{"cpus":0,"mem_mib":0,"disk_mib":0,"gpus":0},)"
            R"("consumed":{"cpus":2.5,"mem_mib":100,"disk_mib":64,"gpus":0}})"
            "\n");
  EXPECT_EQ(weights_to_json({role()}, false), "[\n  {\"role\":\"eng/ads\",\"weight\":2.5}\n]\n");
  EXPECT_EQ(weights_to_json({}, false), "[]\n");
}

TEST(JsonTest, ResourcesAreSumsAndLots) {
  core::ClusterView view;
  core::AgentSummary agent;
  agent.total = parse(
      "cpus:4;cpus(ads,dynamic,by=ops,team=x):2;cpus{revocable}:1;licenses:3;ids:[1-5];"
      "bays:{left,right};disk(ads)[data:d,shared]:64");
  agent.region = "north";
  agent.zone = "n-1";
  view.agents.push_back(agent);
  const std::string text = to_json(view, core::QueryKind::kAgents, true);
  EXPECT_THAT(text, HasSubstr(R"("total":{"cpus":6,"mem_mib":0,"disk_mib":64,"gpus":0,"ports":[],)"
                              R"("custom":{"bays":["left","right"],"ids":["1-5"],"licenses":3},)"
                              R"("lots":[)"));
  EXPECT_THAT(text, HasSubstr(R"({"reservations":[{"role":"ads","dynamic":true,"principal":"ops",)"
                              R"("labels":{"team":"x"}}],"volume":null,"disk":"root",)"
                              R"("disk_root":"","revocable":false,"cpus":2,)"));
  EXPECT_THAT(text, HasSubstr(R"("volume":{"id":"data","path":"d","principal":"","shared":true})"));
  EXPECT_THAT(text, HasSubstr(R"("revocable":true,"cpus":1,)"));
  EXPECT_THAT(text,
              HasSubstr(R"("reserved":{"ads":{"cpus":2,"mem_mib":0,"disk_mib":64,"gpus":0}})"));
  EXPECT_THAT(text, HasSubstr(R"("region":"north","zone":"n-1")"));
  EXPECT_THAT(text, HasSubstr(R"("offered":{"cpus":0,"mem_mib":0,"disk_mib":0,"gpus":0,"ports":[],)"
                              R"("custom":{},"lots":[]})"));
}

TEST(JsonTest, FrameworksOffersAndTasksNameRoles) {
  core::ClusterView view;
  core::FrameworkSummary framework;
  framework.roles = {"ads", "web"};
  framework.suppressed_roles = {"web"};
  framework.capabilities = core::Capabilities().with(core::Capability::kGpu).bits();
  view.frameworks.push_back(framework);
  EXPECT_THAT(to_json(view, core::QueryKind::kFrameworks, true),
              AllOf(HasSubstr(R"("role":"ads")"), HasSubstr(R"("roles":["ads","web"])"),
                    HasSubstr(R"("suppressed_roles":["web"])"),
                    HasSubstr(R"("capabilities":["gpu","partition_aware"])")));
  core::OfferSummary offer;
  offer.role = "ads";
  view.offers.push_back(offer);
  EXPECT_THAT(to_json(view, core::QueryKind::kOffers, true), HasSubstr(R"("role":"ads")"));
  core::TaskSummary task;
  task.role = "web";
  view.tasks.push_back(task);
  EXPECT_THAT(to_json(view, core::QueryKind::kTasks, true), HasSubstr(R"("role":"web")"));
}

TEST(JsonTest, Volumes) {
  VolumeRow row;
  row.agent = core::AgentId{0xa};
  row.hostname = "h";
  row.role = "ads";
  row.volume = {.id = "data", .container_path = "d", .principal = "ops"};
  row.size = 64'000;
  EXPECT_EQ(volumes_to_json({row}, true),
            R"({"id":"data","role":"ads","agent":"a-000000000000000a","hostname":"h",)"
            R"("size_mib":64,"path":"d","principal":"ops","shared":false,"in_use":false})"
            "\n");
  EXPECT_THAT(render_volumes({row}, Terminal()), AllOf(HasSubstr("data"), HasSubstr("64")));
}

core::Explanation explanation() {
  core::Explanation out;
  out.framework = core::FrameworkId{0xf};
  out.name = "run x";
  out.role = "ads";
  out.wanted = parse("cpus:64");
  out.known = true;
  out.connected = true;
  out.agents = 3;
  out.counts[static_cast<std::size_t>(core::ExplainCause::kTooSmall)] = 2;
  out.counts[static_cast<std::size_t>(core::ExplainCause::kConstraint)] = 1;
  out.largest_total = *core::parse_quantities("cpus:4;mem:100");
  out.verdict = "no agent is large enough";
  return out;
}

TEST(JsonTest, Explanations) {
  const std::string text = to_json(explanation());
  EXPECT_THAT(text, HasSubstr(R"({"framework":"f-000000000000000f","name":"run x","role":"ads",)"
                              R"("wanted":{"cpus":64,)"));
  EXPECT_THAT(text, HasSubstr(R"("connected":true,"suppressed":false,"agents":3,"counts":{)"));
  EXPECT_THAT(text, HasSubstr(R"("too_small":2)"));
  EXPECT_THAT(text, HasSubstr(R"("filtered":0)"));
  EXPECT_THAT(text,
              HasSubstr(R"("largest_total":{"cpus":4,"mem_mib":100,"disk_mib":0,"gpus":0},)"));
  EXPECT_THAT(text, HasSubstr(R"("verdict":"no agent is large enough"})"));
}

TEST(RenderTest, Explanations) {
  const std::string text = render_explanation(explanation());
  EXPECT_THAT(text, HasSubstr("framework:  f-000000000000000f (run x)\n"));
  EXPECT_THAT(text, HasSubstr("wanted:     cpus:64\n"));
  EXPECT_THAT(text, HasSubstr(std::string("          2 ") +
                              std::string(core::describe(core::ExplainCause::kTooSmall)) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr(std::string(core::describe(core::ExplainCause::kFiltered)))));
  EXPECT_THAT(text, HasSubstr("verdict:    no agent is large enough\n"));
}

TEST(RenderTest, RolesQuotasAndWeights) {
  core::ClusterView view;
  view.roles.push_back(role());
  const std::string table = render_list(view, core::QueryKind::kRoles, false, Terminal(), 0);
  EXPECT_THAT(table, AllOf(HasSubstr("eng/ads"), HasSubstr("2.5"), HasSubstr("25% of cpus"),
                           HasSubstr("cpus:10;gpus:0")));
  const std::string block = render_list(view, core::QueryKind::kRoles, true, Terminal(), 0);
  EXPECT_THAT(block, AllOf(HasSubstr("consumed:   cpus:2.5;mem:100;disk:64\n"),
                           HasSubstr("guarantees: none\n")));
  EXPECT_EQ(render_names(view, core::QueryKind::kRoles), "eng/ads\n");
  EXPECT_THAT(render_quotas(view.roles, Terminal()), HasSubstr("cpus:10;gpus:0"));
  EXPECT_THAT(render_weights(view.roles, Terminal()), HasSubstr("2.5"));
  EXPECT_TRUE(has_quota(view.roles[0]));
  EXPECT_FALSE(has_quota(core::RoleSummary()));
}

TEST(RenderTest, SharesAreShownEvenWhenTheyAreSmall) {
  core::RoleSummary summary;
  EXPECT_EQ(share_of(summary), "-");
  summary.dominant_share_ppm = 3;
  summary.dominant = core::ResourceKind::kMem;
  EXPECT_EQ(share_of(summary), "0.01% of mem");
  summary.dominant_share_ppm = 1'000'000;
  EXPECT_EQ(share_of(summary), "100% of mem");
}

TEST(RenderTest, AgentsCountWhatIsReserved) {
  core::ClusterView view;
  core::AgentSummary agent;
  agent.hostname = "h";
  agent.total = parse("cpus:4;cpus(ads):2");
  agent.used = parse("cpus(ads):1");
  view.agents.push_back(agent);
  EXPECT_THAT(render_list(view, core::QueryKind::kAgents, false, Terminal(), 0), HasSubstr("1/6"));
  EXPECT_THAT(render_list(view, core::QueryKind::kAgents, true, Terminal(), 0),
              AllOf(HasSubstr("reserved:   cpus(ads):2\n"), HasSubstr("region:     -\n")));
}

}  // namespace
}  // namespace shoal::cli
