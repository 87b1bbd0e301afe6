#include "net/http_connection.h"

#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "net/address.h"
#include "net/flight_recorder.h"
#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {
namespace {

absl::string_view to_absl(std::string_view text) { return {text.data(), text.size()}; }

// A header value that came from outside must not end the line it is in.
std::string one_line(std::string_view value) {
  std::string line(value);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return line;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

HttpConnection::HttpConnection(HttpServer::State& server, StreamPtr stream, std::uint64_t id)
    : server_(server), stream_(std::move(stream)), id_(id) {
  server_.reactor.mutable_counters().http_connections.add();
  stream_->set_sink(this);
  stream_->set_deadline(server_.reactor.now() + server_.options.header_timeout);
  stream_->start_reading();
}

HttpConnection::~HttpConnection() { server_.reactor.mutable_counters().http_connections.sub(); }

bool HttpConnection::is_answering(std::uint64_t request) const {
  return request == requests_ && stream_->is_open() &&
         (state_ == State::kAnswering || state_ == State::kStreaming);
}

void HttpConnection::on_readable() {
  // While a request is being answered only a little of what follows is taken.
  const std::size_t most = state_ == State::kReading ? core::kReadBufferBytes : 4096;
  iovec part{server_.reactor.state().read_buffer(), most};
  absl::Status why;
  const ssize_t got = stream_->read(&part, 1, &why);
  if (got == 0) return;
  if (got < 0) {
    // A client may end its side and wait for the answer; who watches a stream does not.
    if (state_ != State::kAnswering) {
      return stream_->output_bytes() > 0 ? stream_->close_after_flush(std::move(why))
                                         : end(std::move(why));
    }
    peer_done_ = true;
    return stream_->stop_reading();
  }
  const bool was_empty = input_.empty();
  input_.append(static_cast<const char*>(part.iov_base), static_cast<std::size_t>(got));
  if (state_ != State::kReading) {
    if (input_.size() >= 2 * core::kMaxHttpHeaderBytes) stream_->stop_reading();
    return;
  }
  if (was_empty && parser_ == nullptr && requests_ > 0) {
    stream_->set_deadline(server_.reactor.now() + server_.options.header_timeout);
  }
  process();
}

// Requests that are complete, one after the other, until one waits for its answer.
void HttpConnection::process() {
  processing_ = true;
  while (state_ == State::kReading && stream_->is_open()) {
    // Who does not read the answers gets no more of them.
    if (stream_->output_bytes() > core::kSoftOutputBytes) break;
    if (input_.empty() || !read_request()) break;
    HttpRequest request = parser_->request();
    request.peer_address = SocketAddress::peer_of(stream_->fd()).to_string();
    keep_alive_ = parser_->is_keep_alive() && requests_ + 1 < core::kMaxHttpRequestsPerConnection;
    is_head_ = request.method == "HEAD";
    state_ = State::kAnswering;
    ++requests_;
    server_.reactor.mutable_counters().http_requests.add();
    stream_->set_deadline(core::TimePoint::max());
    server_.handler->on_request(request, HttpResponder(server_.server, id_, requests_));
    if (state_ == State::kReading) parser_.reset();
  }
  processing_ = false;
  if (input_.empty()) std::string().swap(input_);
}

// True when parser_ holds a whole request.
bool HttpConnection::read_request() {
  if (parser_ == nullptr) {
    in_body_ = false;
    parser_ = std::make_unique<HttpParser>(
        HttpParserLimits{core::kMaxHttpHeaderBytes, core::kMaxHttpHeaders,
                         core::kMaxHttpTargetBytes, server_.options.max_body_bytes});
  }
  std::size_t consumed = 0;
  const HttpParser::Progress progress = parser_->feed(input_, &consumed);
  input_.erase(0, consumed);
  switch (progress) {
    case HttpParser::Progress::kDone:
      return true;
    case HttpParser::Progress::kBad:
      refuse(parser_->error_status(), parser_->error_text());
      return false;
    case HttpParser::Progress::kNeedHead:
      return false;
    case HttpParser::Progress::kNeedBody:
      break;
  }
  if (!in_body_) {
    in_body_ = true;
    body_start_ = server_.reactor.now();
    body_bytes_ = 0;
    if (parser_->expects_continue() && input_.empty()) {
      write_text("HTTP/1.1 100 Continue\r\n\r\n");
    }
  } else {
    body_bytes_ += consumed;
  }
  // Every second that passes must have brought its bytes.
  const auto earned = std::chrono::milliseconds(body_bytes_ * 1000 / core::kMinHttpBodyRate);
  stream_->set_deadline(body_start_ + server_.options.header_timeout + earned);
  return false;
}

void HttpConnection::write_text(std::string_view text) {
  stream_->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void HttpConnection::write_head(const HttpResponse& response, bool has_length) {
  if (peer_done_) keep_alive_ = false;
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ",
                                  to_absl(http_reason(response.status)), "\r\n");
  if (!response.content_type.empty() && !has_no_body(response.status)) {
    absl::StrAppend(&head, "Content-Type: ", one_line(response.content_type), "\r\n");
  }
  if (has_length) {
    if (!has_no_body(response.status)) {
      absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\n");
    }
  } else if (is_chunked_) {
    absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, one_line(name), ": ", one_line(value), "\r\n");
  }
  if (!keep_alive_) absl::StrAppend(&head, "Connection: close\r\n");
  absl::StrAppend(&head, "\r\n");
  write_text(head);
}

void HttpConnection::note(const HttpResponse& response) {
  server_.reactor.flight().note(server_.reactor.now(), FlightKind::kHttp, 0,
                                static_cast<std::uint16_t>(response.status), response.body.size());
}

void HttpConnection::respond(const HttpResponse& response) {
  if (state_ == State::kStreaming) {  // too late for a head: the answer ends here
    end_stream();
    return;
  }
  note(response);
  write_head(response, true);
  if (!is_head_ && !has_no_body(response.status)) write_text(response.body);
  finish_answer();
}

void HttpConnection::begin_stream(const HttpResponse& response) {
  if (state_ == State::kStreaming) return;
  if (peer_done_) return end(absl::UnavailableError("peer closed the connection"));
  is_chunked_ = parser_->is_http_1_1();
  if (!is_chunked_) keep_alive_ = false;
  note(response);
  write_head(response, false);
  state_ = State::kStreaming;
  write_part(response.body);
}

bool HttpConnection::write_part(std::string_view part) {
  if (state_ != State::kStreaming) return false;
  if (part.empty() || is_head_) return true;
  if (!is_chunked_) {
    write_text(part);
  } else {
    write_text(absl::StrCat(absl::Hex(part.size()), "\r\n"));
    write_text(part);
    write_text("\r\n");
  }
  return stream_->is_open();
}

bool HttpConnection::end_stream() {
  if (state_ != State::kStreaming) return false;
  if (is_chunked_ && !is_head_) write_text("0\r\n\r\n");
  finish_answer();
  return true;
}

void HttpConnection::finish_answer() {
  closed_ = nullptr;
  drained_ = nullptr;
  if (!keep_alive_) {
    state_ = State::kEnded;
    return stream_->close_after_flush(absl::OkStatus());
  }
  state_ = State::kReading;
  stream_->set_deadline(server_.reactor.now() + (input_.empty() ? server_.options.idle_timeout
                                                                : server_.options.header_timeout));
  stream_->start_reading();
  if (processing_) return;  // process() goes on with the next
  parser_.reset();
  if (!input_.empty()) stream_->replay_later();
}

void HttpConnection::on_replay() { process(); }

void HttpConnection::on_drained() {
  if (state_ == State::kReading) return process();
  // A copy: it may complete the answer, which forgets the callback.
  if (const std::function<void()> callback = drained_; callback) callback();
}

void HttpConnection::on_deadline() {
  if (state_ != State::kReading) return;
  if (requests_ > 0 && input_.empty() && parser_ == nullptr) {
    return end(absl::DeadlineExceededError("idle"));
  }
  refuse(408, "the request took too long");
}

void HttpConnection::refuse(int status, const char* text) {
  server_.reactor.mutable_counters().http_refused.add();
  keep_alive_ = false;
  is_head_ = false;
  const HttpResponse response = text_response(status, text);
  write_head(response, true);
  write_text(response.body);
  state_ = State::kEnded;
  stream_->close_after_flush(absl::InvalidArgumentError(text));
}

void HttpConnection::end(absl::Status reason) { stream_->close(std::move(reason)); }

void HttpConnection::on_stream_closed(const absl::Status& /*reason*/) {
  state_ = State::kEnded;
  const std::function<void()> callback = std::move(closed_);
  server_.connections.erase(id_);  // `this` is gone
  if (callback) callback();
}

}  // namespace shoal::net
