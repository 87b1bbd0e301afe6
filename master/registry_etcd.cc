#include "master/registry_etcd.h"

#include <fmt/core.h>

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/status.h"
#include "core/text.h"
#include "master/etcd_limits.h"
#include "master/etcd_rows.h"
#include "master/registry_text.h"

namespace shoal::master {
namespace {

// What a put takes in a transaction besides its key and value.
constexpr std::size_t kOpBytes = 64;

std::size_t size_of(const EtcdOp& op) { return op.key.size() + op.value.size() + kOpBytes; }

std::size_t size_of(const std::vector<EtcdOp>& ops) {
  std::size_t sum = 0;
  for (const EtcdOp& op : ops) sum += size_of(op);
  return sum;
}

EtcdOp put_of(std::string key, std::string value) {
  return {.kind = EtcdOp::Kind::kPut,
          .key = std::move(key),
          .value = std::move(value),
          .range_end = {}};
}

// Parts that fit one transaction each.
std::vector<std::vector<EtcdOp>> pieces_of(const std::vector<EtcdOp>& ops) {
  std::vector<std::vector<EtcdOp>> pieces;
  std::size_t bytes = 0;
  for (const EtcdOp& op : ops) {
    if (pieces.empty() || pieces.back().size() == kMaxEtcdOps ||
        bytes + size_of(op) > kMaxEtcdTxnBytes) {
      pieces.emplace_back();
      bytes = 0;
    }
    pieces.back().push_back(op);
    bytes += size_of(op);
  }
  return pieces;
}

// The last change of each key: etcd refuses a transaction that writes a key twice.
std::vector<EtcdOp> last_changes(std::string_view rows_prefix,
                                 absl::Span<const core::RegistryRow> rows) {
  std::vector<EtcdOp> ops;
  absl::flat_hash_map<std::string, std::size_t> index_of;
  for (const core::RegistryRow& row : rows) {
    EtcdOp op = op_of(rows_prefix, row);
    const auto [found, is_new] = index_of.try_emplace(op.key, ops.size());
    if (is_new) {
      ops.push_back(std::move(op));
    } else {
      ops[found->second] = std::move(op);
    }
  }
  return ops;
}

constexpr std::string_view kCommit = "commit";

}  // namespace

EtcdRegistry::EtcdRegistry(std::unique_ptr<EtcdClient> client, const std::string& prefix,
                           std::optional<EtcdFence> fence)
    : client_(std::move(client)),
      cluster_key_(prefix + "/cluster"),
      rows_prefix_(prefix + "/rows/"),
      journal_prefix_(prefix + "/journal/"),
      fence_(std::move(fence)) {}

absl::StatusOr<std::unique_ptr<EtcdRegistry>> EtcdRegistry::open(std::unique_ptr<EtcdClient> client,
                                                                 const std::string& prefix,
                                                                 std::optional<EtcdFence> fence,
                                                                 const Cluster& cluster) {
  std::unique_ptr<EtcdRegistry> registry(
      new EtcdRegistry(std::move(client), prefix, std::move(fence)));
  if (absl::Status found = registry->find_cluster(cluster); !found.ok()) return found;
  if (registry->fence_.has_value()) {
    if (absl::Status done = registry->finish_journal(); !done.ok()) return done;
  }
  return registry;
}

std::string EtcdRegistry::place() const { return "the registry in etcd (" + cluster_key_ + ")"; }

absl::Status EtcdRegistry::find_cluster(const Cluster& cluster) {
  absl::StatusOr<EtcdRange> found = client_->range({.key = cluster_key_, .range_end = {}});
  if (!found.ok()) return found.status();
  if (!found->rows.empty()) return check_cluster(found->rows.front().value, cluster.expected);
  if (!fence_.has_value()) {
    return absl::NotFoundError(fmt::format("{}: there is no registry", place()));
  }
  cluster_id_ = cluster.expected != 0 ? cluster.expected : cluster.fresh;
  return commit({put_of(cluster_key_, cluster_value({cluster_id_, kRegistryFormat}))});
}

absl::Status EtcdRegistry::check_cluster(const std::string& value, std::uint64_t expected) {
  const absl::StatusOr<EtcdCluster> found = read_cluster(value);
  if (!found.ok()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: this is not a registry: {}", place(), core::message_of(found.status())));
  }
  if (found->format > kRegistryFormat) {
    return absl::FailedPreconditionError(
        fmt::format("{}: written by a newer version (format {}, this one knows {}); start that "
                    "version, or restore an older backup",
                    place(), found->format, kRegistryFormat));
  }
  cluster_id_ = found->cluster_id;
  if (expected == 0 || expected == cluster_id_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{}: it is of the cluster {:016x}, the folder of {:016x}; name another prefix, "
                  "or choose another --data",
                  place(), cluster_id_, expected));
}

absl::Status EtcdRegistry::commit(std::vector<EtcdOp> ops) {
  EtcdTxn txn;
  txn.compare.push_back({.what = EtcdCompare::What::kCreateRevision,
                         .key = fence_->key,
                         .revision = fence_->revision,
                         .value = {}});
  txn.compare.push_back(
      {.what = EtcdCompare::What::kValue, .key = fence_->key, .value = fence_->value});
  txn.success = std::move(ops);
  const absl::StatusOr<EtcdTxnAnswer> answer = client_->txn(txn);
  if (!answer.ok()) return answer.status();
  if (answer->succeeded) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("{}: this master no longer leads", place()));
}

absl::Status EtcdRegistry::apply(absl::Span<const core::RegistryRow> rows) {
  std::vector<EtcdOp> ops = last_changes(rows_prefix_, rows);
  if (ops.empty()) return absl::OkStatus();
  if (ops.size() <= kMaxEtcdOps && size_of(ops) <= kMaxEtcdTxnBytes) {
    return commit(std::move(ops));
  }
  if (absl::Status written = write_journal(ops); !written.ok()) return written;
  if (absl::Status done = commit_in_pieces(ops); !done.ok()) return done;
  return drop_journal();
}

absl::Status EtcdRegistry::commit_in_pieces(const std::vector<EtcdOp>& ops) {
  for (std::vector<EtcdOp>& piece : pieces_of(ops)) {
    if (absl::Status done = commit(std::move(piece)); !done.ok()) return done;
  }
  return absl::OkStatus();
}

absl::Status EtcdRegistry::write_journal(const std::vector<EtcdOp>& ops) {
  std::size_t parts = 0;
  for (const std::vector<EtcdOp>& piece : pieces_of(ops)) {
    const std::string key = fmt::format("{}{:08}", journal_prefix_, parts++);
    if (absl::Status put = commit({put_of(key, journal_part(piece))}); !put.ok()) return put;
  }
  const std::string key = journal_prefix_ + std::string(kCommit);
  return commit({put_of(key, fmt::format("{{\"parts\":{}}}", parts))});
}

absl::Status EtcdRegistry::drop_journal() {
  return commit({EtcdOp{.kind = EtcdOp::Kind::kDelete,
                        .key = journal_prefix_,
                        .value = {},
                        .range_end = prefix_end(journal_prefix_)}});
}

absl::Status EtcdRegistry::finish_journal() {
  const absl::StatusOr<std::vector<EtcdOp>> ops = read_journal(0);
  if (!ops.ok()) return ops.status();
  if (absl::Status done = commit_in_pieces(*ops); !done.ok()) return done;
  return drop_journal();
}

// Nothing, unless it counts.
absl::StatusOr<std::vector<EtcdOp>> EtcdRegistry::read_journal(std::int64_t revision) {
  const absl::StatusOr<Values> parts = read_all(journal_prefix_, &revision);
  if (!parts.ok()) return parts.status();
  std::vector<EtcdOp> ops;
  const auto commit = parts->find(journal_prefix_ + std::string(kCommit));
  if (commit == parts->end()) return ops;
  const auto damaged = [this](std::string_view key, std::string_view why) {
    return absl::DataLossError(
        fmt::format("{}: {} is damaged: {}; restore a backup (shoal registry restore)", place(),
                    core::printable(key), why));
  };
  if (commit->second != fmt::format("{{\"parts\":{}}}", parts->size() - 1)) {
    return damaged(commit->first, "there are not as many parts");
  }
  for (const auto& [key, value] : *parts) {
    if (key == commit->first) continue;
    absl::StatusOr<std::vector<EtcdOp>> part = read_journal_part(value);
    if (!part.ok()) return damaged(key, core::message_of(part.status()));
    for (EtcdOp& op : *part) ops.push_back(std::move(op));
  }
  return ops;
}

// As of `*revision`, or, if that is 0, of now, which it then becomes.
absl::StatusOr<EtcdRegistry::Values> EtcdRegistry::read_all(const std::string& prefix,
                                                            std::int64_t* revision) {
  Values values;
  EtcdRangeQuery query{.key = prefix,
                       .range_end = prefix_end(prefix),
                       .limit = kEtcdPageRows,
                       .revision = *revision};
  while (true) {
    absl::StatusOr<EtcdRange> page = client_->range(query);
    if (!page.ok()) return page.status();
    if (query.revision == 0) *revision = query.revision = page->revision;
    for (EtcdRow& row : page->rows) {
      if (!row.key.starts_with(prefix)) {
        return absl::InternalError(
            fmt::format("{}: etcd answered with '{}'", place(), core::printable(row.key)));
      }
      query.key = row.key + std::string(1, '\0');
      values[std::move(row.key)] = std::move(row.value);
    }
    if (!page->more || page->rows.empty()) return values;
  }
}

absl::StatusOr<core::RegistryContents> EtcdRegistry::load() {
  std::int64_t revision = 0;
  absl::StatusOr<Values> rows = read_all(rows_prefix_, &revision);
  if (!rows.ok()) return rows.status();
  // A leader may be in the middle of a large group.
  absl::StatusOr<std::vector<EtcdOp>> journal = read_journal(revision);
  if (!journal.ok()) return journal.status();
  for (EtcdOp& op : *journal) {
    if (op.kind == EtcdOp::Kind::kPut) {
      (*rows)[std::move(op.key)] = std::move(op.value);
    } else {
      rows->erase(op.key);
    }
  }
  core::RegistryContents contents;
  for (const auto& [key, value] : *rows) {
    const std::string_view name = std::string_view(key).substr(rows_prefix_.size());
    const absl::Status read = read_etcd_row(name, value, contents);
    if (read.ok()) continue;
    return absl::DataLossError(
        fmt::format("{}: the row '{}' is damaged: {}; restore a backup (shoal registry restore)",
                    place(), core::printable(name), core::message_of(read)));
  }
  return contents;
}

}  // namespace shoal::master
