// Where the masters of a cluster meet: etcd://HOST:PORT[,HOST:PORT…][/PREFIX][?ACCESS], or etcds://
// by TLS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/etcd_access.h"

namespace shoal::master {

struct EtcdTarget {
  std::vector<std::string> endpoints;  // HOST:PORT of each member that is known
  std::string prefix = "/shoal";       // of all keys; begins with '/', does not end with one
  net::EtcdAccess access{};
};

bool is_etcd_target(std::string_view text);  // begins as one

// Errors: INVALID_ARGUMENT, one line that names what is wrong.
absl::StatusOr<EtcdTarget> parse_etcd_target(std::string_view text);

}  // namespace shoal::master
