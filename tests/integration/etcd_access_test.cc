// Masters, agents and commands that reach etcd by TLS; a backup that goes there; and commands while
// nobody leads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/integration/shoal_process.h"
#include "tests/master/certificates.h"
#include "tests/master/etcd_server.h"

namespace shoal::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;
using namespace std::chrono_literals;

class EtcdAccessTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    if (!Certificates::can_be_made()) GTEST_SKIP() << "the openssl program is missing";
  }
  void start_plain() {
    etcd_ = std::make_unique<EtcdServer>();
    ASSERT_TRUE(etcd_->is_up());
  }
  void start_with_tls() {
    ASSERT_TRUE(certificates_.make_authority("ca"));
    ASSERT_TRUE(certificates_.make_authority("other"));
    ASSERT_TRUE(certificates_.make("etcd", "ca", "IP:127.0.0.1"));
    ASSERT_TRUE(certificates_.make("shoal", "ca", "DNS:shoal"));
    net::EtcdAccess access;
    access.is_encrypted = true;
    access.ca_file = certificates_.cert("ca");
    access.cert_file = certificates_.cert("shoal");
    access.key_file = certificates_.key("shoal");
    etcd_ = std::make_unique<EtcdServer>(EtcdServer::Tls{
        certificates_.cert("etcd"), certificates_.key("etcd"), certificates_.cert("ca"), access});
    ASSERT_TRUE(etcd_->is_up());
  }
  Words master(const std::string& registry, const std::string& name = "master") const {
    return {SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data",       path(name),
            "--registry", registry, "--lease",  "1s",          "--ready-file", ready(name)};
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string ready(const std::string& name) const { return path(name) + ".json"; }
  std::string address(const std::string& name = "master") const {
    std::ifstream in(ready(name));
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t begin = text.find(":\"") + 2;
    return text.substr(begin, text.find('"', begin) - begin);
  }
  bool is_ready(const std::string& name = "master") {
    return eventually([&] { return std::filesystem::exists(ready(name)); });
  }
  static void end(Process& process) {
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().exit_code, 0);
  }

  TempFolder folder_;
  const Certificates certificates_;
  std::unique_ptr<EtcdServer> etcd_;
};

TEST_F(EtcdAccessTest, AClusterLivesOnAnEtcdThatWantsCertificates) {
  start_with_tls();
  Process leads(master(etcd_->url()));
  ASSERT_TRUE(is_ready());
  ASSERT_TRUE(leads.wait_for_output("leader: serves at"));
  Process agent({SHOAL_BINARY, "agent", "--master", etcd_->url(), "--data", path("agent"),
                 "--hostname", "node-1", "--resources", "cpus:4;mem:1024"});
  EXPECT_TRUE(eventually([&] {
    const Result agents = run({SHOAL_BINARY, "agents", "--master", etcd_->url()});
    return agents.out.find("node-1") != std::string::npos &&
           agents.out.find("active") != std::string::npos;
  }));
  EXPECT_EQ(run({SHOAL_BINARY, "weight", "ads", "2", "--master", etcd_->url()}).exit_code, 0);
  const Result dump = run({SHOAL_BINARY, "registry", "dump", "--registry", etcd_->url()});
  EXPECT_EQ(dump.exit_code, 0) << dump.err;
  EXPECT_THAT(dump.out, HasSubstr("node-1"));
  end(agent);
  end(leads);
}

TEST_F(EtcdAccessTest, WhatIsWrongWithCertificatesIsSaid) {
  start_with_tls();
  const std::string bare = "etcds://" + etcd_->endpoint();
  const Result missing = run(master(bare + "?cacert=" + path("nowhere.pem")));
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("nowhere.pem: no such file"));
  const Result odd = run(master(bare + "?ca=x"));
  EXPECT_EQ(odd.exit_code, 2);
  EXPECT_THAT(odd.err, HasSubstr("--registry: 'ca' is none of cacert"));
  {
    Process waits(master(bare + "?cacert=" + certificates_.cert("other"), "wrong-ca"));
    EXPECT_TRUE(waits.wait_for_output("SSL certificate problem"));
    end(waits);
  }
  {
    Process waits(master(bare + "?cacert=" + certificates_.cert("ca"), "no-cert"));
    EXPECT_TRUE(waits.wait_for_output("it wants a certificate of its clients"));
    end(waits);
  }
  const auto rows = etcd_->client()->range({.key = "/", .range_end = "0"});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_TRUE(rows->rows.empty()) << "nobody has written anything";
}

TEST_F(EtcdAccessTest, ABackupIsRestoredToEtcd) {
  start_plain();
  {
    Process alone({SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data", path("alone"),
                   "--ready-file", ready("alone")});
    ASSERT_TRUE(is_ready("alone"));
    EXPECT_EQ(run({SHOAL_BINARY, "weight", "ads", "7", "--master", address("alone")}).exit_code, 0);
    end(alone);
  }
  const Words backup = {SHOAL_BINARY, "registry", "backup", "--data", path("alone"), path("file")};
  ASSERT_EQ(run(backup).exit_code, 0);
  Words restore = {SHOAL_BINARY, "registry", "restore", "--registry", etcd_->url(), path("file")};
  const Result done = run(restore);
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("the registry at /shoal is that of " + path("file")));
  const Result again = run(restore);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("say --force"));
  restore.emplace_back("--force");
  EXPECT_EQ(run(restore).exit_code, 0);
  // The master goes on with it, among several, on the folder that it had.
  Process leads(master(etcd_->url(), "alone"));
  ASSERT_TRUE(leads.wait_for_output("leader: serves at"));
  EXPECT_THAT(run({SHOAL_BINARY, "weight", "get", "--master", etcd_->url()}).out, HasSubstr("7"));
  const Result refused = run(restore);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("stop them all first"));
  end(leads);
}

TEST_F(EtcdAccessTest, EventsWaitForSomebodyToLead) {
  start_plain();
  etcd_->signal(SIGSTOP);
  Process standby(master(etcd_->url()));
  ASSERT_TRUE(is_ready());
  const Words events = {SHOAL_BINARY, "events", "--master", address()};
  const auto begin = std::chrono::steady_clock::now();
  const Result nobody = run(events);
  EXPECT_EQ(nobody.exit_code, 4);
  EXPECT_THAT(nobody.err, HasSubstr("no master leads at " + address()));
  EXPECT_GT(std::chrono::steady_clock::now() - begin, 7s);
  Process waits(events);
  etcd_->signal(SIGCONT);
  EXPECT_EQ(waits.wait().exit_code, 0);
  end(standby);
}

}  // namespace
}  // namespace shoal::test
