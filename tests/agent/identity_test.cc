#include "agent/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/status.h"

namespace shoal::agent {
namespace {

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    data = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(data); }
  std::string data;
};

TEST_F(IdentityTest, NoneBeforeTheFirstRegistrationThenTheSame) {
  EXPECT_EQ(read_identity(data).value(), core::AgentId());
  ASSERT_TRUE(write_identity(data, core::AgentId{0xabc}).ok());
  EXPECT_EQ(read_identity(data).value(), core::AgentId{0xabc});
  ASSERT_TRUE(write_identity(data, core::AgentId{0xdef}).ok());
  EXPECT_EQ(read_identity(data).value(), core::AgentId{0xdef});
}

TEST_F(IdentityTest, AnythingElseIsNamedNotIgnored) {
  for (const std::string& text : {std::string(), std::string("a-123"),
                                  std::string("f-0000000000000001"), std::string(1000, 'x')}) {
    std::ofstream(data + "/agent_id") << text;
    const auto id = read_identity(data);
    ASSERT_FALSE(id.ok()) << text;
    EXPECT_NE(core::message_of(id.status()).find("agent_id"), std::string_view::npos);
  }
  std::filesystem::remove(data + "/agent_id");
  ASSERT_EQ(::mkfifo((data + "/agent_id").c_str(), 0600), 0);
  EXPECT_FALSE(read_identity(data).ok());
}

}  // namespace
}  // namespace shoal::agent
