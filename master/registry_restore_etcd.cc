#include "master/registry_restore_etcd.h"

#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "master/etcd_client.h"
#include "master/etcd_rows.h"
#include "master/registry_etcd.h"
#include "master/registry_text.h"

namespace shoal::master {
namespace {

constexpr std::chrono::seconds kTimeout{5};    // for each member that is asked
constexpr std::chrono::seconds kPatience{60};  // of the leader key; it is given back at the end

class Restoring {
 public:
  explicit Restoring(const EtcdTarget& target)
      : target_(target), client_(options_of(target)), prefix_(target.prefix) {}
  ~Restoring() {
    if (lease_ != 0) client_.revoke_lease(lease_).IgnoreError();
  }
  Restoring(const Restoring&) = delete;
  Restoring& operator=(const Restoring&) = delete;

  absl::Status run(std::uint64_t cluster_id, const core::RegistryContents& contents,
                   bool replaces) {
    if (absl::Status alone = check_alone(); !alone.ok()) return alone;
    if (absl::Status held = hold_leader_key(); !held.ok()) return held;
    if (absl::Status begun = begin(cluster_id, replaces); !begun.ok()) return begun;
    auto registry = EtcdRegistry::open(std::make_unique<EtcdClient>(options_of(target_)), prefix_,
                                       fence_, {.expected = cluster_id, .fresh = cluster_id});
    if (!registry.ok()) return registry.status();
    return (*registry)->apply(rows_of(contents));
  }

 private:
  static EtcdOptions options_of(const EtcdTarget& target) {
    return {.endpoints = target.endpoints, .timeout = kTimeout, .access = target.access};
  }
  static EtcdOp drop_all(const std::string& prefix) {
    return {
        .kind = EtcdOp::Kind::kDelete, .key = prefix, .value = {}, .range_end = prefix_end(prefix)};
  }
  static EtcdCompare absent(const std::string& key) { return {.key = key, .value = {}}; }

  absl::Status check_alone() {
    const std::string masters = prefix_ + "/masters/";
    const absl::StatusOr<EtcdRange> alive =
        client_.range({.key = masters, .range_end = prefix_end(masters)});
    if (!alive.ok()) return alive.status();
    if (alive->rows.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(fmt::format(
        "{} masters are alive at {}: stop them all first, and look again when their leases have "
        "run out",
        alive->rows.size(), core::printable(prefix_)));
  }

  absl::Status hold_leader_key() {
    const absl::StatusOr<EtcdLease> lease = client_.grant_lease(kPatience);
    if (!lease.ok()) return lease.status();
    lease_ = lease->id;
    fence_ = {.key = prefix_ + "/leader", .value = R"({"address":"","id":"restore"})"};
    const absl::StatusOr<EtcdTxnAnswer> made = client_.txn(
        {.compare = {absent(fence_.key)},
         .success = {{.key = fence_.key, .value = fence_.value, .range_end = {}, .lease = lease_}},
         .failure = {}});
    if (!made.ok()) return made.status();
    if (!made->succeeded) {
      return absl::FailedPreconditionError(
          fmt::format("somebody leads at {}: stop all masters first", core::printable(prefix_)));
    }
    fence_.revision = made->revision;
    return absl::OkStatus();
  }

  // In one transaction what was there goes, and the cluster's id comes.
  absl::Status begin(std::uint64_t cluster_id, bool replaces) {
    const std::string cluster_key = prefix_ + "/cluster";
    EtcdTxn txn;
    txn.compare.push_back({.what = EtcdCompare::What::kCreateRevision,
                           .key = fence_.key,
                           .revision = fence_.revision,
                           .value = {}});
    if (!replaces) txn.compare.push_back(absent(cluster_key));
    txn.success = {drop_all(prefix_ + "/rows/"),
                   drop_all(prefix_ + "/journal/"),
                   {.key = cluster_key,
                    .value = cluster_value({cluster_id, kRegistryFormat}),
                    .range_end = {}}};
    const absl::StatusOr<EtcdTxnAnswer> done = client_.txn(txn);
    if (!done.ok()) return done.status();
    if (done->succeeded) return absl::OkStatus();
    return absl::FailedPreconditionError(fmt::format(
        "there is a registry at {} already: name another prefix, or back it up and say --force",
        core::printable(prefix_)));
  }

  const EtcdTarget& target_;
  EtcdClient client_;
  const std::string prefix_;
  std::int64_t lease_ = 0;
  EtcdFence fence_;
};

}  // namespace

std::vector<core::RegistryRow> rows_of(const core::RegistryContents& contents) {
  std::vector<core::RegistryRow> rows(contents.agents.begin(), contents.agents.end());
  rows.insert(rows.end(), contents.frameworks.begin(), contents.frameworks.end());
  rows.insert(rows.end(), contents.roles.begin(), contents.roles.end());
  return rows;
}

absl::Status restore_registry_to_etcd(const EtcdTarget& target, std::uint64_t cluster_id,
                                      const core::RegistryContents& contents, bool replaces) {
  return Restoring(target).run(cluster_id, contents, replaces);
}

}  // namespace shoal::master
