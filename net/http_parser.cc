#include "net/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <functional>
#include <iterator>

#include "absl/strings/match.h"

namespace shoal::net {
namespace {

namespace http = boost::beast::http;

std::string_view to_std(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_token(std::string_view text, absl::string_view expected) {
  return absl::EqualsIgnoreCase(absl::string_view(text.data(), text.size()), expected);
}

}  // namespace

struct HttpParser::Impl {
  http::request_parser<http::string_body> parser;
  std::size_t fields = 0;  // of the head; more of them after the body are trailers
  std::function<void(std::uint64_t, boost::beast::string_view, boost::beast::error_code&)>
      on_chunk =
          [](std::uint64_t, boost::beast::string_view extensions, boost::beast::error_code& error) {
            if (!extensions.empty()) error = http::error::bad_chunk_extension;
          };
};

HttpParser::HttpParser(const HttpParserLimits& limits)
    : limits_(limits), impl_(std::make_unique<Impl>()) {
  impl_->parser.eager(true);
  impl_->parser.on_chunk_header(impl_->on_chunk);  // kept by reference
  impl_->parser.header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
  impl_->parser.body_limit(limits.max_body_bytes);
}

HttpParser::~HttpParser() = default;

HttpParser::Progress HttpParser::bad(int status, const char* text) {
  error_status_ = status;
  error_text_ = text;
  return Progress::kBad;
}

HttpParser::Progress HttpParser::feed(std::string_view input, std::size_t* consumed) {
  *consumed = 0;
  return head_done_ ? feed_body(input, consumed) : feed_head(input, consumed);
}

// Looks at bytes of the head that were not looked at before, up to and including its end. Returns
// what is wrong, or nullptr; head_bytes_ is set when the end was found.
const char* HttpParser::check_head_bytes(std::string_view fresh) {
  for (const char c : fresh) {
    const char previous = last_[2];
    if (c == '\0') return "NUL in the header";
    if (previous == '\r' && c != '\n') return "bare CR";
    if (c == '\n' && previous != '\r') return "bare LF";
    if (previous == '\n') {  // the first byte of a line
      in_request_line_ = false;
      in_field_name_ = true;
      if (c == ' ' || c == '\t') return "folded header line";
    }
    if (in_field_name_ && c == ':') {
      if (previous == ' ' || previous == '\t') return "space before the colon";
      in_field_name_ = false;
    }
    if (in_request_line_ && c == '\t') return "tab in the request line";
    ++scanned_;
    const bool ends = c == '\n' && last_[0] == '\r' && last_[1] == '\n' && previous == '\r';
    last_[0] = last_[1];
    last_[1] = previous;
    last_[2] = c;
    if (ends) {
      head_bytes_ = scanned_;
      return nullptr;
    }
  }
  return nullptr;
}

HttpParser::Progress HttpParser::feed_head(std::string_view input, std::size_t* consumed) {
  const char* wrong = check_head_bytes(input.substr(scanned_));
  if (wrong != nullptr) return bad(400, wrong);
  if (scanned_ > limits_.max_header_bytes) return bad(431, "header too large");
  if (head_bytes_ == 0) return Progress::kNeedHead;
  boost::beast::error_code error;
  const std::size_t used =
      impl_->parser.put(boost::asio::const_buffer(input.data(), head_bytes_), error);
  if (error == http::error::header_limit) return bad(431, "header too large");
  if (error == http::error::body_limit) return bad(413, "body too large");
  if (error && error != http::error::need_more) return bad(400, "malformed request");
  if (!impl_->parser.is_header_done() || used != head_bytes_) {
    return bad(400, "malformed request");
  }
  head_done_ = true;
  *consumed = used;
  const Progress progress = check_head();
  if (progress != Progress::kDone) return progress;
  if (impl_->parser.is_done()) return Progress::kDone;
  std::size_t body = 0;
  const Progress rest = feed_body(input.substr(used), &body);
  *consumed += body;
  return rest;
}

// kDone: nothing is wrong with it.
HttpParser::Progress HttpParser::check_head() {
  const auto& message = impl_->parser.get();
  const unsigned version = message.version();
  if (version != 11 && version != 10) return bad(505, "only HTTP/1.1 and 1.0 are spoken here");
  const std::string_view method = to_std(message.method_string());
  if (method == "CONNECT" || method == "TRACE") {
    return bad(501, "this is no proxy: CONNECT and TRACE are refused");
  }
  const auto count = [&](http::field field) { return message.count(field); };
  impl_->fields = static_cast<std::size_t>(std::distance(message.begin(), message.end()));
  if (impl_->fields > limits_.max_headers) return bad(431, "too many headers");
  if (count(http::field::host) > 1) return bad(400, "more than one Host");
  if (version == 11 && count(http::field::host) == 0) return bad(400, "no Host");
  const std::size_t codings = count(http::field::transfer_encoding);
  const std::size_t lengths = count(http::field::content_length);
  if (lengths > 1) return bad(400, "more than one Content-Length");
  if (lengths == 1) {  // Beast takes a list of equal numbers for one
    const std::string_view length = to_std(message[http::field::content_length]);
    if (length.find_first_not_of("0123456789") != std::string_view::npos) {
      return bad(400, "malformed Content-Length");
    }
  }
  if (codings > 0) {
    if (lengths > 0) return bad(400, "both Content-Length and Transfer-Encoding");
    if (version == 10) return bad(400, "Transfer-Encoding in HTTP/1.0");
    if (codings > 1 || !is_token(to_std(message[http::field::transfer_encoding]), "chunked")) {
      return bad(400, "unknown transfer coding");
    }
  }
  if (count(http::field::upgrade) > 0) return bad(501, "no upgrade is possible");
  if (count(http::field::expect) > 0 &&
      !is_token(to_std(message[http::field::expect]), "100-continue")) {
    return bad(417, "unknown expectation");
  }
  return check_target();
}

HttpParser::Progress HttpParser::check_target() {
  const std::string_view target = to_std(impl_->parser.get().target());
  if (target.size() > limits_.max_target_bytes) return bad(414, "target too long");
  if (target.empty() || target.front() != '/') return bad(400, "the target must start with '/'");
  if (target.find('#') != std::string_view::npos) return bad(400, "fragment in the target");
  if (!normalise_path(target.substr(0, target.find('?')))) return bad(400, "malformed path");
  return Progress::kDone;
}

HttpParser::Progress HttpParser::feed_body(std::string_view input, std::size_t* consumed) {
  while (*consumed < input.size()) {
    boost::beast::error_code error;
    const std::size_t used = impl_->parser.put(
        boost::asio::const_buffer(input.data() + *consumed, input.size() - *consumed), error);
    *consumed += used;
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit) return bad(413, "body too large");
    if (error == http::error::bad_chunk_extension) return bad(400, "chunk extensions are refused");
    if (error) return bad(400, "malformed body");
    if (impl_->parser.is_done() || used == 0) break;
  }
  if (!impl_->parser.is_done()) {
    // What is left is the start of a chunk header or of the trailer: both are short.
    if (input.size() - *consumed > limits_.max_header_bytes) return bad(400, "malformed body");
    return Progress::kNeedBody;
  }
  const auto& message = impl_->parser.get();
  if (static_cast<std::size_t>(std::distance(message.begin(), message.end())) != impl_->fields) {
    return bad(400, "trailers are refused");
  }
  return Progress::kDone;
}

bool HttpParser::expects_continue() const {
  return is_http_1_1() && impl_->parser.get().count(http::field::expect) > 0;
}

bool HttpParser::is_keep_alive() const { return is_http_1_1() && impl_->parser.keep_alive(); }

bool HttpParser::is_http_1_1() const { return impl_->parser.get().version() == 11; }

HttpRequest HttpParser::request() const {
  const auto& message = impl_->parser.get();
  HttpRequest request;
  request.method = to_std(message.method_string());
  request.target = to_std(message.target());
  const std::size_t question = request.target.find('?');
  request.path = *normalise_path(request.target.substr(0, question));
  if (question != std::string_view::npos) request.query = request.target.substr(question + 1);
  request.body = message.body();
  request.headers.reserve(impl_->fields);
  for (const auto& field : message) {
    request.headers.emplace_back(to_std(field.name_string()), to_std(field.value()));
  }
  return request;
}

}  // namespace shoal::net
