#include "cli/registry.h"

#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cli/amounts.h"
#include "cli/exit_code.h"
#include "cli/lookup.h"
#include "cli/table.h"
#include "master/data_dir.h"
#include "master/etcd_target.h"
#include "master/json_writer.h"
#include "master/registry_etcd.h"
#include "master/registry_restore.h"
#include "master/registry_restore_etcd.h"
#include "master/registry_sqlite.h"

namespace shoal::cli {
namespace {

using master::EtcdRegistry;
using master::SqliteRegistry;

struct Read {
  std::uint64_t cluster_id = 0;
  core::RegistryContents contents;
  std::unique_ptr<SqliteRegistry> file;  // nullptr: it is in etcd
};

absl::StatusOr<Read> read_etcd(const std::string& text) {
  const absl::StatusOr<master::EtcdTarget> target = master::parse_etcd_target(text);
  if (!target.ok()) return target.status();
  if (absl::Status there = net::check_files(target->access); !there.ok()) return there;
  auto client =
      std::make_unique<master::EtcdClient>(master::EtcdOptions{.endpoints = target->endpoints,
                                                               .timeout = std::chrono::seconds(5),
                                                               .access = target->access});
  auto registry = EtcdRegistry::open(std::move(client), target->prefix, std::nullopt, {});
  if (!registry.ok()) return registry.status();
  auto contents = (*registry)->load();
  if (!contents.ok()) return contents.status();
  return Read{(*registry)->cluster_id(), *std::move(contents), nullptr};
}

absl::StatusOr<Read> read_file(const std::string& path) {
  auto registry = SqliteRegistry::open(path, 0, SqliteRegistry::Mode::kRead);
  if (!registry.ok()) return registry.status();
  if (absl::Status sound = (*registry)->check_file(); !sound.ok()) return sound;
  auto contents = (*registry)->load();
  if (!contents.ok()) return contents.status();
  const std::uint64_t cluster_id = (*registry)->cluster_id();
  return Read{cluster_id, *std::move(contents), *std::move(registry)};
}

absl::StatusOr<Read> read(const RegistryVerb& verb) {
  if (!verb.registry.empty()) return read_etcd(verb.registry);
  const bool is_of_folder = verb.file.empty() || verb.action == RegistryVerb::Action::kBackup;
  return read_file(is_of_folder ? master::DataDir::registry_path_in(verb.data_dir) : verb.file);
}

// What was read from elsewhere, as a file.
absl::Status write_file(const Read& read, const std::string& path) {
  if (std::filesystem::exists(path)) {
    return absl::AlreadyExistsError(fmt::format("{}: there is such a file already", path));
  }
  auto copy = SqliteRegistry::open(path, read.cluster_id, SqliteRegistry::Mode::kWrite);
  if (!copy.ok()) return copy.status();
  return (*copy)->apply(master::rows_of(read.contents));
}

std::string summary_of(const Read& read) {
  return fmt::format("cluster {:016x}, {} agents, {} frameworks, {} roles with settings",
                     read.cluster_id, read.contents.agents.size(), read.contents.frameworks.size(),
                     read.contents.roles.size());
}

int show(const RegistryVerb& verb, const Read& read) {
  if (verb.format != OutputFormat::kTable) {
    return print_output(registry_to_json(read.cluster_id, read.contents, verb.format));
  }
  return print_output(
      fmt::format("{}\n{}", summary_of(read), render_registry(read.contents, describe_stdout())));
}

int back_up(const RegistryVerb& verb, const Read& read) {
  const absl::Status copied =
      read.file != nullptr ? read.file->copy_to(verb.file) : write_file(read, verb.file);
  if (!copied.ok()) return report(copied);
  say(fmt::format("{}: {}", verb.file, summary_of(read)));
  return kExitOk;
}

int restore_to_etcd(const RegistryVerb& verb) {
  const absl::StatusOr<master::EtcdTarget> target = master::parse_etcd_target(verb.registry);
  if (!target.ok()) return report(target.status());
  if (absl::Status there = net::check_files(target->access); !there.ok()) return report(there);
  const absl::StatusOr<Read> backup = read_file(verb.file);
  if (!backup.ok()) return report(backup.status());
  const absl::Status restored = master::restore_registry_to_etcd(*target, backup->cluster_id,
                                                                 backup->contents, verb.is_forced);
  if (!restored.ok()) return report(restored);
  say(fmt::format("the registry at {} is that of {}: {}", target->prefix, verb.file,
                  summary_of(*backup)));
  return kExitOk;
}

int restore(const RegistryVerb& verb) {
  if (!verb.registry.empty()) return restore_to_etcd(verb);
  const absl::Status restored = master::restore_registry(verb.data_dir, verb.file);
  if (!restored.ok()) return report(restored);
  say(fmt::format("the registry of {} is that of {}; what was there is {}.old", verb.data_dir,
                  verb.file, master::DataDir::registry_path_in(verb.data_dir)));
  return kExitOk;
}

}  // namespace

std::string render_registry(const core::RegistryContents& contents, const Terminal& terminal) {
  std::string out;
  const auto add = [&](const Table& table) {
    if (!table.empty()) out += "\n" + table.render(terminal);
  };
  Table agents({{"AGENT"}, {"STANDING"}, {"MODE"}, {"HOSTNAME"}, {"ADDRESS"}, {"SINCE"}});
  for (const core::RegisteredAgent& row : contents.agents) {
    agents.add_row({core::to_string(row.id), std::string(name_of(row.standing)),
                    std::string(name_of(row.mode)), row.hostname, row.address,
                    master::iso_time(row.since_ms)});
  }
  add(agents);
  Table frameworks({{"FRAMEWORK"}, {"STANDING"}, {"NAME"}, {"USER"}, {"FAILOVER"}, {"SINCE"}});
  for (const core::RegisteredFramework& row : contents.frameworks) {
    frameworks.add_row({core::to_string(row.id), std::string(name_of(row.standing)), row.name,
                        row.user, fmt::format("{} s", row.failover_timeout_ms / 1000),
                        master::iso_time(row.since_ms)});
  }
  add(frameworks);
  Table roles({{"ROLE"}, {"WEIGHT"}, {"LIMIT"}, {"GUARANTEE"}});
  for (const core::RegisteredRole& row : contents.roles) {
    roles.add_row({row.name, core::milli_to_string(row.weight), or_dash(row.limits, core::kNoLimit),
                   or_dash(row.guarantees)});
  }
  add(roles);
  return out;
}

int run_registry(const RegistryVerb& verb) {
  if (verb.action == RegistryVerb::Action::kRestore) return restore(verb);
  const absl::StatusOr<Read> found = read(verb);
  if (!found.ok()) return report(found.status());
  switch (verb.action) {
    case RegistryVerb::Action::kDump:
      return show(verb, *found);
    case RegistryVerb::Action::kBackup:
      return back_up(verb, *found);
    default:
      say("ok: " + summary_of(*found));
      return kExitOk;
  }
}

}  // namespace shoal::cli
