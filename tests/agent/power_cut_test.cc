// A power cut, as the file system of the agent's folder sees it: ext4 on a loop device that is shut
// down without a flush at a random moment of writing, then mounted again as after a restart. What
// was told to be on disk must be there, and nothing that is there may stop the next agent.
//
// Needs rights to mount, and mkfs.ext4; else it says that it was skipped. SHOAL_POWER_CUTS=1000 for
// as many (the default is a few).
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/books.h"
#include "agent/epoch_store.h"
#include "agent/identity.h"
#include "agent/resource_store.h"
#include "agent/unique_fd.h"
#include "agent/update_log.h"
#include "core/random.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

// Of the kernel's fs/ext4/ext4.h, as no header for programs has them.
constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutFlush = 2;
constexpr std::uintmax_t kDiskBytes = 24 << 20;

struct Ran {
  int status = -1;  // as of waitpid; -1: there is no such program
  std::string said;
};

// A program with its output and errors, to its end.
Ran run_program(const std::vector<std::string>& words, const std::string& folder) {
  const std::string output = folder + "/said";
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  Ran ran;
  const int spawned =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (spawned == 0) ::waitpid(pid, &ran.status, 0);
  std::ifstream in(output, std::ios::binary);
  ran.said.assign(std::istreambuf_iterator<char>(in), {});
  return ran;
}

// ext4 in a file, by a loop device.
class LoopDisk {
 public:
  explicit LoopDisk(const std::string& folder) : path_(folder + "/mounted") {
    const std::string image = folder + "/image";
    std::filesystem::create_directories(path_);
    std::ofstream(image).flush();
    std::filesystem::resize_file(image, kDiskBytes);
    if (run_program({"mkfs.ext4", "-q", "-F", image}, folder).status != 0) {
      why_ = "mkfs.ext4 does not work here";
    } else if (!attach(image)) {
      why_ = "no loop device is to be had";
    } else if (!mount()) {
      why_ = fmt::format("mount: {}", errno_text());
    }
  }
  ~LoopDisk() {
    ::umount2(path_.c_str(), MNT_DETACH);
    if (device_.valid()) ::ioctl(device_.get(), LOOP_CLR_FD, 0);
  }
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::string& path() const { return path_; }
  const std::string& why_not() const { return why_; }  // empty: it is there

  bool cut_power() {
    const UniqueFd root(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::uint32_t how = kWithoutFlush;
    return ::ioctl(root.get(), kExt4Shutdown, &how) == 0;
  }
  // As after a restart: the journal is replayed.
  bool restart() { return ::umount(path_.c_str()) == 0 && mount(); }

 private:
  static std::string errno_text() { return std::generic_category().message(errno); }
  bool mount() { return ::mount(name_.c_str(), path_.c_str(), "ext4", 0, nullptr) == 0; }
  bool attach(const std::string& image) {
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    const UniqueFd file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
    if (!control.valid() || !file.valid()) return false;
    // Somebody else may take the free one first.
    for (int attempt = 0; attempt < 10; ++attempt) {
      const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
      if (number < 0) return false;
      name_ = fmt::format("/dev/loop{}", number);
      device_ = UniqueFd(::open(name_.c_str(), O_RDWR | O_CLOEXEC));
      if (!device_.valid()) return false;
      if (::ioctl(device_.get(), LOOP_SET_FD, file.get()) == 0) return true;
    }
    return false;
  }

  std::string path_;
  std::string why_;
  std::string name_;
  UniqueFd device_;
};

// One life of what an agent writes: updates, resources, epochs.
class Writer {
 public:
  Writer(Loop& loop, const std::string& data_dir, std::uint64_t life) : loop_(loop), life_(life) {
    UpdateLog::Hooks hooks;
    hooks.on_durable = [this](std::uint64_t ticket) { durable_ = ticket; };
    hooks.on_failed = [this](const absl::Status&) { has_failed_ = true; };
    hooks.on_full = [](const absl::Status&) {};
    hooks.history = [] { return wire::ByteVector(); };
    auto made = UpdateLog::create(loop.reactor(), data_dir, {}, std::move(hooks));
    EXPECT_TRUE(made.ok()) << made.status();
    log_ = *std::move(made);
    Books::Hooks answers;
    answers.on_stored = [this](const StoreOutcome& outcome) {
      if (outcome.status.ok()) ++stored_;
      is_storing_ = false;
    };
    answers.on_epoch_stored = [this](std::uint64_t epoch, const absl::Status& status) {
      if (status.ok()) epoch_ = epoch;
    };
    answers.on_id_stored = [](core::AgentId, const absl::Status&) {};
    answers.log = [](std::string_view) {};
    books_ = std::make_unique<Books>(loop.reactor(), data_dir, std::move(answers));
  }

  // Some of everything, again and again, until so many updates are on disk, and for so many turns
  // of the loop after it.
  void write_until(std::uint64_t updates, int turns) {
    int seen = 0;
    const auto hook = loop_.reactor().at_turn_end([&] {
      if (durable_ >= updates) ++seen;
      write();
      loop_.reactor().run_again();
    });
    EXPECT_TRUE(loop_.run_until([&] { return seen > turns; }));
    loop_.reactor().remove_hook(hook);
  }

  std::string task(std::uint64_t ticket) const { return fmt::format("l{}-t{}", life_, ticket); }
  std::uint64_t durable() const { return durable_; }
  std::uint64_t epoch() const { return epoch_; }
  core::Milli stored_cpus() const { return 1000 * static_cast<core::Milli>(stored_); }

 private:
  void write() {
    core::TaskStatus update;
    update.framework = kFramework;
    update.agent = core::AgentId{0xa1};
    const std::string id = task(next_);
    update.task = id;
    update.state = core::TaskState::kFinished;
    update.source = core::TaskSource::kAgent;
    update.has_uuid = true;
    update.uuid = {1, 2, 3};
    if (!has_failed_ && next_ < durable_ + kMostUnderWay) {
      EXPECT_EQ(log_->append(update), next_);
      ++next_;
    }
    if (is_storing_) return;
    is_storing_ = true;
    core::AgentResources record;
    record.resources.cpus = 1000 * static_cast<core::Milli>(stored_ + 1);
    EXPECT_FALSE(books_->store({record, {}, {}}).has_value());
    books_->store_epoch(life_ * 1'000'000 + static_cast<std::uint64_t>(stored_) + 1);
  }

  static constexpr std::uint64_t kMostUnderWay = 100;

  Loop& loop_;
  const std::uint64_t life_;
  std::uint64_t next_ = 1;
  std::uint64_t durable_ = 0;
  std::uint64_t epoch_ = 0;
  int stored_ = 0;
  bool is_storing_ = false;
  bool has_failed_ = false;
  std::unique_ptr<UpdateLog> log_;
  std::unique_ptr<Books> books_;
};

// The same test as a process with mounts of its own: what other processes make meanwhile, tasks
// with a copy of all mounts above all, would keep the file system alive after its unmounting.
void run_alone() {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const TempFolder folder;
  const auto [status, said] =
      run_program({"env", "SHOAL_POWER_CUT_ALONE=1", "unshare", "--mount", "--propagation",
                   "private", self, "--gtest_filter=PowerCutTest.WhatWasToldToBeOnDiskIsThere"},
                  folder.path());
  if (said.find("SKIPPED") != std::string::npos || said.find("unshare:") != std::string::npos) {
    GTEST_SKIP() << said;
  }
  EXPECT_EQ(status, 0) << said;
  const std::size_t figures = said.find("power cuts:");
  ASSERT_NE(figures, std::string::npos) << said;
  const std::size_t line = said.rfind('\n', figures) + 1;
  fmt::print("{}\n", said.substr(line, said.find('\n', figures) - line));
}

TEST(PowerCutTest, WhatWasToldToBeOnDiskIsThere) {
  if (std::getenv("SHOAL_POWER_CUT_ALONE") == nullptr) return run_alone();
  TempFolder folder;
  LoopDisk disk(folder.path());
  if (!disk.why_not().empty()) GTEST_SKIP() << disk.why_not();
  const char* wanted = std::getenv("SHOAL_POWER_CUTS");
  const int cuts = wanted == nullptr ? 8 : std::atoi(wanted);
  core::Random random(7);
  Loop loop;
  std::uint64_t durable = 0;
  std::uint64_t more = 0;  // that was on disk before anybody was told
  for (int life = 1; life <= cuts; ++life) {
    SCOPED_TRACE(life);
    ASSERT_TRUE(find_runs(disk.path()).ok());
    std::optional<Writer> writer(std::in_place, loop, disk.path(),
                                 static_cast<std::uint64_t>(life));
    writer->write_until(random.below(1000), static_cast<int>(random.below(200)));
    const std::uint64_t told = writer->durable();
    const std::uint64_t epoch = writer->epoch();
    const core::Milli cpus = writer->stored_cpus();
    ASSERT_TRUE(disk.cut_power());
    std::set<std::string> tasks;
    for (std::uint64_t ticket = 1; ticket <= told; ++ticket) tasks.insert(writer->task(ticket));
    writer.reset();  // what was under way fails
    ASSERT_TRUE(disk.restart());

    const auto read = read_update_log(disk.path());
    ASSERT_TRUE(read.ok()) << read.status();
    for (const std::string& task : tasks) {
      EXPECT_TRUE(read->history.tasks().contains({kFramework, task})) << task << " is lost";
    }
    durable += told;
    more += read->history.tasks().size() - told;
    const auto found = read_epoch(disk.path());
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_GE(*found, epoch);
    const auto stored = read_stored(disk.path());
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_GE(stored->has_value() ? (*stored)->resources.cpus : 0, cpus);
    if (testing::Test::HasFailure()) break;
  }
  fmt::print("{} power cuts: {} updates told and there, {} more there\n", cuts, durable, more);
  EXPECT_GT(durable, 0u);
}

}  // namespace
}  // namespace shoal::agent
