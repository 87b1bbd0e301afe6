// How fast is net/: round trips against a bare libuv echo, and the hop through a mailbox.
//
//   BM_RoundTrips/64    64 peers on loopback, one small frame outstanding each, answered by
//   Connection BM_BareLibuvEcho/64 the same client against the least a libuv program can do (no
//   frames, no bounds) BM_RoundTripRatio   both servers in turns of 20,000 trips, so that the
//   machine's moods hit both; the
//                       counter `ratio` is net / bare
//   BM_MailboxBusy      ns per message between two reactors that are never idle
//   BM_MailboxIdle      µs from a send to a sleeping reactor and back
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "net/clock.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "net/reactor.h"
#include "wire/frame.h"

namespace {

using namespace shoal;  // NOLINT: a program of its own

constexpr std::size_t kFrameBytes = 64;

struct Echo : net::ConnectionHandler {
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    connection.send(frame.header, frame.payload);
  }
  void on_closed(net::Connection&, const absl::Status&) override {}
};

// One reactor with a listener, on its own thread.
class NetServer {
 public:
  NetServer() : reactor_(net::Reactor::create(0).value()) {
    net::ListenerOptions options;
    options.frames = &echo_;
    options.connection.hello_timeout = core::Duration::zero();
    listener_ = net::Listener::create(*reactor_, "127.0.0.1:0", options).value();
    thread_ = std::thread([this] { reactor_->run(); });
  }
  ~NetServer() {
    reactor_->stop();
    thread_.join();
    listener_.reset();
  }
  std::uint16_t port() const { return listener_->bound_address().port(); }
  std::thread& thread() { return thread_; }

 private:
  Echo echo_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<net::Listener> listener_;
  std::thread thread_;
};

// What the libuv guide calls an echo server, with the one copy-free shortcut it has: uv_try_write.
class UvServer {
 public:
  UvServer() {
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &stop_, [](uv_async_t* async) { uv_stop(async->loop); });
    uv_tcp_init(&loop_, &listener_);
    listener_.data = this;
    sockaddr_in address{};
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&address), 0);
    uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), 1024, on_connection);
    int size = sizeof address;
    uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { uv_run(&loop_, UV_RUN_DEFAULT); });
  }
  ~UvServer() {
    uv_async_send(&stop_);
    thread_.join();
    uv_walk(
        &loop_, [](uv_handle_t* handle, void*) { uv_close(handle, nullptr); }, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  std::uint16_t port() const { return port_; }
  std::thread& thread() { return thread_; }

 private:
  static void on_connection(uv_stream_t* listener, int) {
    auto* self = static_cast<UvServer*>(listener->data);
    self->peers_.push_back(std::make_unique<uv_tcp_t>());
    uv_tcp_t* peer = self->peers_.back().get();
    uv_tcp_init(&self->loop_, peer);
    peer->data = self;
    uv_accept(listener, reinterpret_cast<uv_stream_t*>(peer));
    uv_tcp_nodelay(peer, 1);
    uv_read_start(reinterpret_cast<uv_stream_t*>(peer), on_alloc, on_read);
  }
  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto* self = static_cast<UvServer*>(handle->data);
    *buffer = uv_buf_init(self->buffer_.data(), static_cast<unsigned>(self->buffer_.size()));
  }
  static void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* buffer) {
    if (got < 0) return static_cast<void>(uv_read_stop(stream));
    uv_buf_t out = uv_buf_init(buffer->base, static_cast<unsigned>(got));
    uv_try_write(stream, &out, 1);
  }

  uv_loop_t loop_{};
  uv_async_t stop_{};
  uv_tcp_t listener_{};
  std::uint16_t port_ = 0;
  std::array<char, 65536> buffer_{};
  std::vector<std::unique_ptr<uv_tcp_t>> peers_;
  std::thread thread_;
};

// `peers` sockets on one epoll; sends again on each as soon as its answer is whole.
class Load {
 public:
  Load(std::uint16_t port, std::size_t peers) : epoll_(epoll_create1(0)) {
    frame_.fill(0);
    wire::FrameHeader header;
    header.kind = 1;
    header.length = kFrameBytes - core::kFrameHeaderBytes;
    wire::write_frame_header(header, frame_.data());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (std::size_t i = 0; i < peers; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<std::uint32_t>(i);
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      fds_.push_back(fd);
      have_.push_back(0);
    }
  }
  ~Load() {
    for (const int fd : fds_) close(fd);
    close(epoll_);
  }

  void run(std::size_t trips) {
    std::size_t sent = 0;
    std::size_t done = 0;
    for (; sent < fds_.size() && sent < trips; ++sent) send_to(sent);
    std::array<epoll_event, 64> events;
    std::array<std::uint8_t, kFrameBytes> answer;
    while (done < trips) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 5000);
      if (ready <= 0) std::abort();
      for (int i = 0; i < ready; ++i) {
        const std::size_t peer = events[static_cast<std::size_t>(i)].data.u32;
        const ssize_t got = recv(fds_[peer], answer.data(), kFrameBytes - have_[peer], 0);
        if (got <= 0) std::abort();
        have_[peer] += static_cast<std::size_t>(got);
        if (have_[peer] < kFrameBytes) continue;
        have_[peer] = 0;
        ++done;
        if (sent < trips) {
          send_to(peer);
          ++sent;
        }
      }
    }
  }

 private:
  void send_to(std::size_t peer) {
    if (send(fds_[peer], frame_.data(), kFrameBytes, MSG_NOSIGNAL) != ssize_t{kFrameBytes}) {
      std::abort();
    }
  }

  int epoll_;
  std::array<std::uint8_t, kFrameBytes> frame_;
  std::vector<int> fds_;
  std::vector<std::size_t> have_;
};

constexpr std::size_t kTrips = 20'000;

template <typename Server>
void round_trips(benchmark::State& state) {
  Server server;
  Load load(server.port(), static_cast<std::size_t>(state.range(0)));
  load.run(kTrips / 10);
  for (auto _ : state) load.run(kTrips);
  state.SetItemsProcessed(static_cast<std::int64_t>(kTrips) * state.iterations());
}

void BM_RoundTrips(benchmark::State& state) { round_trips<NetServer>(state); }
void BM_BareLibuvEcho(benchmark::State& state) { round_trips<UvServer>(state); }
BENCHMARK(BM_RoundTrips)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BareLibuvEcho)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

double cpu_seconds(std::thread& thread) {
  clockid_t clock{};
  timespec time{};
  pthread_getcpuclockid(thread.native_handle(), &clock);
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void BM_RoundTripRatio(benchmark::State& state) {
  constexpr std::size_t kSlice = 2'000;
  const auto peers = static_cast<std::size_t>(state.range(0));
  NetServer net_server;
  UvServer uv_server;
  Load net_load(net_server.port(), peers);
  Load uv_load(uv_server.port(), peers);
  net_load.run(kSlice);
  uv_load.run(kSlice);
  core::Duration net_time{}, uv_time{};
  const double net_cpu = cpu_seconds(net_server.thread());
  const double uv_cpu = cpu_seconds(uv_server.thread());
  for (auto _ : state) {
    const core::TimePoint start = net::monotonic_now();
    net_load.run(kSlice);
    const core::TimePoint middle = net::monotonic_now();
    uv_load.run(kSlice);
    net_time += middle - start;
    uv_time += net::monotonic_now() - middle;
  }
  const auto trips = static_cast<double>(kSlice) * static_cast<double>(state.iterations());
  const double net_used = cpu_seconds(net_server.thread()) - net_cpu;
  const double uv_used = cpu_seconds(uv_server.thread()) - uv_cpu;
  state.counters["ratio"] =
      static_cast<double>(uv_time.count()) / static_cast<double>(net_time.count());
  state.counters["cpu_ratio"] = uv_used / net_used;
  state.counters["net_cpu_us"] = net_used / trips * 1e6;
  state.counters["uv_cpu_us"] = uv_used / trips * 1e6;
}
BENCHMARK(BM_RoundTripRatio)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

struct Message {
  std::uint64_t number = 0;
  std::uint64_t payload[3] = {};
};

// Two reactors on threads of their own, joined by a grid.
struct Pair {
  Pair()
      : a(net::Reactor::create(0).value()),
        b(net::Reactor::create(1).value()),
        grid({a.get(), b.get()}) {}
  void start() {
    threads.emplace_back([this] { a->run(); });
    threads.emplace_back([this] { b->run(); });
  }
  ~Pair() {
    a->stop();
    b->stop();
    for (auto& thread : threads) thread.join();
  }
  std::unique_ptr<net::Reactor> a, b;
  net::MailboxGrid<Message> grid;
  std::vector<std::thread> threads;
};

void BM_MailboxBusy(benchmark::State& state) {
  constexpr std::uint64_t kBatch = 200'000;
  Pair pair;
  std::atomic<std::uint64_t> received{0};
  std::uint64_t count = 0;  // reactor b's
  pair.grid.receive(1, [&](std::size_t, Message&&) {
    if (++count % kBatch == 0) received.store(count, std::memory_order_release);
  });
  std::uint64_t to_send = 0;  // reactor a's
  pair.a->at_turn_end([&] {
    // A turn's worth at a time, as handlers would.
    for (int i = 0; i < 256 && to_send > 0; ++i, --to_send)
      pair.grid.send(0, 1, Message{to_send, {}});
    if (to_send > 0) pair.a->run_again();
  });
  pair.start();
  std::uint64_t expected = 0;
  const core::TimePoint start = net::monotonic_now();
  for (auto _ : state) {
    expected += kBatch;
    pair.a->post([&] { to_send = kBatch; });
    while (received.load(std::memory_order_acquire) < expected) std::this_thread::yield();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(expected));
  state.counters["ns_per_message"] =
      static_cast<double>((net::monotonic_now() - start).count()) / static_cast<double>(expected);
  state.counters["late_drains"] =
      static_cast<double>(pair.b->counters().mailbox_late_drains.value());
}
BENCHMARK(BM_MailboxBusy)->UseRealTime()->Unit(benchmark::kMillisecond);

// One message there and back, both reactors asleep in between: two hops and two wake-ups.
void BM_MailboxIdle(benchmark::State& state) {
  constexpr std::uint64_t kTurns = 1000;
  Pair pair;
  std::atomic<std::uint64_t> done{0};
  pair.grid.receive(
      1, [&](std::size_t, Message&& message) { pair.grid.send(1, 0, std::move(message)); });
  pair.grid.receive(0, [&](std::size_t, Message&& message) {
    if (--message.number > 0) return pair.grid.send(0, 1, std::move(message));
    done.fetch_add(1, std::memory_order_release);
  });
  pair.start();
  std::uint64_t expected = 0;
  const core::TimePoint start = net::monotonic_now();
  for (auto _ : state) {
    pair.a->post([&] { pair.grid.send(0, 1, Message{kTurns, {}}); });
    ++expected;
    while (done.load(std::memory_order_acquire) < expected) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  state.counters["us_per_hop"] = static_cast<double>((net::monotonic_now() - start).count()) /
                                 1000 / static_cast<double>(expected * kTurns * 2);
}
BENCHMARK(BM_MailboxIdle)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
