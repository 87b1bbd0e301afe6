// The registry in a SQLite database: one file, nothing to install, a durable write in a fraction of
// a millisecond. For one master; several need a store that they share.
//
// <path> and its -wal and -shm: write-ahead log, every transaction synced. The tables are those of
// registry_text.h, all columns text, with a checksum a row; `meta` has the format's version and the
// cluster's id. SQLite's own tools may read it at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "master/registry.h"

struct sqlite3;
struct sqlite3_stmt;

namespace shoal::master {

class SqliteRegistry final : public RegistryStore {
 public:
  enum class Mode { kWrite, kRead };

  // kWrite makes it when it is missing. Errors, one line that names the path: FAILED_PRECONDITION
  // (of a newer version, of another cluster, not a database, or what the system refuses), NOT_FOUND
  // (kRead: no such file). `cluster_id` 0: of any cluster.
  static absl::StatusOr<std::unique_ptr<SqliteRegistry>> open(const std::string& path,
                                                              std::uint64_t cluster_id, Mode mode);
  ~SqliteRegistry() override;

  absl::StatusOr<core::RegistryContents> load() override;
  absl::Status apply(absl::Span<const core::RegistryRow> rows) override;

  std::uint64_t cluster_id() const { return cluster_id_; }
  // DATA_LOSS: what SQLite itself finds wrong with its file.
  absl::Status check_file();
  // A copy as of now, of a registry in use or not. ALREADY_EXISTS when there is such a file.
  absl::Status copy_to(const std::string& path);

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  SqliteRegistry(std::string path, sqlite3* database)
      : path_(std::move(path)), database_(database) {}

  absl::Status set_up(std::uint64_t cluster_id, Mode mode);
  absl::Status check_format();
  absl::Status make_tables(std::uint64_t cluster_id);
  absl::Status check_cluster(std::uint64_t cluster_id);
  absl::Status run(const std::string& sql);
  absl::StatusOr<Statement> prepare(const std::string& sql);
  absl::StatusOr<std::string> single_text(const std::string& sql);
  absl::Status prepare_writes();
  absl::Status put(const core::RegistryRow& row);
  absl::Status load_table(std::size_t table, core::RegistryContents& contents);
  absl::Status error(std::string_view what) const;

  std::string path_;
  sqlite3* database_;
  std::uint64_t cluster_id_ = 0;
  std::vector<Statement> replace_;  // one per table
  std::vector<Statement> erase_;
};

}  // namespace shoal::master
