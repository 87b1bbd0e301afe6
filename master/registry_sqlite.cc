#include "master/registry_sqlite.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "master/registry_text.h"

namespace shoal::master {
namespace {

// Who holds the file otherwise is a tool that reads for a moment.
constexpr int kBusyMs = 5000;
constexpr std::size_t kTables = 3;
constexpr off_t kSmallestPage = 512;

std::string_view text_of(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  const int size = sqlite3_column_bytes(statement, column);
  return text == nullptr ? std::string_view()
                         : std::string_view(text, static_cast<std::size_t>(size));
}

void bind_text(sqlite3_stmt* statement, int position, std::string_view text) {
  sqlite3_bind_text(statement, position, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
}

std::string table_sql(const RegistryTable& table) {
  std::string columns;
  for (const std::string_view column : table.columns) {
    columns += fmt::format("{} TEXT NOT NULL{}, ", column,
                           column == table.columns.front() ? " PRIMARY KEY" : "");
  }
  return fmt::format("CREATE TABLE {} ({}crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;", table.name,
                     columns);
}

// What is shorter than SQLite's smallest page is to it a new file. It is one only when it is empty,
// or when the first write was cut off, whose journal is there then.
absl::Status check_size(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return absl::OkStatus();
  if (info.st_size == 0 || info.st_size >= kSmallestPage) return absl::OkStatus();
  if (::access((path + "-journal").c_str(), F_OK) == 0) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{}: not a database, or damaged: it has {} bytes; restore a backup (shoal registry "
      "restore)",
      path, info.st_size));
}

}  // namespace

void SqliteRegistry::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

absl::StatusOr<std::unique_ptr<SqliteRegistry>> SqliteRegistry::open(const std::string& path,
                                                                     std::uint64_t cluster_id,
                                                                     Mode mode) {
  if (mode == Mode::kRead && ::access(path.c_str(), F_OK) != 0) {
    return absl::NotFoundError(fmt::format("{}: there is no registry", path));
  }
  if (mode == Mode::kWrite) {
    // Made here, as nobody else's to read; SQLite gives its other files the same mode.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
      return absl::FailedPreconditionError(
          fmt::format("{}: cannot open it: {}", path, std::strerror(errno)));
    }
    ::close(fd);
  }
  if (absl::Status whole = check_size(path); !whole.ok()) return whole;
  sqlite3* database = nullptr;
  // Also to read: the log may have to be read with it.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  const int opened = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  std::unique_ptr<SqliteRegistry> registry(new SqliteRegistry(path, database));
  if (opened != SQLITE_OK) return registry->error("open it");
  sqlite3_busy_timeout(database, kBusyMs);
  if (absl::Status ready = registry->set_up(cluster_id, mode); !ready.ok()) return ready;
  return registry;
}

SqliteRegistry::~SqliteRegistry() {
  replace_.clear();
  erase_.clear();
  sqlite3_close(database_);
}

absl::Status SqliteRegistry::error(std::string_view what) const {
  const int code = sqlite3_extended_errcode(database_);
  const int system = sqlite3_system_errno(database_);
  std::string why = sqlite3_errmsg(database_);
  if (system != 0 && (code & 0xff) != SQLITE_CORRUPT && (code & 0xff) != SQLITE_NOTADB) {
    why += fmt::format(" ({})", std::strerror(system));
  }
  return absl::FailedPreconditionError(fmt::format("{}: cannot {}: {}", path_, what, why));
}

absl::Status SqliteRegistry::run(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return error("use it as a registry");
}

absl::StatusOr<SqliteRegistry::Statement> SqliteRegistry::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return error("read it as a registry");
  }
  return Statement(statement);
}

absl::StatusOr<std::string> SqliteRegistry::single_text(const std::string& sql) {
  absl::StatusOr<Statement> statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  const int step = sqlite3_step(statement->get());
  if (step == SQLITE_ROW) return std::string(text_of(statement->get(), 0));
  if (step == SQLITE_DONE) return std::string();
  return error("read it");
}

absl::Status SqliteRegistry::set_up(std::uint64_t cluster_id, Mode mode) {
  if (mode == Mode::kWrite) {
    absl::Status safe = run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    if (!safe.ok()) return safe;
  }
  absl::StatusOr<std::string> version = single_text("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == "0") {
    const absl::StatusOr<std::string> tables = single_text("SELECT count(*) FROM sqlite_master");
    if (!tables.ok()) return tables.status();
    if (mode == Mode::kRead || *tables != "0") {
      return absl::FailedPreconditionError(fmt::format("{}: this is not a registry", path_));
    }
    if (absl::Status made = make_tables(cluster_id); !made.ok()) return made;
  } else if (absl::Status readable = check_format(); !readable.ok()) {
    return readable;
  }
  if (absl::Status same = check_cluster(cluster_id); !same.ok()) return same;
  return mode == Mode::kWrite ? prepare_writes() : absl::OkStatus();
}

absl::Status SqliteRegistry::check_format() {
  absl::StatusOr<std::string> version = single_text("PRAGMA user_version");
  if (!version.ok()) return version.status();
  int number = 0;
  if (core::parse_int(std::string_view(*version), &number) && number == kRegistryFormat) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: written by a newer version (format {}, this one knows {}); start that "
                  "version, or restore an older backup",
                  path_, *version, kRegistryFormat));
}

absl::Status SqliteRegistry::make_tables(std::uint64_t cluster_id) {
  std::string sql = "BEGIN IMMEDIATE; CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) STRICT;";
  sql += fmt::format("INSERT INTO meta VALUES ('cluster_id', '{:016x}');", cluster_id);
  for (const RegistryTable& table : registry_tables()) sql += table_sql(table);
  return run(sql + fmt::format("PRAGMA user_version={}; COMMIT;", kRegistryFormat));
}

absl::Status SqliteRegistry::check_cluster(std::uint64_t cluster_id) {
  absl::StatusOr<std::string> found = single_text("SELECT value FROM meta WHERE key='cluster_id'");
  if (!found.ok()) return found.status();
  const auto [end, failed] =
      std::from_chars(found->data(), found->data() + found->size(), cluster_id_, 16);
  if (failed != std::errc() || end != found->data() + found->size()) {
    return absl::FailedPreconditionError(
        fmt::format("{}: it does not say of which cluster it is", path_));
  }
  if (cluster_id == 0 || cluster_id == cluster_id_) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{}: it is of the cluster {:016x}, the folder of {:016x}; restore the backup that "
      "belongs to it, or choose another --data",
      path_, cluster_id_, cluster_id));
}

absl::Status SqliteRegistry::prepare_writes() {
  for (const RegistryTable& table : registry_tables()) {
    std::string values;
    for (std::size_t i = 0; i <= table.columns.size(); ++i) values += i == 0 ? "?" : ",?";
    auto replace =
        prepare(fmt::format("INSERT OR REPLACE INTO {} VALUES ({})", table.name, values));
    if (!replace.ok()) return replace.status();
    replace_.push_back(*std::move(replace));
    auto erase = prepare(fmt::format("DELETE FROM {} WHERE {}=?", table.name, table.columns[0]));
    if (!erase.ok()) return erase.status();
    erase_.push_back(*std::move(erase));
  }
  return absl::OkStatus();
}

absl::Status SqliteRegistry::put(const core::RegistryRow& row) {
  const RegistryText text = to_text(row);
  sqlite3_stmt* statement = text.erased ? erase_[text.table].get() : replace_[text.table].get();
  if (text.erased) {
    bind_text(statement, 1, text.values.front());
  } else {
    int position = 0;
    for (const std::string& value : text.values) bind_text(statement, ++position, value);
    sqlite3_bind_int64(statement, ++position, checksum_of(text.table, text.values));
  }
  const bool done = sqlite3_step(statement) == SQLITE_DONE;
  absl::Status result = done ? absl::OkStatus() : error("write to it");
  sqlite3_reset(statement);
  return result;
}

absl::Status SqliteRegistry::apply(absl::Span<const core::RegistryRow> rows) {
  if (absl::Status begun = run("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  for (const core::RegistryRow& row : rows) {
    if (absl::Status written = put(row); !written.ok()) {
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
      return written;
    }
  }
  return run("COMMIT");
}

absl::Status SqliteRegistry::load_table(std::size_t table, core::RegistryContents& contents) {
  const RegistryTable& shape = registry_tables()[table];
  absl::StatusOr<Statement> statement =
      prepare(fmt::format("SELECT {}, crc FROM {} ORDER BY {}", fmt::join(shape.columns, ", "),
                          shape.name, shape.columns[0]));
  if (!statement.ok()) return statement.status();
  std::vector<std::string> values(shape.columns.size());
  int step = 0;
  while ((step = sqlite3_step(statement->get())) == SQLITE_ROW) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = text_of(statement->get(), static_cast<int>(i));
    }
    const auto sum = sqlite3_column_int64(statement->get(), static_cast<int>(values.size()));
    absl::Status read = sum == checksum_of(table, values) ? read_text(table, values, contents)
                                                          : core::invalid("its checksum is wrong");
    if (!read.ok()) {
      return absl::DataLossError(fmt::format(
          "{}: the row '{}' of {} is damaged: {}; restore a backup (shoal registry restore)", path_,
          core::printable(values[0]), shape.name, core::message_of(read)));
    }
  }
  return step == SQLITE_DONE ? absl::OkStatus() : error("read it");
}

absl::StatusOr<core::RegistryContents> SqliteRegistry::load() {
  core::RegistryContents contents;
  for (std::size_t table = 0; table < kTables; ++table) {
    if (absl::Status loaded = load_table(table, contents); !loaded.ok()) return loaded;
  }
  return contents;
}

absl::Status SqliteRegistry::check_file() {
  absl::StatusOr<std::string> found = single_text("PRAGMA integrity_check(1)");
  if (!found.ok()) return found.status();
  if (*found == "ok") return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: the file is damaged: {}; restore a backup (shoal registry restore)", path_,
                  core::printable(*found)));
}

absl::Status SqliteRegistry::copy_to(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(fmt::format("{}: there is such a file already", path));
  }
  absl::StatusOr<Statement> copy = prepare("VACUUM INTO ?");
  if (!copy.ok()) return copy.status();
  bind_text(copy->get(), 1, path);
  if (sqlite3_step(copy->get()) == SQLITE_DONE) return absl::OkStatus();
  return error(fmt::format("copy it to {}", path));
}

}  // namespace shoal::master
