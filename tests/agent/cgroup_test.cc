#include "agent/cgroup.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "agent/cgroup_usage.h"
#include "agent/supervisor/cgroup_folder.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kRun[] = "0123-run";

TEST(CgroupMountsTest, ReadsWhatTheKernelWrites) {
  const CgroupMounts hybrid = parse_cgroup_mounts(
      "26 1 0:23 / /sys/fs/cgroup rw,relatime - tmpfs none rw,mode=755\n"
      "27 26 0:24 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "28 26 0:25 / /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n"
      "29 26 0:26 / /elsewhere rw - cgroup cgroup rw,memory\n"
      "30 26 0:27 / /sys/fs/cgroup/systemd rw - cgroup none rw,name=systemd\n"
      "31 26 0:28 / /sys/fs/cgroup/unified rw shared:1 master:2 - cgroup2 none rw,nsdelegate\n"
      "cut off - cgroup\n");
  EXPECT_EQ(hybrid.v2, "/sys/fs/cgroup/unified");
  EXPECT_EQ(hybrid.v1.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(hybrid.v1.at("cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(hybrid.v1.at("memory"), "/sys/fs/cgroup/my memory");
  const CgroupMounts none = parse_cgroup_mounts("");
  EXPECT_TRUE(none.v1.empty());
  EXPECT_EQ(none.v2, "");
}

TEST(CgroupRootTest, StaysBelowTheMountPoint) {
  for (const char* good : {"shoal", "a/b", "system.slice/shoal@1.service/tasks"}) {
    EXPECT_TRUE(check_cgroup_root(good).ok()) << good;
  }
  for (const char* bad :
       {"", "/", "/shoal", "shoal/", "a//b", "..", "a/../b", ".", "a b", "a\nb"}) {
    EXPECT_FALSE(check_cgroup_root(bad).ok()) << bad;
  }
}

// Plain folders in the place of the kernel's.
class FakeCgroupTest : public testing::Test {
 protected:
  std::string agent_folder(const std::string& mount) const {
    struct stat info {};
    ::stat(data_.path().c_str(), &info);
    return fmt::format("{}/shoal/agent-{:x}-{}", mount, info.st_dev, info.st_ino);
  }
  static void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
  }
  CgroupOptions options() const {
    CgroupOptions options;
    options.data_dir = data_.path();
    options.max_pids = 99;
    options.cpu_quota = true;
    return options;
  }
  CgroupMounts unified() const {
    write(mount_.path() + "/cgroup.controllers", "cpuset cpu io memory pids\n");
    // Room for what is written into it.
    write(agent_folder(mount_.path()) + "/cgroup.subtree_control",
          "............ cpu io memory pids\n");
    write(agent_folder(mount_.path()) + "/cgroup.kill", "");
    CgroupMounts mounts;
    mounts.v2 = mount_.path();
    return mounts;
  }
  CgroupMounts separate() const {
    CgroupMounts mounts;
    for (const char* controller : {"cpu", "cpuacct", "memory", "pids", "freezer"}) {
      mounts.v1[controller] = fmt::format("{}/{}", mount_.path(), controller);
      std::filesystem::create_directory(mounts.v1[controller]);
    }
    return mounts;
  }

  TempFolder data_;
  TempFolder mount_;
};

TEST_F(FakeCgroupTest, LimitsOfVersion2) {
  const auto cgroups = Cgroups::open(unified(), options());
  ASSERT_TRUE(cgroups.ok()) << cgroups.status();
  EXPECT_THAT(cgroups->missing(), testing::IsEmpty());
  EXPECT_EQ(cgroups->to_string(), "cgroup v2: cpu, memory, pids; killed by cgroup.kill");
  EXPECT_THAT(cgroups->settings(kRun, resources_of("cpus:1.5;mem:64")),
              ElementsAre("cgroup=" + agent_folder(mount_.path()) + "/" + kRun,
                          "write=cpu.weight=150", "write=cpu.max=150000 100000",
                          "write=memory.max=67108864", "try-write=memory.swap.max=0",
                          "try-write=memory.oom.group=1", "write=pids.max=99"));
  // The least of each; without memory there is no limit on it.
  EXPECT_THAT(cgroups->settings(kRun, resources_of("cpus:0.001;mem:1")),
              testing::IsSupersetOf({std::string("write=cpu.weight=1"),
                                     std::string("write=cpu.max=1000 100000"),
                                     std::string("write=memory.max=33554432")}));
  EXPECT_THAT(cgroups->settings(kRun, resources_of("cpus:1")),
              testing::Not(testing::Contains(HasSubstr("memory"))));
}

TEST_F(FakeCgroupTest, LimitsOfVersion1) {
  const auto cgroups = Cgroups::open(separate(), options());
  ASSERT_TRUE(cgroups.ok()) << cgroups.status();
  EXPECT_EQ(cgroups->to_string(), "cgroup v1: cpu, memory, pids; killed by signals");
  const std::string run = "/" + std::string(kRun);
  const auto folder = [&](const char* controller) {
    return "cgroup=" + agent_folder(mount_.path() + "/" + controller) + run;
  };
  EXPECT_THAT(
      cgroups->settings(kRun, resources_of("cpus:0.001;mem:64.5")),
      ElementsAre(folder("freezer"), folder("cpu"), "write=cpu.shares=2",
                  "write=cpu.cfs_period_us=100000", "write=cpu.cfs_quota_us=1000",
                  folder("cpuacct"), folder("memory"), "write=memory.limit_in_bytes=67633152",
                  "try-write=memory.memsw.limit_in_bytes=67633152", folder("pids"),
                  "write=pids.max=99"));
}

TEST_F(FakeCgroupTest, AControllerOfEitherVersion) {
  CgroupMounts mounts = unified();
  mounts.v1["memory"] = mount_.path() + "/memory";
  mounts.v1["freezer"] = mount_.path() + "/freezer";
  std::filesystem::create_directory(mounts.v1["memory"]);
  const auto cgroups = Cgroups::open(mounts, options());
  ASSERT_TRUE(cgroups.ok()) << cgroups.status();
  EXPECT_EQ(cgroups->to_string(), "cgroup v1: memory; cgroup v2: cpu, pids; killed by cgroup.kill");
}

TEST_F(FakeCgroupTest, WhatIsNotHandedDownIsMissing) {
  const CgroupMounts mounts = unified();
  write(agent_folder(mount_.path()) + "/cgroup.subtree_control", "........ pids\n");
  const auto cgroups = Cgroups::open(mounts, options());
  ASSERT_TRUE(cgroups.ok()) << cgroups.status();
  EXPECT_THAT(cgroups->missing(),
              ElementsAre("cpu (no cgroup controller)", "memory (no cgroup controller)"));
  EXPECT_THAT(cgroups->settings(kRun, resources_of("cpus:1;mem:64")),
              ElementsAre(HasSubstr("cgroup="), "write=pids.max=99"));
}

TEST_F(FakeCgroupTest, UsageOfBothVersions) {
  const auto v2 = Cgroups::open(unified(), options());
  const std::string run = agent_folder(mount_.path()) + "/" + kRun;
  EXPECT_FALSE(v2->usage(kRun).memory_bytes.has_value());
  write(run + "/cpu.stat", "usage_usec 12\nuser_usec 5\nsystem_usec 6\nthrottled_usec 7\n");
  write(run + "/io.stat", "8:0 rbytes=4096 wbytes=1 rios=1\n254:0 rbytes=4 wbytes=x dbytes=9\n");
  write(run + "/memory.current", "4096\n");
  write(run + "/memory.events", "low 0\noom 3\noom_kill 3\noom_group_kill 1\n");
  write(run + "/pids.current", "5\n");
  CgroupUsage usage = v2->usage(kRun);
  EXPECT_EQ(usage.cpu_ns, 12'000u);
  EXPECT_EQ(usage.cpu_user_ns, 5'000u);
  EXPECT_EQ(usage.cpu_system_ns, 6'000u);
  EXPECT_EQ(usage.throttled_ns, 7'000u);
  EXPECT_EQ(usage.read_bytes, 4100u);
  EXPECT_EQ(usage.written_bytes, 1u);
  EXPECT_EQ(usage.memory_bytes, 4096u);
  EXPECT_FALSE(usage.memory_peak_bytes.has_value());
  EXPECT_EQ(usage.oom_kills, 2u) << "the first of a group is counted twice";
  EXPECT_EQ(usage.processes, 5u);

  const auto v1 = Cgroups::open(separate(), options());
  const auto at = [&](const char* controller) {
    return agent_folder(mount_.path() + "/" + controller) + "/" + kRun + "/";
  };
  write(at("cpuacct") + "cpuacct.usage", "15\n");
  write(at("cpuacct") + "cpuacct.usage_user", "9\n");
  write(at("cpuacct") + "cpuacct.usage_sys", "6\n");
  write(at("cpu") + "cpu.stat", "nr_periods 4\nnr_throttled 1\nthrottled_time 8\n");
  write(at("memory") + "memory.usage_in_bytes", "1\n");
  write(at("memory") + "memory.max_usage_in_bytes", "2\n");
  write(at("memory") + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  write(at("pids") + "pids.current", "max\n");
  usage = v1->usage(kRun);
  EXPECT_EQ(usage.cpu_ns, 15u);
  EXPECT_EQ(usage.cpu_user_ns, 9u);
  EXPECT_EQ(usage.cpu_system_ns, 6u);
  EXPECT_FALSE(usage.read_bytes.has_value());
  EXPECT_EQ(usage.throttled_ns, 8u);
  EXPECT_EQ(usage.memory_bytes, 1u);
  EXPECT_EQ(usage.memory_peak_bytes, 2u);
  EXPECT_EQ(usage.oom_kills, 3u);
  EXPECT_FALSE(usage.processes.has_value()) << "no number";
}

// What /proc tells of every task.
class RestOfUsage final : public TaskUsage {
 public:
  std::vector<std::optional<UsageOfTask>> read(const std::vector<SupervisedTask>& tasks) override {
    std::vector<std::optional<UsageOfTask>> usages(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i].id.task_id != "gone") usages[i] = UsageOfTask{1, 2, 3, 4, 5, 6, 7};
    }
    return usages;
  }
};

TEST_F(FakeCgroupTest, UsageOfTasksIsTakenFromTheirCgroups) {
  const auto v2 = Cgroups::open(unified(), options());
  const std::string run = agent_folder(mount_.path()) + "/" + kRun;
  write(run + "/cpu.stat", "usage_usec 90\nuser_usec 50\nsystem_usec 40\nthrottled_usec 7\n");
  write(run + "/memory.current", "4096\n");
  write(run + "/memory.peak", "8192\n");
  write(run + "/io.stat", "8:0 rbytes=100 wbytes=1\n");
  write(run + "/pids.current", "9\n");
  CgroupTaskUsage usage(*v2, std::make_unique<RestOfUsage>());
  const auto read = usage.read({{kFramework, {"f", "a", kRun}, 100},
                                {kFramework, {"f", "b", "another-run"}, 200},
                                {kFramework, {"f", "gone", kRun}, 300}});
  ASSERT_EQ(read.size(), 3u);
  ASSERT_TRUE(read[0].has_value());
  EXPECT_EQ(read[0]->cpu_user_us, 50u);
  EXPECT_EQ(read[0]->cpu_system_us, 40u);
  EXPECT_EQ(read[0]->throttled_us, 7u);
  EXPECT_EQ(read[0]->memory_bytes, 4096u);
  EXPECT_EQ(read[0]->memory_peak_bytes, 8192u);
  EXPECT_EQ(read[0]->rss_bytes, 5u);
  EXPECT_EQ(read[0]->processes, 6u);
  EXPECT_EQ(read[0]->threads, 9u);
  EXPECT_EQ(read[0]->read_bytes, 100u);
  EXPECT_EQ(read[0]->written_bytes, 4u) << "the page cache has not written it yet";
  ASSERT_TRUE(read[1].has_value());
  EXPECT_EQ(read[1]->cpu_user_us, 1u) << "it has no cgroup";
  EXPECT_EQ(read[1]->threads, 7u);
  EXPECT_FALSE(read[1]->throttled_us.has_value());
  EXPECT_FALSE(read[2].has_value());
}

TEST_F(FakeCgroupTest, WithoutAnyItSaysWhy) {
  const auto none = Cgroups::open(CgroupMounts{}, options());
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("no cgroup file system"));
  CgroupMounts gone;
  gone.v2 = "/proc/no-such-mount";
  const auto refused = Cgroups::open(gone, options());
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("/proc/no-such-mount/shoal"));
  CgroupOptions bad = options();
  bad.root = "../up";
  EXPECT_TRUE(absl::IsInvalidArgument(Cgroups::open(unified(), bad).status()));
}

TEST(CgroupFolderTest, ALongPathIsRefused) {
  std::uint64_t value = 0;
  EXPECT_FALSE(read_cgroup_number(std::string(2000, 'x').c_str(), "a", nullptr, &value));
  EXPECT_EQ(errno, ENAMETOOLONG);
  EXPECT_FALSE(write_cgroup_file("/no/such", "cgroup.procs", "0"));
  EXPECT_TRUE(is_cgroup_empty("/no/such"));
  EXPECT_TRUE(remove_cgroup("/no/such"));
}

}  // namespace
}  // namespace shoal::agent
