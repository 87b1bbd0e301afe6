// HTTP/1.1 messages as plain values; no library type is visible here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::net {

// One request, whole. Valid during HttpHandler::on_request only: copy what outlives it.
struct HttpRequest {
  std::string_view method;  // "GET", "HEAD", "POST", …; CONNECT and TRACE never get here
  std::string_view target;  // as sent
  std::string path;         // percent-decoded once; valid UTF-8, starts with '/', no '.' or '..'
  std::string query;        // after '?', as sent
  std::string_view body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string peer_address;

  // First header of that name, any case; empty when there is none.
  std::string_view header(std::string_view name) const;
  // First value of name in the query, decoded ('+' is a space); nullopt when absent or malformed.
  std::optional<std::string> query_parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

HttpResponse text_response(int status, std::string_view text);      // text/plain, ends in a newline
HttpResponse not_found();                                           // 404
HttpResponse method_not_allowed(std::string_view allowed_methods);  // 405; "GET, HEAD"

std::string_view http_reason(int status);  // "OK", "Not Found", …

// Percent-decoding, once. Errors are nullopt: malformed '%', NUL, control characters, bad UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// The path of an origin-form target, decoded and checked as HttpRequest::path says; nullopt:
// refuse.
std::optional<std::string> normalise_path(std::string_view raw_path);

}  // namespace shoal::net
