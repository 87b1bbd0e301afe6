#include "net/master_list.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limits.h"
#include "core/text.h"

namespace shoal::net {
namespace {

constexpr std::string_view kEtcdScheme = "etcd://";
constexpr std::string_view kEtcdTlsScheme = "etcds://";
constexpr std::string_view kDefaultPrefix = "/shoal";
constexpr std::size_t kMaxPrefixBytes = 256;

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusOr<std::vector<HostPort>> parse_addresses(std::string_view text,
                                                      std::uint16_t default_port) {
  std::vector<HostPort> addresses;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string item(core::strip(text.substr(0, comma)));
    const bool has_port = item.empty() || item.find(':') != std::string::npos;
    if (!has_port && default_port != 0) absl::StrAppend(&item, ":", default_port);
    auto address = parse_host_port(item);
    if (!address.ok()) return address.status();
    if (address->port == 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", item, "': the port is 0"));
    }
    const auto is_same = [&](const HostPort& other) {
      return other.host == address->host && other.port == address->port;
    };
    if (std::any_of(addresses.begin(), addresses.end(), is_same)) {
      return absl::InvalidArgumentError(absl::StrCat("'", item, "' is named twice"));
    }
    if (addresses.size() == core::kMaxMasters) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", core::kMaxMasters, " addresses are named"));
    }
    addresses.push_back(*std::move(address));
    if (comma == std::string_view::npos) return addresses;
    text.remove_prefix(comma + 1);
  }
}

absl::StatusOr<std::string> parse_prefix(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty()) return std::string(kDefaultPrefix);
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; };
  if (text.size() > kMaxPrefixBytes || !std::all_of(text.begin(), text.end(), is_plain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", core::printable(text, 80), "' is no prefix of keys in etcd: up to ",
                     kMaxPrefixBytes, " characters of ASCII without spaces, ? and #"));
  }
  return std::string(text);
}

// "HOST:PORT[,HOST:PORT…][/PREFIX][?ACCESS]"
absl::StatusOr<LeaderInEtcd> parse_etcd(bool is_encrypted, std::string_view text) {
  const std::size_t question = std::min(text.find('?'), text.size());
  const std::string_view place = text.substr(0, question);
  const std::size_t slash = std::min(place.find('/'), place.size());
  auto members = parse_addresses(place.substr(0, slash), 0);
  if (!members.ok()) return members.status();
  auto prefix = parse_prefix(place.substr(slash));
  if (!prefix.ok()) return prefix.status();
  auto access = parse_etcd_access(is_encrypted, text.substr(std::min(question + 1, text.size())));
  if (!access.ok()) return access.status();
  return LeaderInEtcd{*std::move(members), *std::move(prefix), *std::move(access)};
}

std::string join(const std::vector<HostPort>& addresses, std::string_view separator) {
  std::string text;
  for (const HostPort& address : addresses) {
    absl::StrAppend(&text, text.empty() ? "" : view(separator), address.to_string());
  }
  return text;
}

}  // namespace

std::string MasterList::to_string() const {
  if (!etcd.has_value()) return join(addresses, ", ");
  return absl::StrCat(view(etcd->access.is_encrypted ? kEtcdTlsScheme : kEtcdScheme),
                      join(etcd->members, ","), etcd->prefix);
}

absl::StatusOr<MasterList> parse_master_list(std::string_view text, bool port_may_be_left_out) {
  MasterList list;
  for (const std::string_view scheme : {kEtcdScheme, kEtcdTlsScheme}) {
    if (!text.starts_with(scheme)) continue;
    auto etcd = parse_etcd(scheme == kEtcdTlsScheme, text.substr(scheme.size()));
    if (!etcd.ok()) return etcd.status();
    list.etcd = *std::move(etcd);
    return list;
  }
  auto addresses = parse_addresses(text, port_may_be_left_out ? core::kDefaultMasterPort : 0);
  if (!addresses.ok()) return addresses.status();
  list.addresses = *std::move(addresses);
  return list;
}

}  // namespace shoal::net
