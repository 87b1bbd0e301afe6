// What a TAB offers, without a master.
#include "cli/complete.h"

#include <gmock/gmock.h>

namespace shoal::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using Words = std::vector<std::string>;

Completion completion_of(const Words& words) { return complete(words, "127.0.0.1:7070", {}); }

Words offered(const Words& words) {
  Words found;
  for (const Candidate& candidate : completion_of(words).candidates) {
    found.push_back(candidate.word);
  }
  return found;
}

TEST(Complete, VerbsAndActions) {
  EXPECT_THAT(offered({""}), IsSupersetOf({"dev", "run", "tasks", "config", "help"}));
  EXPECT_THAT(offered({}), Contains("run"));
  EXPECT_THAT(offered({"ta"}), ElementsAre("tasks"));
  EXPECT_THAT(offered({"help", "conf"}), ElementsAre("config"));
  EXPECT_THAT(offered({"help", "config", ""}), ElementsAre("check", "dump"));
  EXPECT_THAT(offered({"quota", ""}), ElementsAre("get", "set", "remove"));
  EXPECT_THAT(offered({"weight", ""}), IsSupersetOf({"get", "set"}));
  EXPECT_THAT(offered({"no-such-verb", ""}), IsEmpty());
  EXPECT_THAT(offered({"quota", "no-such-action", ""}), IsEmpty());
  EXPECT_THAT(completion_of({"ta"}).candidates.front().about, HasSubstr("running"));
}

TEST(Complete, FlagsThatAreNotGivenYet) {
  EXPECT_THAT(offered({"master", "--off"}),
              ElementsAre("--offer-timeout", "--offer-patience", "--offer-gpus-to-all"));
  EXPECT_THAT(offered({"master", "--offer-timeout", "1s", "--insecure", "--"}),
              testing::AllOf(Contains("--data"), Contains("--help"),
                             Not(Contains("--offer-timeout")), Not(Contains("--insecure"))));
  EXPECT_THAT(offered({"run", "--env", "A=b", "--en"}), ElementsAre("--env")) << "may be repeated";
  EXPECT_THAT(offered({"version", ""}), Contains("--output")) << "nothing else can follow";
}

TEST(Complete, ValuesOfFlags) {
  EXPECT_THAT(offered({"tasks", "-o", ""}), ElementsAre("table", "json", "jsonl", "name"));
  EXPECT_THAT(offered({"tasks", "--output", "js"}), ElementsAre("json", "jsonl"));
  EXPECT_THAT(offered({"tasks", "--output=js"}), ElementsAre("--output=json", "--output=jsonl"));
  EXPECT_THAT(offered({"tasks", "--output="}), Contains("--output=table"));
  EXPECT_THAT(offered({"master", "--sorter", ""}), ElementsAre("drf", "random"));
  EXPECT_THAT(offered({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(offered({"config", "dump", ""}), ElementsAre("master", "agent", "dev", "client"));
  EXPECT_THAT(offered({"master", "--listen", ""}), IsEmpty());
  EXPECT_TRUE(completion_of({"master", "--data", ""}).files);
  EXPECT_FALSE(completion_of({"master", "--listen", ""}).files);
  EXPECT_TRUE(completion_of({"run", "--cpus", "1", "--", "l"}).files);
}

TEST(Complete, WhatTheMasterIsAskedFor) {
  const auto asked = [](const Words& words) { return completion_of(words).ids; };
  EXPECT_EQ(asked({"logs", ""}), core::QueryKind::kTasks);
  EXPECT_EQ(asked({"logs", "-f", ""}), core::QueryKind::kTasks);
  EXPECT_EQ(asked({"kill", "--grace", "1s", "e"}), core::QueryKind::kTasks);
  EXPECT_EQ(asked({"kill", "t", ""}), std::nullopt);
  EXPECT_EQ(asked({"kill", "--grace", ""}), std::nullopt);
  EXPECT_EQ(asked({"drain", ""}), core::QueryKind::kAgents);
  EXPECT_EQ(asked({"agents", ""}), core::QueryKind::kAgents);
  EXPECT_EQ(asked({"offers", ""}), core::QueryKind::kOffers);
  EXPECT_EQ(asked({"teardown", ""}), core::QueryKind::kFrameworks);
  EXPECT_EQ(asked({"explain", "--framework", ""}), core::QueryKind::kFrameworks);
  EXPECT_EQ(asked({"weight", ""}), core::QueryKind::kRoles);
  EXPECT_EQ(asked({"quota", "set", ""}), core::QueryKind::kRoles);
  const Completion far = completion_of({"logs", "--master", "10.0.0.1:1", ""});
  EXPECT_EQ(far.master, "10.0.0.1:1");
  const Completion joined = completion_of({"explain", "--framework=f-"});
  EXPECT_EQ(joined.front, "--framework=");
  EXPECT_EQ(joined.master, "127.0.0.1:7070");
  const SettingsSources sources{{{"SHOAL_MASTER", "10.0.0.2:2"}}, ""};
  EXPECT_EQ(complete({"logs", ""}, "127.0.0.1:7070", sources).master, "10.0.0.2:2");
}

TEST(Complete, AScriptForEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_THAT(completion_script(shell), HasSubstr("__complete")) << shell;
  }
  EXPECT_EQ(completion_script("csh"), "");
}

}  // namespace
}  // namespace shoal::cli
