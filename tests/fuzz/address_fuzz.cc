// HOST:PORT from flags and from peers, lists of masters, what etcd says of the leader. What parses
// must print, and parse again to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/address.h"
#include "net/leader_query.h"
#include "net/master_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using shoal::net::parse_host_port;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto masters = shoal::net::parse_master_list(text); masters.ok()) {
    const auto again = shoal::net::parse_master_list(masters->to_string());
    if (!again.ok() || again->to_string() != masters->to_string()) std::abort();
  }
  if (const auto leader = shoal::net::leader_in_range_answer(text); leader.ok()) {
    if (!parse_host_port(leader->to_string()).ok()) std::abort();
  }
  const auto address = parse_host_port(text);
  if (!address.ok()) return 0;
  const auto again = parse_host_port(address->to_string());
  if (!again.ok() || again->host != address->host || again->port != address->port) std::abort();
  (void)shoal::net::SocketAddress::from_numeric(*address);
  return 0;
}
