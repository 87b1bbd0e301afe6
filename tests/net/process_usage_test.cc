#include "net/process_usage.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace shoal::net {
namespace {

TEST(ProcessUsage, IsThatOfThisProcess) {
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(30)) {
  }
  const ProcessUsage usage = read_process_usage();
  EXPECT_GT(usage.cpu_seconds, 0);
  EXPECT_GT(usage.resident_bytes, 100'000u);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LT(usage.start_seconds, now + 2);
  EXPECT_GT(usage.start_seconds, now - 3600);
}

TEST(ProcessUsage, NamesMayHoldAnythingAndNonsenseIsNothing) {
  const std::filesystem::path proc = ::testing::TempDir() + "shoal-proc-usage";
  std::filesystem::create_directories(proc / "self");
  std::ofstream(proc / "self/stat")
      << "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 300 9 11 0";
  std::ofstream(proc / "stat") << "cpu 1 2\nintr 3\nbtime 1000\nprocesses 5\n";
  const ProcessUsage usage = read_process_usage(proc);
  EXPECT_EQ(usage.cpu_seconds, 2);
  EXPECT_EQ(usage.start_seconds, 1003);
  EXPECT_EQ(usage.resident_bytes % 11, 0u);
  EXPECT_GT(usage.resident_bytes, 0u);
  for (const char* text : {"", "7 (a", "7 (a)", "7 (a) R 1 2"}) {
    std::ofstream(proc / "self/stat") << text;
    EXPECT_EQ(read_process_usage(proc).resident_bytes, 0u) << text;
  }
  std::filesystem::remove_all(proc);
}

}  // namespace
}  // namespace shoal::net
