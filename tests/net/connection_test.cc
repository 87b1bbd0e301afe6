#include "net/connection.h"

#include <sys/resource.h>

#include <algorithm>

#include "gmock/gmock.h"
#include "net/http_server.h"
#include "net/timer.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using std::chrono::milliseconds;
using testing::as_text;
using testing::Client;
using testing::EchoHandler;
using ::testing::HasSubstr;
using testing::Inbox;
using testing::make_frame;
using testing::Reactors;
using testing::trusting;

// N reactors that listen on one port and echo frames.
class EchoServer {
 public:
  explicit EchoServer(std::size_t count, const ConnectionOptions& options = trusting())
      : reactors(count) {
    ListenerOptions listening;
    listening.frames = &handler;
    listening.connection = options;
    listeners.push_back(Listener::create(reactors[0], "127.0.0.1:0", listening).value());
    for (std::size_t i = 1; i < count; ++i) {
      listeners.push_back(Listener::create(reactors[i], address(), listening).value());
    }
  }
  ~EchoServer() {
    reactors.stop();
    listeners.clear();
  }
  const SocketAddress& address() const { return listeners[0]->bound_address(); }

  std::uint64_t total(Counter ReactorCounters::*counter) {
    std::uint64_t sum = 0;
    for (Reactor* reactor : reactors.pointers()) sum += (reactor->counters().*counter).value();
    return sum;
  }

  EchoHandler handler;
  Reactors reactors;
  std::vector<std::unique_ptr<Listener>> listeners;
};

TEST(Connection, EchoesOnOneTwoAndFourReactors) {
  for (const std::size_t count : {1u, 2u, 4u}) {
    EchoServer server(count);
    server.reactors.start();
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 32; ++i) {
      clients.push_back(std::make_unique<Client>(server.address()));
      ASSERT_TRUE(clients.back()->is_connected());
    }
    for (std::uint32_t round = 0; round < 10; ++round) {
      for (auto& client : clients) client->send(make_frame(7, "hello", round));
      for (auto& client : clients) {
        const auto expected = as_text(make_frame(7, "hello", round));
        EXPECT_EQ(client->receive(expected.size()), expected);
      }
    }
    clients.clear();
    for (int i = 0; i < 32; ++i) {
      const auto reason = server.handler.closed.take();
      ASSERT_TRUE(reason.has_value());
      EXPECT_THAT(std::string(reason->message()), HasSubstr("peer closed"));
    }
    server.reactors.stop();
    EXPECT_EQ(server.total(&ReactorCounters::frames_in), 320u);
    EXPECT_EQ(server.total(&ReactorCounters::frames_out), 320u);
    EXPECT_EQ(server.total(&ReactorCounters::connections), 0u);
    EXPECT_EQ(server.total(&ReactorCounters::output_bytes), 0u);
  }
}

TEST(Connection, OneByteAtATime) {
  EchoServer server(1);
  server.reactors.start();
  Client client(server.address());
  const std::string frame = as_text(make_frame(3, "one byte at a time"));
  for (const char c : frame + frame) {
    ASSERT_TRUE(client.send(std::string_view(&c, 1)));
    server.reactors.on(0, [] {});  // a turn, so that the bytes are read apart
  }
  EXPECT_EQ(client.receive(2 * frame.size()), frame + frame);
}

TEST(Connection, AThousandFramesInOneSegment) {
  EchoServer server(1);
  server.reactors.start();
  Client client(server.address());
  std::string all;
  for (std::uint32_t i = 0; i < 1000; ++i) all += as_text(make_frame(1, "payload", i + 1));
  ASSERT_TRUE(client.send(all));
  EXPECT_EQ(client.receive(all.size()), all);
  // Collected and written together: far fewer system calls than frames.
  EXPECT_LT(server.reactors[0].counters().writes.value(), 100u);
}

TEST(Connection, SplitAtEveryOffset) {
  EchoServer server(1);
  server.reactors.start();
  const std::string frames =
      as_text(make_frame(1, std::string(40, 'a'))) + as_text(make_frame(2, std::string(24, 'b')));
  Client client(server.address());
  for (std::size_t cut = 1; cut < frames.size(); ++cut) {
    const std::uint64_t before = server.reactors[0].counters().bytes_in.value();
    ASSERT_TRUE(client.send(std::string_view(frames).substr(0, cut)));
    while (server.reactors[0].counters().bytes_in.value() < before + cut) std::this_thread::yield();
    ASSERT_TRUE(client.send(std::string_view(frames).substr(cut)));
    ASSERT_EQ(client.receive(frames.size()), frames) << cut;
  }
}

TEST(Connection, LargeFramesOfEverySizeArrive) {
  EchoServer server(1);
  server.reactors.start();
  Client client(server.address());
  for (const std::size_t size : {4096u, 65528u, 65536u, 65544u, 200'000u, 1024u * 1024u}) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31);
    // With a neighbour on each side.
    const std::string frames = as_text(make_frame(1, "before")) + as_text(make_frame(2, payload)) +
                               as_text(make_frame(3, "after"));
    ASSERT_TRUE(client.send(frames));
    ASSERT_TRUE(client.receive(frames.size()) == frames) << size;
  }
}

TEST(Connection, BadFramesAreAnsweredAndClosed) {
  struct Case {
    std::string bytes;
    const char* expected;
  };
  const auto with = [](std::size_t at, unsigned char value) {
    std::string frame = as_text(make_frame(1, "payload."));
    frame[at] = static_cast<char>(value);
    return frame;
  };
  const auto length = [](std::uint32_t value) {
    std::string frame = as_text(make_frame(1, "payload."));
    for (std::size_t i = 0; i < 4; ++i) frame[8 + i] = static_cast<char>(value >> (8 * i));
    return frame;
  };
  const Case cases[] = {
      {"SX", "bad magic"},
      {with(2, 9), "version 9"},
      {with(3, 0x80), "flags"},
      {with(6, 1), "reserved"},
      {length(0), "length 0"},
      {length(3), "length 3"},
      {length(7), "length 7"},
      {length(0x7fffffff), "over the limit"},
      {length(0xffffffff), "over the limit"},
      {length(core::kMaxHelloBytes + 8), "over the limit"},
      {as_text(make_frame(1, "good")) + with(2, 9), "version 9"},
  };
  EchoServer server(1, ConnectionOptions{});  // 4 KiB before authentication
  server.reactors.start();
  for (const Case& bad : cases) {
    Client client(server.address());
    ASSERT_TRUE(client.send(bad.bytes));
    EXPECT_THAT(client.receive_all(), HasSubstr(bad.expected));  // the handler's error frame
    const auto reason = server.handler.closed.take();
    ASSERT_TRUE(reason.has_value());
    EXPECT_EQ(reason->code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reason->message()), HasSubstr(bad.expected));
  }
  EXPECT_EQ(server.reactors[0].counters().protocol_errors.value(), std::size(cases));
}

TEST(Connection, HelloTimeoutUntilAuthenticated) {
  ConnectionOptions options;
  options.hello_timeout = milliseconds(50);
  EchoServer server(1, options);
  server.handler.framed = [](Connection& connection, const wire::FrameView& frame) {
    connection.set_authenticated();
    connection.send(frame.header, frame.payload);
  };
  server.reactors.start();
  Client late(server.address());
  late.send("S");  // past sniffing, and silent
  Client silent(server.address());
  Client good(server.address());
  const std::string frame = as_text(make_frame(1, "hello"));
  good.send(frame);
  EXPECT_EQ(good.receive(frame.size()), frame);
  EXPECT_THAT(late.receive_all(), HasSubstr("no hello in time"));
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_EQ(server.handler.closed.take()->code(), absl::StatusCode::kDeadlineExceeded);
  // The authenticated one outlives the timeout and may send large frames.
  const std::string large = as_text(make_frame(2, std::string(100'000, 'x')));
  good.send(large);
  EXPECT_TRUE(good.receive(large.size()) == large);
  EXPECT_EQ(server.reactors[0].counters().hello_timeouts.value(), 2u);
}

TEST(Connection, CloseFromOnFrameStopsDelivery) {
  EchoServer server(1);
  int frames = 0;
  server.handler.framed = [&](Connection& connection, const wire::FrameView&) {
    ++frames;
    connection.close(absl::AbortedError("enough"));
    connection.close(absl::AbortedError("too late"));
    connection.send(make_frame(1, "dropped"));
  };
  server.reactors.start();
  Client client(server.address());
  client.send(as_text(make_frame(1, "a")) + as_text(make_frame(1, "b")));
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(server.handler.closed.take(), absl::AbortedError("enough"));
  server.reactors.stop();
  EXPECT_EQ(frames, 1);
}

TEST(Connection, CloseAfterFlushSendsTheLastWords) {
  EchoServer server(1);
  server.handler.framed = [&](Connection& connection, const wire::FrameView& frame) {
    connection.send(frame.header, frame.payload);
    connection.close_after_flush(absl::PermissionDeniedError("no"));
  };
  server.reactors.start();
  Client client(server.address());
  const std::string frame = as_text(make_frame(1, std::string(500'000, 'y')));
  // More than is read follows: it must not turn the end into a reset.
  std::thread sender([&] { client.send(frame + std::string(300'000, 'z')); });
  EXPECT_TRUE(client.receive_all() == frame);
  sender.join();
  EXPECT_EQ(server.handler.closed.take(), absl::PermissionDeniedError("no"));
}

TEST(Connection, SlowConsumerIsClosedAndOthersAreNot) {
  EchoServer server(1);
  Inbox<SessionId> sessions;
  server.handler.framed = [&](Connection& connection, const wire::FrameView& frame) {
    if (frame.header.kind == 42) return sessions.put(connection.id());
    connection.send(frame.header, frame.payload);
  };
  server.reactors.start();
  Client stuck(server.address());
  Client lively(server.address());
  stuck.send(make_frame(42, "never reads"));
  const SessionId id = sessions.take().value();
  const std::string ping = as_text(make_frame(1, "ping"));
  const std::vector<std::uint8_t> big = make_frame(2, std::string(256 * 1024, 'x'));
  bool was_slow = false;
  std::size_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool open = server.reactors.on(0, [&] {
      Connection* connection = server.reactors[0].find_connection(id);
      if (connection == nullptr) return false;
      connection->send(big);
      was_slow = was_slow || connection->is_slow();
      most = std::max(most, connection->output_bytes());
      return true;
    });
    if (!open) break;
    lively.send(ping);
    ASSERT_EQ(lively.receive(ping.size()), ping);
  }
  EXPECT_TRUE(was_slow);
  EXPECT_LE(most, core::kHardOutputBytes + big.size());
  const auto reason = server.handler.closed.take();
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(server.reactors[0].counters().slow_closed.value(), 1u);
  lively.send(ping);
  EXPECT_EQ(lively.receive(ping.size()), ping);
  server.reactors.on(0, [] {});
  EXPECT_EQ(server.reactors[0].counters().output_bytes.value(), 0u);
}

TEST(Connection, OutputWithoutProgressIsClosed) {
  ConnectionOptions options = trusting();
  options.stall_timeout = milliseconds(200);
  EchoServer server(1, options);
  Inbox<SessionId> sessions;
  server.handler.framed = [&](Connection& connection, const wire::FrameView&) {
    sessions.put(connection.id());
    for (int i = 0; i < 10; ++i) connection.send(make_frame(2, std::string(1024 * 1024, 'x')));
  };
  server.reactors.start();
  Client stuck(server.address());
  stuck.send(make_frame(1, "never reads"));
  ASSERT_TRUE(sessions.take().has_value());
  const auto reason = server.handler.closed.take();
  ASSERT_TRUE(reason.has_value());
  EXPECT_THAT(std::string(reason->message()), HasSubstr("stopped reading"));
  EXPECT_EQ(server.reactors[0].counters().stall_closed.value(), 1u);
}

TEST(Connection, DrainingIsTold) {
  ConnectionOptions options = trusting();
  options.soft_output_bytes = 64 * 1024;
  EchoServer server(1, options);
  Inbox<SessionId> sessions;
  server.handler.framed = [&](Connection& connection, const wire::FrameView&) {
    sessions.put(connection.id());
    for (int i = 0; i < 10; ++i) connection.send(make_frame(2, std::string(1024 * 1024, 'x')));
  };
  server.reactors.start();
  Client reader(server.address());
  reader.send(make_frame(1, "reads"));
  const SessionId id = sessions.take().value();
  EXPECT_EQ(reader.receive(10 * (1024 * 1024 + 16)).size(), 10u * (1024 * 1024 + 16));
  EXPECT_EQ(server.handler.drained.take(), id);
}

TEST(Connection, DeferredOutputLeavesWithTheNextOrByItself) {
  EchoServer server(1);
  Inbox<SessionId> sessions;
  server.handler.framed = [&](Connection& connection, const wire::FrameView& frame) {
    sessions.put(connection.id());
    connection.send_deferred(make_frame(2, "with company"));
    if (frame.header.kind == 1) connection.send(make_frame(3, "company"));
  };
  server.reactors.start();
  Client client(server.address());
  const std::string deferred = as_text(make_frame(2, "with company"));
  const std::string both = deferred + as_text(make_frame(3, "company"));
  client.send(make_frame(1, "both"));
  EXPECT_EQ(client.receive(both.size()), both);
  const auto writes = [&] { return server.reactors[0].counters().writes.value(); };
  EXPECT_EQ(server.reactors.on(0, writes), 1u);
  // Twice: what was written meanwhile waits anew.
  for (int i = 0; i < 2; ++i) {
    client.send(make_frame(2, "one"));
    EXPECT_EQ(client.receive(deferred.size()), deferred);
  }
}

TEST(Connection, DeferredOutputOfAConnectionThatGoesIsForgotten) {
  EchoServer server(1);
  Inbox<SessionId> sessions;
  server.handler.framed = [&](Connection& connection, const wire::FrameView&) {
    sessions.put(connection.id());
    connection.send_deferred(make_frame(2, "never read"));
  };
  server.reactors.start();
  for (int i = 0; i < 3; ++i) {
    Client client(server.address());
    client.send(make_frame(1, "hello"));
    ASSERT_TRUE(sessions.take().has_value());
    client.close();
    ASSERT_TRUE(server.handler.closed.take().has_value());
  }
  EXPECT_EQ(server.total(&ReactorCounters::output_bytes), 0u);
}

TEST(Connection, LastWordsTakeDeferredOutputAlong) {
  EchoServer server(1);
  server.handler.framed = [&](Connection& connection, const wire::FrameView&) {
    connection.send_deferred(make_frame(2, "last words"));
    connection.close_after_flush(absl::CancelledError("bye"));
  };
  server.reactors.start();
  Client client(server.address());
  client.send(make_frame(1, "hello"));
  const std::string expected = as_text(make_frame(2, "last words"));
  EXPECT_EQ(client.receive(expected.size()), expected);
}

TEST(Connection, SessionIdsAreNeverReused) {
  EchoServer server(1);
  Inbox<SessionId> sessions;
  server.handler.connected = [&](Connection& connection) { sessions.put(connection.id()); };
  server.reactors.start();
  std::vector<SessionId> seen;
  for (int i = 0; i < 20; ++i) {
    Client client(server.address());
    client.send("S");
    const SessionId id = sessions.take().value();
    EXPECT_NE(id, kNoSession);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), id), 0);
    seen.push_back(id);
    const std::uint64_t alive = server.reactors.on(0, [&] {
      Connection* found = server.reactors[0].find_connection(id);
      return found == nullptr ? 0 : found->id();
    });
    EXPECT_EQ(alive, id);
    client.close();
    server.handler.closed.take();
    EXPECT_TRUE(server.reactors.on(0, [&] {
      return std::all_of(seen.begin(), seen.end(), [&](SessionId old) {
        return server.reactors[0].find_connection(old) == nullptr;
      });
    }));
  }
  EXPECT_EQ(server.reactors.on(
                0, [&] { return server.reactors[0].find_connection(std::uint64_t{5} << 56); }),
            nullptr);
}

// The reactor that accepts gives the connection to reactor `tag % n`, in the middle of a burst.
void hand_over(std::size_t count) {
  EchoServer server(count);
  EchoHandler home;
  Reactors& reactors = server.reactors;
  home.framed = [&](Connection& connection, const wire::FrameView& frame) {
    std::vector<std::uint8_t> answer = make_frame(1, "");
    wire::FrameHeader header = frame.header;
    header.correlation = static_cast<std::uint32_t>(connection.reactor().index());
    connection.send(header, frame.payload);
  };
  server.handler.framed = [&](Connection& connection, const wire::FrameView& frame) {
    if (frame.header.kind != 5) return connection.send(frame.header, frame.payload);
    const std::size_t to = frame.header.correlation % reactors.size();
    const SessionId id = connection.id();
    Reactor& here = connection.reactor();
    auto moved = std::make_shared<DetachedConnection>(connection.detach(frame));
    EXPECT_EQ(here.find_connection(id), nullptr);
    EXPECT_TRUE(connection.is_closing());
    reactors[to].post([&reactors, &home, to, moved] {
      auto adopted = Connection::adopt(reactors[to], std::move(*moved), &home, trusting());
      ASSERT_TRUE(adopted.ok()) << adopted.status();
      EXPECT_EQ(session_reactor((*adopted)->id()), to);
    });
  };
  reactors.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint32_t i = 0; i < 16; ++i) {
    clients.push_back(std::make_unique<Client>(server.address()));
    // One frame before, the hello, two after, and half of one more; all at once.
    const std::string last = as_text(make_frame(8, std::string(100'000, 'l')));
    clients.back()->send(as_text(make_frame(1, "before")) + as_text(make_frame(5, "hello", i)) +
                         as_text(make_frame(6, "after")) + as_text(make_frame(7, "after")) +
                         last.substr(0, 50'001));
    clients.back()->send(last.substr(50'001));
  }
  for (std::uint32_t i = 0; i < 16; ++i) {
    const auto index = static_cast<std::uint32_t>(i % count);
    const std::string expected =
        as_text(make_frame(1, "before")) + as_text(make_frame(5, "hello", index)) +
        as_text(make_frame(6, "after", index)) + as_text(make_frame(7, "after", index)) +
        as_text(make_frame(8, std::string(100'000, 'l'), index));
    EXPECT_TRUE(clients[i]->receive(expected.size()) == expected);
  }
  clients.clear();
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(home.closed.take().has_value());
  reactors.stop();
  EXPECT_EQ(server.total(&ReactorCounters::connections), 0u);
}

TEST(Connection, HandOverToTheHomeReactor) {
  for (const std::size_t count : {1u, 2u, 4u}) hand_over(count);
}

TEST(Connection, ADetachedConnectionThatNobodyAdoptsIsClosed) {
  EchoServer server(1);
  server.handler.framed = [&](Connection& connection, const wire::FrameView& frame) {
    const DetachedConnection dropped = connection.detach(frame);
    EXPECT_TRUE(dropped.is_valid());
  };
  server.reactors.start();
  Client client(server.address());
  client.send(make_frame(1, "x"));
  EXPECT_EQ(client.receive_all(), "");
}

TEST(Connection, DestroyingTheReactorClosesWhatIsOpen) {
  auto server = std::make_unique<EchoServer>(2);
  server->reactors.start();
  std::vector<std::unique_ptr<Client>> clients;
  const std::string frame = as_text(make_frame(1, "x"));
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(server->address()));
    clients.back()->send(frame + frame.substr(0, 20));  // leaves an unfinished one
    EXPECT_EQ(clients.back()->receive(frame.size()), frame);
  }
  server.reset();
  for (auto& client : clients) EXPECT_EQ(client->receive_all(), "");
}

TEST(Listener, TellsFramesHttpAndTheRestApart) {
  struct Hello : HttpHandler {
    void on_request(const HttpRequest& request, HttpResponder responder) override {
      responder.respond(text_response(200, request.path));
    }
  } web;
  EchoHandler frames;
  Reactors reactors(1);
  HttpServer http(reactors[0], &web);
  ListenerOptions both;
  both.frames = &frames;
  both.http = &http;
  both.connection = trusting();
  auto listener = Listener::create(reactors[0], "127.0.0.1:0", both).value();
  ListenerOptions only_frames;
  only_frames.frames = &frames;
  auto frame_port = Listener::create(reactors[0], "[::1]:0", only_frames).value();
  ListenerOptions only_http;
  only_http.http = &http;
  auto http_port = Listener::create(reactors[0], "localhost:0", only_http).value();
  reactors.start();

  Client framed(listener->bound_address());
  const std::string frame = as_text(make_frame(1, "x"));
  framed.send(frame);
  EXPECT_EQ(framed.receive(frame.size()), frame);
  Client browser(listener->bound_address());
  browser.send("GET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(browser.receive_all(), HasSubstr("/here\n"));
  Client tls(listener->bound_address());
  tls.send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_EQ(tls.receive_all(), "shoal: TLS on a plain-text port\n");
  Client noise(listener->bound_address());
  noise.send(std::string(100'000, 'x'));
  EXPECT_EQ(noise.receive_all(), "shoal: neither Shoal frames nor HTTP\n");
  Client lost_browser(frame_port->bound_address());
  lost_browser.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(lost_browser.receive_all(), "shoal: HTTP is not spoken here\n");
  Client lost_framed(http_port->bound_address());
  lost_framed.send(frame);
  EXPECT_EQ(lost_framed.receive_all(), "shoal: frames are not spoken here\n");
  reactors.stop();
  EXPECT_EQ(reactors[0].counters().sniff_refused.value(), 4u);
}

TEST(Listener, BadAddressesAreRefusedWithAReason) {
  auto reactor = Reactor::create(0).value();
  EXPECT_EQ(Listener::create(*reactor, "nonsense", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Listener::create(*reactor, "no-such-host.invalid:1", {}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Listener::create(*reactor, "192.0.2.1:5050", {}).status().message()),
              HasSubstr("cannot listen on 192.0.2.1:5050"));
  auto first = Listener::create(*reactor, "127.0.0.1:0", {}).value();
  const std::string taken = first->bound_address().to_string();
  const auto second = Listener::create(*reactor, taken, {});
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("Address already in use"));
  EXPECT_TRUE(Listener::create(*reactor, first->bound_address(), {}).ok());  // joins
}

TEST(Listener, StopsAcceptingNearTheDescriptorLimitAndResumes) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  EchoServer server(1);
  server.reactors.start();
  Client established(server.address());
  const std::string frame = as_text(make_frame(1, "x"));
  established.send(frame);
  ASSERT_EQ(established.receive(frame.size()), frame);
  const rlimit small{100, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &small), 0);
  // Clients and accepted sockets share this process's table; the clients that wait in the backlog
  // hold none on the server's side.
  std::vector<std::unique_ptr<Client>> clients;
  while (server.reactors[0].counters().accept_pauses.value() == 0 && clients.size() < 100) {
    clients.push_back(std::make_unique<Client>(server.address()));
    server.reactors.on(0, [] {});
  }
  EXPECT_GE(server.reactors[0].counters().accept_pauses.value(), 1u);
  established.send(frame);
  EXPECT_EQ(established.receive(frame.size()), frame);
  clients.clear();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  Client later(server.address());
  later.send(frame);
  EXPECT_EQ(later.receive(frame.size()), frame);
}

}  // namespace
}  // namespace shoal::net
