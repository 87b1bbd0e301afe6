#include "master/etcd_client.h"

#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "core/status.h"
#include "master/etcd_limits.h"
#include "tests/master/etcd_server.h"

namespace shoal::master {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Answers every connection with the same bytes, after the request's head has come; then closes, or
// holds the connection.
class Garbage {
 public:
  explicit Garbage(std::string answer, bool hangs = false) : answer_(std::move(answer)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listening_, 16), 0);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, hangs] { serve(hangs); });
  }
  ~Garbage() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
    for (const int fd : held_) ::close(fd);
  }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  void serve(bool hangs) {
    int fd = -1;
    while ((fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
      char bytes[4096];
      if (::recv(fd, bytes, sizeof bytes, 0) > 0) ++asked_;
      std::size_t sent = 0;
      while (sent < answer_.size()) {
        const ssize_t part = ::send(fd, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (part <= 0) break;
        sent += static_cast<std::size_t>(part);
      }
      if (hangs) {
        held_.push_back(fd);
      } else {
        ::close(fd);
      }
    }
  }

  std::string answer_;
  int listening_ = -1;
  int port_ = 0;
  std::atomic<int> asked_{0};
  std::vector<int> held_;
  std::thread thread_;
};

std::string ok_with(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

EtcdOptions asking(const std::vector<std::string>& endpoints) {
  EtcdOptions options;
  options.endpoints = endpoints;
  options.timeout = 300ms;
  return options;
}

absl::Status range_of(const std::string& answer, bool hangs = false) {
  Garbage garbage(answer, hangs);
  EtcdClient client(asking({garbage.endpoint()}));
  return client.range({.key = "k", .range_end = {}}).status();
}

TEST(EtcdClientGarbageTest, IsAnErrorThatNamesWhoSaidIt) {
  EXPECT_THAT(range_of(ok_with("{\"kvs\":")).ToString(), HasSubstr("it is no JSON"));
  EXPECT_THAT(range_of(ok_with("[]")).ToString(), HasSubstr("it is no object"));
  EXPECT_THAT(range_of(ok_with("{}")).ToString(), HasSubstr("it has no header"));
  EXPECT_THAT(range_of(ok_with(R"({"header":{"revision":"x"}})")).ToString(),
              HasSubstr("'revision' is no number"));
  EXPECT_THAT(range_of(ok_with(R"({"header":{"revision":"7"},"kvs":{}})")).ToString(),
              HasSubstr("'kvs' is no array"));
  EXPECT_THAT(range_of(ok_with(R"({"header":{"revision":"7"},"kvs":[{"key":"*"}]})")).ToString(),
              HasSubstr("'key' is not in base64"));
  EXPECT_THAT(range_of(ok_with(R"({"header":{"revision":"7"},"kvs":[5]})")).ToString(),
              HasSubstr("a row is no object"));
  EXPECT_THAT(range_of(ok_with(std::string(100'000, '['))).ToString(), HasSubstr("no JSON"));
  EXPECT_THAT(range_of("HTTP/1.1 500 Oops\r\n\r\n<html>").ToString(),
              HasSubstr("HTTP status 500: <html>"));
  EXPECT_THAT(range_of("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n").ToString(),
              HasSubstr("HTTP status 302"));
  EXPECT_TRUE(absl::IsUnavailable(range_of("SSH-2.0-OpenSSH_9.2\r\n")));
  EXPECT_TRUE(absl::IsUnavailable(range_of("")));
  EXPECT_TRUE(absl::IsUnavailable(range_of("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"he")));
}

TEST(EtcdClientGarbageTest, AnAnswerIsBounded) {
  const std::string huge(kMaxEtcdAnswerBytes + 1000, ' ');
  EtcdOptions options;
  Garbage garbage(ok_with(huge));
  options.endpoints = {garbage.endpoint()};
  options.timeout = 30s;
  EtcdClient client(options);
  const absl::Status status = client.range({.key = "k", .range_end = {}}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(EtcdClientGarbageTest, WhoHangsIsGivenUp) {
  const absl::Status status = range_of("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", true);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(status.ToString(), HasSubstr("no answer within 300 ms"));
}

TEST(EtcdClientGarbageTest, TheNextMemberIsAsked) {
  Garbage broken("HTTP/1.1 503 No\r\n\r\n{\"error\":\"etcdserver: no leader\",\"code\":14}");
  Garbage good(ok_with(R"({"header":{"revision":"7"},"kvs":[{"key":"aw==","value":"dg=="}]})"));
  EtcdClient client(asking({"127.0.0.1:1", broken.endpoint(), good.endpoint()}));
  const auto range = client.range({.key = "k", .range_end = {}});
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->rows.front().value, "v");
  ASSERT_TRUE(client.range({.key = "k", .range_end = {}}).ok());
  EXPECT_EQ(broken.asked(), 1) << "who answered is asked first";
}

TEST(EtcdClientGarbageTest, ATransactionThatWasSentIsNotSentAgain) {
  Garbage silent("");
  Garbage good(ok_with(R"({"header":{"revision":"7"},"succeeded":true})"));
  EtcdClient client(asking({silent.endpoint(), good.endpoint()}));
  EXPECT_TRUE(absl::IsUnavailable(client.txn({}).status()));
  EXPECT_EQ(silent.asked(), 1);
  EXPECT_EQ(good.asked(), 0);
  EtcdClient other(asking({"127.0.0.1:1", good.endpoint()}));
  EXPECT_TRUE(other.txn({}).ok()) << "nobody had got it";
}

TEST(EtcdClientGarbageTest, CancelEndsACall) {
  Garbage hanging("", true);
  EtcdOptions options = asking({hanging.endpoint()});
  options.timeout = 60s;
  EtcdClient client(options);
  std::thread cancels([&client, &hanging] {
    while (hanging.asked() == 0) std::this_thread::yield();
    client.cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(client.range({.key = "k", .range_end = {}}).status()));
  cancels.join();
  EXPECT_TRUE(absl::IsCancelled(client.txn({}).status())) << "and all that follow";
}

class EtcdClientTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    server_ = std::make_unique<test::EtcdServer>();
    ASSERT_TRUE(server_->is_up());
    client_ = server_->client();
  }
  static EtcdOp put(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    return {.key = key, .value = value, .range_end = {}, .lease = lease};
  }
  static EtcdCompare absent(const std::string& key) { return {.key = key, .value = {}}; }

  std::unique_ptr<test::EtcdServer> server_;
  std::unique_ptr<EtcdClient> client_;
};

TEST_F(EtcdClientTest, TransactionsAndRanges) {
  const std::string odd("\0\xff\"\n", 4);
  EtcdTxn txn{
      .compare = {absent("/a/1")},
      .success = {put("/a/1", odd), put("/a/2", "two"), put("/b", "other")},
      .failure = {{.kind = EtcdOp::Kind::kGet, .key = "/a/1", .value = {}, .range_end = {}}}};
  const auto first = client_->txn(txn);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->succeeded);
  const auto second = client_->txn(txn);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->succeeded);
  ASSERT_EQ(second->rows.size(), 1u);
  EXPECT_EQ(second->rows[0].value, odd);
  EXPECT_EQ(second->rows[0].create_revision, first->revision);

  const auto page = client_->range({.key = "/a/", .range_end = prefix_end("/a/"), .limit = 1});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->rows.size(), 1u);
  EtcdTxn drop{.compare = {{.what = EtcdCompare::What::kValue, .key = "/a/2", .value = "two"},
                           {.what = EtcdCompare::What::kModRevision,
                            .key = "/a/2",
                            .revision = first->revision,
                            .value = {}}},
               .success = {{.kind = EtcdOp::Kind::kDelete,
                            .key = "/a/",
                            .value = {},
                            .range_end = prefix_end("/a/")}},
               .failure = {}};
  EXPECT_TRUE(client_->txn(drop)->succeeded);
  EXPECT_TRUE(client_->range({.key = "/a/", .range_end = prefix_end("/a/")})->rows.empty());
  const auto old = client_->range(
      {.key = "/a/", .range_end = prefix_end("/a/"), .limit = 0, .revision = first->revision});
  EXPECT_EQ(old->rows.size(), 2u) << "as of then";
}

TEST_F(EtcdClientTest, ATransactionThatIsTooLargeIsRefused) {
  EtcdTxn txn;
  for (int i = 0; i < 200; ++i) txn.success.push_back(put("/k" + std::to_string(i), "v"));
  const absl::Status status = client_->txn(txn).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("too many operations"));
}

TEST_F(EtcdClientTest, LeasesAndWatches) {
  const auto lease = client_->grant_lease(1s);
  ASSERT_TRUE(lease.ok()) << lease.status();
  const auto made =
      client_->txn({.compare = {}, .success = {put("/l", "x", lease->id)}, .failure = {}});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(client_->keep_alive(lease->id).value(), lease->ttl);
  const auto quiet = client_->wait_for_change("/l", made->revision + 1, 50ms);
  ASSERT_TRUE(quiet.ok()) << quiet.status();
  EXPECT_FALSE(*quiet);
  const auto expired = client_->wait_for_change("/l", made->revision + 1, 20s);
  ASSERT_TRUE(expired.ok()) << expired.status();
  EXPECT_TRUE(*expired) << "nobody kept it alive";
  EXPECT_TRUE(absl::IsNotFound(client_->keep_alive(lease->id).status()));
  EXPECT_TRUE(absl::IsNotFound(client_->revoke_lease(lease->id)));
  client_->wake();
  EXPECT_TRUE(client_->wait_for_change("/l", made->revision + 100, 60s).ok());
}

TEST_F(EtcdClientTest, SurvivesARestartOfItsMember) {
  ASSERT_TRUE(client_->txn({.compare = {}, .success = {put("/k", "v")}, .failure = {}}).ok());
  server_->restart();
  ASSERT_TRUE(server_->is_up());
  const auto range = client_->range({.key = "/k", .range_end = {}});
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->rows.size(), 1u);
  server_->signal(SIGSTOP);
  client_->set_timeout(200ms);
  absl::Status stopped;
  while (stopped.ok()) stopped = client_->range({.key = "/k", .range_end = {}}).status();
  EXPECT_TRUE(absl::IsUnavailable(stopped)) << stopped;
  server_->signal(SIGCONT);
  client_->set_timeout(5s);
  EXPECT_TRUE(client_->range({.key = "/k", .range_end = {}}).ok());
}

}  // namespace
}  // namespace shoal::master
