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
                           "offers", "logs", "kill", "teardown", "version"}) {
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

TEST(FlagsTest, ListsAndLogs) {
  const auto list = parse<ListVerb>({"frameworks", "f-1", "-o", "jsonl", "--master", "[::1]:80"});
  EXPECT_EQ(list.kind, core::QueryKind::kFrameworks);
  EXPECT_EQ(list.id, "f-1");
  EXPECT_EQ(list.format, OutputFormat::kJsonLines);
  EXPECT_EQ(list.master, "[::1]:80");
  const auto logs = parse<LogsVerb>({"logs", "-f", "--stderr", "t"});
  EXPECT_TRUE(logs.follow);
  EXPECT_TRUE(logs.from_stderr);
  EXPECT_EQ(parse<KillVerb>({"kill", "--grace", "1.5s", "--", "-t"}).grace_ms, 1500);
  EXPECT_EQ(parse<KillVerb>({"kill", "t"}).grace_ms, -1);
}

}  // namespace
}  // namespace shoal::cli
