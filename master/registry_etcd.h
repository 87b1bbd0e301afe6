// The registry in etcd, for several masters. Every transaction holds only while the leader key is
// the one that this master made: a master that no longer leads cannot write, whatever it believes.
//
// All or nothing: a group of rows is one transaction as long as it has at most kMaxEtcdOps
// and kMaxEtcdTxnBytes. A larger one is written down beside the rows first, in parts, and
// counts from the transaction that puts <prefix>/journal/commit; it is then done in as many
// transactions as it takes, by whoever leads. Whoever reads sees all of it, or nothing.
//
// After a transaction that was not answered nobody knows whether it was applied, or still will be,
// until the leader key changes. So apply() never tries again, and its master has to stop leading.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "master/etcd_client.h"
#include "master/registry.h"

namespace shoal::master {

// The leader key as its master made it.
struct EtcdFence {
  std::string key;
  std::string value;
  std::int64_t revision = 0;  // of its making: the epoch
};

class EtcdRegistry final : public RegistryStore {
 public:
  struct Cluster {
    std::uint64_t expected = 0;  // 0: any
    std::uint64_t fresh = 0;     // what one without an id becomes, if none is expected
  };

  // With a fence: to write; it is made when there is none, and a group that an earlier leader did
  // not finish is finished. Without: to read. Errors: UNAVAILABLE (no etcd, or no longer the
  // leader), FAILED_PRECONDITION (of a newer version, of another cluster), NOT_FOUND (to read, and
  // there is none), DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<EtcdRegistry>> open(std::unique_ptr<EtcdClient> client,
                                                            const std::string& prefix,
                                                            std::optional<EtcdFence> fence,
                                                            const Cluster& cluster);

  absl::StatusOr<core::RegistryContents> load() override;
  absl::Status apply(absl::Span<const core::RegistryRow> rows) override;
  void cancel() override { client_->cancel(); }

  std::uint64_t cluster_id() const { return cluster_id_; }

 private:
  using Values = std::map<std::string, std::string>;  // by key

  EtcdRegistry(std::unique_ptr<EtcdClient> client, const std::string& prefix,
               std::optional<EtcdFence> fence);

  absl::Status find_cluster(const Cluster& cluster);
  absl::Status check_cluster(const std::string& value, std::uint64_t expected);
  absl::Status commit(std::vector<EtcdOp> ops);
  absl::Status commit_in_pieces(const std::vector<EtcdOp>& ops);
  absl::Status write_journal(const std::vector<EtcdOp>& ops);
  absl::Status drop_journal();
  absl::Status finish_journal();
  absl::StatusOr<std::vector<EtcdOp>> read_journal(std::int64_t revision);
  absl::StatusOr<Values> read_all(const std::string& prefix, std::int64_t* revision);
  std::string place() const;  // for messages

  std::unique_ptr<EtcdClient> client_;
  const std::string cluster_key_;
  const std::string rows_prefix_;     // ends with '/'
  const std::string journal_prefix_;  // ends with '/'
  const std::optional<EtcdFence> fence_;
  std::uint64_t cluster_id_ = 0;
};

}  // namespace shoal::master
