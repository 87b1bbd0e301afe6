// Reads one HTTP/1.1 request from a stream of bytes. Boost.Beast's parser does the grammar; this
// adds what it lets pass: bare CR and LF, folded lines, repeated or missing Host, any transfer
// coding but one plain "chunked", chunk extensions, trailers, odd targets. Sources: RFC 9112;
// https://portswigger.net/research/http-desync-attacks.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace shoal::net {

struct HttpParserLimits {
  std::size_t max_header_bytes;
  std::size_t max_headers;
  std::size_t max_target_bytes;
  std::size_t max_body_bytes;
};

class HttpParser {
 public:
  enum class Progress { kNeedHead, kNeedBody, kDone, kBad };

  explicit HttpParser(const HttpParserLimits& limits);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // Looks at the unconsumed input from its start; `*consumed` bytes are not to be shown again.
  // After kBad: error_status() and error_text(), and the connection is of no more use.
  Progress feed(std::string_view input, std::size_t* consumed);

  int error_status() const { return error_status_; }
  const char* error_text() const { return error_text_; }

  // From kNeedBody on.
  bool expects_continue() const;
  // From kDone on; views into this parser.
  HttpRequest request() const;
  bool is_keep_alive() const;
  bool is_http_1_1() const;

 private:
  struct Impl;

  Progress bad(int status, const char* text);
  Progress feed_head(std::string_view input, std::size_t* consumed);
  Progress feed_body(std::string_view input, std::size_t* consumed);
  Progress check_head();
  Progress check_target();
  const char* check_head_bytes(std::string_view fresh);

  HttpParserLimits limits_;
  std::unique_ptr<Impl> impl_;
  std::size_t scanned_ = 0;   // bytes of the head that passed check_head_bytes
  char last_[3] = {0, 0, 0};  // the three bytes before, oldest first
  bool in_field_name_ = false;
  bool in_request_line_ = true;
  bool head_done_ = false;
  std::size_t head_bytes_ = 0;
  int error_status_ = 0;
  const char* error_text_ = "";
};

}  // namespace shoal::net
