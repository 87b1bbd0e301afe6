#include "master/standby.h"

#include <fmt/core.h>
#include <signal.h>

#include <chrono>
#include <deque>
#include <memory>

#include "core/limits.h"
#include "core/messages.h"
#include "core/metrics_text.h"
#include "core/status.h"
#include "master/api_answer.h"
#include "master/debug_pages.h"
#include "master/http_pages.h"
#include "master/leadership.h"
#include "master/metrics_page.h"
#include "net/address.h"
#include "net/dialer.h"
#include "net/http_client.h"
#include "net/timer.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

// Longer than the lease that most masters have, so that who has lost its leader dials once; less
// than a peer waits for an answer.
constexpr std::chrono::milliseconds kLongestWait{4000};
static_assert(kLongestWait < net::kGreetingTimeout);
// While this one does not hear of elections another master may know more.
constexpr std::chrono::milliseconds kWaitInTheDark{1000};
constexpr std::chrono::milliseconds kTick{20};
constexpr std::size_t kToldAtOnce = 200;  // 10,000 a second, of each standby
constexpr std::size_t kMostWaiting = 50'000;
constexpr std::chrono::milliseconds kProbePatience{400};
constexpr std::chrono::milliseconds kProbeEvery{200};

// With ?verbose: the one thing that it lacks to be ready.
std::string checks_of(const net::HttpRequest& request, const std::string& leader) {
  if (request.path != "/readyz" || !request.query_parameter("verbose").has_value()) return "";
  return fmt::format(R"(,"checks":[{{"name":"leader","ok":false,"why":"{}"}}])",
                     leader.empty() ? "nobody leads" : leader + " leads");
}

}  // namespace

class Standby::Frames final : public net::ConnectionHandler {
 public:
  Frames(net::Reactor& reactor, const Standby& owner)
      : reactor_(reactor), owner_(owner), tick_(reactor, [this] { on_tick(); }) {}

  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
    const std::uint32_t correlation = frame.header.correlation;
    if (kind != wire::MessageKind::kHello) {
      return refuse(connection, core::RefusalCode::kNotExpected, "the first message must be HELLO",
                    "", correlation);
    }
    const auto hello = wire::decode<core::Hello>(frame.payload);
    if (!hello.ok()) {
      return refuse(connection, core::RefusalCode::kBadMessage, core::message_of(hello.status()),
                    "", correlation);
    }
    if (agents_.size() + others_.size() >= kMostWaiting) {
      return send_on(connection, owner_.leader(), correlation);
    }
    Line& line = hello->kind == core::PeerKind::kAgent ? agents_ : others_;
    const core::Duration patience = owner_.hears_store() ? kLongestWait : kWaitInTheDark;
    line.push_back({connection.detach(frame), reactor_.now() + patience});
    if (tick_.is_active()) return;
    tick_.start_repeating(kTick);
    on_tick();
  }

  void on_protocol_error(net::Connection& connection, const absl::Status& error) override {
    refuse(connection, core::RefusalCode::kBadMessage, core::message_of(error), "", 0);
  }

  void on_closed(net::Connection& /*connection*/, const absl::Status& /*reason*/) override {}

  // Of those who wait, frameworks and people first.
  std::vector<net::DetachedConnection> take_waiting() {
    std::vector<net::DetachedConnection> taken;
    taken.reserve(others_.size() + agents_.size());
    for (Line* line : {&others_, &agents_}) {
      for (Waiting& each : *line) taken.push_back(std::move(each.connection));
      line->clear();
    }
    return taken;
  }

 private:
  // A peer that has said HELLO, which is what its input begins with, until there is a leader to
  // send it to. Nobody looks at its socket meanwhile.
  struct Waiting {
    net::DetachedConnection connection;
    core::TimePoint until;
  };
  using Line = std::deque<Waiting>;  // the longest first, by and large

  // Tells whoever it is given where the leader is.
  class Teller final : public net::ConnectionHandler {
   public:
    std::string leader;

    void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
      send_on(connection, leader, frame.header.correlation);
    }
    void on_closed(net::Connection& /*connection*/, const absl::Status& /*reason*/) override {}
  };

  void on_tick() {
    const std::string leader = owner_.leader();
    const bool answers = !leader.empty() && (owner_.is_served_ || serves(leader));
    teller_.leader = answers ? leader : "";
    std::size_t left = answers ? kToldAtOnce : 0;
    // Frameworks and people first: they are few, and the agents' offers are for them.
    for (Line* line : {&others_, &agents_}) tell(*line, left);
    if (agents_.empty() && others_.empty()) tick_.stop();
  }

  // `left` of those who wait, and all whose time is over.
  void tell(Line& line, std::size_t& left) {
    while (!line.empty()) {
      Waiting& first = line.front();
      if (left == 0 && first.until > reactor_.now()) return;
      // When it fails the socket is closed, and the peer dials again.
      (void)net::Connection::adopt(reactor_, std::move(first.connection), &teller_);
      left -= left > 0 ? 1 : 0;
      line.pop_front();
    }
  }

  // Whether it has lately said that it serves: until the lease of one that died runs out the
  // registry calls it the leader, and one that was elected has its registry to read first. Asks, if
  // that is not known.
  bool serves(const std::string& leader) {
    const core::TimePoint now = reactor_.now();
    if (asked_ == leader && now < next_question_) return has_answered_;
    const auto address = net::parse_host_port(leader);
    if (question_ != nullptr || !address.ok()) return false;
    asked_ = leader;
    has_answered_ = false;
    next_question_ = core::TimePoint::max();  // until it is answered
    net::HttpCallOptions options;
    options.timeout = kProbePatience;
    question_ =
        std::make_unique<net::HttpCall>(reactor_, *address, "/readyz", options,
                                        [this](const absl::StatusOr<net::HttpAnswer>& answer) {
                                          has_answered_ = answer.ok() && answer->status == 200;
                                          next_question_ = reactor_.now() + kProbeEvery;
                                          question_.reset();
                                        });
    return false;
  }

  static void send_on(net::Connection& connection, const std::string& leader,
                      std::uint32_t correlation) {
    refuse(connection, core::RefusalCode::kNotLeader,
           leader.empty() ? "this master is a standby, and nobody leads at the moment"
                          : fmt::format("this master is a standby, {} leads", leader),
           leader, correlation);
  }

  static void refuse(net::Connection& connection, core::RefusalCode code, std::string_view message,
                     std::string_view leader, std::uint32_t correlation) {
    wire::ByteVector bytes;
    wire::encode(core::Refusal{.code = code, .message = message, .leader = leader}, correlation,
                 bytes);
    connection.send(bytes);
    connection.close_after_flush(absl::CancelledError("a standby serves nobody"));
  }

  net::Reactor& reactor_;
  const Standby& owner_;
  Teller teller_;
  Line others_;
  Line agents_;
  net::Timer tick_;    // runs while somebody waits
  std::string asked_;  // the leader that was
  bool has_answered_ = false;
  core::TimePoint next_question_{};
  std::unique_ptr<net::HttpCall> question_;
};

class Standby::Pages final : public net::HttpHandler {
 public:
  explicit Pages(const Standby& owner) : owner_(owner) {}

  void on_request(const net::HttpRequest& request, net::HttpResponder responder) override {
    if (serve_debug({{owner_.reactor_.get()}, owner_.options_.log}, request, responder)) return;
    responder.respond(answer(request));
  }

 private:
  net::HttpResponse answer(const net::HttpRequest& request) const {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const std::string leader = owner_.leader();
    net::HttpResponse response;
    if (request.path == "/health" || request.path == "/livez" || request.path == "/readyz") {
      if (request.path == "/readyz") response.status = 503;
      response.body = fmt::format("{{\"status\":\"standby\",\"leader\":\"{}\"{}}}\n", leader,
                                  checks_of(request, leader));
    } else if (request.path == "/version") {
      response.body = version_page(owner_.options_.version);
    } else if (request.path == "/metrics") {
      response.content_type = core::MetricsText::kContentType;
      const Leadership* leadership = owner_.leadership_;
      response.body = standby_metrics(owner_.options_.version,
                                      leadership == nullptr ? 0 : leadership->elections(),
                                      *owner_.reactor_, owner_.options_.log);
    } else if (leader.empty()) {
      return api_error(503, "no_leader",
                       "this master is a standby, and nobody leads at the moment");
    } else {
      // 307 keeps the method, so it is right for others than GET, too.
      return redirect_to(leader, request.path == "/redirect" ? "/" : request.target);
    }
    return reads ? response : net::method_not_allowed("GET, HEAD");
  }

  const Standby& owner_;
};

Standby::Standby(const StandbyOptions& options) : options_(options) {}

absl::StatusOr<std::unique_ptr<Standby>> Standby::create(const StandbyOptions& options) {
  std::unique_ptr<Standby> standby(new Standby(options));
  if (absl::Status started = standby->start(); !started.ok()) return started;
  return standby;
}

absl::Status Standby::start() {
  absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  frames_ = std::make_unique<Frames>(*reactor_, *this);
  pages_ = std::make_unique<Pages>(*this);
  if (absl::Status listening = listen_on(nullptr); !listening.ok()) return listening;
  address_ = listener_->bound_address();
  for (const int signal : {SIGTERM, SIGINT}) {
    auto watcher = net::SignalWatcher::create(*reactor_, signal, options_.on_signal);
    if (!watcher.ok()) return watcher.status();
    signals_.push_back(*std::move(watcher));
  }
  if (options_.on_hang_up) {
    auto watcher = net::SignalWatcher::create(*reactor_, SIGHUP, options_.on_hang_up);
    if (!watcher.ok()) return watcher.status();
    signals_.push_back(*std::move(watcher));
  }
  thread_ = std::thread([this] { reactor_->run(); });
  return absl::OkStatus();
}

Standby::~Standby() {
  if (thread_.joinable()) {
    reactor_->stop();
    thread_.join();
  }
  signals_.clear();
  listener_.reset();
  http_.reset();
}

absl::Status Standby::listen_on(const net::SocketAddress* address) {
  http_ = std::make_unique<net::HttpServer>(*reactor_, pages_.get());
  net::ListenerOptions options;
  options.frames = frames_.get();
  options.http = http_.get();
  absl::StatusOr<std::unique_ptr<net::Listener>> listener =
      address == nullptr
          ? net::Listener::create(*reactor_, std::string_view(options_.listen), options)
          : net::Listener::create(*reactor_, *address, options);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

void Standby::run_there(const std::function<void()>& task) {
  bool is_done = false;
  reactor_->post([&] {
    task();
    const std::lock_guard lock(mutex_);
    is_done = true;
    done_.notify_all();
  });
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&is_done] { return is_done; });
}

void Standby::set_leadership(const Leadership* leadership) {
  run_there([this, leadership] { leadership_ = leadership; });
}

std::string Standby::leader() const {
  if (is_served_) return address_.to_string();
  return leadership_ == nullptr ? "" : leadership_->leader();
}

bool Standby::hears_store() const { return leadership_ != nullptr && leadership_->hears_store(); }

absl::Status Standby::open() {
  absl::Status status;
  run_there([this, &status] {
    is_served_ = false;
    if (listener_ == nullptr) status = listen_on(&address_);
  });
  return status;
}

void Standby::close() {
  run_there([this] {
    is_served_ = true;
    listener_.reset();
    http_.reset();
  });
}

std::vector<net::DetachedConnection> Standby::take_waiting() {
  std::vector<net::DetachedConnection> taken;
  run_there([this, &taken] { taken = frames_->take_waiting(); });
  return taken;
}

}  // namespace shoal::master
