#include "agent/device_rules.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/cgroup.h"
#include "tests/agent/held_task.h"

namespace shoal::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DeviceRulesTest, FilesOfThisMachineWithWhatMayBeDone) {
  const auto rules = parse_devices("/dev/null:r, /dev/zero,/dev/full:w,/dev/random:rw");
  ASSERT_TRUE(rules.ok()) << rules.status();
  std::vector<std::string> texts;
  for (const DeviceRule& rule : *rules) texts.push_back(text_of(rule));
  EXPECT_THAT(texts, ElementsAre("c 1:3 rm", "c 1:5 rwm", "c 1:7 wm", "c 1:8 rwm"));
  EXPECT_TRUE(parse_devices("")->empty());
  EXPECT_EQ(text_of({true, 8, -1}), "b 8:* rwm");
  for (const char* bad : {"/etc/passwd", "/dev", "/dev/null:x", "/dev/null:", ","}) {
    EXPECT_FALSE(parse_devices(bad).ok()) << bad;
  }
  EXPECT_TRUE(absl::IsNotFound(parse_devices("/dev/no-such-device").status()));
  std::string many = "/dev/null";
  for (std::size_t i = 0; i < kMaxDevices; ++i) many += ",/dev/null";
  EXPECT_THAT(std::string(parse_devices(many).status().message()), HasSubstr("at most 64"));
}

constexpr char kUsual[] = "null\nzero\nfull\nrandom\nurandom\nptmx\n";

class DevicesTest : public HeldTaskTest {
 protected:
  void SetUp() override {
    HeldTaskTest::SetUp();
    if (!can_open("kmsg")) GTEST_SKIP() << "no /dev/kmsg, or not for this user";
    for (const char* device : {"mem", "kvm"}) {
      if (can_open(device)) special_ = device;
    }
    if (special_.empty()) GTEST_SKIP() << "neither /dev/kvm nor /dev/mem, or not for this user";
  }
  static bool can_open(const char* device) {
    return UniqueFd(::open(fmt::format("/dev/{}", device).c_str(), O_RDWR | O_CLOEXEC)).valid();
  }
  // What a task says of some device files: "null", "kmsg is refused".
  std::string try_all() const {
    return fmt::format(
        "for d in null zero full random urandom tty ptmx kmsg {}; do "
        "if (exec 3< /dev/$d) 2> reason; then echo $d; "
        "else grep -q 'Operation not permitted' reason && echo $d is refused; fi; done",
        special_);
  }
  std::string refused() const {
    return fmt::format("{}kmsg is refused\n{} is refused\n", kUsual, special_);
  }

  std::string special_;  // one that is not among the usual ones
};

TEST_F(DevicesTest, NoneButTheUsualOnes) {
  if (!hold("cgroup,devices")) GTEST_SKIP() << why_not_;
  fmt::print("{}\n", isolation_->to_string());
  // A task has no terminal: tty is ENXIO, not refused.
  EXPECT_EQ(output_of(try_all()), refused());
  EXPECT_EQ(output_of("echo x > /dev/null && python3 -c 'import pty, sys\n"
                      "pty.spawn([\"echo\", \"through a terminal\"])'"),
            "through a terminal\r\n");
  devices_ = fmt::format("/dev/{}:r", special_);
  ASSERT_TRUE(hold("cgroup,devices")) << why_not_ << ": the program takes the place of the other";
  EXPECT_EQ(output_of(try_all()), fmt::format("{}kmsg is refused\n{}\n", kUsual, special_));
  EXPECT_THAT(output_of(fmt::format("(exec 3<> /dev/{}) 2>&1", special_)),
              HasSubstr("Operation not permitted"));
  ASSERT_TRUE(hold("cgroup")) << why_not_;
  EXPECT_EQ(output_of(try_all()), fmt::format("{}kmsg\n{}\n", kUsual, special_))
      << "and goes when it is not wanted";
}

TEST_F(DevicesTest, AFileOfTheTasksOwnIsNoWayAround) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes device files";
  if (!hold("cgroup,devices")) GTEST_SKIP() << why_not_;
  // 1:11 is /dev/kmsg, 1:3 is /dev/null.
  EXPECT_EQ(
      output_of("mknod mine c 1 3 && echo made; mknod kmsg c 1 11 2>&1 | grep -o 'not permitted'"),
      "made\nnot permitted\n");
  const std::string made = folder_.path() + "/made";
  ASSERT_EQ(::mknod(made.c_str(), S_IFCHR | 0666, ::makedev(1, 11)), 0);
  if (!UniqueFd(::open(made.c_str(), O_RDONLY | O_CLOEXEC)).valid()) GTEST_SKIP() << "nodev";
  EXPECT_THAT(output_of("(exec 3< made) 2>&1"), HasSubstr("Operation not permitted"));
}

TEST_F(DevicesTest, TheSameByVersion1) {
  std::ifstream in("/proc/self/mountinfo");
  CgroupMounts mounts = parse_cgroup_mounts(std::string((std::istreambuf_iterator<char>(in)), {}));
  mounts.v2.clear();
  if (!mounts.v1.contains("devices")) GTEST_SKIP() << "no cgroup v1 with devices";
  CgroupOptions options;
  options.root = "shoal-test";
  options.data_dir = data_.path();
  options.devices = default_devices();
  const auto cgroups = Cgroups::open(mounts, options);
  if (!cgroups.ok()) GTEST_SKIP() << cgroups.status();
  EXPECT_THAT(cgroups->to_string(), HasSubstr("devices"));
  SpawnRequest wanted = request({try_all()}, true);
  wanted.settings = cgroups->settings("run", {});
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), refused());
  EXPECT_TRUE(cgroups->end("run"));
  cgroups->close();
}

TEST(IsolationOfDevicesTest, BadNamesStopTheStart) {
  TempFolder data;
  IsolationOptions options;
  options.switches = *parse_isolation("auto");
  options.data_dir = options.cgroups.data_dir = data.path();
  options.supervisor = supervisor_program();
  options.devices = "/etc/passwd";
  const auto opened = TaskIsolation::open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("--allowed-devices"));
}

}  // namespace
}  // namespace shoal::agent
