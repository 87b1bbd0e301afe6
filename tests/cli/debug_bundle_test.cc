#include "cli/debug_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/tar_gz.h"

namespace shoal::cli {
namespace {

using testing::HasSubstr;

TEST(DebugBundleTest, NamesFitIntoAnArchiveAndAreDistinct) {
  std::set<std::string> names;
  for (const auto& pieces :
       {leader_pieces("10.0.0.1:7070"), standby_pieces("[2001:db8::ffff:ffff:ffff:ffff]:65535"),
        agent_pieces("a-00c0ffee00c0ffee", "10.0.0.2:1")}) {
    for (const Piece& piece : pieces) {
      EXPECT_TRUE(names.insert(piece.name).second) << piece.name;
      EXPECT_LE(piece.name.size() + 32, kMaxTarNameBytes) << piece.name;
      EXPECT_EQ(piece.name.find(':'), std::string::npos) << piece.name;
      EXPECT_TRUE(piece.target.starts_with('/')) << piece.target;
    }
  }
}

TEST(DebugBundleTest, TheManifestTellsWhatIsMissing) {
  const std::string text = manifest_json(
      "127.0.0.1:7070", 1000,
      {{"master/cluster.json", "http://127.0.0.1:7070/v1/cluster", 200, 5, ""},
       {"agents/a-1/metrics.txt", "http://127.0.0.1:1/metrics", 0, 0, "nobody \"there\""}});
  EXPECT_THAT(text, HasSubstr(R"("created":"1970-01-01T00:00:01.000Z")"));
  EXPECT_THAT(text, HasSubstr(R"("name":"master/cluster.json")"));
  EXPECT_THAT(text, HasSubstr(R"("bytes":5,"error":"")"));
  EXPECT_THAT(text, HasSubstr(R"("status":0,"bytes":0,"error":"nobody \"there\"")"));
}

}  // namespace
}  // namespace shoal::cli
