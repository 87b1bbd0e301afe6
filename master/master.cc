#include "master/master.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "core/status.h"
#include "master/candidate.h"
#include "master/data_dir.h"
#include "master/registry_sqlite.h"
#include "master/serving.h"
#include "net/random.h"
#include "net/whole_file.h"

namespace shoal::master {
namespace {

absl::StatusOr<Beginning> open_registry(DataDir& folder) {
  absl::StatusOr<std::uint64_t> cluster = folder.cluster_id(net::random_seed() | 1);
  if (!cluster.ok()) return cluster.status();
  auto store = SqliteRegistry::open(folder.registry_path(), *cluster, SqliteRegistry::Mode::kWrite);
  if (!store.ok()) return store.status();
  absl::StatusOr<core::RegistryContents> contents = (*store)->load();
  if (!contents.ok()) return contents.status();
  Beginning beginning;
  beginning.cluster_id = *cluster;
  beginning.store = *std::move(store);
  beginning.contents = *std::move(contents);
  return beginning;
}

// The only one of its cluster.
absl::Status run_alone(const MasterOptions& options, DataDir& folder) {
  absl::StatusOr<Beginning> beginning = open_registry(folder);
  if (!beginning.ok()) return beginning.status();
  absl::Status failure;  // written by the writer's thread before it stops the reactors
  absl::Status hang;     // written by the first reactor, or after all have stopped
  Serving* running = nullptr;
  ServingHooks hooks;
  hooks.registry_failed = [&failure, &running](const absl::Status& why) {
    failure = absl::UnavailableError(fmt::format(
        "{}; the master stops, so that nothing is promised that the next one would not know",
        core::message_of(why)));
    running->stop();
  };
  hooks.registry_hangs = [&hang, &running](const absl::Status& why) {
    hang = why;
    running->stop();
  };
  Serving serving(options, std::move(hooks));
  running = &serving;
  if (absl::Status built = serving.build(*std::move(beginning)); !built.ok()) return built;
  if (absl::Status listening = serving.listen(nullptr); !listening.ok()) return listening;
  if (absl::Status watching = serving.watch_signals(); !watching.ok()) return watching;
  absl::Status ran = serving.serve([&] { return tell_ready(options, serving.address()); });
  if (!failure.ok()) return failure;
  return hang.ok() ? ran : hang;
}

}  // namespace

absl::Status tell_ready(const MasterOptions& options, const std::string& address) {
  if (!options.ready_file.empty()) {
    const std::string ready = fmt::format(
        "{{\"master\":\"{}\",\"url\":\"http://{}\",\"pid\":{}}}\n", address, address, ::getpid());
    if (absl::Status written = net::write_file_atomically(options.ready_file, ready);
        !written.ok()) {
      return written;
    }
  }
  if (options.on_ready) options.on_ready(address);
  return absl::OkStatus();
}

absl::Status run_master(const MasterOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  absl::StatusOr<DataDir> folder = DataDir::open(options.data_dir);
  if (!folder.ok()) return folder.status();
  return options.registry.empty() ? run_alone(options, *folder) : run_candidate(options, *folder);
}

}  // namespace shoal::master
