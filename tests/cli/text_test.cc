// The pure helpers of the command line: durations, suggestions, tables, JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/dev.h"
#include "cli/duration.h"
#include "cli/json.h"
#include "cli/list.h"
#include "cli/output_pump.h"
#include "cli/page.h"
#include "cli/status_line.h"
#include "cli/suggest.h"
#include "cli/table.h"

namespace shoal::cli {
namespace {

using testing::HasSubstr;

TEST(DurationTest, SpreadsHaveThreeForms) {
  core::Random random(1);
  EXPECT_EQ(parse_spread("10ms")->draw(random), std::chrono::milliseconds(10));
  EXPECT_EQ(parse_spread("0")->draw(random), core::Duration(0));
  const core::Duration drawn = parse_spread("5ms..20ms")->draw(random);
  EXPECT_GE(drawn, std::chrono::milliseconds(5));
  EXPECT_LE(drawn, std::chrono::milliseconds(20));
  EXPECT_NE(parse_spread("exp:30s")->draw(random), parse_spread("exp:30s")->draw(random));
  for (const char* bad : {"", "..", "5ms..", "20ms..5ms", "exp:", "exp", "log:3s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(parse_spread(bad).status())) << bad;
  }
}

TEST(DurationTest, ReadsAndWrites) {
  EXPECT_EQ(*parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(*parse_duration("5"), std::chrono::seconds(5));
  EXPECT_EQ(*parse_duration("1.5m"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("365d"), std::chrono::hours(365 * 24));
  for (const char* bad :
       {"", "s", "-1s", "5sec", "1e3", "366d", "1 s", "1.2345s", "99999999999999999999s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(parse_duration(bad).status())) << bad;
  }
  EXPECT_EQ(duration_to_string(std::chrono::milliseconds(350)), "350ms");
  EXPECT_EQ(duration_to_string(std::chrono::seconds(200)), "3m20s");
}

TEST(SuggestTest, FindsNearWordsOnly) {
  const std::vector<std::string> verbs = {"tasks", "agents", "run"};
  EXPECT_EQ(nearest("taks", verbs), "tasks");
  EXPECT_EQ(nearest("agnets", verbs), "agents");
  EXPECT_EQ(nearest("agent", verbs), "agents");
  EXPECT_EQ(nearest("xyz", verbs), "");
  EXPECT_EQ(edit_distance("abcd", "acbd"), 1u);
}

TEST(PageTest, ARedrawnPageIsNoLongerThanTheScreen) {
  EXPECT_EQ(redrawn("a\nb\nc\n", 2), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(redrawn("", 2), "\x1b[H\x1b[J");
}

TEST(StatusLineTest, ABarIsNeverMoreThanFull) {
  EXPECT_EQ(progress_bar(0, 4, 4), "[....] 0/4");
  EXPECT_EQ(progress_bar(2, 4, 4), "[##..] 2/4");
  EXPECT_EQ(progress_bar(9, 4, 4), "[####] 9/4");
  EXPECT_EQ(progress_bar(0, 0, 4), "[####] 0/0");
}

TEST(TableTest, AlignsCutsAndSanitises) {
  Table table({{"ID"}, {"TEXT", Table::Align::kLeft, true}, {"N", Table::Align::kRight}});
  table.add_row({Cell("a"), Cell("\x1b[31mevil\nname"), Cell("1")});
  table.add_row({Cell("b"), Cell("a\u202egnp.<b>exe\u009b"), Cell("2")});
  table.add_row({Cell("bb"), Cell(std::string(100, 'x')), Cell("20")});
  Terminal narrow;
  narrow.width = 40;
  const std::string text = table.render(narrow);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("a\\xe2\\x80\\xaegnp.<b>exe\\xc2\\x9b"));
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    EXPECT_LE(display_width(text.substr(begin, end - begin)), 40u);
    begin = end + 1;
  }
  EXPECT_THAT(text, HasSubstr("…"));
  Terminal wide;
  EXPECT_THAT(table.render(wide), HasSubstr(std::string(100, 'x')));
}

TEST(TableTest, ColoursOnlyWhereTheyAreWanted) {
  Terminal terminal;
  EXPECT_EQ(paint("x", Colour::kRed, terminal), "x");
  terminal.use_colour = true;
  EXPECT_EQ(paint("x", Colour::kRed, terminal), "\033[31mx\033[0m");
}

TEST(JsonTest, TasksFollowTheSchema) {
  core::ClusterView view;
  EXPECT_EQ(to_json(view, core::QueryKind::kTasks, false), "[]\n");
  EXPECT_EQ(to_json(view, core::QueryKind::kTasks, true), "");
  core::TaskSummary task;
  task.id = "t";
  task.name = "quote \" and \n";
  task.state = core::TaskState::kFailed;
  task.has_exit = true;
  task.exit_code = 7;
  task.resources.cpus = 300;
  task.started_ms = 1'769'860'800'250;
  view.tasks.push_back(task);
  const std::string text = to_json(view, core::QueryKind::kTasks, false);
  EXPECT_THAT(text, HasSubstr(R"("name":"quote \" and \n")"));
  EXPECT_THAT(text, HasSubstr(R"("state":"TASK_FAILED")"));
  EXPECT_THAT(text, HasSubstr(R"("exit_code":7,"exit_signal":null)"));
  EXPECT_THAT(text, HasSubstr(R"("cpus":0.3)"));
  EXPECT_THAT(text, HasSubstr(R"("started":"2026-01-31T12:00:00.250Z","ended":null)"));
  EXPECT_THAT(text, HasSubstr(R"("agent":null)"));
}

TEST(JsonTest, ReadyFile) {
  EXPECT_EQ(ready_json("127.0.0.1:5", 42),
            "{\"master\":\"127.0.0.1:5\",\"url\":\"http://127.0.0.1:5\",\"pid\":42}\n");
  EXPECT_EQ(master_of_ready_json(ready_json("127.0.0.1:5", 42)), "127.0.0.1:5");
  for (const char* bad : {"", "{", "[]", "{\"master\":5}"}) {
    EXPECT_EQ(master_of_ready_json(bad), "") << bad;
  }
}

TEST(LinePrefixerTest, WholeLinesOnly) {
  LinePrefixer prefixer("[1] ");
  EXPECT_EQ(prefixer.add("a\nb"), "[1] a\n");
  EXPECT_EQ(prefixer.add("c\n"), "[1] bc\n");
  EXPECT_EQ(prefixer.add("end"), "");
  EXPECT_EQ(prefixer.finish(), "[1] end\n");
  EXPECT_EQ(prefixer.finish(), "");
  LinePrefixer plain("");
  EXPECT_EQ(plain.add("x"), "x");
}

TEST(DevTest, DividesTheMachine) {
  core::Resources machine;
  machine.cpus = 8000;
  machine.mem = 3'000'000;
  machine.ports = *core::PortSet::from_ranges({{31'000, 32'000}});
  core::PortSet all;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto part = divide_resources(machine, 3, i, "");
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(part->cpus, 2000);
    EXPECT_EQ(part->mem, 1'000'000);
    EXPECT_EQ(part->ports.count(), 333u);
    EXPECT_FALSE(all.intersects(part->ports));
    all.add(part->ports);
  }
  machine.cpus = 2000;
  EXPECT_EQ(divide_resources(machine, 3, 0, "")->cpus, 1000);
  EXPECT_EQ(divide_resources(machine, 3, 0, "cpus:5")->cpus, 5000);
  EXPECT_EQ(divide_resources(machine, 3, 0, "cpus:5")->mem, 1'000'000);
  EXPECT_FALSE(divide_resources(machine, 3, 0, "cpus:x").ok());
}

}  // namespace
}  // namespace shoal::cli
