#include "net/sender_check.h"

#include <fmt/core.h>

#include "core/text.h"
#include "net/address.h"

namespace shoal::net {
namespace {

bool is_own_host(std::string_view host) {
  const absl::StatusOr<HostPort> parsed = parse_host_port(host);
  return parsed.ok() && (parsed->host == "localhost" || SocketAddress::from_numeric(*parsed).ok());
}

}  // namespace

std::optional<SenderFault> fault_of_sender(const HttpRequest& request) {
  const std::string_view origin = request.header("Origin");
  const std::string_view host = request.header("Host");
  if (!origin.empty() && origin != fmt::format("http://{}", host) &&
      origin != fmt::format("https://{}", host)) {
    return SenderFault{403, "denied", fmt::format("requests of pages of {} are refused", origin)};
  }
  // A name may be somebody else's who lets it mean this address.
  if (!origin.empty() && !is_own_host(host)) {
    return SenderFault{
        403, "denied",
        fmt::format("pages may act by this daemon's address or localhost only, not by {}", host)};
  }
  const std::string_view type = request.header("Content-Type");
  if (request.method == "DELETE" && request.body.empty()) return std::nullopt;
  if (core::strip(type.substr(0, type.find(';'))) == "application/json") return std::nullopt;
  return SenderFault{415, "wrong_type", "say Content-Type: application/json"};
}

}  // namespace shoal::net
