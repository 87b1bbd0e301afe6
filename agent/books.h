// What the agent must not forget of itself: its resources with their volumes, the epoch of its
// master, its id. Written away from the loop, one after the other: a disk that is slow holds up
// what waits for it and nothing else. Removed volumes are deleted there, too, in portions.
//
// Threads: the reactor's; files are touched on libuv's pool only (agent/disk_queue.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/disk_queue.h"
#include "agent/effects.h"
#include "agent/volumes.h"
#include "core/ids.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::agent {

class Books {
 public:
  // Each answers one call of the same name, in order.
  struct Hooks {
    std::function<void(const StoreOutcome&)> on_stored;
    std::function<void(std::uint64_t epoch, const absl::Status&)> on_epoch_stored;
    std::function<void(core::AgentId, const absl::Status&)> on_id_stored;
    std::function<void(std::string_view line)> log;  // what went wrong and changes nothing
  };

  // `data_dir` is there, and the caller holds its DataDirLock.
  Books(net::Reactor& reactor, std::string data_dir, Hooks hooks);
  // Waits for what is being written; what waits is not.
  ~Books() = default;

  // At the start, blocking, before anything else: VolumeFolders::sweep. What it removes, and what
  // an earlier agent removed, is then deleted.
  absl::StatusOr<std::vector<std::string>> sweep(const core::Resources& total);

  // As AgentEffects::store, store_epoch and store_id. Only what cannot be written down at all is
  // told at once.
  std::optional<StoreOutcome> store(const StoreRequest& request);
  void store_epoch(std::uint64_t epoch);
  void store_id(core::AgentId id);
  // Any other small file, in the same order.
  void write_file(std::string path, std::string text,
                  std::function<void(const absl::Status&)> done);
  // When all that was given so far is written, or has failed.
  void then(std::function<void()> done) {
    add([] {}, std::move(done));
  }

  bool is_idle() const { return writes_ == 0; }  // all that was given is written, or has failed

 private:
  struct Job;

  void add(std::function<void()> work, std::function<void()> done);
  void purge();

  const std::string data_dir_;
  Hooks hooks_;
  VolumeFolders volumes_;    // the queue's
  std::size_t writes_ = 0;   // that are not done
  bool is_purging_ = false;  // a portion is with the queue
  net::Timer purge_timer_;
  DiskQueue disk_;  // last: its jobs use all of the above
};

}  // namespace shoal::agent
