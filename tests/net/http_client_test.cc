#include "net/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;

struct Pages : HttpHandler {
  void on_request(const HttpRequest& request, HttpResponder responder) override {
    if (request.path == "/large") {
      responder.respond(text_response(200, std::string(100'000, 'x')));
    } else if (request.path == "/stream") {
      HttpResponse response;
      response.body = "one,";
      responder.begin_stream(response);
      responder.write("two,");
      responder.write("three");
      responder.end_stream();
    } else if (request.path == "/never") {
      kept = responder;
    } else if (request.path == "/none") {
      responder.respond(not_found());
    } else {
      HttpResponse response = text_response(200, absl::StrCat(request.path, "?", request.query));
      response.headers.emplace_back("Shoal-Test", "yes");
      responder.respond(response);
    }
  }
  HttpResponder kept;
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    ListenerOptions listening;
    listening.http = &server_;
    listener_ = Listener::create(*reactor_, "127.0.0.1:0", listening).value();
  }
  HostPort here() const { return *parse_host_port(listener_->bound_address().to_string()); }
  absl::StatusOr<HttpAnswer> get(const HostPort& server, std::string_view target,
                                 const HttpCallOptions& options = {}) {
    absl::StatusOr<HttpAnswer> result = absl::UnknownError("no answer");
    HttpCall get(*reactor_, server, target, options, [&](absl::StatusOr<HttpAnswer> answer) {
      result = std::move(answer);
      reactor_->stop();
    });
    reactor_->run();
    return result;
  }

  std::unique_ptr<Reactor> reactor_ = Reactor::create(0).value();
  Pages pages_;
  HttpServer server_{*reactor_, &pages_};
  std::unique_ptr<Listener> listener_;
};

TEST_F(HttpClientTest, GetsWhatIsThere) {
  const auto answer = get(here(), "/a?path=x%2Fy");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "/a?path=x%2Fy\n");
  EXPECT_EQ(answer->header("shoal-test"), "yes");
  EXPECT_EQ(answer->header("none"), "");
  EXPECT_EQ(get(here(), "/none")->status, 404);
  EXPECT_EQ(get(here(), "/large")->body.size(), 100'001u);
  EXPECT_EQ(get(here(), "/stream")->body, "one,two,three");
  HostPort by_name = here();
  by_name.host = "localhost";
  EXPECT_EQ(get(by_name, "/")->body, "/?\n");
}

TEST_F(HttpClientTest, FailuresAreTold) {
  HttpCallOptions small;
  small.max_body_bytes = 1000;
  EXPECT_TRUE(absl::IsResourceExhausted(get(here(), "/large", small).status()));
  HttpCallOptions hasty;
  hasty.timeout = std::chrono::milliseconds(20);
  EXPECT_TRUE(absl::IsDeadlineExceeded(get(here(), "/never", hasty).status()));
  for (const char* target : {"", "a", "/a b", "/a\r\nHost: x", "/\x80"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(get(here(), target).status())) << target;
  }
  const HostPort nobody = here();
  listener_.reset();
  const absl::Status refused = get(nobody, "/").status();
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Connection refused"));
}

// A master that is killed while a client's connection waits in its queue.
TEST_F(HttpClientTest, AnEndBeforeTheFirstByteIsAFailure) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::thread server([fd] {
    const int peer = ::accept(fd, nullptr, nullptr);
    char request[4096];
    EXPECT_GT(::read(peer, request, sizeof request), 0);
    ::close(peer);
  });
  const absl::Status ended = get({"127.0.0.1", ntohs(address.sin_port)}, "/").status();
  server.join();
  ::close(fd);
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  EXPECT_THAT(std::string(ended.message()), HasSubstr("before its answer was complete"));
}

TEST_F(HttpClientTest, MayBeDestroyedAtAnyTime) {
  auto get = std::make_unique<HttpCall>(*reactor_, here(), "/never", HttpCallOptions{},
                                        [](const auto&) { ADD_FAILURE(); });
  Timer timer(*reactor_, [&] {
    get.reset();
    reactor_->stop();
  });
  timer.start(std::chrono::milliseconds(20));
  reactor_->run();
  EXPECT_FALSE(pages_.kept.is_alive() && get != nullptr);
}

TEST(PercentEncode, LeavesPlainTextAlone) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a/b c&d=%\xc3\xa4"), "a%2Fb%20c%26d%3D%25%C3%A4");
  EXPECT_EQ(percent_decode(percent_encode("x/\"?# +"), true), "x/\"?# +");
}

}  // namespace
}  // namespace shoal::net
