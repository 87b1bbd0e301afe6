#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "net/http_server.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using std::chrono::milliseconds;
using testing::Client;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Inbox;
using ::testing::Not;
using testing::Reactors;
using ::testing::StartsWith;

// Answers with "METHOD path body"; keeps what is asked under /later and /stream for the test.
struct Web : HttpHandler {
  void on_request(const HttpRequest& request, HttpResponder responder) override {
    if (request.path == "/later" || request.path == "/stream") return kept.put(responder);
    if (request.path == "/none") return responder.respond(not_found()), void();
    if (request.path == "/get") return responder.respond(method_not_allowed("GET")), void();
    responder.respond(
        text_response(200, absl::StrCat(std::string(request.method), " ", request.path, " ",
                                        std::string(request.body))));
    EXPECT_FALSE(responder.is_alive());
    EXPECT_FALSE(responder.respond(not_found()));
  }
  Inbox<HttpResponder> kept;
};

class Http : public ::testing::Test {
 protected:
  void start(const HttpOptions& options = {}) {
    http_ = std::make_unique<HttpServer>(reactors_[0], &web_, options);
    ListenerOptions listening;
    listening.http = http_.get();
    listener_ = Listener::create(reactors_[0], "127.0.0.1:0", listening).value();
    reactors_.start();
  }
  ~Http() override {
    reactors_.stop();
    listener_.reset();
    http_.reset();
  }
  std::string ask(std::string_view request) {
    Client client(listener_->bound_address());
    client.send(request);
    return client.receive_all();
  }
  const ReactorCounters& counters() { return reactors_[0].counters(); }

  Web web_;
  Reactors reactors_{1};
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(Http, AnswersGetPostAndHead) {
  start();
  EXPECT_EQ(ask("GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
            "Connection: close\r\n\r\nGET /a b \n");
  EXPECT_THAT(
      ask("POST /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"),
      EndsWith("\r\n\r\nPOST /p body\n"));
  EXPECT_THAT(ask("POST /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"),
              EndsWith("\r\n\r\nPOST /p body\n"));
  const std::string head = ask("HEAD /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), EndsWith("GET / \n"));
  EXPECT_THAT(ask("GET /none HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(ask("PUT /get HTTP/1.0\r\n\r\n"), HasSubstr("Allow: GET\r\n"));
}

// Starts of requests that are fine so far.
const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";

TEST_F(Http, RefusesWhatCanBeReadInTwoWays) {
  start();
  const std::pair<std::string, int> cases[] = {
      {kPost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody", 400},
      {kPost + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", 400},
      {kPost + "Content-Length: 4, 4\r\n\r\nbody", 400},
      {kPost + "Content-Length: +4\r\n\r\nbody", 400},
      {kPost + "Content-Length: -4\r\n\r\nbody", 400},
      {kPost + "Content-Length: 0x4\r\n\r\nbody", 400},
      {kPost + "Content-Length: 4 4\r\n\r\nbody", 400},
      {kPost + "Content-Length: \r\n\r\n", 400},
      {kPost + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {kPost + "Content-Length: 99999999\r\n\r\n", 413},
      {kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: gzip\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: identity\r\n\r\n", 400},
      {kPost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kChunked + "2;ext=1\r\nbo\r\n0\r\n\r\n", 400},
      {kChunked + "fffffffffffffffff\r\n", 400},
      {kChunked + "0x2\r\nbo\r\n0\r\n\r\n", 400},
      {kChunked + "2\nbo\r\n0\r\n\r\n", 400},
      {kChunked + "2\r\nbody\r\n0\r\n\r\n", 400},
      {kChunked + "200000\r\n" + std::string(0x200000, 'x') + "\r\n0\r\n\r\n", 413},
      {kChunked + "0\r\nTrailer: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: h\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
      {kGet + "X: a\r\n b\r\n\r\n", 400},
      {kGet + "X: a\r\n\tb\r\n\r\n", 400},
      {kGet + std::string("X: a\0b\r\n\r\n", 10), 400},
      {kGet + "X : a\r\n\r\n", 400},
      {kGet + ": a\r\n\r\n", 400},
      {kGet + "no colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {kGet + "Host: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/0.9\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
      {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {kGet + "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", 501},
      {kGet + "Expect: magic\r\n\r\n", 417},
      {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {kGet + "X: " + std::string(9000, 'a') + "\r\n\r\n", 431},
      {kGet + "X: " + std::string(9000, 'a'), 431},
  };
  for (const auto& [request, status] : cases) {
    const std::string answer = ask(request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    SCOPED_TRACE(request.substr(0, 120));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("smuggled")));
    const bool as_expected = answer.rfind(absl::StrCat("HTTP/1.1 ", status, " "), 0) == 0 ||
                             (status == 400 && answer.rfind("HTTP/1.1 505 ", 0) == 0);
    EXPECT_TRUE(as_expected) << answer.substr(0, 60);
  }
  EXPECT_EQ(counters().http_refused.value(), std::size(cases));
}

TEST_F(Http, RefusesTooManyHeaders) {
  start();
  std::string many = kGet;
  for (int i = 0; i < 101; ++i) absl::StrAppend(&many, "X", i, ": y\r\n");
  EXPECT_THAT(ask(many + "\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(counters().http_refused.value(), 1u);
}

TEST_F(Http, RefusesPathsThatMeanSomethingElse) {
  start();
  for (const char* path : {"/%00", "/..", "/a/../b", "/%2e%2e%2fetc", "/%2e%2e/etc",
                           "/%c0%ae%c0%ae/", "/..;/x", "/a\\b", "/a%5cb", "/%252e%252e/", "/%",
                           "/%4", "/%zz", "/a%2fb", "/.", "/%0a", "/%ff", "/%ed%a0%80"}) {
    EXPECT_THAT(ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: h\r\n\r\n")),
                StartsWith("HTTP/1.1 400 "))
        << path;
  }
  for (const char* path : {"/...", "/a..b", "/.well-known", "/%c3%a9", "/a;b", "//a"}) {
    EXPECT_THAT(ask(absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n")), StartsWith("HTTP/1.1 200 "))
        << path;
  }
}

TEST_F(Http, ByteByByteAndPipelined) {
  start();
  Client client(listener_->bound_address());
  const std::string request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  for (const char c : request) {
    client.send(std::string_view(&c, 1));
    reactors_.on(0, [] {});
  }
  EXPECT_THAT(client.receive_until("abc\n"), HasSubstr("POST /x abc\n"));
  std::string many;
  for (int i = 0; i < 500; ++i)
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(many);
  for (int i = 0; i < 500; ++i) {
    EXPECT_THAT(client.receive_until(" \n"), EndsWith("GET /" + std::to_string(i) + " \n"));
  }
  // The limit of requests a connection: it is told, and ends.
  client.send(many);
  EXPECT_THAT(client.receive_all(), HasSubstr("Connection: close\r\n\r\nGET /498 \n"));
  EXPECT_EQ(counters().http_requests.value(), core::kMaxHttpRequestsPerConnection);
}

TEST_F(Http, AnswersLaterAndOnlyOnce) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  HttpResponder responder = web_.kept.take().value();
  EXPECT_TRUE(reactors_.on(0, [&] { return responder.is_alive(); }));
  EXPECT_EQ(counters().http_requests.value(), 1u);  // the second waits
  EXPECT_TRUE(reactors_.on(0, [&] { return responder.respond(text_response(200, "late")); }));
  EXPECT_FALSE(reactors_.on(0, [&] { return responder.respond(text_response(200, "twice")); }));
  const std::string answers = client.receive_until("GET /next \n");
  EXPECT_THAT(answers, HasSubstr("late\n"));
  EXPECT_THAT(answers, Not(HasSubstr("twice")));
}

TEST_F(Http, AClientThatEndedItsSideStillGetsItsAnswer) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  client.end_sending();
  HttpResponder responder = web_.kept.take().value();
  reactors_.on(0, [] {});
  reactors_.on(0, [&] { responder.respond(text_response(200, "late")); });
  EXPECT_THAT(client.receive_all(), EndsWith("late\n"));
}

TEST_F(Http, StreamsInChunksAndTellsWhenTheClientLeaves) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  HttpResponder responder = web_.kept.take().value();
  Inbox<int> gone;
  reactors_.on(0, [&] {
    responder.on_closed([&] { gone.put(1); });
    responder.begin_stream(HttpResponse{200, "first", "text/plain", {}});
    responder.write("second!");
  });
  EXPECT_THAT(client.receive_until("second!\r\n"),
              EndsWith("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n7\r\nsecond!\r\n"));
  client.close();
  EXPECT_EQ(gone.take(), 1);
  EXPECT_FALSE(reactors_.on(0, [&] { return responder.write("into the void"); }));

  Client second(listener_->bound_address());
  second.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  responder = web_.kept.take().value();
  reactors_.on(0, [&] {
    responder.begin_stream(HttpResponse{});
    responder.end_stream();
    EXPECT_FALSE(responder.write("after the end"));
  });
  EXPECT_THAT(second.receive_until("0\r\n\r\n"), HasSubstr("200 OK"));
  second.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(second.receive_until(" \n"), HasSubstr("/again"));

  EXPECT_EQ(reactors_.on(0, [&] { return responder.backlog_bytes(); }), 0u);
  Client old(listener_->bound_address());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  responder = web_.kept.take().value();
  reactors_.on(0, [&] {
    responder.begin_stream(HttpResponse{200, "plain", "text/plain", {}});
    responder.end_stream();
  });
  EXPECT_THAT(old.receive_all(), EndsWith("\r\n\r\nplain"));
}

TEST_F(Http, AStreamThatIsNotReadIsBounded) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  HttpResponder responder = web_.kept.take().value();
  Inbox<int> gone;
  reactors_.on(0, [&] {
    responder.on_closed([&] { gone.put(1); });
    responder.begin_stream(HttpResponse{});
  });
  const std::string part(512 * 1024, 'x');
  bool slow = false;
  for (int i = 0; i < 1000 && reactors_.on(0, [&] { return responder.write(part); }); ++i) {
    slow = slow || reactors_.on(0, [&] { return responder.is_slow(); });
  }
  EXPECT_TRUE(slow);
  EXPECT_EQ(gone.take(), 1);
  EXPECT_EQ(counters().slow_closed.value(), 1u);
}

TEST_F(Http, DrainingIsTold) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  HttpResponder responder = web_.kept.take().value();
  Inbox<int> drained;
  const std::string part(8 * 1024 * 1024, 'x');
  reactors_.on(0, [&] {
    responder.on_drained([&] {
      drained.put(1);
      responder.end_stream();
    });
    responder.begin_stream(HttpResponse{});
    responder.write(part);
  });
  EXPECT_GT(client.receive_all().size(), part.size());
  EXPECT_EQ(drained.take(), 1);
}

TEST_F(Http, ExpectContinue) {
  start();
  Client client(listener_->bound_address());
  client.send("POST /c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_THAT(client.receive_until("ok\n"), HasSubstr("POST /c ok\n"));
}

TEST_F(Http, SlowHeadersSlowBodiesAndIdleConnectionsEnd) {
  HttpOptions options;
  options.header_timeout = milliseconds(60);
  options.idle_timeout = milliseconds(60);
  start(options);
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHo"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nslow"),
              StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n"), EndsWith("GET /idle \n"));
}

TEST_F(Http, HeaderValuesCannotSplitTheAnswer) {
  start();
  Client client(listener_->bound_address());
  client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  HttpResponder responder = web_.kept.take().value();
  reactors_.on(0, [&] {
    HttpResponse response = text_response(307, "there");
    response.headers.emplace_back("Location", "/x\r\nSet-Cookie: stolen");
    responder.respond(response);
  });
  EXPECT_THAT(client.receive_until("there\n"), Not(HasSubstr("\r\nSet-Cookie")));
}

TEST(HttpRequest, QueryParametersAndHeaders) {
  HttpRequest request;
  request.query = "a=1&b=x%20y+z&empty=&flag&bad=%zz&a=2";
  EXPECT_EQ(request.query_parameter("a"), "1");
  EXPECT_EQ(request.query_parameter("b"), "x y z");
  EXPECT_EQ(request.query_parameter("empty"), "");
  EXPECT_EQ(request.query_parameter("flag"), "");
  EXPECT_EQ(request.query_parameter("bad"), std::nullopt);
  EXPECT_EQ(request.query_parameter("c"), std::nullopt);
  request.headers = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(request.header("content-TYPE"), "text/plain");
  EXPECT_EQ(request.header("accept"), "");
}

}  // namespace
}  // namespace shoal::net
