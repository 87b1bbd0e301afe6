// Serves what tasks have written, to peers that connect to the agent itself (PeerKind::kLogReader).
//
// Each ReadLog is answered by LogChunk frames of its correlation; the last one has `end`. With
// `follow` they come as the file grows, until the task has ended and all was sent. A peer that
// reads slowly is waited for: nothing is read from disk while its output is over the soft bound.
// Where the head of a log was cut off (agent/log_cutter.h), the next chunk's offset says so; it
// begins with a line then.
//
// Files are opened, watched and read away from the loop, one after the other: a disk that does not
// answer holds up those who read logs and nothing else.
//
// Threads: the reactor's; files and the follower are touched on libuv's pool only
// (agent/disk_queue.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/disk_queue.h"
#include "agent/log_follower.h"
#include "agent/log_reader.h"
#include "agent/sandbox.h"
#include "agent/unique_fd.h"
#include "core/ids.h"
#include "core/messages.h"
#include "net/connection.h"
#include "net/fd_watcher.h"
#include "net/reactor.h"
#include "wire/message.h"

namespace shoal::agent {

struct LogServerOptions {
  std::string data_dir;  // of the sandboxes
  // Whether the task may still write. Asked while a log is followed.
  std::function<bool(core::FrameworkId framework, std::string_view task)> is_live;
  std::function<std::uint64_t()> cluster_id;  // 0: not known yet
};

class LogServer final : public net::ConnectionHandler {
 public:
  static constexpr std::size_t kMaxReadsPerConnection = 16;
  static constexpr std::size_t kMaxReads = 1024;

  // Errors: INTERNAL, RESOURCE_EXHAUSTED (no inotify).
  static absl::StatusOr<std::unique_ptr<LogServer>> create(net::Reactor& reactor,
                                                           LogServerOptions options);

  // The task will write nothing more: those who follow it get the rest and the end.
  void on_task_ended(core::FrameworkId framework, std::string_view task);

  std::size_t reads() const { return reads_.size(); }
  // The first byte of the task's file `name` ("stdout") that one of those who read it has not been
  // sent; nullopt: nobody reads it.
  std::optional<std::uint64_t> unread_from(core::FrameworkId framework, std::string_view task,
                                           std::string_view name) const;

  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_protocol_error(net::Connection& connection, const absl::Status& error) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;
  void on_drained(net::Connection& connection) override;

 private:
  // What the queue has open for one read. It goes when the queue is done with it.
  struct Files {
    UniqueFd sandbox;
    UniqueFd file;
    FollowId follow_id = 0;  // 0: not following
  };
  struct Read {
    net::SessionId connection = 0;
    std::uint32_t correlation = 0;
    core::FrameworkId framework;
    std::string task;
    std::uint64_t offset = 0;
    const char* name = "";  // of the file
    bool follows = false;
    bool is_busy = true;     // a job is under way: it is being opened, or a chunk read
    bool again = false;      // something has changed meanwhile
    bool reopens = false;    // another file has the name: before the next chunk
    FollowId follow_id = 0;  // as in `files`, once it is open
    Files* files = nullptr;
  };
  // By connection first, so that all of one are found together.
  using Reads = std::map<std::pair<net::SessionId, std::uint64_t>, Read>;

  LogServer(net::Reactor& reactor, LogServerOptions options, LogFollower follower);

  void on_hello(net::Connection& connection, const wire::FrameView& frame);
  void on_read_log(net::Connection& connection, const wire::FrameView& frame);
  void open(Reads::iterator it);
  static absl::Status open_files(const std::string& data_dir, const SandboxId& task,
                                 const std::string& name, LogFollower* follower, Files& files);
  static absl::StatusOr<LogChunk> read_chunk(Files& files, const std::string& name, bool reopens,
                                             std::uint64_t offset);
  // Asks for the next chunk, if the peer can take one and none is under way.
  void pump(Reads::iterator it);
  void on_chunk(Reads::iterator it, absl::StatusOr<LogChunk> chunk, bool may_grow);
  // Calls `next` with the read when the job is done, if it is still there.
  template <typename Result>
  void work(Reads::iterator it, std::function<Result()> job,
            std::function<void(Reads::iterator, Result)> next);
  Reads::iterator erase(Reads::iterator it);
  void on_changes();
  void on_event(const LogEvent& event);
  void refuse(net::Connection& connection, core::RefusalCode code, std::string_view message,
              std::uint32_t correlation);
  template <typename Message>
  void send(net::Connection& connection, const Message& message, std::uint32_t correlation);

  net::Reactor& reactor_;
  LogServerOptions options_;
  LogFollower follower_;                     // the queue's
  std::unique_ptr<net::FdWatcher> watcher_;  // of follower_.fd(): goes first
  Reads reads_;
  std::map<Reads::key_type, std::unique_ptr<Files>> files_;
  std::uint64_t next_read_ = 1;
  wire::ByteVector buffer_;
  DiskQueue disk_;  // last: its jobs use the follower
};

}  // namespace shoal::agent
