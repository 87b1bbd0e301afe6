#include "agent/device_rules.h"

#include <gmock/gmock.h>
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

// What a task says of some device files: "null ok", "kmsg no".
constexpr char kTryAll[] =
    "for d in null zero full random urandom tty ptmx kmsg kvm; do "
    "if (exec 3< /dev/$d) 2> reason; then echo $d; "
    "else grep -q 'Operation not permitted' reason && echo $d is refused; fi; done";

class DevicesTest : public HeldTaskTest {
 protected:
  void SetUp() override {
    HeldTaskTest::SetUp();
    for (const char* device : {"/dev/kmsg", "/dev/kvm"}) {
      if (::access(device, R_OK) != 0) GTEST_SKIP() << "no " << device << ", or not for this user";
    }
  }
};

TEST_F(DevicesTest, NoneButTheUsualOnes) {
  if (!hold("cgroup,devices")) GTEST_SKIP() << why_not_;
  fmt::print("{}\n", isolation_->to_string());
  // A task has no terminal: tty is ENXIO, not refused.
  const std::string usual = "null\nzero\nfull\nrandom\nurandom\nptmx\n";
  EXPECT_EQ(output_of(kTryAll), usual + "kmsg is refused\nkvm is refused\n");
  EXPECT_EQ(output_of("echo x > /dev/null && python3 -c 'import pty, sys\n"
                      "pty.spawn([\"echo\", \"through a terminal\"])'"),
            "through a terminal\r\n");
  devices_ = "/dev/kvm:r";
  ASSERT_TRUE(hold("cgroup,devices")) << why_not_ << ": the program takes the place of the other";
  EXPECT_EQ(output_of(kTryAll), usual + "kmsg is refused\nkvm\n");
  EXPECT_THAT(output_of("(exec 3<> /dev/kvm) 2>&1"), HasSubstr("Operation not permitted"));
  ASSERT_TRUE(hold("cgroup")) << why_not_;
  EXPECT_EQ(output_of(kTryAll), usual + "kmsg\nkvm\n") << "and goes when it is not wanted";
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
  SpawnRequest wanted = request({kTryAll}, true);
  wanted.settings = cgroups->settings("run", {});
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"),
            "null\nzero\nfull\nrandom\nurandom\nptmx\nkmsg is refused\nkvm is refused\n");
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
