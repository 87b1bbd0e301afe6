#include "master/etcd_target.h"

#include "core/status.h"
#include "core/text.h"
#include "net/master_list.h"

namespace shoal::master {

bool is_etcd_target(std::string_view text) {
  return text.starts_with("etcd://") || text.starts_with("etcds://");
}

absl::StatusOr<EtcdTarget> parse_etcd_target(std::string_view text) {
  if (!is_etcd_target(text)) {
    return core::invalid("'{}' is not etcd://HOST:PORT[,HOST:PORT][/PREFIX], or etcds:// with TLS",
                         core::printable(text));
  }
  const absl::StatusOr<net::MasterList> list = net::parse_master_list(text);
  if (!list.ok()) return list.status();
  EtcdTarget target;
  target.prefix = list->etcd->prefix;
  target.access = list->etcd->access;
  for (const net::HostPort& member : list->etcd->members) {
    target.endpoints.push_back(member.to_string());
  }
  return target;
}

}  // namespace shoal::master
