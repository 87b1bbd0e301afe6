#include "net/http_client.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "net/fd_watcher.h"
#include "net/reactor_state.h"
#include "net/stream.h"
#include "net/timer.h"

namespace shoal::net {
namespace {

namespace http = boost::beast::http;

std::string to_text(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_target(std::string_view target) {
  return target.starts_with('/') && target.size() <= core::kMaxHttpTargetBytes &&
         std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

// Connecting to one address after the other, then sending, then reading until the answer is whole.
// `timer` bounds all of it, and tells the result from the loop.
struct HttpCall::State final : public StreamSink {
  State(Reactor& owner, HostPort to, HttpCallOptions wanted, Done told)
      : reactor(owner),
        server(std::move(to)),
        options(std::move(wanted)),
        done(std::move(told)),
        timer(owner, [this] { on_timer(); }) {
    parser.eager(true);
    parser.header_limit(core::kMaxHttpHeaderBytes);
    if (options.on_body) {
      parser.body_limit(boost::none);
    } else {
      parser.body_limit(options.max_body_bytes);
    }
  }
  ~State() override { drop_socket(); }

  void begin(std::string_view target, std::string_view json);
  void connect_next(absl::Status why);
  void on_writable();
  void finish(absl::StatusOr<HttpAnswer> with);
  void on_timer();
  void drop_socket();
  bool parse();
  void hand_on_body();
  HttpAnswer answer();

  void on_readable() override;
  void on_deadline() override {}
  void on_stream_closed(const absl::Status& reason) override {
    finish(reason.ok() ? absl::UnavailableError("the connection was closed") : reason);
  }

  Reactor& reactor;
  HostPort server;
  const HttpCallOptions options;
  Done done;
  std::string request;
  std::vector<SocketAddress> candidates;  // still to be tried, last first
  std::unique_ptr<FdWatcher> watcher;     // of fd
  int fd = -1;                            // while it connects
  StreamPtr stream;
  std::string input;
  http::response_parser<http::string_body> parser;
  std::optional<absl::StatusOr<HttpAnswer>> result;
  Timer timer;
};

void HttpCall::State::begin(std::string_view target, std::string_view json) {
  if (!is_target(target)) return finish(absl::InvalidArgumentError("this is no path of HTTP"));
  request =
      absl::StrCat(json.empty() ? "GET " : "POST ", absl::string_view(target.data(), target.size()),
                   " HTTP/1.1\r\nHost: ", server.to_string(),
                   "\r\nConnection: close\r\nAccept-Encoding: identity\r\n");
  if (!json.empty()) {
    absl::StrAppend(&request, "Content-Type: application/json\r\nContent-Length: ", json.size(),
                    "\r\n");
  }
  absl::StrAppend(&request, "\r\n", absl::string_view(json.data(), json.size()));
  if (const auto numeric = SocketAddress::from_numeric(server); numeric.ok()) {
    candidates.push_back(*numeric);
  } else {
    auto found = resolve_blocking(server);
    if (!found.ok()) return finish(found.status());
    candidates.assign(found->rbegin(), found->rend());
  }
  connect_next(absl::OkStatus());
}

// `why`: what is told when no candidate is left.
void HttpCall::State::connect_next(absl::Status why) {
  while (!candidates.empty()) {
    const SocketAddress to = candidates.back();
    candidates.pop_back();
    const auto failed = [&](int code) {
      why = absl::UnavailableError(
          absl::StrCat("cannot connect to ", to.to_string(), ": ", std::strerror(code)));
      drop_socket();
    };
    fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (::connect(fd, to.get(), to.size()) != 0 && errno != EINPROGRESS)) {
      failed(errno);
      continue;
    }
    auto made = FdWatcher::create(reactor, fd, [this](FdEvents) { on_writable(); });
    if (!made.ok()) {
      failed(EIO);
      continue;
    }
    watcher = *std::move(made);
    watcher->watch(false, true);
    return;
  }
  finish(std::move(why));
}

void HttpCall::State::on_writable() {
  watcher.reset();
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    drop_socket();
    return connect_next(absl::UnavailableError(
        absl::StrCat("cannot connect to ", server.to_string(), ": ", std::strerror(error))));
  }
  auto made = Stream::create(reactor, std::exchange(fd, -1));
  if (!made.ok()) return finish(made.status());
  stream = *std::move(made);
  stream->set_sink(this);
  stream->write({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()});
  stream->start_reading();
}

void HttpCall::State::on_readable() {
  if (result.has_value()) return;
  iovec part{reactor.state().read_buffer(), core::kReadBufferBytes};
  absl::Status why;
  const ssize_t got = stream->read(&part, 1, &why);
  if (got == 0) return;
  if (got > 0) {
    input.append(static_cast<const char*>(part.iov_base), static_cast<std::size_t>(got));
    if (!parse()) return;
    hand_on_body();
    if (parser.is_done()) finish(answer());
    return;
  }
  boost::beast::error_code error = http::error::end_of_stream;  // not a byte has come
  if (parser.got_some()) parser.put_eof(error);  // an answer without a length ends so
  if (!error && parser.is_done()) return finish(answer());
  finish(absl::UnavailableError(
      absl::StrCat(server.to_string(), " ended the connection before its answer was complete")));
}

// False: it is told what is wrong.
bool HttpCall::State::parse() {
  std::size_t used = 0;
  boost::beast::error_code error;
  while (used < input.size() && !parser.is_done()) {
    const std::size_t more =
        parser.put(boost::asio::const_buffer(input.data() + used, input.size() - used), error);
    used += more;
    if (error || more == 0) break;
  }
  input.erase(0, used);
  if (!error || error == http::error::need_more) return true;
  if (error == http::error::body_limit) {
    finish(absl::ResourceExhaustedError(
        absl::StrCat("the answer of ", server.to_string(), " is too large")));
  } else {
    finish(absl::InvalidArgumentError(
        absl::StrCat(server.to_string(), " does not speak HTTP: ", error.message())));
  }
  return false;
}

void HttpCall::State::hand_on_body() {
  if (!options.on_body || !parser.is_header_done()) return;
  std::string& body = parser.get().body();
  if (parser.get().result_int() != 200) {
    if (body.size() > options.max_body_bytes) {
      finish(absl::ResourceExhaustedError(
          absl::StrCat("the answer of ", server.to_string(), " is too large")));
    }
    return;
  }
  timer.start(options.timeout);
  if (!body.empty()) options.on_body(body);
  body.clear();
}

HttpAnswer HttpCall::State::answer() {
  auto& message = parser.get();
  HttpAnswer answer;
  answer.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    answer.headers.emplace_back(to_text(field.name_string()), to_text(field.value()));
  }
  answer.body = std::move(message.body());
  return answer;
}

void HttpCall::State::finish(absl::StatusOr<HttpAnswer> with) {
  if (result.has_value()) return;
  result = std::move(with);
  timer.start(core::Duration::zero());
}

void HttpCall::State::on_timer() {
  if (!result.has_value()) {
    result =
        absl::DeadlineExceededError(absl::StrCat("no answer of ", server.to_string(), " in time"));
  }
  drop_socket();
  const Done tell = std::move(done);
  tell(*std::move(result));  // last: `this` may be gone
}

void HttpCall::State::drop_socket() {
  watcher.reset();
  stream.reset();
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

HttpCall::HttpCall(Reactor& reactor, const HostPort& server, std::string_view target,
                   const HttpCallOptions& options, Done done)
    : state_(std::make_unique<State>(reactor, server, options, std::move(done))) {
  state_->timer.start(options.timeout);
  state_->begin(target, options.json);
}

HttpCall::~HttpCall() = default;

std::string_view HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, absl::string_view(name.data(), name.size()))) return value;
  }
  return {};
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.push_back('%');
    encoded.push_back(kDigits[byte >> 4]);
    encoded.push_back(kDigits[byte & 15]);
  }
  return encoded;
}

}  // namespace shoal::net
