#include "net/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "core/status.h"
#include "net/log_page.h"

namespace shoal::net {
namespace {

using core::LogLevel;
using core::LogModule;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// What was written; to be read after flush() or the log's end.
struct Written {
  std::string text;
  LogOptions options() {
    LogOptions options;
    options.daemon = "master";
    options.sink = [this](std::string_view lines) { text += lines; };
    return options;
  }
};

TEST(Log, WritesWhatItsLevelsLetThrough) {
  Written written;
  Log log(written.options());
  log.write(LogModule::kNet, LogLevel::kDebug, "one");
  log.write(LogModule::kNet, LogLevel::kInfo, "two", {{"reactor", 1}});
  core::LogLevels levels = log.levels();
  ASSERT_TRUE(core::parse_log_levels("off,net=debug", levels).ok());
  log.set_levels(levels);
  EXPECT_EQ(log.levels(), levels);
  log.write(LogModule::kNet, LogLevel::kDebug, "three");
  log.write(LogModule::kRegistry, LogLevel::kError, "four");
  log.flush();
  EXPECT_EQ(written.text, "shoal master: two reactor=1\nshoal master: three\n");
  EXPECT_EQ(log.lines(), 2u);
}

TEST(Log, ItsEndWritesTheRest) {
  Written written;
  {
    Log log(written.options());
    for (int i = 0; i < 1000; ++i) log_line(&log, LogModule::kMaster, LogLevel::kInfo, "x");
  }
  EXPECT_EQ(written.text.size(), 1000 * std::string("shoal master: x\n").size());
  log_line(nullptr, LogModule::kMaster, LogLevel::kInfo, "nobody hears");
}

TEST(Log, LinesOfThreadsAreWhole) {
  Written written;
  {
    Log log(written.options());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log] {
        for (int i = 0; i < 200; ++i) log.write(LogModule::kNet, LogLevel::kInfo, "0123456789");
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::string expected;
  for (int i = 0; i < 800; ++i) expected += "shoal master: 0123456789\n";
  EXPECT_EQ(written.text, expected);
}

TEST(Log, WhoDoesNotReadItHoldsUpNobodyAndIsTold) {
  std::promise<void> reads;
  std::promise<void> begun;
  std::string text;
  LogOptions options;
  options.daemon = "agent";
  options.sink = [&, is_first = true](std::string_view lines) mutable {
    text += lines;
    if (!std::exchange(is_first, false)) return;
    begun.set_value();
    reads.get_future().wait();
  };
  Log log(options);
  log.write(LogModule::kAgent, LogLevel::kInfo, "first");
  begun.get_future().wait();
  const std::string line(1000, 'x');
  for (int i = 0; i < 1200; ++i) log.write(LogModule::kAgent, LogLevel::kInfo, line);
  const std::uint64_t dropped = log.dropped();
  EXPECT_GT(dropped, 100u);
  reads.set_value();
  log.flush();
  EXPECT_LE(text.size(), Log::kMaxWaitingBytes + 200);
  EXPECT_THAT(text, EndsWith("shoal agent: warning: " + std::to_string(dropped) +
                             " lines of this log were dropped\n"));
  EXPECT_EQ(log.lines() + dropped, 1201u);
}

TEST(LogPage, ShowsLevelsAndChangesThem) {
  Written written;
  Log log(written.options());
  ASSERT_TRUE(change_log_levels(log, "warn,api=info,net=debug").ok());
  log.flush();
  EXPECT_EQ(written.text,
            "shoal master: an operator changed the log's levels levels=warn,api=info,net=debug\n");
  EXPECT_EQ(log_levels_json(log),
            R"({"levels":{"master":"warn","agent":"warn","net":"debug","api":"info",)"
            R"("registry":"warn","election":"warn","tasks":"warn","disk":"warn"},)"
            R"("lines":1,"dropped":0})"
            "\n");
  EXPECT_THAT(std::string(core::message_of(change_log_levels(log, "net"))),
              HasSubstr("'net' is no level"));
}

}  // namespace
}  // namespace shoal::net
