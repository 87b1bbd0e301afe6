// Words in, options or a usage error out.
#include "cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace shoal::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr std::string_view kMaster = "127.0.0.1:7070";

template <typename T>
T parse(const Words& words) {
  const ParsedCommand parsed = parse_command_line(words, kMaster);
  EXPECT_TRUE(parsed.verb.has_value()) << parsed.text;
  if (!parsed.verb.has_value() || !std::holds_alternative<T>(*parsed.verb)) return T{};
  return std::get<T>(*parsed.verb);
}

std::string usage_error(const Words& words) {
  const ParsedCommand parsed = parse_command_line(words, kMaster);
  EXPECT_FALSE(parsed.verb.has_value());
  EXPECT_EQ(parsed.exit_code, kExitUsage);
  return parsed.text;
}

TEST(FlagsTest, RunTakesItsCommandAfterTheDashes) {
  const auto run = parse<RunVerb>({"run", "--cpus", "1.5", "--mem=256", "--env", "A=1", "--env",
                                   "B=x=y", "--instances", "3", "--", "ls", "--help", "--", "-x"});
  EXPECT_THAT(run.command, ElementsAre("ls", "--help", "--", "-x"));
  EXPECT_EQ(run.resources.cpus, 1500);
  EXPECT_EQ(run.resources.mem, 256'000);
  EXPECT_EQ(run.instances, 3u);
  EXPECT_EQ(run.master, kMaster);
  EXPECT_THAT(run.environment, ElementsAre(std::pair<std::string, std::string>("A", "1"),
                                           std::pair<std::string, std::string>("B", "x=y")));
}

TEST(FlagsTest, BytesOfTheCommandPassUnchanged) {
  const auto run = parse<RunVerb>({"run", "--", "echo", "\xff\xfe", ""});
  EXPECT_THAT(run.command, ElementsAre("echo", "\xff\xfe", ""));
}

TEST(FlagsTest, UnknownWordsAreUsageErrorsWithASuggestion) {
  EXPECT_THAT(usage_error({"tsks"}), HasSubstr("did you mean 'tasks'?"));
  EXPECT_THAT(usage_error({"rnu", "--", "true"}), HasSubstr("did you mean 'run'?"));
  EXPECT_THAT(usage_error({"run", "--cpu", "1", "--", "true"}), HasSubstr("'--cpus'"));
  EXPECT_THAT(usage_error({"run", "--instance=3", "--", "true"}), HasSubstr("'--instances'"));
  EXPECT_THAT(usage_error({"tasks", "--outptu", "json"}), HasSubstr("'--output'"));
  EXPECT_THAT(usage_error({"quux"}), Not(HasSubstr("did you mean")));
  EXPECT_THAT(usage_error({"--frob"}), HasSubstr("unknown flag"));
  EXPECT_THAT(usage_error({"-"}), HasSubstr("unknown flag"));
  EXPECT_THAT(usage_error({""}), HasSubstr("not a verb"));
  EXPECT_THAT(usage_error({}), HasSubstr("no verb"));
}

TEST(FlagsTest, MissingTwiceAndEmptyValues) {
  EXPECT_THAT(usage_error({"run", "--cpus"}), HasSubstr("--cpus needs a value"));
  EXPECT_THAT(usage_error({"run", "--cpus", "--", "true"}), HasSubstr("--cpus needs a value"));
  EXPECT_THAT(usage_error({"run", "--cpus", "1", "--cpus", "2", "--", "true"}),
              HasSubstr("more than once"));
  EXPECT_THAT(usage_error({"tasks", "--master", ""}), HasSubstr("--master"));
  EXPECT_THAT(usage_error({"tasks", ""}), HasSubstr("ID"));
  EXPECT_THAT(usage_error({"logs", ""}), HasSubstr("TASK"));
  EXPECT_THAT(usage_error({"logs"}), HasSubstr("TASK"));
  EXPECT_THAT(usage_error({"kill"}), HasSubstr("TASK"));
  EXPECT_THAT(usage_error({"run", "--"}), HasSubstr("no command"));
  EXPECT_THAT(usage_error({"run"}), HasSubstr("no command"));
  EXPECT_THAT(usage_error({"run", "--", ""}), HasSubstr("empty"));
  EXPECT_THAT(usage_error({"run", "echo"}), HasSubstr("after --"));
  EXPECT_THAT(usage_error({"tasks", "a", "b"}), HasSubstr("unexpected argument 'b'"));
}

TEST(FlagsTest, ValuesAreChecked) {
  for (const char* cpus : {"-1", "x", "1e9", "1.0001", "nan", "99999999999999999999", " "}) {
    EXPECT_THAT(usage_error({"run", std::string("--cpus=") + cpus, "--", "true"}),
                HasSubstr("--cpus"))
        << cpus;
  }
  for (const char* count : {"0", "-3", "1.5", "x", "4294967297", "100001"}) {
    EXPECT_THAT(usage_error({"run", std::string("--instances=") + count, "--", "true"}),
                HasSubstr("--instances"))
        << count;
  }
  for (const char* pair : {"A", "=x"}) {
    EXPECT_THAT(usage_error({"run", std::string("--env=") + pair, "--", "true"}),
                HasSubstr("--env"))
        << pair;
  }
  for (const char* address : {"x", "1.2.3.4", "h:0x1", "h:65536", "::1:80"}) {
    EXPECT_THAT(usage_error({"tasks", "--master", address}), HasSubstr("--master")) << address;
  }
  EXPECT_THAT(usage_error({"tasks", "-o", "yaml"}), HasSubstr("table, json, jsonl, name"));
  EXPECT_THAT(usage_error({"run", "--timeout", "5sec", "--", "true"}), HasSubstr("--timeout"));
  EXPECT_THAT(usage_error({"run", "--name", "a/b", "--", "true"}), HasSubstr("--name"));
  EXPECT_THAT(usage_error({"run", "--cpus=0", "--mem=0", "--", "true"}), HasSubstr("at least"));
  EXPECT_THAT(usage_error({"dev", "--agents", "1001"}), HasSubstr("--agents"));
  EXPECT_THAT(usage_error({"dev", "--resources", "cpus:x"}), HasSubstr("--resources"));
  EXPECT_THAT(usage_error({"master"}), HasSubstr("--data"));
  EXPECT_THAT(usage_error({"master", "--data", "d", "--fd-tables", "one"}),
              HasSubstr("per-reactor"));
}

TEST(FlagsTest, DescriptorTablesAreSharedUnlessAsked) {
  EXPECT_FALSE(parse<MasterVerb>({"master", "--data", "d"}).fd_table_per_reactor);
  EXPECT_TRUE(
      parse<MasterVerb>({"master", "--data", "d", "--fd-tables=per-reactor"}).fd_table_per_reactor);
}

TEST(FlagsTest, WhatAnAgentHasAndWhereItStands) {
  const Words base = {"agent", "--data", "d"};
  const auto with = [&base](Words more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  const auto plain = parse<AgentVerb>(base);
  EXPECT_EQ(plain.resources, "");
  EXPECT_EQ(plain.default_role, "*");
  EXPECT_EQ(plain.region, "");
  const auto agent = parse<AgentVerb>(with(
      {"--resources", R"([{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"ads"}])",
       "--default-role", "eng/web", "--domain", "eu/a1", "--oversubscribe", "cpus:2;mem:512"}));
  EXPECT_EQ(agent.resources, "cpus(ads):4");
  EXPECT_EQ(agent.default_role, "eng/web");
  EXPECT_EQ(agent.region, "eu");
  EXPECT_EQ(agent.zone, "a1");
  EXPECT_EQ(agent.oversubscribe, "cpus:2;mem:512");
  for (const char* domain : {"eu", "/a1", "eu/", "eu/a/b", "e u/a"}) {
    EXPECT_THAT(usage_error(with({"--domain", domain})), HasSubstr("REGION/ZONE")) << domain;
  }
  EXPECT_THAT(usage_error(with({"--resources", "cpu:4"})), HasSubstr("--resources: "));
  EXPECT_THAT(usage_error(with({"--resources", "@/no/such/file"})), HasSubstr("/no/such/file"));
  EXPECT_THAT(usage_error(with({"--default-role", ".."})), HasSubstr("--default-role: "));
  EXPECT_THAT(usage_error(with({"--oversubscribe", "ports:[1-2]"})),
              HasSubstr("--oversubscribe: "));
  EXPECT_EQ(parse<DevVerb>({"dev", "--resources", "[]"}).resources, "");
}

TEST(FlagsTest, HowAnAgentHoldsItsTasks) {
  const Words base = {"agent", "--data", "d"};
  const auto with = [&base](Words more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  const auto plain = parse<AgentVerb>(base);
  EXPECT_EQ(plain.isolation, "auto");
  EXPECT_EQ(plain.cgroup_root, "shoal");
  EXPECT_EQ(plain.max_pids_per_task, 4096u);
  EXPECT_FALSE(plain.cpu_quota);
  EXPECT_EQ(plain.task_user, "");
  const auto agent = parse<AgentVerb>(
      with({"--isolation=cgroup,seccomp", "--cgroup-root", "a/b", "--max-pids-per-task", "0",
            "--cpu-quota", "--task-user", "nobody", "--allowed-devices", "/dev/kvm,/dev/fuse:r"}));
  EXPECT_EQ(agent.allowed_devices, "/dev/kvm,/dev/fuse:r");
  EXPECT_EQ(agent.isolation, "cgroup,seccomp");
  EXPECT_EQ(agent.cgroup_root, "a/b");
  EXPECT_EQ(agent.max_pids_per_task, 0u);
  EXPECT_TRUE(agent.cpu_quota);
  EXPECT_EQ(agent.task_user, "nobody");
  EXPECT_THAT(usage_error(with({"--isolation", "walls"})), HasSubstr("--isolation: "));
  EXPECT_THAT(usage_error(with({"--cgroup-root", "/a"})), HasSubstr("--cgroup-root: "));
  EXPECT_THAT(usage_error(with({"--max-pids-per-task", "many"})), HasSubstr("--max-pids-per-task"));
  EXPECT_EQ(parse<DevVerb>({"dev", "--isolation", "none"}).isolation, "none");
  EXPECT_THAT(usage_error({"dev", "--isolation", "tmp"}), HasSubstr("--isolation: "));
  EXPECT_EQ(parse<RunVerb>({"run", "--user", "nobody", "--", "true"}).user, "nobody");
  EXPECT_EQ(
      parse<RunVerb>({"run", "--max-completion-time", "90s", "--", "true"}).max_completion_time,
      std::chrono::seconds(90));
  const auto held = parse<RunVerb>(
      {"run", "--read-only", "/", "--read-only", "/srv", "--network", "none", "--", "true"});
  EXPECT_EQ(held.read_only, (std::vector<std::string>{"/", "/srv"}));
  EXPECT_TRUE(held.no_network);
  const auto refused = [](const char* flag, const char* value) {
    return usage_error({"run", flag, value, "--", "true"});
  };
  EXPECT_THAT(refused("--read-only", "srv"), HasSubstr("--read-only: 'srv'"));
  EXPECT_THAT(refused("--network", "lan"), HasSubstr("neither host nor none"));
  EXPECT_THAT(refused("--max-completion-time", "0s"), HasSubstr("is not from 1ms to"));
}

TEST(FlagsTest, HowADaemonLogs) {
  for (const Words& base : {Words{"master", "--data", "d"}, {"agent", "--data", "d"}, {"dev"}}) {
    const auto with = [&base](Words more) {
      more.insert(more.begin(), base.begin(), base.end());
      return more;
    };
    EXPECT_THAT(usage_error(with({"--log-format", "xml"})), HasSubstr("neither text nor json"));
    EXPECT_THAT(usage_error(with({"--log-level", "loud"})), HasSubstr("--log-level: 'loud'"));
    EXPECT_THAT(usage_error(with({"--log-level", "core=info"})), HasSubstr("'core' is no module"));
  }
  EXPECT_FALSE(parse<MasterVerb>({"master", "--data", "d"}).log.is_json);
  EXPECT_EQ(parse<AgentVerb>({"agent", "--data", "d"}).log.levels, "info");
  const auto dev = parse<DevVerb>({"dev", "--log-format=json", "--log-level=warn,net=debug"});
  EXPECT_TRUE(dev.log.is_json);
  EXPECT_EQ(dev.log.levels, "warn,net=debug");
}

TEST(FlagsTest, WhatAnAgentKeeps) {
  const auto plain = parse<AgentVerb>({"agent", "--data", "d"});
  EXPECT_EQ(plain.gc_delay, std::chrono::hours(24 * 7));
  EXPECT_EQ(plain.gc_disk_headroom, 0.1);
  EXPECT_EQ(plain.disk_watch_interval, std::chrono::minutes(1));
  EXPECT_EQ(plain.log_max_bytes, 0u);
  EXPECT_FALSE(plain.enforce_disk_quota);
  EXPECT_EQ(plain.disk_quota_interval, std::chrono::seconds(15));
  EXPECT_EQ(plain.usage_interval, std::chrono::seconds(30));
  const auto enforcing = parse<AgentVerb>(
      {"agent", "--data", "d", "--enforce-disk-quota", "--disk-quota-interval", "1m"});
  EXPECT_TRUE(enforcing.enforce_disk_quota);
  EXPECT_EQ(enforcing.disk_quota_interval, std::chrono::minutes(1));
  EXPECT_EQ(parse<AgentVerb>({"agent", "--data", "d", "--usage-interval", "0"}).usage_interval,
            core::Duration{0});
  EXPECT_THAT(usage_error({"agent", "--data", "d", "--usage-interval", "1ms"}),
              HasSubstr("--usage-interval: 1ms is too short"));
  EXPECT_THAT(usage_error({"agent", "--data", "d", "--disk-quota-interval", "1ms"}),
              HasSubstr("--disk-quota-interval: 1ms is too short"));
  const auto agent =
      parse<AgentVerb>({"agent", "--data", "d", "--gc-delay", "1.5h", "--gc-disk-headroom", "0.25",
                        "--disk-watch-interval", "10s", "--log-max-size", "10MiB"});
  EXPECT_EQ(agent.gc_delay, std::chrono::minutes(90));
  EXPECT_EQ(agent.gc_disk_headroom, 0.25);
  EXPECT_EQ(agent.disk_watch_interval, std::chrono::seconds(10));
  EXPECT_EQ(agent.log_max_bytes, 10u << 20);
  const std::pair<const char*, const char*> kBad[] = {{"--gc-delay", "soon"},
                                                      {"--gc-delay", "-1s"},
                                                      {"--gc-disk-headroom", "1.1"},
                                                      {"--gc-disk-headroom", "x"},
                                                      {"--disk-watch-interval", "1ms"},
                                                      {"--log-max-size", "10MB"},
                                                      {"--log-max-size", "1KiB"},
                                                      {"--log-max-size", "99999999999GiB"},
                                                      {"--log-max-size", ""}};
  for (const auto& [flag, value] : kBad) {
    EXPECT_THAT(usage_error({"agent", "--data", "d", flag, value}), HasSubstr(flag)) << value;
  }
}

TEST(FlagsTest, FilesAndTop) {
  const auto files = parse<FilesVerb>({"files", "t", "out/x", "--cat"});
  EXPECT_EQ(files.task, "t");
  EXPECT_EQ(files.path, "out/x");
  EXPECT_TRUE(files.cat);
  EXPECT_THAT(usage_error({"files", "t", "--cat"}), HasSubstr("PATH"));
  EXPECT_THAT(usage_error({"files", "t", "/etc"}), HasSubstr("relative"));
  EXPECT_THAT(usage_error({"files", "t", "x", "--cat", "-o", "json"}), HasSubstr("--cat"));
  EXPECT_EQ(parse<TopVerb>({"top"}).interval, std::chrono::seconds(2));
  EXPECT_THAT(usage_error({"top", "--interval", "10ms"}), HasSubstr("--interval"));
  EXPECT_EQ(parse<TopVerb>({"top", "-o", "jsonl"}).format, OutputFormat::kJsonLines);
  EXPECT_THAT(usage_error({"top", "-o", "name"}), HasSubstr("--output"));
  EXPECT_EQ(parse<TopVerb>({"top"}).source, TopSource::kAuto);
  EXPECT_EQ(parse<TopVerb>({"top", "--source", "master"}).source, TopSource::kMaster);
  EXPECT_EQ(parse<TopVerb>({"top", "--source", "agents"}).source, TopSource::kAgents);
  EXPECT_THAT(usage_error({"top", "--source", "moon"}),
              HasSubstr("--source: 'moon' is none of auto, agents and master"));
}

TEST(FlagsTest, ErrorsArePrintable) {
  const std::string text = usage_error({"\x1b[31mred\xff"});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\xff'), std::string::npos);
  const std::string flag = usage_error({"run", "--\x1b[31m", "--", "true"});
  EXPECT_EQ(flag.find('\x1b'), std::string::npos);
}

TEST(FlagsTest, HelpOfEveryVerbHasAnExample) {
  for (const char* verb : {"dev", "master", "agent", "run", "tasks", "agents", "frameworks",
                           "offers", "roles", "explain", "logs", "kill", "teardown", "quota",
                           "weight", "reserve", "unreserve", "volume", "version"}) {
    for (const Words& words : {Words{verb, "--help"}, Words{"help", verb}}) {
      const ParsedCommand parsed = parse_command_line(words, kMaster);
      EXPECT_FALSE(parsed.verb.has_value());
      EXPECT_EQ(parsed.exit_code, kExitOk) << verb;
      EXPECT_THAT(parsed.text, HasSubstr("Example:\n  shoal " + std::string(verb)));
    }
  }
  EXPECT_EQ(parse_command_line({"help"}, kMaster).exit_code, kExitOk);
  EXPECT_THAT(usage_error({"help", "rnu"}), HasSubstr("'run'"));
}

TEST(FlagsTest, HelpOfEveryActionHasAnExample) {
  for (const Words& action :
       {Words{"quota", "get"}, Words{"quota", "set"}, Words{"quota", "remove"},
        Words{"weight", "get"}, Words{"weight", "set"}, Words{"volume", "list"},
        Words{"volume", "create"}, Words{"volume", "destroy"}, Words{"volume", "grow"},
        Words{"volume", "shrink"}}) {
    for (const Words& words :
         {Words{action[0], action[1], "--help"}, Words{"help", action[0], action[1]}}) {
      const ParsedCommand parsed = parse_command_line(words, kMaster);
      EXPECT_EQ(parsed.exit_code, kExitOk) << action[1];
      EXPECT_THAT(parsed.text, HasSubstr("Example:\n  shoal " + action[0]));
      EXPECT_THAT(parsed.text, HasSubstr("shoal " + action[0] + " " + action[1]));
    }
    // The help of the group names each of its actions.
    EXPECT_THAT(parse_command_line({action[0], "--help"}, kMaster).text,
                HasSubstr("\n  " + action[1]));
  }
}

TEST(FlagsTest, GroupsWantAnAction) {
  EXPECT_THAT(usage_error({"quota"}), HasSubstr("One of get, set, remove"));
  EXPECT_THAT(usage_error({"quota", "sett"}), HasSubstr("did you mean 'set'?"));
  EXPECT_THAT(usage_error({"volume", "frob"}), HasSubstr("none of list, create, destroy"));
  EXPECT_THAT(usage_error({"weight", "ads"}), HasSubstr("none of get, set"));
  EXPECT_THAT(usage_error({"help", "quota", "frob"}), HasSubstr("'frob'"));
  EXPECT_THAT(usage_error({"qouta", "get"}), HasSubstr("did you mean 'quota'?"));
}

TEST(FlagsTest, RunTakesRolesConstraintsAndVolumes) {
  const auto run =
      parse<RunVerb>({"run", "--role", "eng/ads", "--gpus", "1", "--constraint", "rack!=a",
                      "--constraint", "@region=north", "--volume", "data", "--", "true"});
  EXPECT_EQ(run.role, "eng/ads");
  EXPECT_EQ(run.resources.gpus, 1000);
  ASSERT_EQ(run.constraints.size(), 2u);
  EXPECT_EQ(run.constraints[0].role, "eng/ads");
  EXPECT_EQ(run.constraints[0].name, "rack");
  EXPECT_EQ(run.constraints[0].test, core::ConstraintTest::kTextNotEquals);
  EXPECT_EQ(run.constraints[1].target, core::ConstraintTarget::kRegion);
  EXPECT_EQ(run.constraints[1].group, run.constraints[0].group) << "all must hold";
  EXPECT_THAT(run.volumes, ElementsAre("data"));
  EXPECT_EQ(parse<RunVerb>({"run", "--", "true"}).role, "*");
  EXPECT_THAT(usage_error({"run", "--role", "..", "--", "true"}), HasSubstr("--role"));
  EXPECT_THAT(usage_error({"run", "--role", "", "--", "true"}), HasSubstr("--role"));
  EXPECT_THAT(usage_error({"run", "--gpus", "0.5", "--", "true"}), HasSubstr("gpus"));
  EXPECT_THAT(usage_error({"run", "--constraint", "=a", "--", "true"}), HasSubstr("--constraint"));
  EXPECT_THAT(usage_error({"run", "--volume", "data", "--", "true"}), HasSubstr("--role"));
}

TEST(FlagsTest, Explain) {
  const auto explain = parse<ExplainVerb>(
      {"explain", "--framework", "run x", "--role", "ads", "cpus:4;mem:128", "-o", "json"});
  EXPECT_EQ(explain.framework, "run x");
  EXPECT_EQ(explain.role, "ads");
  EXPECT_EQ(explain.resources.cpus, 4000);
  EXPECT_EQ(explain.format, OutputFormat::kJson);
  EXPECT_TRUE(parse<ExplainVerb>({"explain", "--framework", "f"}).resources.empty());
  EXPECT_THAT(usage_error({"explain"}), HasSubstr("--framework"));
  EXPECT_THAT(usage_error({"explain", "--framework", "f", "cpu:4"}), HasSubstr("RESOURCES"));
  EXPECT_THAT(usage_error({"explain", "--framework", "f", "-o", "name"}), HasSubstr("--output"));
}

TEST(FlagsTest, Quota) {
  auto quota = parse<QuotaVerb>({"quota", "set", "ads", "--limit", "cpus:10;mem:4096"});
  EXPECT_EQ(quota.action, QuotaVerb::Action::kSet);
  EXPECT_EQ(quota.role, "ads");
  ASSERT_TRUE(quota.limits.has_value());
  EXPECT_EQ((*quota.limits)[core::ResourceKind::kCpus], 10'000);
  EXPECT_EQ((*quota.limits)[core::ResourceKind::kDisk], core::kNoLimit);
  EXPECT_FALSE(quota.guarantees.has_value()) << "it stays as it is";
  EXPECT_FALSE(quota.force);
  quota = parse<QuotaVerb>({"quota", "set", "ads", "--guarantee", "cpus:2", "--force"});
  EXPECT_FALSE(quota.limits.has_value());
  EXPECT_EQ((*quota.guarantees)[core::ResourceKind::kMem], 0);
  EXPECT_TRUE(quota.force);
  EXPECT_EQ(parse<QuotaVerb>({"quota", "remove", "ads"}).action, QuotaVerb::Action::kRemove);
  EXPECT_EQ(parse<QuotaVerb>({"quota", "get"}).role, "");
  EXPECT_EQ(parse<QuotaVerb>({"quota", "get", "ads"}).role, "ads");
  EXPECT_THAT(usage_error({"quota", "set", "ads"}), HasSubstr("--limit"));
  EXPECT_THAT(usage_error({"quota", "set", "*", "--limit", "cpus:1"}), HasSubstr("ROLE"));
  EXPECT_THAT(usage_error({"quota", "set", "a/../b", "--limit", "cpus:1"}), HasSubstr("ROLE"));
  EXPECT_THAT(usage_error({"quota", "set", std::string(10'000, 'x'), "--limit", "cpus:1"}),
              HasSubstr("ROLE"));
  for (const char* limit : {"cpus:-1", "cpus:nan", "cpus:99999999999999999999", "ports:[1-2]"}) {
    EXPECT_THAT(usage_error({"quota", "set", "ads", "--limit", limit}), HasSubstr("--limit"))
        << limit;
  }
  EXPECT_THAT(usage_error({"quota", "remove"}), HasSubstr("ROLE"));
}

TEST(FlagsTest, Weight) {
  for (const Words& words : {Words{"weight", "ads", "2.5"}, Words{"weight", "set", "ads", "2.5"}}) {
    const auto weight = parse<WeightVerb>(words);
    EXPECT_EQ(weight.role, "ads");
    EXPECT_EQ(weight.weight, 2500);
  }
  EXPECT_FALSE(parse<WeightVerb>({"weight", "get"}).weight.has_value());
  EXPECT_EQ(parse<WeightVerb>({"weight", "get", "ads"}).role, "ads");
  EXPECT_EQ(parse<WeightVerb>({"weight", "set", "get", "0.001"}).role, "get");
  for (const char* bad : {"0", "-1", "inf", "1e3", "0.0001", "1000001", "x", ""}) {
    EXPECT_THAT(usage_error({"weight", "set", "ads", "--", bad}), HasSubstr("WEIGHT")) << bad;
  }
}

TEST(FlagsTest, AgentsAsAWhole) {
  auto verb = parse<ManageVerb>({"drain", "node-7", "--max-grace", "10m", "--mark-gone"});
  EXPECT_EQ(verb.action, core::AgentAction::kDrain);
  EXPECT_EQ(verb.agent, "node-7");
  EXPECT_EQ(verb.max_grace_ms, 600'000);
  EXPECT_TRUE(verb.mark_gone);
  EXPECT_TRUE(verb.wait);
  verb = parse<ManageVerb>({"drain", "node-7", "--no-wait"});
  EXPECT_FALSE(verb.wait);
  EXPECT_EQ(verb.max_grace_ms, -1);
  EXPECT_EQ(parse<ManageVerb>({"deactivate", "n"}).action, core::AgentAction::kDeactivate);
  EXPECT_EQ(parse<ManageVerb>({"reactivate", "n"}).action, core::AgentAction::kReactivate);
  EXPECT_EQ(parse<ManageVerb>({"gone", "n"}).action, core::AgentAction::kMarkGone);
  EXPECT_TRUE(parse<ManageVerb>({"gone", "n", "--force"}).force);
  EXPECT_THAT(usage_error({"drain"}), HasSubstr("AGENT"));
  EXPECT_THAT(usage_error({"drain", ""}), HasSubstr("AGENT"));
  EXPECT_THAT(usage_error({"drain", "n", "--max-grace", "soon"}), HasSubstr("--max-grace"));
  EXPECT_THAT(usage_error({"deactivate", "n", "--mark-gone"}), HasSubstr("--mark-gone"));
}

TEST(FlagsTest, ReserveAndUnreserve) {
  auto verb = parse<OperateVerb>({"reserve", "node-7", "--role", "ads", "cpus:4;mem:1024",
                                  "--principal", "ops", "--label", "a=1", "--label", "b=x=y"});
  EXPECT_EQ(verb.kind, core::OperationKind::kReserve);
  EXPECT_EQ(verb.agent, "node-7");
  EXPECT_EQ(verb.role, "ads");
  EXPECT_EQ(verb.resources.mem, 1'024'000);
  EXPECT_EQ(verb.principal, "ops");
  EXPECT_THAT(verb.labels, ElementsAre(std::pair<std::string, std::string>("a", "1"),
                                       std::pair<std::string, std::string>("b", "x=y")));
  verb = parse<OperateVerb>({"unreserve", "node-7", "--role", "ads", "cpus:4"});
  EXPECT_EQ(verb.kind, core::OperationKind::kUnreserve);
  verb = parse<OperateVerb>({"unreserve", "node-7", "cpus(ads,dynamic):4"});
  EXPECT_EQ(verb.role, "");
  EXPECT_EQ(verb.resources.lots.size(), 1u);
  EXPECT_THAT(usage_error({"reserve", "n", "cpus:4"}), HasSubstr("--role"));
  EXPECT_THAT(usage_error({"reserve", "n", "--role", "*", "cpus:4"}), HasSubstr("--role"));
  EXPECT_THAT(usage_error({"reserve", "n", "--role", "ads"}), HasSubstr("RESOURCES"));
  EXPECT_THAT(usage_error({"reserve", "n", "--role", "ads", "cpus:0"}), HasSubstr("RESOURCES"));
  EXPECT_THAT(usage_error({"reserve", "", "--role", "ads", "cpus:1"}), HasSubstr("AGENT"));
  EXPECT_THAT(usage_error({"reserve", "n", "--role", "ads", "cpus:1", "--label", "x"}),
              HasSubstr("--label"));
  EXPECT_THAT(usage_error({"unreserve", "n", "cpus:4"}), HasSubstr("--role"));
  EXPECT_THAT(usage_error({"unreserve", "n", "--role", "ads", "cpus(ads,dynamic):4"}),
              HasSubstr("--role"));
}

TEST(FlagsTest, Volumes) {
  const auto create = parse<OperateVerb>({"volume", "create", "n", "--role", "ads", "--id", "data",
                                          "--size", "100", "--path", "data", "--shared"});
  EXPECT_EQ(create.kind, core::OperationKind::kCreate);
  EXPECT_EQ(create.volume, "data");
  EXPECT_EQ(create.size, 100'000);
  EXPECT_EQ(create.path, "data");
  EXPECT_TRUE(create.shared);
  EXPECT_EQ(parse<OperateVerb>({"volume", "destroy", "n", "--id", "data"}).kind,
            core::OperationKind::kDestroy);
  EXPECT_EQ(parse<OperateVerb>({"volume", "grow", "n", "--id", "d", "--by", "1"}).size, 1000);
  EXPECT_EQ(parse<OperateVerb>({"volume", "shrink", "n", "--id", "d", "--by", "1"}).kind,
            core::OperationKind::kShrink);
  EXPECT_EQ(parse<VolumesVerb>({"volume", "list", "-o", "name"}).format, OutputFormat::kName);
  EXPECT_THAT(usage_error({"volume", "create", "n", "--role", "ads", "--id", "data", "--size", "0",
                           "--path", "data"}),
              HasSubstr("--size"));
  EXPECT_THAT(usage_error({"volume", "destroy", "n", "--id", "../x"}), HasSubstr("--id"));
  EXPECT_THAT(usage_error({"volume", "grow", "n", "--id", "d"}), HasSubstr("--by"));
}

TEST(FlagsTest, Swarm) {
  const auto swarm = parse<SwarmVerb>(
      {"swarm", "--agents", "20000", "--cpus", "4", "--mem", "100", "--task-duration", "5ms..20ms",
       "--fail", "0.1%/min", "--disconnect", "100%", "--slow", "1%:200ms", "--seed", "7"});
  EXPECT_EQ(swarm.options.master, kMaster);
  EXPECT_EQ(swarm.options.agents, 20'000u);
  EXPECT_EQ(swarm.options.resources.cpus, 4000);
  EXPECT_DOUBLE_EQ(swarm.options.fail_per_minute, 0.001);
  EXPECT_DOUBLE_EQ(swarm.options.disconnect_per_minute, 1);
  EXPECT_DOUBLE_EQ(swarm.options.slow, 0.01);
  EXPECT_EQ(swarm.options.slow_by, std::chrono::milliseconds(200));
  EXPECT_EQ(swarm.options.seed, 7u);
  EXPECT_THAT(usage_error({"swarm", "--agents", "0"}), HasSubstr("from 1 to"));
  EXPECT_THAT(usage_error({"swarm", "--fail", "3"}), HasSubstr("as in 0.1%/min"));
  EXPECT_THAT(usage_error({"swarm", "--fail", "101%"}), HasSubstr("--fail"));
  EXPECT_THAT(usage_error({"swarm", "--slow", "1%"}), HasSubstr("1%:200ms"));
  EXPECT_THAT(usage_error({"swarm", "--task-duration", "exp:"}), HasSubstr("--task-duration"));
}

TEST(FlagsTest, Bench) {
  const auto launch =
      parse<BenchVerb>({"bench", "launch", "--agents", "50", "--batch", "16", "--duration", "60s",
                        "--master-arg=--reactors=1", "--master-arg=--sorter=random"});
  EXPECT_EQ(launch.kind, BenchVerb::Kind::kLaunch);
  EXPECT_EQ(launch.batch, 16u);
  EXPECT_EQ(launch.duration, std::chrono::seconds(60));
  EXPECT_THAT(launch.master_args, ElementsAre("--reactors=1", "--sorter=random"));
  EXPECT_EQ(launch.task_resources.cpus, 1000);
  EXPECT_THAT(usage_error({"bench", "launch", "--duration", "1ms"}), HasSubstr("at least 1s"));
  EXPECT_THAT(usage_error({"bench", "launch", "--attach", "nowhere"}), HasSubstr("--attach"));
  EXPECT_THAT(usage_error({"bench", "lunch"}), HasSubstr("did you mean 'launch'"));
  EXPECT_THAT(usage_error({"bench"}), HasSubstr("agents, launch"));
}

TEST(FlagsTest, ListsAreWatched) {
  EXPECT_FALSE(parse<ListVerb>({"tasks"}).watch.has_value());
  const auto tasks = parse<ListVerb>({"tasks", "--watch", "t1"});
  EXPECT_EQ(tasks.id, "t1");
  EXPECT_EQ(tasks.watch, std::chrono::seconds(2));
  EXPECT_EQ(parse<MastersVerb>({"masters", "--watch=5"}).watch, std::chrono::seconds(5));
  EXPECT_EQ(parse<VolumesVerb>({"volume", "list", "--watch=250ms"}).watch,
            std::chrono::milliseconds(250));
  EXPECT_TRUE(parse<QuotaVerb>({"quota", "get", "--watch"}).watch.has_value());
  EXPECT_TRUE(parse<WeightVerb>({"weight", "get", "--watch"}).watch.has_value());
  EXPECT_THAT(usage_error({"tasks", "--watch=soon"}), HasSubstr("--watch: "));
  EXPECT_THAT(usage_error({"tasks", "--watch=0"}), HasSubstr("100ms to 24h"));
  EXPECT_THAT(usage_error({"tasks", "-o", "jsno"}), HasSubstr("did you mean 'json'?"));
}

TEST(FlagsTest, Wait) {
  const auto task = parse<WaitVerb>({"wait", "task", "t1", "--for", "TASK_RUNNING,ended"});
  EXPECT_EQ(task.name, "t1");
  EXPECT_THAT(task.states, ElementsAre("running", "ended"));
  EXPECT_FALSE(task.timeout.has_value());
  const auto agent =
      parse<WaitVerb>({"wait", "agent", "node-7", "--for=drained", "--timeout", "1m"});
  EXPECT_EQ(agent.kind, WaitVerb::Kind::kAgent);
  EXPECT_EQ(agent.timeout, std::chrono::minutes(1));
  EXPECT_THAT(usage_error({"wait", "task", "t1", "--for", "runing"}),
              HasSubstr("did you mean 'running'?"));
  EXPECT_THAT(usage_error({"wait", "framework", "f", "--for", "drained"}), HasSubstr("none of"));
  EXPECT_THAT(usage_error({"wait", "task", "t1"}), HasSubstr("--for"));
}

TEST(FlagsTest, DebugBundle) {
  const auto bundle =
      parse<DebugBundleVerb>({"debug", "bundle", "-o", "/tmp/b.tar.gz", "--agents", "3"});
  EXPECT_EQ(bundle.file, "/tmp/b.tar.gz");
  EXPECT_EQ(bundle.agents, 3u);
  EXPECT_THAT(bundle.settings, HasSubstr("[client]"));
  EXPECT_THAT(usage_error({"debug", "bundle", "--agents", "-1"}), HasSubstr("--agents"));
}

TEST(FlagsTest, HowLongPeersMayBeSilent) {
  const auto usual = parse<MasterVerb>({"master", "--data", "d"});
  EXPECT_EQ(usual.session_timeout, core::kSessionTimeout);
  const auto quick = parse<MasterVerb>({"master", "--data", "d", "--session-timeout", "3s"});
  EXPECT_EQ(quick.session_timeout, std::chrono::seconds(3));
  for (const char* time : {"2999ms", "11m", "0", "-1s", "soon"}) {
    EXPECT_THAT(usage_error({"master", "--data", "d", "--session-timeout", time}),
                HasSubstr("--session-timeout"))
        << time;
  }
}

TEST(FlagsTest, HowAgentsAreGivenUp) {
  const auto usual = parse<MasterVerb>({"master", "--data", "d"});
  EXPECT_EQ(usual.agent_reregister_timeout, std::chrono::seconds(75));
  EXPECT_EQ(usual.removals.silent_percent, 50u);
  EXPECT_EQ(usual.removals.recovery_percent, 50u);
  EXPECT_EQ(usual.removals.interval, std::chrono::milliseconds(10));
  const auto slow = parse<MasterVerb>({"master", "--data", "d", "--agent-reregister-timeout", "10m",
                                       "--agent-removal-limit", "30%", "--recovery-removal-limit",
                                       "100%", "--agent-removal-rate", "1/10m"});
  EXPECT_EQ(slow.agent_reregister_timeout, std::chrono::minutes(10));
  EXPECT_EQ(slow.removals.silent_percent, 30u);
  EXPECT_EQ(slow.removals.recovery_percent, 100u);
  EXPECT_EQ(slow.removals.interval, std::chrono::minutes(10));
  const auto at_once = parse<MasterVerb>({"master", "--data", "d", "--agent-removal-rate", "off"});
  EXPECT_EQ(at_once.removals.interval, core::Duration::zero());
  for (const char* rate : {"", "5", "0/s", "/s", "5/", "5/fortnight", "-1/s"}) {
    EXPECT_THAT(usage_error({"master", "--data", "d", "--agent-removal-rate", rate}),
                HasSubstr("--agent-removal-rate"))
        << rate;
  }
  for (const char* limit : {"101%", "50", "%", "-1%", "half"}) {
    EXPECT_THAT(usage_error({"master", "--data", "d", "--agent-removal-limit", limit}),
                HasSubstr("--agent-removal-limit"))
        << limit;
  }
}

TEST(FlagsTest, WhatProtectsTheMaster) {
  const auto usual = parse<MasterVerb>({"master", "--data", "d"});
  EXPECT_EQ(usual.busy_lag, std::chrono::seconds(2));
  EXPECT_TRUE(usual.rate_limits.empty());
  const auto other = parse<MasterVerb>({"master", "--data", "d", "--busy-lag", "500ms",
                                        "--rate-limits", R"({"aggregate_default_qps":10})"});
  EXPECT_EQ(other.busy_lag, std::chrono::milliseconds(500));
  EXPECT_EQ(other.rate_limits.others.interval, std::chrono::milliseconds(100));
  const auto off = parse<MasterVerb>({"master", "--data", "d", "--busy-lag", "off"});
  EXPECT_EQ(off.busy_lag, core::Duration::zero());
  for (const char* lag : {"9ms", "16s", "0s", "never"}) {
    EXPECT_THAT(usage_error({"master", "--data", "d", "--busy-lag", lag}),
                HasSubstr("--busy-lag: "))
        << lag;
  }
  EXPECT_THAT(usage_error({"master", "--data", "d", "--rate-limits", "@/no/such/file"}),
              HasSubstr("--rate-limits: "));
}

TEST(FlagsTest, BenchState) {
  const auto state = parse<StateVerb>({"bench", "state", "--agents", "10", "--tasks", "200000",
                                       "--rate", "5000", "--reads", "3", "-o", "json"});
  EXPECT_EQ(state.agents, 10u);
  EXPECT_EQ(state.tasks, 200'000u);
  EXPECT_EQ(state.rate, 5000);
  EXPECT_EQ(state.reads, 3u);
  EXPECT_EQ(state.format, OutputFormat::kJson);
  EXPECT_THAT(usage_error({"bench", "state", "--tasks", "1000001"}), HasSubstr("--tasks"));
  EXPECT_THAT(usage_error({"bench", "state", "--rate", "0"}), HasSubstr("--rate"));
  EXPECT_THAT(usage_error({"bench", "state", "--reads", "x"}), HasSubstr("--reads"));
  EXPECT_THAT(usage_error({"bench", "state", "--duration", "5ms"}), HasSubstr("at least 1s"));
}

TEST(FlagsTest, BenchEvents) {
  const auto usual = parse<BenchEventsVerb>({"bench", "events"});
  EXPECT_EQ(usual.subscribers, 10u);
  EXPECT_EQ(usual.rate, 0);
  EXPECT_EQ(usual.duration, std::chrono::seconds(10));
  const auto some = parse<BenchEventsVerb>({"bench", "events", "--agents", "10", "--subscribers",
                                            "100", "--rate", "5000", "-o", "json"});
  EXPECT_EQ(some.agents, 10u);
  EXPECT_EQ(some.subscribers, 100u);
  EXPECT_EQ(some.rate, 5000);
  EXPECT_EQ(some.format, OutputFormat::kJson);
  EXPECT_THAT(usage_error({"bench", "events", "--subscribers", "257"}), HasSubstr("--subscribers"));
  EXPECT_THAT(usage_error({"bench", "events", "--rate", "-1"}), HasSubstr("--rate"));
  EXPECT_THAT(usage_error({"bench", "events", "--duration", "5ms"}), HasSubstr("at least 1s"));
}

TEST(FlagsTest, ListsAndLogs) {
  const auto list = parse<ListVerb>({"frameworks", "f-1", "-o", "jsonl", "--master", "[::1]:80"});
  EXPECT_EQ(list.kind, core::QueryKind::kFrameworks);
  EXPECT_EQ(list.id, "f-1");
  EXPECT_EQ(list.format, OutputFormat::kJsonLines);
  EXPECT_EQ(list.master, "[::1]:80");
  EXPECT_EQ(parse<ListVerb>({"roles", "eng/ads"}).kind, core::QueryKind::kRoles);
  const auto logs = parse<LogsVerb>({"logs", "-f", "--stderr", "t"});
  EXPECT_TRUE(logs.follow);
  EXPECT_TRUE(logs.from_stderr);
  EXPECT_EQ(parse<KillVerb>({"kill", "--grace", "1.5s", "--", "-t"}).grace_ms, 1500);
  EXPECT_EQ(parse<KillVerb>({"kill", "t"}).grace_ms, -1);
}

}  // namespace
}  // namespace shoal::cli
