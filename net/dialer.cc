#include "net/dialer.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/fd_watcher.h"
#include "net/leader_query.h"
#include "net/reactor_state.h"
#include "net/timer.h"

namespace shoal::net {
namespace {

// Of what a peer may ask for: one that says 0 is not to be dialled without end.
constexpr std::chrono::milliseconds kLeastAskedWait{1};

absl::Status connect_error(const SocketAddress& address, int code) {
  return absl::UnavailableError(
      absl::StrCat("cannot connect to ", address.to_string(), ": ", std::strerror(code)));
}

// The port is chosen by connect(), so that one port serves for many peers. False: errno tells.
bool bind_late(int fd, const SocketAddress& source) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  return ::bind(fd, source.get(), source.size()) == 0;
}

}  // namespace

// One attempt at a time: resolving, then connecting to each result in turn, then connected, or
// waiting for the next. `timer` bounds the attempt and measures the wait.
struct Dialer::State final : public ConnectionHandler {
  State(Reactor& owner, ConnectionHandler* next, DialerOptions what)
      : reactor(owner),
        handler(next),
        options(std::move(what)),
        backoff(options.seed, options.backoff),
        timer(owner, [this] { on_timer(); }) {
    std::vector<HostPort>& addresses = options.masters.addresses;
    if (options.shuffles) {
      std::shuffle(addresses.begin(), addresses.end(), std::mt19937_64(options.seed));
    }
  }
  ~State() override { stop(absl::CancelledError("the dialer is gone")); }

  // A name being looked up on libuv's thread pool; outlives the dialer if need be.
  struct Lookup {
    uv_getaddrinfo_t request;
    State* state;  // nullptr: nobody waits any more
    std::uint16_t port;
  };

  void dial();
  void ask_etcd(const LeaderInEtcd& etcd);
  void connect_to(const HostPort& address);
  void on_timer();
  void look_up(const HostPort& host_port);
  static void on_looked_up(uv_getaddrinfo_t* request, int status, addrinfo* list);
  void connect_next(absl::Status why);
  void on_writable();
  void become_connected(int fd);
  void fail(const absl::Status& why);
  core::Duration next_wait();
  void stop(const absl::Status& why);
  void drop_attempt();

  void on_frame(Connection& connection, const wire::FrameView& frame) override {
    handler->on_frame(connection, frame);
  }
  void on_protocol_error(Connection& connection, const absl::Status& error) override {
    handler->on_protocol_error(connection, error);
  }
  void on_drained(Connection& connection) override { handler->on_drained(connection); }
  void on_closed(Connection& connection, const absl::Status& reason) override {
    session = nullptr;
    fail(reason);
    handler->on_closed(connection, reason);  // last: it may destroy the dialer
  }

  Reactor& reactor;
  ConnectionHandler* handler;
  DialerOptions options;
  Backoff backoff;
  Timer timer;
  std::size_t index = 0;  // of the address being tried
  bool has_given_up = false;
  std::optional<HostPort> leader;  // where the peer sent us on to, or wants us again; tried next
  std::optional<core::Duration> asked_wait;  // by the peer
  int redirects = 0;                         // in a row
  std::unique_ptr<LeaderQuery> question;
  HostPort current;
  bool attempting = false;
  Lookup* lookup = nullptr;
  std::vector<SocketAddress> candidates;  // still to be tried, last first
  SocketAddress connecting_to;
  std::unique_ptr<FdWatcher> watcher;
  int fd = -1;
  Connection* session = nullptr;  // until on_closed, so also one that is closing
};

void Dialer::State::dial() {
  if (has_given_up) return;
  attempting = true;
  if (leader.has_value()) {
    connect_to(*std::exchange(leader, std::nullopt));
  } else if (options.masters.etcd.has_value()) {
    ask_etcd(*options.masters.etcd);
  } else if (!options.masters.addresses.empty()) {
    connect_to(options.masters.addresses[index]);
  }
}

void Dialer::State::ask_etcd(const LeaderInEtcd& etcd) {
  current = {};
  question =
      std::make_unique<LeaderQuery>(reactor, etcd, [this](const absl::StatusOr<HostPort>& answer) {
        question.reset();
        if (answer.ok()) return connect_to(*answer);
        fail(answer.status());
      });
}

void Dialer::State::connect_to(const HostPort& address) {
  current = address;
  candidates.clear();
  timer.start(options.connect_timeout);
  const absl::StatusOr<SocketAddress> numeric = SocketAddress::from_numeric(current);
  if (!numeric.ok()) return look_up(current);
  candidates.push_back(*numeric);
  connect_next(absl::OkStatus());
}

void Dialer::State::on_timer() {
  if (!attempting) return dial();
  drop_attempt();
  fail(absl::DeadlineExceededError(
      absl::StrCat("cannot connect to ", current.to_string(), ": ", "no answer in time")));
}

void Dialer::State::look_up(const HostPort& host_port) {
  lookup = new Lookup{{}, this, host_port.port};
  lookup->request.data = lookup;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int code = uv_getaddrinfo(&reactor.state().loop, &lookup->request, on_looked_up,
                                  host_port.host.c_str(), nullptr, &hints);
  if (code == 0) return;
  delete std::exchange(lookup, nullptr);
  fail(absl::UnavailableError(
      absl::StrCat("cannot resolve '", host_port.host, "': ", uv_strerror(code))));
}

void Dialer::State::on_looked_up(uv_getaddrinfo_t* request, int status, addrinfo* list) {
  const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
  State* state = done->state;
  if (state != nullptr) {
    state->reactor.now();
    state->lookup = nullptr;
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
      SocketAddress address(at->ai_addr, at->ai_addrlen);
      address.set_port(done->port);
      state->candidates.insert(state->candidates.begin(), address);
    }
  }
  uv_freeaddrinfo(list);
  if (state == nullptr) return;
  // Not uv_strerror(0): it makes up a text and leaks it.
  const char* reason = status == 0 ? "it has no address" : uv_strerror(status);
  state->connect_next(
      absl::UnavailableError(absl::StrCat("cannot resolve '", state->current.host, "': ", reason)));
}

// `why`: what to report when no candidate is left.
void Dialer::State::connect_next(absl::Status why) {
  while (!candidates.empty()) {
    connecting_to = candidates.back();
    candidates.pop_back();
    fd = ::socket(connecting_to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      why = connect_error(connecting_to, errno);
      continue;
    }
    const bool is_bound = !options.source.has_value() || bind_late(fd, *options.source);
    if (!is_bound ||
        (::connect(fd, connecting_to.get(), connecting_to.size()) != 0 && errno != EINPROGRESS)) {
      why = connect_error(connecting_to, errno);
      ::close(std::exchange(fd, -1));
      continue;
    }
    auto made = FdWatcher::create(reactor, fd, [this](FdEvents) { on_writable(); });
    if (!made.ok()) {
      why = made.status();
      ::close(std::exchange(fd, -1));
      continue;
    }
    watcher = *std::move(made);
    watcher->watch(false, true);
    return;
  }
  fail(why);
}

void Dialer::State::on_writable() {
  watcher.reset();
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    ::close(std::exchange(fd, -1));
    return connect_next(connect_error(connecting_to, error));
  }
  become_connected(std::exchange(fd, -1));
}

void Dialer::State::become_connected(int socket) {
  absl::StatusOr<StreamPtr> stream = Stream::create(reactor, socket);
  if (!stream.ok()) return fail(stream.status());
  Connection* connection = Connection::create(*std::move(stream), this, options.connection);
  if (connection == nullptr) return fail(absl::ResourceExhaustedError("too many connections"));
  attempting = false;
  timer.stop();
  candidates.clear();
  session = connection;
  connection->start_reading();
  handler->on_connected(*connection);  // last: it may destroy the dialer
}

void Dialer::State::fail(const absl::Status& why) {
  attempting = false;
  timer.stop();
  if (has_given_up) return;
  const core::Duration wait = next_wait();
  timer.start(wait);
  if (options.on_retry) options.on_retry(current, why, wait);
}

// Before the next attempt. Other addresses are tried at once; a whole round without success waits,
// and so do masters that send us on and on.
core::Duration Dialer::State::next_wait() {
  if (asked_wait.has_value()) return *std::exchange(asked_wait, std::nullopt);
  if (leader.has_value() && ++redirects <= core::kMaxRedirects) return core::Duration::zero();
  const bool is_loop = std::exchange(leader, std::nullopt).has_value();
  if (is_loop) redirects = 0;
  index = (index + 1) % std::max<std::size_t>(options.masters.addresses.size(), 1);
  return index == 0 || is_loop ? backoff.next() : core::Duration::zero();
}

void Dialer::State::drop_attempt() {
  question.reset();
  if (lookup != nullptr) {
    lookup->state = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));
    lookup = nullptr;
  }
  watcher.reset();
  if (fd >= 0) ::close(std::exchange(fd, -1));
  candidates.clear();
}

void Dialer::State::stop(const absl::Status& why) {
  timer.stop();
  attempting = false;
  drop_attempt();
  Connection* left = std::exchange(session, nullptr);
  if (left == nullptr) return;
  // Also when it is closing: its end is still to be told, and we may be gone or have another by
  // then.
  left->set_handler(nullptr);
  if (!left->is_closing()) left->close(why);
}

Dialer::Dialer(Reactor& reactor, ConnectionHandler* handler, DialerOptions options)
    : state_(std::make_unique<State>(reactor, handler, std::move(options))) {}

Dialer::~Dialer() = default;

void Dialer::start() {
  // Through the timer, so that no callback comes from inside this call.
  if (!state_->attempting && connection() == nullptr) {
    state_->timer.start(core::Duration::zero());
  }
}

void Dialer::give_up() { state_->has_given_up = true; }

void Dialer::redirect(std::string_view leader, const absl::Status& why) {
  state_->leader.reset();
  auto address = parse_host_port(leader);
  if (address.ok() && address->port != 0) state_->leader = *std::move(address);
  if (Connection* present = connection(); present != nullptr) present->close(why);
}

void Dialer::come_back_after(core::Duration wait, const absl::Status& why) {
  Connection* present = connection();
  if (present == nullptr) return;
  state_->asked_wait = std::clamp<core::Duration>(wait, kLeastAskedWait, core::kMaxRetryAfter);
  state_->leader = state_->current;
  present->close(why);
}

void Dialer::reconnect_now(const absl::Status& why) {
  state_->stop(why);
  state_->timer.start(core::Duration::zero());
}

void Dialer::set_healthy() {
  state_->backoff.reset();
  state_->index = 0;
  state_->redirects = 0;
}

Connection* Dialer::connection() {
  Connection* session = state_->session;
  return session == nullptr || session->is_closing() ? nullptr : session;
}

const HostPort& Dialer::current_address() const { return state_->current; }

}  // namespace shoal::net
