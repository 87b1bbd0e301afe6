// Pages of the manual.
#include "cli/man.h"

#include <gmock/gmock.h>

namespace shoal::cli {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::StartsWith;

TEST(Man, APageForEveryVerbAndAction) {
  const auto names = man_page_names();
  EXPECT_THAT(names, IsSupersetOf({"shoal", "shoal-master", "shoal-quota", "shoal-quota-set"}));
  for (const std::string& name : names) {
    EXPECT_THAT(man_page(name), StartsWith(".TH SHOAL")) << name;
    EXPECT_THAT(man_page(name), HasSubstr("\n.SH NAME\nshoal")) << name;
  }
  EXPECT_EQ(man_page("shoal-help"), "");
  EXPECT_EQ(man_page("no-such"), "");
}

TEST(Man, FlagsWithTheirDefaults) {
  const std::string page = man_page("shoal-master");
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-listen\\fR \\fITEXT\\fR\nHOST:PORT to serve; port 0 picks "
                              "one; by default 127.0.0.1:7070\n"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-data\\fR \\fIFOLDER\\fR\n"));
  EXPECT_THAT(page, HasSubstr("; required\n"));
  EXPECT_THAT(man_page("shoal-logs"), HasSubstr("\\fB\\-f\\fR, \\fB\\-\\-follow\\fR\n"));
  EXPECT_THAT(man_page("shoal-logs"), HasSubstr("[OPTIONS]\n\\fITASK\\fR\n"));
  EXPECT_THAT(man_page("shoal-run"), HasSubstr("\\(aqrack=a\\(aq"))
      << "an apostrophe is no request";
}

}  // namespace
}  // namespace shoal::cli
