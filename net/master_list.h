// Where the masters of a cluster are, as people name them: a list of addresses, or the etcd that
// knows who leads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/address.h"
#include "net/etcd_access.h"

namespace shoal::net {

// The leader's address is in a key of etcd.
struct LeaderInEtcd {
  std::vector<HostPort> members;  // any of them can answer; at least one
  std::string prefix;             // "/shoal": the key is <prefix>/leader
  EtcdAccess access{};
};

// One of the two.
struct MasterList {
  std::vector<HostPort> addresses;  // tried in this order
  std::optional<LeaderInEtcd> etcd;

  MasterList() = default;
  MasterList(HostPort one) : addresses{std::move(one)} {}  // NOLINT(google-explicit-constructor)

  // "10.0.0.1:7070, 10.0.0.2:7070", "etcd://10.0.0.1:2379/shoal"; without what gives access.
  std::string to_string() const;
};

// "HOST:PORT[,…]" or "etcd[s]://HOST:PORT[,…][/PREFIX][?ACCESS]" (else /shoal; net/etcd_access.h),
// each up to core::kMaxMasters. A HOST alone means core::kDefaultMasterPort where
// `port_may_be_left_out`. Errors: INVALID_ARGUMENT with one line that says what is wrong where.
absl::StatusOr<MasterList> parse_master_list(std::string_view text,
                                             bool port_may_be_left_out = false);

}  // namespace shoal::net
