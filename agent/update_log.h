// The file of the updates (agent/update_history.h), written in groups: what comes in one turn is
// appended with one write and one sync, on another thread, and what comes meanwhile waits for the
// next. So an update costs the loop nothing, and many at once cost one sync.
//
// When the file has grown to several times of what counts, the next commit replaces it by that.
//
// Threads: the reactor's; a commit runs on libuv's pool, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/checkpoint.h"
#include "agent/unique_fd.h"
#include "agent/update_history.h"
#include "core/messages.h"
#include "net/background.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "wire/message.h"

namespace shoal::agent {

class UpdateLog {
 public:
  struct Hooks {
    // Every update up to this ticket is on disk.
    std::function<void(std::uint64_t ticket)> on_durable;
    // Once; nothing that was not durable ever will be. (A full disk is no failure: it is tried
    // again every second.)
    std::function<void(const absl::Status&)> on_failed;
    std::function<void(const absl::Status&)> on_full;  // each time
    std::function<wire::ByteVector()> history;         // all that counts now: history_of()
  };

  // Replaces the file by `history`, blocking; the meta folder is there. Errors as errno_status.
  static absl::StatusOr<std::unique_ptr<UpdateLog>> create(net::Reactor& reactor,
                                                           const std::string& data_dir,
                                                           const wire::ByteVector& history,
                                                           Hooks hooks);
  // Waits for a commit that runs. What is not committed then is lost.
  ~UpdateLog();

  // The ticket: 1, 2, ...
  std::uint64_t append(const core::TaskStatus& status);
  void append(const core::AcknowledgeUpdate& message);
  void append(const core::RemoveFramework& message);
  // To be synced before the updates of this turn.
  void sync_too(CheckpointFiles files);

  // Nothing waits for a commit, and none runs.
  bool is_idle() const { return commit_ == nullptr && buffer_.empty() && files_.empty(); }
  std::size_t size() const { return size_; }  // bytes of the file

 private:
  struct Commit;

  UpdateLog(net::Reactor& reactor, std::string data_dir, Hooks hooks);
  void on_turn_end();
  void on_committed();
  bool is_bloated() const;

  net::Reactor& reactor_;
  const std::string data_dir_;
  Hooks hooks_;
  UniqueFd file_;
  std::size_t size_ = 0;
  std::size_t compacted_size_ = 0;  // right after the last replacement
  wire::ByteVector buffer_;         // records of the next commit
  std::vector<CheckpointFiles> files_;
  bool is_urgent_ = false;  // somebody waits for what is in buffer_
  bool has_failed_ = false;
  std::uint64_t last_ticket_ = 0;
  std::unique_ptr<Commit> commit_;             // that runs
  std::unique_ptr<net::BackgroundTask> task_;  // of commit_: goes first
  net::Timer retry_timer_;
  net::Reactor::HookId hook_ = 0;
};

std::string update_log_path(const std::string& data_dir);

// What the file says; empty when there is none. Errors: as net::read_whole_file.
absl::StatusOr<ReadHistory> read_update_log(const std::string& data_dir);

}  // namespace shoal::agent
