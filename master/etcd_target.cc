#include "master/etcd_target.h"

#include <algorithm>

#include "core/status.h"
#include "core/text.h"
#include "master/etcd_limits.h"
#include "net/address.h"

namespace shoal::master {
namespace {

constexpr std::string_view kScheme = "etcd://";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '/';
}

absl::Status check_prefix(std::string_view prefix) {
  if (prefix.size() > kMaxEtcdPrefixBytes) {
    return core::invalid("the prefix after the addresses has {} bytes, at most {} are possible",
                         prefix.size(), kMaxEtcdPrefixBytes);
  }
  if (!std::all_of(prefix.begin(), prefix.end(), is_plain)) {
    return core::invalid("'{}' is no prefix of keys: letters, digits and . _ - / are possible",
                         core::printable(prefix));
  }
  return absl::OkStatus();
}

}  // namespace

bool is_etcd_target(std::string_view text) { return text.starts_with(kScheme); }

absl::StatusOr<EtcdTarget> parse_etcd_target(std::string_view text) {
  if (!is_etcd_target(text)) {
    return core::invalid("'{}' is not etcd://HOST:PORT[,HOST:PORT][/PREFIX]",
                         core::printable(text));
  }
  text.remove_prefix(kScheme.size());
  EtcdTarget target;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    std::string_view prefix = text.substr(slash);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (absl::Status ok = check_prefix(prefix); !ok.ok()) return ok;
    if (!prefix.empty()) target.prefix = prefix;
  }
  for (const std::string_view part : core::split(text.substr(0, slash), ',')) {
    const absl::StatusOr<net::HostPort> address = net::parse_host_port(part);
    if (!address.ok()) return address.status();
    if (address->port == 0) {
      return core::invalid("'{}': port 0 is nobody's", core::printable(part));
    }
    target.endpoints.push_back(address->to_string());
  }
  if (target.endpoints.size() > kMaxEtcdEndpoints) {
    return core::invalid("{} addresses of etcd; at most {} are possible", target.endpoints.size(),
                         kMaxEtcdEndpoints);
  }
  return target;
}

}  // namespace shoal::master
