#include "agent/volumes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/status.h"
#include "core/text.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

core::LotTags tags_of(std::string_view text) { return *resources_of(text).lots.begin()->tags; }

class VolumesTest : public testing::Test {
 protected:
  VolumesTest() : volumes_(folder_.path()) {}
  std::string in(const std::string& path) const { return folder_.path() + "/" + path; }
  // The sandbox of a task, and what link_volumes() says of it.
  std::string link(std::string_view resources) {
    fs::remove_all(in("sandbox"));
    fs::create_directory(in("sandbox"));
    folder_.write("sandbox/stdout", "");
    const UniqueFd sandbox(::open(in("sandbox").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return std::string(
        core::message_of(link_volumes(folder_.path(), sandbox.get(), resources_of(resources))));
  }
  void purge() {
    while (volumes_.purge_some(100)) {
    }
  }

  TempFolder folder_;
  VolumeFolders volumes_;
};

TEST_F(VolumesTest, AFolderOfItsOwnAndNobodyElses) {
  const core::LotTags tags = tags_of("disk(eng/ads,dynamic)[v1:data]:9");
  ASSERT_TRUE(volumes_.make(tags).ok());
  EXPECT_EQ(volume_path(folder_.path(), tags), in("volumes/eng ads/v1"));
  struct stat info {};
  ASSERT_EQ(::stat(in("volumes/eng ads/v1").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_EQ(info.st_uid, ::geteuid());
  folder_.write("volumes/eng ads/v1/file", "x");
  const absl::Status again = volumes_.make(tags);
  EXPECT_TRUE(absl::IsAlreadyExists(again));
  EXPECT_THAT(std::string(again.message()), HasSubstr("move it away"));
  EXPECT_EQ(folder_.read("volumes/eng ads/v1/file"), "x");
  EXPECT_TRUE(*has_volumes(folder_.path()));

  ASSERT_TRUE(volumes_.remove(tags).ok());
  EXPECT_FALSE(fs::exists(in("volumes/eng ads")));
  EXPECT_TRUE(fs::exists(in("removed")));
  purge();
  EXPECT_TRUE(fs::is_empty(in("removed")));
  EXPECT_TRUE(absl::IsNotFound(volumes_.remove(tags)));
  EXPECT_FALSE(*has_volumes(folder_.path()));
  ASSERT_TRUE(volumes_.make(tags).ok());
  EXPECT_TRUE(fs::is_empty(in("volumes/eng ads/v1")));
}

TEST_F(VolumesTest, NamesThatLeadElsewhereAreRefused) {
  core::LotTags tags = tags_of("disk(ads,dynamic)[v1:data]:9");
  for (const char* id : {"..", ".", "", "a/b"}) {
    tags.volume->id = id;
    EXPECT_FALSE(volumes_.make(tags).ok()) << id;
    EXPECT_FALSE(volumes_.remove(tags).ok()) << id;
  }
  tags.volume->id = "v1";
  for (const char* role : {"..", "/x", "a/../b", ""}) {
    tags.reservations.back().role = role;
    EXPECT_FALSE(volumes_.make(tags).ok()) << role;
    EXPECT_FALSE(volumes_.remove(tags).ok()) << role;
  }
  EXPECT_FALSE(fs::exists(in("volumes")));
}

TEST_F(VolumesTest, ALinkInThePlaceOfAFolderIsNotFollowed) {
  fs::create_directories(in("elsewhere/v1"));
  folder_.write("elsewhere/v1/file", "precious");
  fs::create_directories(in("volumes"));
  fs::create_symlink(in("elsewhere"), in("volumes/ads"));
  const core::LotTags tags = tags_of("disk(ads,dynamic)[v1:data]:9");
  EXPECT_FALSE(volumes_.make(tags).ok());
  EXPECT_FALSE(volumes_.remove(tags).ok());
  EXPECT_EQ(folder_.read("elsewhere/v1/file"), "precious");
}

TEST_F(VolumesTest, ADiskOfItsOwnHoldsItsVolumes) {
  fs::create_directory(in("disk2"));
  const core::LotTags tags = tags_of(
      fmt::format("disk(ads,dynamic)[v1:data]{{path={}}}:9", core::percent_escape(in("disk2"))));
  ASSERT_TRUE(volumes_.make(tags).ok());
  EXPECT_TRUE(fs::is_directory(in("disk2/volumes/ads/v1")));
  ASSERT_TRUE(volumes_.remove(tags).ok());
  purge();
  EXPECT_FALSE(fs::exists(in("disk2/volumes/ads")));
  fs::remove_all(in("disk2"));
  EXPECT_THAT(std::string(volumes_.make(tags).message()), HasSubstr("disk2"));
}

TEST_F(VolumesTest, TheSweepKeepsWhatIsKnownAndNamesWhatIsMissing) {
  const core::Resources total =
      resources_of("disk(ads,dynamic)[known:d]:1;disk(ads,dynamic)[missing:d]:1;cpus:1");
  fs::create_directories(in("volumes/ads/known"));
  folder_.write("volumes/ads/known/file", "x");
  fs::create_directories(in("volumes/ads/half-made"));
  fs::create_directories(in("volumes/web/destroyed/deep"));
  fs::create_directories(in("removed/0/deep"));
  folder_.write("volumes/stray", "x");
  fs::create_symlink(in("volumes/ads"), in("volumes/link"));
  const auto missing = volumes_.sweep(total);
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_THAT(*missing, ElementsAre(in("volumes/ads/missing")));
  EXPECT_EQ(folder_.read("volumes/ads/known/file"), "x");
  EXPECT_FALSE(fs::exists(in("volumes/ads/half-made")));
  EXPECT_FALSE(fs::exists(in("volumes/web")));
  EXPECT_EQ(folder_.read("volumes/stray"), "x");
  EXPECT_TRUE(*has_volumes(folder_.path()));
  purge();
  EXPECT_EQ(volumes_.undeletable(), 0u);
  EXPECT_TRUE(fs::is_empty(in("removed")));
}

TEST_F(VolumesTest, TasksSeeThemWhereTheyAskedFor) {
  ASSERT_TRUE(volumes_.make(tags_of("disk(ads,dynamic)[v1:data]:9")).ok());
  ASSERT_TRUE(volumes_.make(tags_of("disk(ads,dynamic)[v2:data]:9")).ok());
  EXPECT_EQ(link("cpus:1;disk(ads,dynamic)[v1:data]:9;disk(ads,dynamic)[v2:deep/down/data]:9"), "");
  EXPECT_EQ(fs::read_symlink(in("sandbox/data")), in("volumes/ads/v1"));
  EXPECT_EQ(fs::read_symlink(in("sandbox/deep/down/data")), in("volumes/ads/v2"));
}

TEST_F(VolumesTest, WhatCannotBeLinkedIsNamed) {
  EXPECT_THAT(link("disk(ads,dynamic)[v1:data]:9"),
              HasSubstr("volume 'v1' of role 'ads': its folder " + in("volumes/ads/v1")));
  ASSERT_TRUE(volumes_.make(tags_of("disk(ads,dynamic)[v1:data]:9")).ok());
  ASSERT_TRUE(volumes_.make(tags_of("disk(ads,dynamic)[v2:data]:9")).ok());
  EXPECT_THAT(link("disk(ads,dynamic)[v1:stdout]:9"), HasSubstr("'stdout': File exists"));
  EXPECT_THAT(link("disk(ads,dynamic)[v1:stdout/x]:9"), HasSubstr("'stdout'"));
  // The second would be made inside the first.
  EXPECT_THAT(link("disk(ads,dynamic)[v1:data]:9;disk(ads,dynamic)[v2:data/sub]:9"),
              HasSubstr("symbolic link"));
  EXPECT_TRUE(fs::is_empty(in("volumes/ads/v1")));
}

TEST_F(VolumesTest, PathsThatLeaveTheSandboxAreRefused) {
  ASSERT_TRUE(volumes_.make(tags_of("disk(ads,dynamic)[v1:data]:9")).ok());
  fs::create_directory(in("sandbox"));
  const UniqueFd sandbox(::open(in("sandbox").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  core::LotTags tags = tags_of("disk(ads,dynamic)[v1:data]:9");
  for (const char* path : {"", "/etc", "..", "../x", "a/../../x", "a//b", "a/", ".", "a/."}) {
    tags.volume->container_path = path;
    core::Resources resources;
    core::Amounts disk;
    disk.disk = 9000;
    resources.lots.add(std::make_shared<const core::LotTags>(tags), disk);
    const absl::Status linked = link_volumes(folder_.path(), sandbox.get(), resources);
    EXPECT_THAT(std::string(linked.message()), HasSubstr("not a relative path")) << path;
  }
  EXPECT_TRUE(fs::is_empty(in("sandbox")));
}

}  // namespace
}  // namespace shoal::agent
