// HOST:PORT texts and socket addresses.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace shoal::net {

// The two halves of HOST:PORT, checked for form only.
struct HostPort {
  std::string host;  // without the brackets of [::1]
  std::uint16_t port = 0;

  std::string to_string() const;  // brackets come back around an IPv6 address
};

// "127.0.0.1:5050", "[::1]:80", "localhost:0". Errors: INVALID_ARGUMENT with one line that names
// the text and what is wrong (empty, no port, port not a number or over 65535, IPv6 without
// brackets …).
absl::StatusOr<HostPort> parse_host_port(std::string_view text);

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size);

  // A numeric host only. Errors: INVALID_ARGUMENT.
  static absl::StatusOr<SocketAddress> from_numeric(const HostPort& host_port);
  static SocketAddress peer_of(int fd);  // empty when not connected
  static SocketAddress local_of(int fd);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return get()->sa_family; }
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  bool is_loopback() const;
  std::string to_string() const;  // "127.0.0.1:5050", "[::1]:80", "?" when empty

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// Names are looked up with a blocking getaddrinfo: at start-up only. At least one address, or
// UNAVAILABLE with the resolver's reason.
absl::StatusOr<std::vector<SocketAddress>> resolve_blocking(const HostPort& host_port);

}  // namespace shoal::net
