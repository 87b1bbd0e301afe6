// etcd by TLS, with certificates of its clients, and with passwords: with real ones.
#include <gmock/gmock.h>

#include <fstream>
#include <optional>

#include "core/status.h"
#include "master/etcd_client.h"
#include "master/etcd_target.h"
#include "net/etcd_curl.h"
#include "net/leader_query.h"
#include "net/reactor.h"
#include "tests/master/certificates.h"
#include "tests/master/etcd_server.h"

namespace shoal::master {
namespace {

using net::EtcdAccess;
using testing::HasSubstr;

EtcdOp put(const std::string& key, const std::string& value) {
  return {.key = key, .value = value, .range_end = {}};
}

absl::StatusOr<net::HostPort> find_leader(const std::string& url) {
  auto reactor = net::Reactor::create(0).value();
  std::optional<absl::StatusOr<net::HostPort>> found;
  const net::MasterList list = net::parse_master_list(url).value();
  const net::LeaderQuery query(*reactor, *list.etcd, [&](absl::StatusOr<net::HostPort> leader) {
    found = std::move(leader);
    reactor->stop();
  });
  reactor->run();
  return *found;
}

// One etcd for all of them: it is asked by TLS only, and wants a certificate.
class EtcdTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!test::EtcdServer::is_installed() || !test::Certificates::can_be_made()) return;
    certificates_ = std::make_unique<test::Certificates>();
    ASSERT_TRUE(certificates_->make_authority("ca"));
    ASSERT_TRUE(certificates_->make_authority("other-ca"));
    ASSERT_TRUE(certificates_->make("server", "ca", "IP:127.0.0.1"));
    ASSERT_TRUE(certificates_->make("client", "ca", "DNS:client"));
    ASSERT_TRUE(certificates_->make("stranger", "other-ca", "DNS:client"));
    server_ = start("server");
    ASSERT_TRUE(server_->is_up());
  }
  static void TearDownTestSuite() {
    server_.reset();
    certificates_.reset();
  }
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    if (!test::Certificates::can_be_made()) GTEST_SKIP() << "the openssl program is missing";
  }

  static std::unique_ptr<test::EtcdServer> start(const std::string& name) {
    return std::make_unique<test::EtcdServer>(
        test::EtcdServer::Tls{certificates_->cert(name), certificates_->key(name),
                              certificates_->cert("ca"), good_access()});
  }
  static EtcdAccess good_access() {
    EtcdAccess access;
    access.is_encrypted = true;
    access.ca_file = certificates_->cert("ca");
    access.cert_file = certificates_->cert("client");
    access.key_file = certificates_->key("client");
    return access;
  }
  static absl::Status ask(const EtcdAccess& access, const std::string& endpoint) {
    EtcdOptions options;
    options.endpoints = {endpoint};
    options.timeout = std::chrono::seconds(5);
    options.access = access;
    EtcdClient client(options);
    return client.range({.key = "/k", .range_end = {}}).status();
  }
  static std::string why_not(const EtcdAccess& access) {
    const absl::Status status = ask(access, server_->endpoint());
    EXPECT_FALSE(absl::IsFailedPrecondition(status)) << "another try may do: " << status;
    return std::string(core::message_of(status));
  }
  // Of an etcd whose own certificate is such, and which nobody else asks.
  static std::string why_not_with(const std::string& certificate) {
    EtcdAccess anybody = good_access();
    test::EtcdServer::Tls tls{certificates_->cert(certificate), certificates_->key(certificate), "",
                              anybody};
    const test::EtcdServer server(tls, test::EtcdServer::Wait::kUntilItListens);
    return std::string(core::message_of(ask(anybody, server.endpoint())));
  }

  static std::unique_ptr<test::Certificates> certificates_;
  static std::unique_ptr<test::EtcdServer> server_;
};

std::unique_ptr<test::Certificates> EtcdTlsTest::certificates_;
std::unique_ptr<test::EtcdServer> EtcdTlsTest::server_;

TEST_F(EtcdTlsTest, EverythingGoesByTls) {
  const auto client = server_->client();
  const auto written = client->txn({.compare = {}, .success = {put("/k", "v")}, .failure = {}});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(client->range({.key = "/k", .range_end = {}})->rows.front().value, "v");
  const auto lease = client->grant_lease(std::chrono::seconds(5));
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_TRUE(client->keep_alive(lease->id).ok());
  const auto quiet =
      client->wait_for_change("/k", written->revision + 1, std::chrono::milliseconds(50));
  ASSERT_TRUE(quiet.ok()) << quiet.status();
  EXPECT_FALSE(*quiet);
  EXPECT_TRUE(client->revoke_lease(lease->id).ok());
}

TEST_F(EtcdTlsTest, WhoLooksForTheLeaderAsksByTls) {
  const auto client = server_->client();
  EXPECT_TRUE(absl::IsNotFound(find_leader(server_->url("/nobody")).status()));
  const std::string value = R"({"address":"10.0.0.1:7070","id":"00"})";
  ASSERT_TRUE(
      client->txn({.compare = {}, .success = {put("/led/leader", value)}, .failure = {}}).ok());
  const auto leader = find_leader(server_->url("/led"));
  ASSERT_TRUE(leader.ok()) << leader.status();
  EXPECT_EQ(leader->to_string(), "10.0.0.1:7070");
  const auto refused = find_leader("etcds://" + server_->endpoint() + "/led");
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  EXPECT_THAT(refused.status().ToString(), HasSubstr("?cacert=FILE"));
  const auto plain = find_leader("etcd://" + server_->endpoint() + "/led");
  EXPECT_TRUE(absl::IsUnavailable(plain.status())) << plain.status();
}

TEST_F(EtcdTlsTest, AServerThatAnotherHasSignedIsNotBelieved) {
  EtcdAccess access = good_access();
  access.ca_file = certificates_->cert("other-ca");
  EXPECT_THAT(why_not(access), HasSubstr("certificate"));
  access.ca_file.clear();  // whom the system trusts
  EXPECT_THAT(why_not(access), HasSubstr("(?cacert=FILE names who signs its certificate)"));
}

TEST_F(EtcdTlsTest, AServerOfAnotherNameOrTimeIsNotBelieved) {
  ASSERT_TRUE(certificates_->make("elsewhere", "ca", "IP:10.9.8.7"));
  EXPECT_THAT(why_not_with("elsewhere"), HasSubstr("127.0.0.1"));
  ASSERT_TRUE(certificates_->make("over", "ca", "IP:127.0.0.1", -1));
  EXPECT_THAT(why_not_with("over"), HasSubstr("expired"));
}

TEST_F(EtcdTlsTest, AClientWithoutACertificateIsToldSo) {
  EtcdAccess access = good_access();
  access.cert_file.clear();
  access.key_file.clear();
  EXPECT_THAT(why_not(access), HasSubstr("it wants a certificate of its clients"));
  access.cert_file = certificates_->cert("stranger");
  access.key_file = certificates_->key("stranger");
  EXPECT_THAT(why_not(access), HasSubstr("certificate"));
  EXPECT_THAT(why_not(EtcdAccess()), HasSubstr("(does it want TLS? That is etcds://)"));
}

TEST_F(EtcdTlsTest, FilesThatAreMissingOrNoneAreNamed) {
  EtcdAccess access = good_access();
  access.ca_file = certificates_->folder() + "/nowhere.pem";
  EXPECT_THAT(std::string(net::check_files(access).message()), HasSubstr("nowhere.pem"));
  EXPECT_THAT(why_not(access), HasSubstr("nowhere.pem"));
  access.ca_file = certificates_->folder() + "/config";
  EXPECT_THAT(why_not(access), HasSubstr("config"));
}

TEST_F(EtcdTlsTest, NothingIsWrittenByWhoIsNotBelieved) {
  const auto before = server_->client()->range({.key = "/k", .range_end = {}});
  ASSERT_TRUE(before.ok()) << before.status();
  EtcdAccess access = good_access();
  access.cert_file = certificates_->cert("stranger");
  access.key_file = certificates_->key("stranger");
  EtcdOptions options = server_->options();
  options.access = access;
  EtcdClient client(options);
  EXPECT_FALSE(
      client.txn({.compare = {}, .success = {put("/k", "stranger's")}, .failure = {}}).ok());
  EXPECT_EQ(server_->client()->range({.key = "/k", .range_end = {}})->revision, before->revision);
}

// --- passwords ---

class EtcdPasswordTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
    const net::EtcdAccess open;
    const auto post = [&](const char* path, const std::string& body) {
      const auto answer =
          net::ask_etcd(open, server_->endpoint(), path, body, std::chrono::seconds(10), 100'000);
      ASSERT_TRUE(answer.ok()) << path << ": " << answer.status();
    };
    post("auth/user/add", R"({"name":"root","password":"of \"all\""})");
    post("auth/role/add", R"({"name":"root"})");
    post("auth/user/grant", R"({"user":"root","role":"root"})");
    post("auth/enable", "{}");
    password_file_ = folder_.folder() + "/password";
    std::ofstream(password_file_) << "of \"all\"\n";
  }
  EtcdOptions options() const {
    EtcdOptions options = server_->options();
    options.access.user = "root";
    options.access.password_file = password_file_;
    return options;
  }

  const test::Certificates folder_;
  std::unique_ptr<test::EtcdServer> server_;
  std::string password_file_;
};

TEST_F(EtcdPasswordTest, AUserIsKnownAndStaysSo) {
  EtcdClient client(options());
  const auto written = client.txn({.compare = {}, .success = {put("/k", "v")}, .failure = {}});
  ASSERT_TRUE(written.ok()) << written.status();
  server_->restart();  // which forgets all tokens
  ASSERT_TRUE(server_->is_up());
  const auto again = client.txn({.compare = {}, .success = {put("/k", "w")}, .failure = {}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(client.range({.key = "/k", .range_end = {}})->rows.front().value, "w");
  ASSERT_TRUE(
      client
          .txn(
              {.compare = {}, .success = {put("/x/leader", R"({"address":"h:1"})")}, .failure = {}})
          .ok());
  const auto leader =
      find_leader("etcd://" + server_->endpoint() + "/x?user=root&password-file=" + password_file_);
  ASSERT_TRUE(leader.ok()) << leader.status();
  EXPECT_EQ(leader->to_string(), "h:1");
}

TEST_F(EtcdPasswordTest, WhoIsUnknownIsToldSo) {
  EtcdClient nobody(server_->options());
  EXPECT_THAT(nobody.range({.key = "/k", .range_end = {}}).status().ToString(),
              HasSubstr("user name is empty"));
  std::ofstream(password_file_) << "wrong";
  EtcdClient wrong(options());
  const absl::Status status = wrong.range({.key = "/k", .range_end = {}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("authentication failed"));
  std::ofstream(password_file_, std::ios::trunc) << "";
  EtcdClient empty(options());
  EXPECT_THAT(empty.range({.key = "/k", .range_end = {}}).status().ToString(),
              HasSubstr("there is no password in it"));
  std::filesystem::remove(password_file_);
  EtcdClient missing(options());
  EXPECT_THAT(missing.range({.key = "/k", .range_end = {}}).status().ToString(),
              HasSubstr("password: no such file"));
}

}  // namespace
}  // namespace shoal::master
