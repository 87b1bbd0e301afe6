#include "core/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"

namespace shoal::core {
namespace {

using testing::HasSubstr;

LogLevel level_of(const LogLevels& levels, LogModule module) {
  return levels[static_cast<std::size_t>(module)];
}

TEST(LogLine, TextIsForPeople) {
  EXPECT_EQ(log_text("master", {LogModule::kNet, LogLevel::kInfo, "room for 7 sessions", {}}),
            "shoal master: room for 7 sessions\n");
  EXPECT_EQ(log_text("agent", {LogModule::kTasks,
                               LogLevel::kWarn,
                               "a task is lost",
                               {{"task", "a b"}, {"tries", 3}, {"left", std::uint64_t{0}}}}),
            "shoal agent: warning: a task is lost task=a b tries=3 left=0\n");
  EXPECT_EQ(log_text("agent", {LogModule::kAgent, LogLevel::kError, "no\ndisk", {}}),
            "shoal agent: error: no\\x0adisk\n");
}

TEST(LogLine, JsonHoldsTheSame) {
  EXPECT_EQ(log_json("master", 1'769'860'800'250,
                     {LogModule::kElection, LogLevel::kDebug, "elected", {{"epoch", 7}}}),
            R"({"time":"2026-01-31T12:00:00.250Z","level":"debug","daemon":"master",)"
            R"("module":"election","message":"elected","epoch":7})"
            "\n");
}

TEST(LogLine, WhatAStrangerWroteIsEscaped) {
  const std::string evil("\"}\n{\"\\\x1b[2J\xff\xc3\x28\0\xe2\x80\xae", 17);
  const std::string line =
      log_json("master", 0, {LogModule::kNet, LogLevel::kInfo, evil, {{"why", evil}}});
  const std::string escaped = R"("\"}\\x0a{\"\\\\x1b[2J\\xff\\xc3(\\x00\\xe2\\x80\\xae")";
  EXPECT_THAT(line, HasSubstr(R"("message":)" + escaped));
  EXPECT_THAT(line, HasSubstr(R"("why":)" + escaped));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(LogLine, LongTextIsCut) {
  const std::string text(3 * kMaxLogText, 'x');
  EXPECT_LT(log_json("master", 0, {LogModule::kNet, LogLevel::kInfo, text, {}}).size(),
            kMaxLogText + 200);
}

TEST(LogLine, LevelsAreOfAllModulesAndOfOne) {
  LogLevels levels = all_at(LogLevel::kInfo);
  ASSERT_TRUE(parse_log_levels("net=debug, registry=warn", levels).ok());
  EXPECT_EQ(level_of(levels, LogModule::kNet), LogLevel::kDebug);
  EXPECT_EQ(level_of(levels, LogModule::kRegistry), LogLevel::kWarn);
  EXPECT_EQ(level_of(levels, LogModule::kAgent), LogLevel::kInfo);
  ASSERT_TRUE(parse_log_levels("error,disk=off", levels).ok());
  EXPECT_EQ(level_of(levels, LogModule::kNet), LogLevel::kError);
  EXPECT_EQ(level_of(levels, LogModule::kDisk), LogLevel::kOff);
}

TEST(LogLine, LevelsThatAreNoneAreNamed) {
  const LogLevels before = all_at(LogLevel::kInfo);
  for (const auto& [text, why] :
       {std::pair<const char*, const char*>{"loud", "'loud' is no level; there are debug, info"},
        {"", "'' is no level"},
        {"warn,", "'' is no level"},
        {"warn,core=info", "'core' is no module; there are master, agent, net"},
        {"net=", "'' is no level"},
        {"net=debug=info", "no level"}}) {
    LogLevels levels = before;
    const absl::Status status = parse_log_levels(text, levels);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(message_of(status)), HasSubstr(why)) << text;
    EXPECT_EQ(levels, before) << text;
  }
}

}  // namespace
}  // namespace shoal::core
