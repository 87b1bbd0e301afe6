// The registry's rows as keys and values of etcd, below a prefix:
//
//   <prefix>/cluster              {"cluster_id":"<16 hex>","format":1}
//   <prefix>/rows/<table>/<key>   {"crc":…,"values":["…",…]}   columns as in registry_text.h
//   <prefix>/journal/<number>     a group of rows that is too large for one transaction, in parts
//   <prefix>/journal/commit       {"parts":…}: all of it counts from here on
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/registry.h"
#include "master/etcd_messages.h"

namespace shoal::master {

struct EtcdCluster {
  std::uint64_t cluster_id = 0;
  std::int64_t format = 0;
};
std::string cluster_value(const EtcdCluster& cluster);
// Errors of these three: INVALID_ARGUMENT, saying what is wrong.
absl::StatusOr<EtcdCluster> read_cluster(std::string_view json);

// Puts the row, or deletes it. `rows_prefix` ends with "/rows/".
EtcdOp op_of(std::string_view rows_prefix, const core::RegistryRow& row);
// Adds the row to `into`. `name` is its key without `rows_prefix`.
absl::Status read_etcd_row(std::string_view name, std::string_view value,
                           core::RegistryContents& into);

// Puts and deletes of single keys as text, and back.
std::string journal_part(const std::vector<EtcdOp>& ops);
absl::StatusOr<std::vector<EtcdOp>> read_journal_part(std::string_view text);

}  // namespace shoal::master
