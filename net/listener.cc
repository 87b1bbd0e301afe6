#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/descriptor_limit.h"
#include "net/fd_watcher.h"
#include "net/http_server.h"
#include "net/stream.h"
#include "net/timer.h"

namespace shoal::net {
namespace {

constexpr int kMaxAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kResumeInterval{100};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The kernel gives out the lowest free descriptor, so a number tells how many are taken.
bool is_near_limit(int fd) {
  return static_cast<std::uint64_t>(fd) >= acceptable_descriptors(descriptor_limit());
}

// SO_REUSEPORT lets the reactors of a process share a port. It would also let a second process of
// the same user share it, and take half of the connections unnoticed: the first listener binds once
// without it, which fails while anybody listens there.
absl::Status check_unused(const SocketAddress& address) {
  if (address.port() == 0) return absl::OkStatus();
  const Socket probe(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(probe.get(), address.get(), address.size()) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address.to_string(), ": bind: ", std::strerror(errno)));
}

absl::StatusOr<Socket> bind_and_listen(const SocketAddress& address, int backlog) {
  const auto error = [&](const char* what) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address.to_string(), ": ", what,
                                               ": ", std::strerror(errno)));
  };
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return error("socket");
  const int on = 1;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return error("SO_REUSEPORT");
  }
  if (::bind(socket.get(), address.get(), address.size()) != 0) return error("bind");
  if (::listen(socket.get(), backlog) != 0) return error("listen");
  return socket;
}

}  // namespace

struct Listener::State {
  class Sniffer;

  State(Reactor& owner, Socket listening, const ListenerOptions& what)
      : reactor(owner),
        socket(std::move(listening)),
        options(what),
        resume(owner, [this] { try_resume(); }) {
    reactor.mutable_counters().descriptors.add();
  }
  ~State();

  void on_ready();
  void pause();
  void try_resume();
  void accept(int fd);
  void remove(Sniffer* sniffer);

  Reactor& reactor;
  Socket socket;
  ListenerOptions options;
  std::unique_ptr<FdWatcher> watcher;
  Timer resume;
  bool paused = false;
  std::vector<Sniffer*> sniffers;
};

// Waits for the first byte of one connection.
class Listener::State::Sniffer final : public StreamSink {
 public:
  Sniffer(State& listener, StreamPtr stream, std::size_t index)
      : listener_(listener), stream_(std::move(stream)), index_(index) {
    stream_->set_sink(this);
    const core::Duration wait = listener.options.connection.hello_timeout;
    stream_->set_deadline(listener.reactor.now() +
                          (wait > core::Duration::zero() ? wait : core::kHelloTimeout));
    stream_->start_reading();
  }

  void on_readable() override {
    char first = 0;
    const ssize_t got = ::recv(stream_->fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return listener_.remove(this);
    if (first == static_cast<char>(wire::kMagic0)) return become_frames();
    if (first >= 'A' && first <= 'Z') return become_http();
    refuse(first == 0x16 ? "TLS on a plain-text port" : "neither Shoal frames nor HTTP");
  }

  void on_deadline() override {
    listener_.reactor.mutable_counters().hello_timeouts.add();
    stream_->close(absl::DeadlineExceededError("silent since connecting"));
  }

  void on_stream_closed(const absl::Status& /*reason*/) override { listener_.remove(this); }

  std::size_t index() const { return index_; }
  void set_index(std::size_t index) { index_ = index; }

 private:
  void become_frames() {
    ConnectionHandler* handler = listener_.options.frames;
    if (handler == nullptr) return refuse("frames are not spoken here");
    stream_->set_deadline(core::TimePoint::max());
    Connection* connection =
        Connection::create(std::move(stream_), handler, listener_.options.connection);
    listener_.remove(this);  // `this` is gone
    if (connection == nullptr) return;
    handler->on_connected(*connection);
  }

  void become_http() {
    HttpServer* http = listener_.options.http;
    if (http == nullptr) return refuse("HTTP is not spoken here");
    stream_->set_deadline(core::TimePoint::max());
    http->adopt(std::move(stream_));
    listener_.remove(this);
  }

  void refuse(const char* why) {
    listener_.reactor.mutable_counters().sniff_refused.add();
    const std::string line = absl::StrCat("shoal: ", why, "\n");
    stream_->write({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
    stream_->close_after_flush(absl::InvalidArgumentError(why));
  }

  State& listener_;
  StreamPtr stream_;
  std::size_t index_;
};

Listener::State::~State() {
  for (Sniffer* sniffer : sniffers) delete sniffer;
  reactor.mutable_counters().descriptors.sub();
}

void Listener::State::remove(Sniffer* sniffer) {
  Sniffer* last = sniffers.back();
  last->set_index(sniffer->index());
  sniffers[sniffer->index()] = last;
  sniffers.pop_back();
  delete sniffer;
}

void Listener::State::accept(int fd) {
  absl::StatusOr<StreamPtr> stream = Stream::create(reactor, fd);
  if (!stream.ok()) {
    reactor.mutable_counters().accept_errors.add();
    return;
  }
  reactor.mutable_counters().accepted.add();
  sniffers.push_back(new Sniffer(*this, *std::move(stream), sniffers.size()));
}

void Listener::State::on_ready() {
  for (int i = 0; i < kMaxAcceptsPerTurn; ++i) {
    const int fd = ::accept4(socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of descriptors or memory: asking again at once would only burn the core.
      reactor.mutable_counters().accept_errors.add();
      return pause();
    }
    accept(fd);
    if (is_near_limit(fd)) return pause();
  }
}

void Listener::State::pause() {
  reactor.mutable_counters().accept_pauses.add();
  paused = true;
  watcher->stop();
  resume.start(kResumeInterval);
}

void Listener::State::try_resume() {
  const Socket probe(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (probe.get() < 0 || is_near_limit(probe.get())) {
    resume.start(kResumeInterval);
    return;
  }
  paused = false;
  watcher->watch(true, false);
}

Listener::Listener(std::unique_ptr<State> state, const SocketAddress& bound)
    : state_(std::move(state)), bound_(bound) {}

Listener::~Listener() = default;

int Listener::descriptor() const { return state_->socket.get(); }

bool Listener::is_paused() const { return state_->paused; }

absl::StatusOr<std::unique_ptr<Listener>> Listener::create(Reactor& reactor,
                                                           std::string_view bind_address,
                                                           const ListenerOptions& options) {
  const absl::StatusOr<HostPort> host_port = parse_host_port(bind_address);
  if (!host_port.ok()) return host_port.status();
  const absl::StatusOr<std::vector<SocketAddress>> addresses = resolve_blocking(*host_port);
  if (!addresses.ok()) return addresses.status();
  if (absl::Status status = check_unused(addresses->front()); !status.ok()) return status;
  return create(reactor, addresses->front(), options);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::create(Reactor& reactor,
                                                           const SocketAddress& address,
                                                           const ListenerOptions& options) {
  absl::StatusOr<Socket> socket = bind_and_listen(address, options.backlog);
  if (!socket.ok()) return socket.status();
  const SocketAddress bound = SocketAddress::local_of(socket->get());
  auto state = std::make_unique<State>(reactor, *std::move(socket), options);
  State* raw = state.get();
  absl::StatusOr<std::unique_ptr<FdWatcher>> watcher =
      FdWatcher::create(reactor, raw->socket.get(), [raw](FdEvents) { raw->on_ready(); });
  if (!watcher.ok()) return watcher.status();
  state->watcher = *std::move(watcher);
  state->watcher->watch(true, false);
  return std::unique_ptr<Listener>(new Listener(std::move(state), bound));
}

}  // namespace shoal::net
