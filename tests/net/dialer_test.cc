#include "net/dialer.h"

#include <array>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using std::chrono::milliseconds;
using testing::EchoHandler;
using ::testing::HasSubstr;
using testing::Inbox;
using testing::make_frame;
using testing::Reactors;
using testing::trusting;
using testing::unshared;

struct Retry {
  HostPort address;
  absl::Status why;
  core::Duration wait{};
};

// Reactor 0 listens, reactor 1 dials.
class DialerTest : public ::testing::Test {
 protected:
  ~DialerTest() override {
    reactors_.stop();
    dialer_.reset();
    listener_.reset();
  }
  void listen(std::string_view address = "127.0.0.1:0") {
    ListenerOptions options;
    options.frames = &server_;
    options.connection = trusting();
    listener_ = Listener::create(reactors_[0], address, options).value();
  }
  HostPort listening() const { return {"127.0.0.1", listener_->bound_address().port()}; }
  void dial(std::vector<HostPort> addresses) {
    MasterList masters;
    masters.addresses = std::move(addresses);
    dial_masters(masters);
  }
  void dial_masters(const MasterList& masters, std::uint64_t seed = 1, bool shuffles = false) {
    DialerOptions options;
    options.masters = masters;
    options.seed = seed;
    options.shuffles = shuffles;
    options.backoff = {milliseconds(2), milliseconds(8)};
    options.connection = trusting();
    options.on_retry = [this](const HostPort& address, const absl::Status& why,
                              core::Duration wait) {
      retries_.put({address, unshared(why), wait});
    };
    client_.connected = [this](Connection& connection) {
      connection.send(make_frame(1, "hello"));
      connected_.put(connection.id());
    };
    client_.framed = [this](Connection&, const wire::FrameView&) { greeted_.put(1); };
    dialer_ = std::make_unique<Dialer>(reactors_[1], &client_, std::move(options));
    dialer_->start();
  }

  EchoHandler server_, client_;
  Inbox<SessionId> connected_;
  Inbox<int> greeted_;
  Inbox<Retry> retries_;
  Reactors reactors_{2};
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Dialer> dialer_;
};

TEST_F(DialerTest, ConnectsByNameAndComesBackAfterALoss) {
  listen();
  dial({{"localhost", listening().port}});
  server_.framed = [](Connection& connection, const wire::FrameView& frame) {
    connection.send(frame.header, frame.payload);
    connection.close_after_flush(absl::AbortedError("go away"));
  };
  reactors_.start();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(connected_.take().has_value());
    ASSERT_TRUE(greeted_.take().has_value());
    EXPECT_THAT(std::string(client_.closed.take()->message()), HasSubstr("peer closed"));
    const Retry retry = retries_.take().value();
    EXPECT_EQ(retry.address.host, "localhost");
    EXPECT_GE(retry.wait, milliseconds(1));
  }
}

TEST_F(DialerTest, TriesTheNextAddressAtOnceAndWaitsBetweenRounds) {
  listen();
  const HostPort closed{"127.0.0.1", listening().port};
  listener_.reset();  // nobody listens there now
  dial({closed, {"no-such-host.invalid", 1}});
  reactors_.start();
  const Retry first = retries_.take().value();
  EXPECT_EQ(first.address.to_string(), closed.to_string());
  EXPECT_THAT(std::string(first.why.message()), HasSubstr("Connection refused"));
  EXPECT_EQ(first.wait, core::Duration::zero());
  const Retry second = retries_.take().value();
  EXPECT_THAT(std::string(second.why.message()), HasSubstr("cannot resolve"));
  EXPECT_GE(second.wait, milliseconds(1));
  EXPECT_EQ(retries_.take()->address.to_string(), closed.to_string());
}

TEST_F(DialerTest, CrowdsPartWhenEachShufflesTheAddresses) {
  listen();
  const HostPort closed = listening();
  listener_.reset();
  MasterList masters;
  for (int i = 1; i <= 8; ++i)
    masters.addresses.push_back({absl::StrCat("127.0.0.", i), closed.port});
  const auto order = [&](std::uint64_t seed) {
    reactors_.on(1, [&] { dial_masters(masters, seed, true); });
    std::vector<std::string> hosts;
    for (std::size_t i = 0; i < masters.addresses.size(); ++i) {
      hosts.push_back(retries_.take().value().address.host);
    }
    reactors_.on(1, [&] { dialer_.reset(); });
    while (retries_.take(milliseconds(0)).has_value()) continue;
    return hosts;
  };
  reactors_.start();
  const std::vector<std::string> one = order(1);
  EXPECT_EQ(std::set<std::string>(one.begin(), one.end()).size(), 8u);
  EXPECT_EQ(order(1), one);
  EXPECT_NE(order(2), one);
}

TEST_F(DialerTest, SameSeedSameWaits) {
  listen();
  const HostPort closed = listening();
  listener_.reset();
  dial({closed});
  reactors_.start();
  Backoff expected(1, {milliseconds(2), milliseconds(8)});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(retries_.take()->wait, expected.next());
  reactors_.on(1, [&] { dialer_->set_healthy(); });
}

TEST_F(DialerTest, FollowsANewAddress) {
  listen();
  dial({listening()});
  auto& other = reactors_[0];
  EchoHandler other_server;
  ListenerOptions options;
  options.frames = &other_server;
  options.connection = trusting();
  auto second = Listener::create(other, "127.0.0.1:0", options).value();
  reactors_.start();
  const SessionId first = connected_.take().value();
  ASSERT_TRUE(greeted_.take().has_value());
  reactors_.on(1, [&] {
    dialer_->redirect(second->bound_address().to_string(),
                      absl::UnavailableError("not the leader"));
  });
  const SessionId later = connected_.take().value();
  EXPECT_NE(first, later);
  ASSERT_TRUE(greeted_.take().has_value());
  EXPECT_EQ(reactors_.on(1, [&] { return dialer_->current_address().port; }),
            second->bound_address().port());
  EXPECT_TRUE(server_.closed.take().has_value());
  reactors_.stop();
  dialer_.reset();
  second.reset();
}

// Two masters that each take the other for the leader.
TEST_F(DialerTest, RedirectionsInARowEndInAWait) {
  listen();
  ListenerOptions listening_too;
  listening_too.frames = &server_;
  listening_too.connection = trusting();
  auto second = Listener::create(reactors_[0], "127.0.0.1:0", listening_too).value();
  const std::array<HostPort, 2> both = {listening(), {"127.0.0.1", second->bound_address().port()}};
  dial({both[0]});
  client_.framed = [&](Connection&, const wire::FrameView&) {
    const HostPort& other = both[dialer_->current_address().port == both[0].port ? 1 : 0];
    dialer_->redirect(other.to_string(), absl::UnavailableError("not the leader"));
  };
  reactors_.start();
  for (int i = 0; i < core::kMaxRedirects; ++i) {
    const Retry retry = retries_.take().value();
    EXPECT_EQ(retry.address.port, both[static_cast<std::size_t>(i % 2)].port);
    EXPECT_EQ(retry.wait, core::Duration::zero());
  }
  EXPECT_EQ(retries_.take()->wait, Backoff(1, {milliseconds(2), milliseconds(8)}).next());
  EXPECT_EQ(retries_.take()->address.port, both[0].port);  // and begins anew with the list
  reactors_.stop();
  dialer_.reset();
  second.reset();
}

TEST_F(DialerTest, APeerThatIsBusyIsDialledAgainWhenItSaid) {
  listen();
  dial({listening(), {"127.0.0.1", 1}});
  client_.framed = [&](Connection&, const wire::FrameView&) {
    dialer_->come_back_after(milliseconds(3), absl::UnavailableError("busy"));
  };
  reactors_.start();
  for (int i = 0; i < 2 * core::kMaxRedirects; ++i) {
    const Retry retry = retries_.take().value();
    EXPECT_EQ(retry.address.port, listening().port);  // nobody else is tried
    EXPECT_EQ(retry.wait, milliseconds(3));
    EXPECT_EQ(retry.why.message(), "busy");
  }
}

TEST_F(DialerTest, APeerCannotAskForAWaitWithoutEnd) {
  listen();
  dial({listening()});
  client_.framed = [&](Connection&, const wire::FrameView&) {
    dialer_->come_back_after(std::chrono::hours(1), absl::UnavailableError("busy"));
  };
  reactors_.start();
  EXPECT_EQ(retries_.take()->wait, core::kMaxRetryAfter);
}

TEST_F(DialerTest, WhereTheLeaderIsNotKnownTheListGoesOn) {
  listen();
  ListenerOptions listening_too;
  listening_too.frames = &server_;
  listening_too.connection = trusting();
  auto second = Listener::create(reactors_[0], "127.0.0.1:0", listening_too).value();
  dial({listening(), {"127.0.0.1", second->bound_address().port()}});
  client_.framed = [&](Connection&, const wire::FrameView&) {
    dialer_->redirect("", absl::UnavailableError("not the leader"));
  };
  reactors_.start();
  const Retry first = retries_.take().value();
  EXPECT_EQ(first.address.port, listening().port);
  EXPECT_EQ(first.wait, core::Duration::zero());
  const Retry next = retries_.take().value();
  EXPECT_EQ(next.address.port, second->bound_address().port());
  EXPECT_GT(next.wait, core::Duration::zero());
  reactors_.stop();
  dialer_.reset();
  second.reset();
}

// As much of etcd as is asked.
struct FakeEtcd : HttpHandler {
  void on_request(const HttpRequest& request, HttpResponder responder) override {
    asked.put(absl::StrCat(std::string(request.path), " ", std::string(request.body)));
    HttpResponse response;
    response.body =
        leader.empty()
            ? R"({"header":{}})"
            : absl::StrCat(R"({"header":{},"kvs":[{"value":")",
                           absl::Base64Escape(absl::StrCat(R"({"address":")", leader, R"("})")),
                           R"("}]})");
    responder.respond(response);
  }
  std::string leader;
  Inbox<std::string> asked;
};

TEST_F(DialerTest, AsksEtcdBeforeEveryAttempt) {
  listen();
  FakeEtcd etcd;
  HttpServer server(reactors_[0], &etcd);
  ListenerOptions serving;
  serving.http = &server;
  auto etcd_listener = Listener::create(reactors_[0], "127.0.0.1:0", serving).value();
  const HostPort nobody = {"127.0.0.1", 1};
  MasterList masters;
  masters.etcd =
      LeaderInEtcd{{nobody, {"127.0.0.1", etcd_listener->bound_address().port()}}, "/shoal"};
  dial_masters(masters);
  reactors_.start();
  EXPECT_EQ(etcd.asked.take().value(), "/v3/kv/range {\"key\":\"L3Nob2FsL2xlYWRlcg==\"}");
  const Retry leaderless = retries_.take().value();
  EXPECT_TRUE(absl::IsNotFound(leaderless.why)) << leaderless.why;
  EXPECT_EQ(leaderless.address.host, "");
  reactors_.on(0, [&] { etcd.leader = listening().to_string(); });
  ASSERT_TRUE(connected_.take().has_value());
  ASSERT_TRUE(greeted_.take().has_value());
  reactors_.on(1, [&] { dialer_->connection()->close(absl::AbortedError("enough")); });
  ASSERT_TRUE(connected_.take().has_value());  // and at each reconnect
  reactors_.on(0, [&] { etcd_listener.reset(); });
  reactors_.on(1, [&] { dialer_->connection()->close(absl::AbortedError("enough")); });
  std::optional<Retry> retry = retries_.take();
  while (retry.has_value() && retry->address.host != "") retry = retries_.take();
  while (retry.has_value() && absl::IsNotFound(retry->why)) retry = retries_.take();
  ASSERT_TRUE(retry.has_value());
  EXPECT_THAT(std::string(retry->why.message()), HasSubstr("no etcd at 127.0.0.1:"));
  reactors_.stop();
  dialer_.reset();
}

// A connection that was told to close is told of its end only at the end of the turn.
TEST_F(DialerTest, MayGoWhileItsConnectionIsClosing) {
  listen();
  dial({listening()});
  reactors_.start();
  ASSERT_TRUE(greeted_.take().has_value());
  reactors_.on(1, [&] {
    dialer_->connection()->close(absl::AbortedError("enough"));
    EXPECT_EQ(dialer_->connection(), nullptr);
    dialer_.reset();
  });
  EXPECT_TRUE(server_.closed.take().has_value());
  reactors_.on(1, [] {});  // the turn in which it was told is over
  EXPECT_FALSE(client_.closed.take(milliseconds(0)).has_value());
}

TEST_F(DialerTest, TheEndOfAnEarlierConnectionIsNotThatOfTheNext) {
  listen();
  dial({listening()});
  reactors_.start();
  const SessionId first = connected_.take().value();
  ASSERT_TRUE(greeted_.take().has_value());
  reactors_.on(1, [&] {
    dialer_->connection()->close(absl::AbortedError("enough"));
    dialer_->reconnect_now(absl::UnavailableError("not the leader"));
  });
  EXPECT_NE(connected_.take().value(), first);
  ASSERT_TRUE(greeted_.take().has_value());
  EXPECT_TRUE(server_.closed.take().has_value());
  EXPECT_FALSE(client_.closed.take(milliseconds(0)).has_value());
  EXPECT_FALSE(retries_.take(milliseconds(0)).has_value());
  EXPECT_TRUE(reactors_.on(1, [&] { return dialer_->connection() != nullptr; }));
}

TEST_F(DialerTest, ATimeoutEndsAnAttempt) {
  // A socket that listens with a full backlog and never accepts: the handshake hangs.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto any = SocketAddress::from_numeric({"127.0.0.1", 0}).value();
  ASSERT_EQ(::bind(fd, any.get(), any.size()), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  const SocketAddress address = SocketAddress::local_of(fd);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)!::connect(fillers.back(), address.get(), address.size());
  }
  DialerOptions options;
  options.masters.addresses = {{"127.0.0.1", address.port()}};
  options.connect_timeout = milliseconds(50);
  options.on_retry = [this](const HostPort& to, const absl::Status& why, core::Duration wait) {
    retries_.put({to, unshared(why), wait});
  };
  dialer_ = std::make_unique<Dialer>(reactors_[1], &client_, std::move(options));
  dialer_->start();
  reactors_.start();
  EXPECT_THAT(std::string(retries_.take()->why.message()), HasSubstr("no answer in time"));
  reactors_.stop();
  dialer_.reset();
  for (const int filler : fillers) ::close(filler);
  ::close(fd);
}

TEST_F(DialerTest, CanBeDestroyedInEveryPhase) {
  listen();
  for (const char* host : {"localhost", "127.0.0.1", "no-such-host.invalid"}) {
    dial({{host, listening().port}});
    dialer_.reset();  // before anything happened
    dial({{host, listening().port}});
    if (!reactors_.size()) return;
    reactors_.start();
    reactors_.on(1, [] {});
    reactors_.on(1, [&] { dialer_.reset(); });  // resolving or connecting
    reactors_.stop();
  }
  client_.connected = [this](Connection&) { dialer_.reset(), connected_.put(1); };
  dialer_ = nullptr;
  DialerOptions options;
  options.masters.addresses = {listening()};
  dialer_ = std::make_unique<Dialer>(reactors_[1], &client_, std::move(options));
  dialer_->start();
  while (connected_.take(milliseconds(0)).has_value()) {
  }
  reactors_.start();
  EXPECT_TRUE(connected_.take().has_value());
  reactors_.on(1, [] {});
  reactors_.stop();
  EXPECT_EQ(reactors_[1].counters().connections.value(), 0u);
}

}  // namespace
}  // namespace shoal::net
