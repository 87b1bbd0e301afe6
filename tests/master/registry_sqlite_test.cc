#include "master/registry_sqlite.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/status.h"
#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

using testing::HasSubstr;
using Mode = SqliteRegistry::Mode;

// No file of this process grows beyond it: what a full disk is like.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

class SqliteRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-registry-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/registry.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<SqliteRegistry>> open(Mode mode = Mode::kWrite,
                                                       std::uint64_t cluster = 0xc1) {
    return SqliteRegistry::open(path_, cluster, mode);
  }
  std::string why_not(Mode mode = Mode::kWrite, std::uint64_t cluster = 0xc1) {
    auto registry = open(mode, cluster);
    if (!registry.ok()) return std::string(core::message_of(registry.status()));
    auto contents = (*registry)->load();
    return contents.ok() ? "" : std::string(core::message_of(contents.status()));
  }
  void fill() {
    auto registry = open();
    ASSERT_TRUE(registry.ok()) << registry.status();
    const std::vector<core::RegistryRow> rows = {an_agent(1), an_agent(2), a_framework(3),
                                                 a_role("dev"), a_role("eng")};
    ASSERT_TRUE((*registry)->apply(rows).ok());
  }
  // With SQLite's own means.
  void sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SqliteRegistryTest, KeepsWhatWasApplied) {
  fill();
  {
    auto registry = open();
    ASSERT_TRUE(registry.ok()) << registry.status();
    core::RegisteredAgent changed = an_agent(2);
    changed.standing = core::AgentStanding::kGone;
    const std::vector<core::RegistryRow> rows = {
        changed, core::ForgottenAgent{core::AgentId{1}}, core::ForgottenAgent{core::AgentId{99}},
        core::RegisteredRole{.name = "eng", .guarantees = {}}};
    ASSERT_TRUE((*registry)->apply(rows).ok());
  }
  auto registry = open(Mode::kRead, 0);
  ASSERT_TRUE(registry.ok()) << registry.status();
  core::RegisteredAgent gone = an_agent(2);
  gone.standing = core::AgentStanding::kGone;
  EXPECT_EQ(lines_of((*registry)->load().value()),
            lines_of({{gone}, {a_framework(3)}, {a_role("dev")}}));
  EXPECT_EQ((*registry)->cluster_id(), 0xc1u);
  EXPECT_TRUE((*registry)->check_file().ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SqliteRegistryTest, ANewerFormatIsRefused) {
  fill();
  sql("PRAGMA user_version=2");
  EXPECT_THAT(why_not(), HasSubstr("written by a newer version (format 2, this one knows 1)"));
}

TEST_F(SqliteRegistryTest, ThatOfAnotherClusterIsRefused) {
  fill();
  EXPECT_THAT(why_not(Mode::kWrite, 0xc2), HasSubstr("of the cluster 00000000000000c1"));
}

TEST_F(SqliteRegistryTest, WhatIsNoRegistryIsRefused) {
  EXPECT_THAT(why_not(Mode::kRead), HasSubstr("there is no registry"));
  std::ofstream(path_) << std::string(8192, 'x');
  EXPECT_THAT(why_not(), HasSubstr("file is not a database"));
  std::filesystem::remove(path_);
  sql("CREATE TABLE songs (title TEXT)");
  EXPECT_THAT(why_not(), HasSubstr("this is not a registry"));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(why_not(), HasSubstr(path_));
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("/dev/null", path_);
  EXPECT_THAT(why_not(), HasSubstr(path_));
}

TEST_F(SqliteRegistryTest, ADamagedRowIsNamed) {
  fill();
  sql("UPDATE agents SET hostname='node-8' WHERE id='a-0000000000000002'");
  EXPECT_THAT(why_not(), HasSubstr("the row 'a-0000000000000002' of agents is damaged: its "
                                   "checksum is wrong"));
}

// Whatever a byte becomes, the registry is read as it was, or refused with words.
TEST_F(SqliteRegistryTest, NoDamageGoesUnnoticed) {
  fill();
  sql("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE; VACUUM");
  std::ifstream in(path_, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const std::string expected =
      lines_of({{an_agent(1), an_agent(2)}, {a_framework(3)}, {a_role("dev"), a_role("eng")}});
  int refused = 0;
  int read = 0;
  for (std::size_t at = 0; at < good.size(); at += 31) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bad;
    auto registry = SqliteRegistry::open(path_, 0xc1, Mode::kRead);
    auto contents = registry.ok() && (*registry)->check_file().ok()
                        ? (*registry)->load()
                        : absl::StatusOr<core::RegistryContents>(absl::DataLossError("refused"));
    if (!contents.ok()) {
      ++refused;
      continue;
    }
    ++read;
    EXPECT_EQ(lines_of(*contents), expected) << "byte " << at;
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(read, 10) << "unused bytes";
}

TEST_F(SqliteRegistryTest, ATruncatedFileIsRefusedAndLeftAlone) {
  fill();
  sql("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE; VACUUM");
  std::ifstream in(path_, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 4096u);
  for (std::size_t size = 1; size < good.size(); size += 511) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << good.substr(0, size);
    auto registry = open();
    const bool is_refused =
        !registry.ok() || !(*registry)->check_file().ok() || !(*registry)->load().ok();
    EXPECT_TRUE(is_refused) << size << " of " << good.size() << " bytes";
    registry = absl::UnknownError("");
    EXPECT_EQ(std::filesystem::file_size(path_), size);
  }
}

TEST_F(SqliteRegistryTest, ACopyIsWhatItWasThen) {
  fill();
  auto registry = open();
  ASSERT_TRUE(registry.ok());
  const std::string copy = folder_ + "/copy.db";
  auto reader = open(Mode::kRead, 0);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE((*reader)->copy_to(copy).ok()) << "of one in use";
  EXPECT_TRUE(absl::IsAlreadyExists((*reader)->copy_to(copy)));
  const std::vector<core::RegistryRow> later = {core::ForgottenAgent{core::AgentId{1}}};
  ASSERT_TRUE((*registry)->apply(later).ok());
  auto old = SqliteRegistry::open(copy, 0xc1, Mode::kRead);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ((*old)->load()->agents.size(), 2u);
}

TEST_F(SqliteRegistryTest, AFullDiskIsAnError) {
  fill();
  auto registry = open();
  ASSERT_TRUE(registry.ok());
  std::vector<core::RegistryRow> rows;
  for (std::uint64_t i = 100; i < 20'000; ++i) rows.emplace_back(an_agent(i));
  const FileSizeLimit limit(256 << 10);
  const absl::Status status = (*registry)->apply(rows);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ((*registry)->load()->agents.size(), 2u) << "all or nothing";
}

}  // namespace
}  // namespace shoal::master
