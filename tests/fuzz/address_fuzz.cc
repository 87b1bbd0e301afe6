// HOST:PORT from flags and from peers. What parses must print, and parse again to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using shoal::net::parse_host_port;
  const auto address = parse_host_port({reinterpret_cast<const char*>(data), size});
  if (!address.ok()) return 0;
  const auto again = parse_host_port(address->to_string());
  if (!again.ok() || again->host != address->host || again->port != address->port) std::abort();
  (void)shoal::net::SocketAddress::from_numeric(*address);
  return 0;
}
