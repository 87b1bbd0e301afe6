#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace shoal::net {
namespace {

absl::Status malformed(std::string_view text, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("address '", std::string(text), "': ", why,
                                                 "; expected HOST:PORT, like 127.0.0.1:5050"));
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

absl::Status check_host(std::string_view text, std::string_view host) {
  if (host.empty()) return malformed(text, "the host is missing");
  if (host.size() > 253) return malformed(text, "the host name is longer than 253 characters");
  if (!std::all_of(host.begin(), host.end(), is_host_character)) {
    return malformed(text, "the host has a character that no host name has");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint16_t> parse_port(std::string_view text, std::string_view digits) {
  if (digits.empty()) return malformed(text, "the port is missing");
  const bool all_digits =
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!all_digits) return malformed(text, "the port is not a number");
  std::uint32_t port = 0;
  for (const char digit : digits) {
    port = port * 10 + static_cast<std::uint32_t>(digit - '0');
    if (port > 65535) return malformed(text, "the port is over 65535");
  }
  return static_cast<std::uint16_t>(port);
}

}  // namespace

std::string HostPort::to_string() const {
  if (host.find(':') != std::string::npos) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

absl::StatusOr<HostPort> parse_host_port(std::string_view text) {
  if (text.empty()) return malformed(text, "it is empty");
  HostPort result;
  std::string_view port;
  if (text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return malformed(text, "']' is missing");
    result.host = std::string(text.substr(1, end - 1));
    in6_addr ignored;
    if (inet_pton(AF_INET6, result.host.c_str(), &ignored) != 1) {
      return malformed(text, "what is in brackets is not an IPv6 address");
    }
    if (end + 1 == text.size()) return malformed(text, "the port is missing");
    if (text[end + 1] != ':') return malformed(text, "':' must follow ']'");
    port = text.substr(end + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return malformed(text, "the port is missing");
    if (text.find(':', colon + 1) != std::string_view::npos) {
      return malformed(text, "more than one ':'; an IPv6 address goes in brackets");
    }
    result.host = std::string(text.substr(0, colon));
    if (absl::Status status = check_host(text, result.host); !status.ok()) return status;
    port = text.substr(colon + 1);
  }
  const absl::StatusOr<std::uint16_t> number = parse_port(text, port);
  if (!number.ok()) return number.status();
  result.port = *number;
  return result;
}

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof storage_)) {
  std::memcpy(&storage_, address, size_);
}

absl::StatusOr<SocketAddress> SocketAddress::from_numeric(const HostPort& host_port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, host_port.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(host_port.port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  if (inet_pton(AF_INET6, host_port.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(host_port.port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", host_port.host, "' is not a numeric address"));
}

SocketAddress SocketAddress::peer_of(int fd) {
  SocketAddress result;
  socklen_t size = sizeof result.storage_;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&result.storage_), &size) == 0) {
    result.size_ = size;
  }
  return result;
}

SocketAddress SocketAddress::local_of(int fd) {
  SocketAddress result;
  socklen_t size = sizeof result.storage_;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&result.storage_), &size) == 0) {
    result.size_ = size;
  }
  return result;
}

std::uint16_t SocketAddress::port() const {
  if (size_ == 0) return 0;
  if (family() == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  }
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

bool SocketAddress::is_loopback() const {
  if (size_ == 0) return false;
  if (family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  if (family() == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
  }
  return false;
}

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (size_ == 0) return "?";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text,
              sizeof text);
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text,
              sizeof text);
  } else {
    return "?";
  }
  return HostPort{text, port()}.to_string();
}

absl::StatusOr<std::vector<SocketAddress>> resolve_blocking(const HostPort& host_port) {
  absl::StatusOr<SocketAddress> numeric = SocketAddress::from_numeric(host_port);
  if (numeric.ok()) return std::vector<SocketAddress>{*numeric};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host_port.host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve '", host_port.host, "': ", gai_strerror(code)));
  }
  std::vector<SocketAddress> result;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    result.emplace_back(at->ai_addr, at->ai_addrlen);
    result.back().set_port(host_port.port);
  }
  freeaddrinfo(list);
  return result;
}

}  // namespace shoal::net
