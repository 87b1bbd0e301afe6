#include "core/text.h"

#include <gtest/gtest.h>

#include "core/task_state.h"

namespace shoal::core {
namespace {

TEST(Text, PrintableKeepsTextAndEscapesTheRest) {
  EXPECT_EQ(printable("häßlich ✓"), "häßlich ✓");
  EXPECT_EQ(printable(std::string_view("\x1b[31m\0", 6)), "\\x1b[31m\\x00");
  EXPECT_EQ(printable("\xff\xc0\x80"), "\\xff\\xc0\\x80");  // not UTF-8, overlong
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x"),
            "\\xe2\\x80\\xaex");  // right-to-left override
  EXPECT_EQ(printable(std::string(100, 'a'), 3), "aaa…");
}

TEST(Text, CleanTextRefusesWhatCanFoolAReader) {
  EXPECT_TRUE(is_clean_text("two\nlines\tand tabs ✓"));
  for (std::string_view bad :
       {std::string_view("a\0", 2), std::string_view("\x1b"), std::string_view("\xed\xa0\x80"),
        std::string_view("\xf4\x90\x80\x80"), std::string_view("\xe2\x81\xa6"),
        std::string_view("\xc3")}) {
    EXPECT_FALSE(is_clean_text(bad));
  }
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split(" a ;;b", ';'), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ';').size(), 1u);
}

TEST(Text, PercentEscapesComeBack) {
  const std::string_view text("a b%20(c)[d]{e},;:=\n\0é\"", 24);
  const std::string token = percent_escape(text);
  EXPECT_EQ(token.find_first_of("()[]{},;:= \n"), std::string::npos) << token;
  std::string again;
  ASSERT_TRUE(percent_unescape(token, &again));
  EXPECT_EQ(again, text);
  ASSERT_TRUE(percent_unescape("a=b:%c3%A9", &again));
  EXPECT_EQ(again, "a=b:é");
  for (const char* bad : {"%", "%4", "%4x", "%-1", "% 1", "a(b", "}"}) {
    EXPECT_FALSE(percent_unescape(bad, &again)) << bad;
  }
}

TEST(Text, ParseIntTakesTheWholeText) {
  int value = 0;
  EXPECT_TRUE(parse_int("12", &value));
  EXPECT_EQ(value, 12);
  for (const char* bad : {"", "1 ", "+1", "0x1", "99999999999"}) {
    EXPECT_FALSE(parse_int(bad, &value)) << bad;
  }
}

TEST(TaskStates, HaveNamesAndKnowTheirEnd) {
  EXPECT_EQ(name_of(TaskState::kRunning), "TASK_RUNNING");
  EXPECT_EQ(name_of(TaskState::kUnknown), "TASK_UNKNOWN");
  EXPECT_EQ(name_of(TaskReason::kTaskInvalid), "REASON_TASK_INVALID");
  EXPECT_EQ(name_of(TaskSource::kAgent), "SOURCE_AGENT");
  EXPECT_FALSE(is_terminal(TaskState::kUnreachable));
  EXPECT_TRUE(is_terminal(TaskState::kDropped));
}

}  // namespace
}  // namespace shoal::core
