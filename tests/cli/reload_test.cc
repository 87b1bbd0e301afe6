#include "cli/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "cli/config.h"

namespace shoal::cli {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kChangeable[] = {"offer-timeout"};

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    std::string name = std::filesystem::temp_directory_path() / "shoal-reload-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    file_ = folder_ + "/shoal.toml";
  }
  ~ReloadTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) const { std::ofstream(file_) << text; }
  // What a master is started with, and a flag.
  void start(const std::vector<std::string>& flags = {}) {
    std::vector<std::string> words = {"master", "--data", "/d", "--config", file_};
    words.insert(words.end(), flags.begin(), flags.end());
    const ParsedCommand first = parse_command_line(words, "127.0.0.1:7070");
    ASSERT_TRUE(first.verb.has_value()) << first.text;
    rereading_.emplace(words, "127.0.0.1:7070", SettingsSources(), first);
  }
  Rereading::Outcome again() { return rereading_->again("master", kChangeable); }

  std::string folder_;
  std::string file_;
  std::optional<Rereading> rereading_;
};

TEST_F(ReloadTest, TellsWhatHasChangedAndWhatNeedsARestart) {
  write("[master]\noffer-timeout = '50s'\n");
  start();
  EXPECT_THAT(again().lines, ElementsAre("SIGHUP: no setting has changed"));
  write("[master]\noffer-timeout = '20s'\nreactors = 3\n");
  const Rereading::Outcome outcome = again();
  EXPECT_EQ(std::get<MasterVerb>(*outcome.verb).offer_timeout, seconds(20));
  EXPECT_THAT(outcome.lines,
              testing::UnorderedElementsAre(
                  "SIGHUP: offer-timeout: 20s, was 50s (" + file_ + ":2:17)",
                  "SIGHUP: reactors: 3, was 0 (" + file_ + ":3:12); it needs a restart"));
  // What needs a restart is told as long as it does.
  EXPECT_THAT(again().lines, ElementsAre(HasSubstr("it needs a restart")));
  write("[master]\n");
  EXPECT_THAT(again().lines, ElementsAre("SIGHUP: offer-timeout: 60s, was 20s (default)"));
}

TEST_F(ReloadTest, AFlagHoldsOverTheFile) {
  write("[master]\noffer-timeout = '50s'\n");
  start({"--offer-timeout", "5s"});
  write("[master]\noffer-timeout = '20s'\n");
  const Rereading::Outcome outcome = again();
  EXPECT_EQ(std::get<MasterVerb>(*outcome.verb).offer_timeout, seconds(5));
  EXPECT_THAT(outcome.lines, ElementsAre("SIGHUP: no setting has changed"));
}

TEST_F(ReloadTest, AMistakeLeavesAllAsItWas) {
  write("[master]\noffer-timeout = '50s'\n");
  start();
  write("[master]\noffer-timeout = '20s'\nreactor = 3\n[agent]\nhostnam = 'x'\n");
  const Rereading::Outcome outcome = again();
  EXPECT_FALSE(outcome.verb.has_value());
  EXPECT_THAT(outcome.lines,
              ElementsAre(HasSubstr("unknown key 'reactor'"), HasSubstr("unknown key 'hostnam'"),
                          "SIGHUP: because of that the settings stay as they were"));
}

TEST_F(ReloadTest, SecretsAreNotTold) {
  const auto with = [](const std::string& key, const std::string& value) {
    Settings settings;
    settings.settings.push_back({"s", key, {value}, {Origin::Kind::kFile, "f", 1, 2}});
    return settings;
  };
  const Section section{"s", {{"api-token", KeyKind::kText, false, ""}}};
  EXPECT_EQ(describe_change(with("api-token", "a"), with("api-token", "b"), section,
                            section.keys.front()),
            "api-token: ***, was *** (f:1:2)");
  EXPECT_EQ(masked(with("registry", "etcd://me:pw@h:1,x@h:2/p")).settings[0].values[0],
            "etcd://***@h:1,x@h:2/p");
  EXPECT_EQ(masked(with("registry", "etcd://h:1/p@q")).settings[0].values[0], "etcd://h:1/p@q");
}

}  // namespace
}  // namespace shoal::cli
