// Settings from a file's text, from the environment, and as flags.
#include "cli/settings.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/config.h"
#include "cli/exit_code.h"
#include "cli/flags.h"
#include "cli/settings_file.h"
#include "cli/settings_load.h"

namespace shoal::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

const std::vector<Section>& sections() {
  static const std::vector<Section> kAll = {{"master",
                                             {{"listen", KeyKind::kText, false, "127.0.0.1:7070"},
                                              {"offer-timeout", KeyKind::kText, false, "60s"},
                                              {"reactors", KeyKind::kNumber, false, "0"},
                                              {"insecure", KeyKind::kSwitch, false, "false"},
                                              {"label", KeyKind::kText, true, ""}}},
                                            {"client", {{"master", KeyKind::kText, false, ""}}}};
  return kAll;
}

Words mistakes_in(std::string_view text) {
  Words said;
  for (const Mistake& mistake : parse_settings("f", text, sections()).mistakes) {
    said.push_back(describe(mistake));
  }
  return said;
}

TEST(SettingsFile, EveryKindWithItsPlace) {
  const Findings found = parse_settings("f",
                                        "[master]\n"
                                        "listen = \"1.2.3.4:5\"\n"
                                        "offer_timeout = '5s'\n"
                                        "reactors = 4\n"
                                        "insecure = false\n"
                                        "label = [\"a=b\", \"c,d\"]\n",
                                        sections());
  EXPECT_THAT(found.mistakes, IsEmpty());
  ASSERT_EQ(found.settings.size(), 5u);
  std::vector<std::pair<std::string, Words>> values;
  for (const Setting& setting : found.settings) values.emplace_back(setting.key, setting.values);
  EXPECT_THAT(values,
              testing::UnorderedElementsAre(testing::Pair("listen", ElementsAre("1.2.3.4:5")),
                                            testing::Pair("offer-timeout", ElementsAre("5s")),
                                            testing::Pair("reactors", ElementsAre("4")),
                                            testing::Pair("insecure", ElementsAre("false")),
                                            testing::Pair("label", ElementsAre("a=b", "c,d"))));
  const auto reactors = std::find_if(found.settings.begin(), found.settings.end(),
                                     [](const Setting& s) { return s.key == "reactors"; });
  EXPECT_EQ(describe(reactors->origin), "f:4:12");
}

TEST(SettingsFile, AllMistakesAtOnceWithTheirPlaces) {
  const Words said = mistakes_in(
      "listen = \"x\"\n"
      "[master]\n"
      "lisen = \"x\"\n"
      "reactors = \"4\"\n"
      "insecure = 1\n"
      "offer-timeout = 60\n"
      "label = \"a\"\n"
      "[mastr]\n"
      "[client.master]\n"
      "[client.master.x]\n");
  EXPECT_THAT(said, testing::UnorderedElementsAre(
                        "f:1:1: 'listen' is in no section",
                        "f:3:1: [master] unknown key 'lisen'; did you mean 'listen'?",
                        "f:4:12: [master] reactors: a number is expected, not a text",
                        "f:5:12: [master] insecure: true or false is expected, not a number",
                        "f:6:17: [master] offer-timeout: a text, in quotes, is expected, not a "
                        "number",
                        "f:7:9: [master] label: an array is expected, not a text",
                        "f:8:2: unknown section 'mastr'; did you mean 'master'?",
                        "f:9:1: [client] master: a text, in quotes, is expected, not a table"));
}

TEST(SettingsFile, OddValuesAreRefused) {
  EXPECT_THAT(mistakes_in("[master]\nreactors = nan\n"), ElementsAre(HasSubstr("a number is")));
  EXPECT_THAT(mistakes_in("[master]\nlisten = 2020-01-01\n"), ElementsAre(HasSubstr("a date")));
  EXPECT_THAT(mistakes_in("[master]\nlisten = \"a\\u0000b\"\n"), ElementsAre(HasSubstr("zero")));
  EXPECT_THAT(mistakes_in("[master]\nlabel = [1]\n"), ElementsAre(HasSubstr("a text")));
  EXPECT_THAT(mistakes_in("[master]\noffer-timeout = '1s'\noffer_timeout = '2s'\n"),
              ElementsAre(HasSubstr("there twice")));
  EXPECT_THAT(mistakes_in("[master]\nlisten = 'a'\nlisten = 'b'\n"),
              ElementsAre(StartsWith("f:3:")));
  EXPECT_THAT(mistakes_in("master = 3\n"), ElementsAre("f:1:1: master is a section: [master]"));
  EXPECT_THAT(mistakes_in("[[["), ElementsAre(StartsWith("f")));
  const std::string much(kMaxSettingBytes + 1, 'x');
  EXPECT_THAT(mistakes_in("[master]\nlisten = '" + much + "'\n"), ElementsAre(HasSubstr("bytes")));
  std::string many = "[master]\nlabel = [";
  for (std::size_t i = 0; i <= kMaxSettingValues; ++i) many += "'x',";
  EXPECT_THAT(mistakes_in(many + "]\n"), ElementsAre(HasSubstr("values")));
}

TEST(SettingsEnvironment, VariablesAreNamedAfterSectionAndKey) {
  EXPECT_THAT(variables_of("master", "offer-timeout"), ElementsAre("SHOAL_MASTER_OFFER_TIMEOUT"));
  EXPECT_THAT(variables_of("client", "master"), ElementsAre("SHOAL_MASTER"));
  EXPECT_THAT(variables_of("agent", "master"), ElementsAre("SHOAL_MASTER", "SHOAL_AGENT_MASTER"));
  const Findings found = read_environment({{"SHOAL_MASTER_LISTEN", "a:1"},
                                           {"SHOAL_MASTER_REACTORS", ""},
                                           {"SHOAL_MASTER_INSECURE", "1"},
                                           {"SHOAL_MASTER_LISTN", "b:1"},
                                           {"SHOAL_MASTER", "c:1"},
                                           {"SHOAL_AGENT_ID", "in a task"},
                                           {"SHOAL_TASK_ID", "in a task"}},
                                          sections());
  ASSERT_EQ(found.settings.size(), 3u);
  EXPECT_EQ(found.settings[1].key, "insecure");
  EXPECT_THAT(found.settings[1].values, ElementsAre("true"));
  EXPECT_EQ(describe(found.settings[1].origin), "SHOAL_MASTER_INSECURE");
  ASSERT_EQ(found.mistakes.size(), 1u);
  EXPECT_EQ(describe(found.mistakes[0]),
            "SHOAL_MASTER_LISTN: unknown variable 'SHOAL_MASTER_LISTN'; did you mean "
            "'SHOAL_MASTER_LISTEN'?");
}

// --- as flags ---

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string folder = testing::TempDir() + "settings.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    std::filesystem::create_directory(folder_ + "/shoal.toml.d");
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string file() const { return folder_ + "/shoal.toml"; }

  ParsedCommand parse(const Words& words) const {
    return parse_command_line(words, "127.0.0.1:7070", {environment_, file()});
  }
  template <typename T>
  T good(const Words& words) const {
    const ParsedCommand parsed = parse(words);
    if (parsed.verb.has_value()) return std::get<T>(*parsed.verb);
    ADD_FAILURE() << parsed.text;
    return {};
  }
  std::string bad(const Words& words) const {
    const ParsedCommand parsed = parse(words);
    EXPECT_FALSE(parsed.verb.has_value());
    EXPECT_EQ(parsed.exit_code, kExitUsage);
    return parsed.text;
  }

  std::string folder_;
  Environment environment_;
};

TEST_F(SettingsTest, TheStrongestPlaceHolds) {
  const auto listens = [this](const Words& more) {
    Words words = {"master", "--data", "d"};
    words.insert(words.end(), more.begin(), more.end());
    return good<MasterVerb>(words).listen;
  };
  EXPECT_EQ(listens({}), "127.0.0.1:7070");
  write("shoal.toml", "[master]\nlisten = '127.0.0.1:1'\n");
  EXPECT_EQ(listens({}), "127.0.0.1:1");
  write("shoal.toml.d/20.toml", "[master]\nlisten = '127.0.0.1:20'\n");
  write("shoal.toml.d/10.toml", "[master]\nlisten = '127.0.0.1:10'\n");
  write("shoal.toml.d/30.toml.off", "[master]\nlisten = 3\n");
  EXPECT_EQ(listens({}), "127.0.0.1:20");
  environment_ = {{"SHOAL_MASTER_LISTEN", "127.0.0.1:3"}};
  EXPECT_EQ(listens({}), "127.0.0.1:3");
  EXPECT_EQ(listens({"--listen", "127.0.0.1:4"}), "127.0.0.1:4");
  EXPECT_EQ(listens({"--config", ""}), "127.0.0.1:7070");
}

TEST_F(SettingsTest, EveryFlagOfADaemonIsAKey) {
  write("shoal.toml",
        "[master]\ndata = '/m'\nreactors = 3\nfd_tables = 'per-reactor'\nsorter = 'random'\n"
        "offer-gpus-to-all = true\ninsecure = true\n"
        "[agent]\nmaster = '10.0.0.1:1'\ndata = '/a'\ngc-disk-headroom = 0.25\n"
        "max-pids-per-task = 7\ncpu-quota = true\nlog-max-size = '10MiB'\n"
        "resources = '[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":8}}]'\n"
        "[dev]\nagents = 5\n");
  const auto master = good<MasterVerb>({"master", "--insecure=false"});
  EXPECT_EQ(master.data_dir, "/m");
  EXPECT_EQ(master.reactors, 3u);
  EXPECT_TRUE(master.fd_table_per_reactor);
  EXPECT_TRUE(master.random_shares);
  EXPECT_TRUE(master.offer_gpus_to_all);
  EXPECT_FALSE(master.insecure);
  const auto agent = good<AgentVerb>({"agent"});
  EXPECT_EQ(agent.master, "10.0.0.1:1");
  EXPECT_EQ(agent.data_dir, "/a");
  EXPECT_EQ(agent.gc_disk_headroom, 0.25);
  EXPECT_EQ(agent.max_pids_per_task, 7u);
  EXPECT_EQ(agent.log_max_bytes, 10u << 20);
  EXPECT_TRUE(agent.cpu_quota);
  EXPECT_THAT(agent.resources, HasSubstr("cpus"));
  EXPECT_EQ(good<DevVerb>({"dev"}).agents, 5u);
  EXPECT_EQ(good<DevVerb>({"dev", "--agents", "2"}).agents, 2u);
}

TEST_F(SettingsTest, AllMistakesOfAllPlacesAtOnce) {
  write("shoal.toml",
        "[master]\nlisten = 'nowhere'\nreactors = 4.5\noffer-patience = '1ms'\n"
        "[agent]\ndata = ''\nrecover = 'maybe'\n");
  write("shoal.toml.d/1.toml", "[master]\nlisten = 'here'\n[dev\n");
  write("shoal.toml.d/2.toml", "[master]\nlisten = 'there'\nlistne = 'x'\n");
  environment_ = {{"SHOAL_DEV_AGENTS", "many"}, {"SHOAL_OUTPUT", "xml"}};
  const std::string said = bad({"master", "--data", "d"});
  EXPECT_THAT(said, StartsWith("shoal: " + file() + ":2:10: [master] listen: "));
  EXPECT_THAT(said, HasSubstr("shoal.toml:3:12: [master] reactors: '4.5' is not a number"));
  EXPECT_THAT(said, HasSubstr("shoal.toml:4:18: [master] offer-patience: 1ms is too short"));
  EXPECT_THAT(said, HasSubstr("shoal.toml:6:8: [agent] data: the folder's name is empty"));
  EXPECT_THAT(said, HasSubstr("shoal.toml:7:11: [agent] recover: 'maybe' is neither"));
  EXPECT_THAT(said, HasSubstr("1.toml:3:"));
  EXPECT_THAT(said, HasSubstr("2.toml:2:10: [master] listen: "));
  EXPECT_THAT(said, HasSubstr("2.toml:3:1: [master] unknown key 'listne'; did you mean 'listen'?"));
  EXPECT_THAT(said, HasSubstr("SHOAL_DEV_AGENTS: 'many' is not a number"));
  EXPECT_THAT(said, HasSubstr("SHOAL_OUTPUT: 'xml' is none of"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 10);
  EXPECT_EQ(bad({"agent"}), said) << "whoever asks";
}

TEST_F(SettingsTest, ClientsCareForTheirOwnSectionOnly) {
  write("shoal.toml", "[master]\nlisten = 3\n[client]\nmaster = '10.0.0.1:1'\noutput = 'jsonl'\n");
  EXPECT_EQ(good<ListVerb>({"tasks"}).master, "10.0.0.1:1");
  EXPECT_EQ(good<ListVerb>({"tasks"}).format, OutputFormat::kJsonLines);
  EXPECT_EQ(good<ListVerb>({"tasks", "-o", "table"}).format, OutputFormat::kTable);
  EXPECT_THAT(bad({"top", "-o", "name"}), HasSubstr("--output"));
  EXPECT_TRUE(good<FilesVerb>({"files", "t", "p", "--cat"}).cat);
  environment_ = {{"SHOAL_MASTER", "10.0.0.2:2"}};
  EXPECT_EQ(good<ListVerb>({"tasks"}).master, "10.0.0.2:2");
  EXPECT_EQ(good<ListVerb>({"tasks", "--master", "10.0.0.3:3"}).master, "10.0.0.3:3");
  write("shoal.toml", "[client]\noutput = 'name'\n");
  EXPECT_EQ(good<TopVerb>({"top"}).format, OutputFormat::kTable) << "knows no names";
  write("shoal.toml", "[client]\nmaster = 'x'\n");
  EXPECT_THAT(bad({"tasks"}), HasSubstr("[client] master: "));
}

TEST_F(SettingsTest, WhatWasTypedComesFirst) {
  write("shoal.toml", "[master]\nlisten = 3\n");
  EXPECT_THAT(bad({"master", "--frob"}), HasSubstr("unknown flag '--frob'"));
  EXPECT_EQ(parse({"master", "--help"}).exit_code, kExitOk);
  write("shoal.toml", "[master]\nlisten = '127.0.0.1:1'\n");
  EXPECT_THAT(parse({"master", "--help"}).text, Not(HasSubstr("127.0.0.1:1]")));
  EXPECT_THAT(bad({"master"}), HasSubstr("--data"));
  EXPECT_THAT(bad({"master", "--data", "d", "--listen", "x"}), HasSubstr("--listen: "));
}

TEST_F(SettingsTest, AFileThatIsNamedMustBeThere) {
  EXPECT_THAT(bad({"master", "--data", "d", "--config", folder_ + "/no"}),
              HasSubstr("no such file"));
  environment_ = {{"SHOAL_CONFIG", folder_ + "/other"}};
  EXPECT_THAT(bad({"tasks"}), HasSubstr("no such file"));
  write("other", "[client]\nmaster = '10.0.0.9:9'\n");
  EXPECT_EQ(good<ListVerb>({"tasks"}).master, "10.0.0.9:9");
}

TEST_F(SettingsTest, MuchIsRefused) {
  write("shoal.toml", std::string(kMaxSettingsFileBytes + 1, '#'));
  EXPECT_THAT(bad({"master", "--data", "d"}), HasSubstr(file()));
  write("shoal.toml", "");
  for (std::size_t i = 0; i <= kMaxSettingsFiles; ++i) {
    write("shoal.toml.d/" + std::to_string(i) + ".toml", "");
  }
  EXPECT_THAT(bad({"master", "--data", "d"}), HasSubstr("more than 64 files"));
}

TEST_F(SettingsTest, CheckAndDumpSeeTheSame) {
  write("shoal.toml", "[master]\nreactors = 4\nlisten = '127.0.0.1:1'\n");
  environment_ = {{"SHOAL_MASTER_DOMAIN", "eu/a\"1"}};
  const auto check = good<ConfigVerb>({"config", "check"});
  EXPECT_THAT(check.settings.files, ElementsAre(file()));
  EXPECT_EQ(check.settings.mistakes.size(), 1u) << "the domain";
  environment_ = {{"SHOAL_MASTER_DOMAIN", "eu/a1"}};
  const auto dump = good<ConfigVerb>({"config", "dump", "master", "--", "--listen", "127.0.0.1:2"});
  const std::string toml = settings_to_toml(dump.settings, dump.sections);
  EXPECT_THAT(toml, StartsWith("[master]\nlisten = \"127.0.0.1:2\""));
  EXPECT_THAT(toml, testing::ContainsRegex("listen = .*# --listen\n"));
  EXPECT_THAT(toml, testing::ContainsRegex("reactors = 4 .*# .*shoal.toml:2:12\n"));
  EXPECT_THAT(toml, testing::ContainsRegex("domain = \"eu/a1\" .*# SHOAL_MASTER_DOMAIN\n"));
  EXPECT_THAT(toml, testing::ContainsRegex("sorter = \"drf\" .*# default\n"));
  EXPECT_THAT(toml, testing::ContainsRegex("# data = .*# default\n"));
  EXPECT_THAT(toml, Not(HasSubstr("[agent]")));
  EXPECT_THAT(parse_settings("dump", toml, dump.sections).mistakes, IsEmpty());
  const std::string json = settings_to_json(dump.settings, dump.sections);
  EXPECT_THAT(json, HasSubstr("{\"section\":\"master\",\"key\":\"reactors\",\"value\":4,\"origin\":"
                              "\"file\",\"where\":\"" +
                              file() + ":2:12\"}"));
  EXPECT_THAT(json, HasSubstr("\"key\":\"insecure\",\"value\":false,\"origin\":\"default\""));
  EXPECT_THAT(json, HasSubstr("\"key\":\"data\",\"value\":null"));
  EXPECT_THAT(bad({"config", "dump", "mastr"}), HasSubstr("did you mean 'master'?"));
  EXPECT_THAT(bad({"config", "dump", "master", "--", "--listen", "x"}), HasSubstr("--listen"));
  EXPECT_THAT(bad({"config", "dump", "-o", "table"}), HasSubstr("toml"));
}

// A number in a file is bare: the flag has to say that it is one.
TEST_F(SettingsTest, FlagsWithANumberAsDefaultAreNumbers) {
  const auto dump = good<ConfigVerb>({"config", "dump"});
  ASSERT_EQ(dump.sections.size(), 4u);
  for (const Section& section : dump.sections) {
    for (const Key& key : section.keys) {
      if (key.name == "log-max-size") continue;  // 0, or 10MiB
      const bool is_number = !key.default_text.empty() &&
                             key.default_text.find_first_not_of("0123456789.") == std::string::npos;
      EXPECT_EQ(key.kind == KeyKind::kNumber, is_number) << section.name << ' ' << key.name;
    }
  }
}

}  // namespace
}  // namespace shoal::cli
