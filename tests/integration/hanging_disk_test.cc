// A master whose disk does not answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::HasSubstr;

#ifdef SHOAL_HANGING_DISK

class HangingDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    StartOptions options;
    options.environment.emplace_back("LD_PRELOAD", SHOAL_HANGING_DISK);
    options.environment.emplace_back("SHOAL_TEST_HANG", hang());
    const std::string ready = folder_.path() + "/ready";
    master_ = std::make_unique<Process>(
        std::vector<std::string>{SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data",
                                 folder_.path() + "/master", "--ready-file", ready,
                                 "--registry-store-timeout", "6s"},
        options);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
    std::ifstream in(ready);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t begin = text.find(":\"") + 2;
    address_ = text.substr(begin, text.find('"', begin) - begin);
  }
  std::string hang() const { return folder_.path() + "/hang"; }
  void hang_up() { std::ofstream(hang()) << "now"; }
  std::unique_ptr<Process> call(std::vector<std::string> words) {
    words.insert(words.begin(), SHOAL_BINARY);
    StartOptions options;
    options.environment.emplace_back("SHOAL_MASTER", address_);
    return std::make_unique<Process>(std::move(words), options);
  }
  bool is_committing() {
    const std::string page = run({"/usr/bin/curl", "-s", "http://" + address_ + "/metrics"}).out;
    return page.find("\nshoal_master_registry_commit_running_seconds 0\n") == std::string::npos &&
           page.find("\nshoal_master_registry_commit_running_seconds ") != std::string::npos;
  }

  TempFolder folder_;
  std::unique_ptr<Process> master_;
  std::string address_;
};

TEST_F(HangingDiskTest, EndsTheMasterWithTheReason) {
  hang_up();
  const auto waiting = call({"weight", "ads", "2"});
  EXPECT_TRUE(master_->wait_for_output("the registry's store has not answered for 5 s"));
  EXPECT_EQ(call({"weight", "get"})->wait().exit_code, 0) << "what needs no disk goes on";
  const Result ended = master_->wait();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("the registry's store has not answered for 6 s"));
  EXPECT_THAT(ended.err, HasSubstr("so the master stops"));
  EXPECT_NE(waiting->wait().exit_code, 0) << "nothing was promised";
}

TEST_F(HangingDiskTest, IsWaitedForWhenItAnswersInTime) {
  hang_up();
  const auto waiting = call({"weight", "ads", "2"});
  EXPECT_TRUE(eventually([&] { return is_committing(); }));
  std::filesystem::remove(hang());
  EXPECT_EQ(waiting->wait().exit_code, 0);
  EXPECT_THAT(call({"weight", "get"})->wait().out, HasSubstr("ads"));
  master_->signal(SIGTERM);
  EXPECT_EQ(master_->wait().exit_code, 0);
}

TEST_F(HangingDiskTest, DoesNotKeepAMasterThatIsToldToEnd) {
  hang_up();
  const auto waiting = call({"weight", "ads", "2"});
  EXPECT_TRUE(eventually([&] { return is_committing(); }));
  master_->signal(SIGTERM);
  const Result ended = master_->wait();
  EXPECT_EQ(ended.exit_code, 1) << "what was asked is not known to be stored";
  EXPECT_THAT(ended.err, HasSubstr("the registry's store has not answered"));
}

#else

TEST(HangingDiskTest, NeedsABuildWithoutSanitizer) {
  GTEST_SKIP() << "a sanitizer wants to be loaded first, before what makes the disk hang";
}

#endif

}  // namespace
}  // namespace shoal::test
