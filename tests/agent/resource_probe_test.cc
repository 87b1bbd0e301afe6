#include "agent/resource_probe.h"

#include <sched.h>

#include "agent/process.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kGiB = 1024 * kMiB;

MachineFacts facts(int cores, std::uint64_t mem, std::uint64_t disk) {
  MachineFacts known;
  known.usable_cores = cores;
  known.mem_bytes = mem;
  known.disk_bytes = disk;
  return known;
}

TEST(ResourceRuleTest, KeepsAReserveForTheMachine) {
  const ProbedResources big = default_resources(facts(8, 16 * kGiB, 100 * kGiB));
  EXPECT_EQ(big.cpus, 8.0);
  EXPECT_EQ(big.mem_mib, 15 * 1024);
  EXPECT_EQ(big.disk_mib, 95 * 1024);
  EXPECT_EQ(big.ports, (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{31000, 32000}}));
}

TEST(ResourceRuleTest, GivesHalfOfASmallMachine) {
  const ProbedResources small = default_resources(facts(1, 2 * kGiB - 2, 10 * kGiB - 2));
  EXPECT_EQ(small.mem_mib, 1023);
  EXPECT_EQ(small.disk_mib, 5 * 1024 - 1);
  const ProbedResources edge = default_resources(facts(1, 2 * kGiB, 10 * kGiB));
  EXPECT_EQ(edge.mem_mib, 1024);
  EXPECT_EQ(edge.disk_mib, 5 * 1024);
  EXPECT_EQ(default_resources(facts(1, 0, 0)).mem_mib, 0);
}

TEST(ResourceRuleTest, FallsBackWhenNothingIsKnown) {
  const ProbedResources unknown = default_resources({});
  EXPECT_EQ(unknown.cpus, 1.0);
  EXPECT_EQ(unknown.mem_mib, 1024);
  EXPECT_EQ(unknown.disk_mib, 10 * 1024);
}

TEST(ResourceRuleTest, CgroupLimitsCount) {
  MachineFacts limited = facts(8, 16 * kGiB, 100 * kGiB);
  limited.cpu_quota = 1.5;
  limited.mem_limit = 4 * kGiB;
  EXPECT_EQ(default_resources(limited).cpus, 1.5);
  EXPECT_EQ(default_resources(limited).mem_mib, 3 * 1024);
  limited.cpu_quota = 64;
  limited.mem_limit = 64 * kGiB;
  EXPECT_EQ(default_resources(limited).cpus, 8.0);
  EXPECT_EQ(default_resources(limited).mem_mib, 15 * 1024);
}

TEST(ResourceReadingTest, Texts) {
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
  for (const char* none : {"max 100000", "", "100000", "0 100000", "1 0", "-1 100000", "a b"}) {
    EXPECT_FALSE(parse_cpu_max(none).has_value()) << none;
  }
  EXPECT_EQ(parse_memory_limit("1048576\n"), kMiB);
  for (const char* none :
       {"max\n", "", "0", "9223372036854771712", "-5", "1x", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_memory_limit(none).has_value()) << none;
  }
  EXPECT_EQ(parse_mem_total("MemTotal:       1024 kB\nMemFree: 1 kB\n"), kMiB);
  EXPECT_FALSE(parse_mem_total("MemFree: 1 kB\n").has_value());
  EXPECT_FALSE(parse_mem_total("MemTotal:").has_value());
}

// A /proc and a /sys made of files.
class FakeMachine : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(
        std::filesystem::path(root_.path() + "/" + name).parent_path());
    root_.write(name, text);
  }
  MachineFacts read() const { return read_machine_facts(root_.path(), root_.path()); }
  TempFolder root_;
};

TEST_F(FakeMachine, TheTightestGroupAboveUsCounts) {
  put("proc/self/cgroup", "0::/a/b\n");
  put("sys/fs/cgroup/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  put("sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
  put("sys/fs/cgroup/a/memory.max", "max\n");
  put("sys/fs/cgroup/a/b/memory.max", "1048576\n");
  EXPECT_EQ(read().cpu_quota, 0.5);
  EXPECT_EQ(read().mem_limit, kMiB);
}

TEST_F(FakeMachine, Version1HasFoldersPerController) {
  put("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n0::/\n");
  put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n");
  put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2097152\n");
  EXPECT_EQ(read().cpu_quota, 2.5);
  EXPECT_EQ(read().mem_limit, 2 * kMiB);
}

TEST_F(FakeMachine, InAContainerOnlyTheTopIsThere) {
  put("proc/self/cgroup", "0::/../../not/here\n");
  put("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(read().cpu_quota, 1.0);
}

TEST_F(FakeMachine, AMachineWithoutFilesIsUnknown) {
  const MachineFacts known = read();
  EXPECT_FALSE(known.mem_bytes || known.mem_limit || known.cpu_quota);
  EXPECT_FALSE(read_machine_facts("/no/such/data", root_.path()).disk_bytes.has_value());
}

TEST(ResourceProbeTest, ThisMachineHasSomething) {
  const ProbedResources here = probe_resources("/tmp");
  EXPECT_GT(here.cpus, 0);
  EXPECT_GT(here.mem_mib, 0);
  EXPECT_GT(here.disk_mib, 0);
  EXPECT_FALSE(read_hostname().empty());
  EXPECT_EQ(read_boot_id().size(), 36u);
}

TEST(ResourceProbeTest, AffinityCounts) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(read_machine_facts("/tmp").usable_cores, 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace shoal::agent
