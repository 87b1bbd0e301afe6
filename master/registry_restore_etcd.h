// A backup becomes the registry that several masters share in etcd.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/registry.h"
#include "master/etcd_target.h"

namespace shoal::master {

// Meanwhile it holds the leader key, so that no master leads. `replaces`: also where there is a
// registry already, which is lost; back it up before. After an error other than
// FAILED_PRECONDITION the registry may be there in part: do it again, with `replaces`. Errors:
// FAILED_PRECONDITION (masters are alive, or there is a registry and it may not be replaced:
// nothing is changed), UNAVAILABLE (no etcd).
absl::Status restore_registry_to_etcd(const EtcdTarget& target, std::uint64_t cluster_id,
                                      const core::RegistryContents& contents, bool replaces);

// All of them as rows to write.
std::vector<core::RegistryRow> rows_of(const core::RegistryContents& contents);

}  // namespace shoal::master
