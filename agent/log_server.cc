#include "agent/log_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/version.h"

namespace shoal::agent {

namespace {

core::RefusalCode code_of(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return core::RefusalCode::kNotFound;
    case absl::StatusCode::kResourceExhausted:
      return core::RefusalCode::kOverloaded;
    default:
      return core::RefusalCode::kInvalid;
  }
}

// The head was cut off somewhere in a line. A line that is longer than a chunk is sent as it is.
void begin_with_a_line(LogChunk* chunk) {
  const std::size_t end = chunk->data.find('\n');
  if (end == std::string::npos || end + 1 == chunk->data.size()) return;
  chunk->data.erase(0, end + 1);
  chunk->offset += end + 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogServer>> LogServer::create(net::Reactor& reactor,
                                                             LogServerOptions options) {
  auto follower = LogFollower::create();
  if (!follower.ok()) return follower.status();
  std::unique_ptr<LogServer> server(
      new LogServer(reactor, std::move(options), *std::move(follower)));
  auto watcher = net::FdWatcher::create(reactor, server->follower_.fd(),
                                        [raw = server.get()](net::FdEvents) { raw->on_changes(); });
  if (!watcher.ok()) return watcher.status();
  server->watcher_ = *std::move(watcher);
  server->watcher_->watch(true, false);
  return server;
}

LogServer::LogServer(net::Reactor& reactor, LogServerOptions options, LogFollower follower)
    : reactor_(reactor),
      options_(std::move(options)),
      follower_(std::move(follower)),
      disk_(reactor) {}

template <typename Message>
void LogServer::send(net::Connection& connection, const Message& message,
                     std::uint32_t correlation) {
  buffer_.clear();
  wire::encode(message, correlation, buffer_);
  connection.send(wire::Bytes(buffer_));
}

void LogServer::refuse(net::Connection& connection, core::RefusalCode code,
                       std::string_view message, std::uint32_t correlation) {
  send(connection, core::Refusal{code, message}, correlation);
}

void LogServer::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  if (!connection.is_authenticated()) return on_hello(connection, frame);
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kReadLog) return on_read_log(connection, frame);
  if (kind == wire::MessageKind::kHeartbeat) {
    const auto heartbeat = wire::decode<core::Heartbeat>(frame.payload);
    if (heartbeat.ok()) return send(connection, *heartbeat, frame.header.correlation);
  }
  refuse(connection, core::RefusalCode::kNotExpected, "a log reader may send READ_LOG only",
         frame.header.correlation);
  connection.close_after_flush(absl::InvalidArgumentError("unexpected message"));
}

void LogServer::on_hello(net::Connection& connection, const wire::FrameView& frame) {
  const auto end = [&](core::RefusalCode code, std::string_view why) {
    refuse(connection, code, why, frame.header.correlation);
    connection.close_after_flush(absl::InvalidArgumentError(std::string(why)));
  };
  if (static_cast<wire::MessageKind>(frame.header.kind) != wire::MessageKind::kHello) {
    return end(core::RefusalCode::kNotExpected, "the first message must be HELLO");
  }
  const auto hello = wire::decode<core::Hello>(frame.payload);
  if (!hello.ok()) {
    return end(core::RefusalCode::kBadMessage, core::message_of(hello.status()));
  }
  if (hello->protocol_min > wire::kProtocolVersion ||
      hello->protocol_max < wire::kProtocolVersion) {
    return end(core::RefusalCode::kUnsupportedVersion,
               fmt::format("this agent speaks protocol {}, the peer {} to {}",
                           wire::kProtocolVersion, hello->protocol_min, hello->protocol_max));
  }
  const std::uint64_t cluster = options_.cluster_id();
  if (hello->cluster_id != 0 && cluster != 0 && hello->cluster_id != cluster) {
    return end(core::RefusalCode::kWrongCluster,
               fmt::format("this agent is of cluster {:016x}", cluster));
  }
  if (hello->kind != core::PeerKind::kLogReader) {
    return end(core::RefusalCode::kNotExpected,
               "this is an agent: it serves log readers; everybody else connects to the master");
  }
  core::Welcome welcome;
  welcome.protocol = wire::kProtocolVersion;
  welcome.cluster_id = cluster;
  welcome.software = core::kSoftware;
  connection.set_authenticated();
  send(connection, welcome, frame.header.correlation);
}

void LogServer::on_read_log(net::Connection& connection, const wire::FrameView& frame) {
  const std::uint32_t correlation = frame.header.correlation;
  const auto request = wire::decode<core::ReadLog>(frame.payload);
  if (!request.ok()) {
    refuse(connection, core::RefusalCode::kBadMessage, core::message_of(request.status()),
           correlation);
    return connection.close_after_flush(request.status());
  }
  const auto first = reads_.lower_bound({connection.id(), 0});
  const auto last =
      reads_.upper_bound({connection.id(), std::numeric_limits<std::uint64_t>::max()});
  const auto own = static_cast<std::size_t>(std::distance(first, last));
  if (own >= kMaxReadsPerConnection || reads_.size() >= kMaxReads) {
    return refuse(connection, core::RefusalCode::kOverloaded,
                  fmt::format("too many logs are being read ({})", reads_.size()), correlation);
  }
  Read read;
  read.framework = request->framework;
  read.task = request->task;
  read.offset = request->offset;
  read.name = request->stream == core::LogStream::kStdout ? "stdout" : "stderr";
  read.follows = request->follow;
  read.connection = connection.id();
  read.correlation = correlation;
  const std::pair key(connection.id(), next_read_++);
  read.files = (files_[key] = std::make_unique<Files>()).get();
  open(reads_.emplace(key, std::move(read)).first);
}

template <typename Result>
void LogServer::work(Reads::iterator it, std::function<Result()> job,
                     std::function<void(Reads::iterator, Result)> next) {
  auto result = std::make_shared<std::optional<Result>>();
  it->second.is_busy = true;
  it->second.again = false;
  disk_.add([result, job = std::move(job)] { *result = job(); },
            [this, result, key = it->first, next = std::move(next)] {
              const auto found = reads_.find(key);
              if (found == reads_.end()) return;  // its peer has gone
              found->second.is_busy = false;
              next(found, *std::move(*result));
            });
}

absl::Status LogServer::open_files(const std::string& data_dir, const SandboxId& task,
                                   const std::string& name, LogFollower* follower, Files& files) {
  const auto run = latest_run(data_dir, task.framework_id, task.task_id);
  if (!run.ok()) {
    if (run.status().code() != absl::StatusCode::kNotFound) return run.status();
    return absl::NotFoundError(
        fmt::format("no logs of task '{}' of framework {}: it has not run on this agent",
                    task.task_id, task.framework_id));
  }
  auto sandbox = open_sandbox(data_dir, {task.framework_id, task.task_id, *run});
  if (!sandbox.ok()) return sandbox.status();
  files.sandbox = *std::move(sandbox);
  if (follower != nullptr) {
    // Before the first read, so that nothing written in between is missed.
    const auto id = follower->follow(files.sandbox.get(), name);
    if (!id.ok()) return id.status();
    files.follow_id = *id;
  }
  auto file = open_sandbox_file(files.sandbox.get(), name);
  if (!file.ok()) {
    if (files.follow_id != 0) follower->unfollow(std::exchange(files.follow_id, 0));
    return file.status();
  }
  files.file = *std::move(file);
  return absl::OkStatus();
}

void LogServer::open(Reads::iterator it) {
  Read& read = it->second;
  LogFollower* follower = read.follows ? &follower_ : nullptr;
  const SandboxId task{core::to_string(read.framework), read.task, {}};
  work<absl::Status>(
      it,
      [this, follower, task, name = std::string(read.name), files = read.files] {
        return open_files(options_.data_dir, task, name, follower, *files);
      },
      [this](Reads::iterator opened, const absl::Status& status) {
        Read& ready = opened->second;
        ready.follow_id = ready.files->follow_id;
        if (status.ok()) return pump(opened);
        net::Connection* connection = reactor_.find_connection(ready.connection);
        if (connection != nullptr) {
          refuse(*connection, code_of(status), core::message_of(status), ready.correlation);
        }
        erase(opened);
      });
}

absl::StatusOr<LogChunk> LogServer::read_chunk(Files& files, const std::string& name, bool reopens,
                                               std::uint64_t offset) {
  if (reopens) files.file.reset();
  if (!files.file.valid()) {
    auto file = open_sandbox_file(files.sandbox.get(), name);
    if (!file.ok()) {  // gone again: another event comes
      LogChunk nothing;
      nothing.offset = offset;
      return nothing;
    }
    files.file = *std::move(file);
  }
  return read_file_chunk(files.file, offset, core::kMaxLogChunkBytes, Head::kMayBeCut);
}

void LogServer::pump(Reads::iterator it) {
  Read& read = it->second;
  if (read.is_busy) {
    read.again = true;
    return;
  }
  net::Connection* connection = reactor_.find_connection(read.connection);
  if (connection == nullptr) return;                              // closing: on_closed() clears up
  if (connection->is_slow() || connection->is_closing()) return;  // on_drained() goes on
  // Asked before reading: what it wrote until its end is then seen.
  const bool may_grow = read.follow_id != 0 && options_.is_live(read.framework, read.task);
  const bool reopens = std::exchange(read.reopens, false);
  work<absl::StatusOr<LogChunk>>(
      it,
      [files = read.files, name = std::string(read.name), reopens, offset = read.offset] {
        return read_chunk(*files, name, reopens, offset);
      },
      [this, may_grow, asked = read.offset](Reads::iterator found, absl::StatusOr<LogChunk> chunk) {
        const bool is_stale = found->second.reopens || found->second.offset != asked;
        if (is_stale) return pump(found);  // the file is another, or shorter, by now
        on_chunk(found, std::move(chunk), may_grow);
      });
}

void LogServer::on_chunk(Reads::iterator it, absl::StatusOr<LogChunk> chunk, bool may_grow) {
  Read& read = it->second;
  net::Connection* connection = reactor_.find_connection(read.connection);
  if (connection == nullptr) return;  // closing: on_closed() clears up
  if (!chunk.ok()) {
    refuse(*connection, code_of(chunk.status()), core::message_of(chunk.status()),
           read.correlation);
    erase(it);
    return;
  }
  if (chunk->data.empty() && may_grow) {
    if (read.again) pump(it);
    return;
  }
  if (chunk->offset > read.offset) begin_with_a_line(&*chunk);
  read.offset = chunk->offset;
  core::LogChunk message;
  message.offset = read.offset;
  message.data = core::BytesView(reinterpret_cast<const std::uint8_t*>(chunk->data.data()),
                                 chunk->data.size());
  message.end = chunk->data.empty();
  send(*connection, message, read.correlation);
  if (message.end) {
    erase(it);
    return;
  }
  read.offset += chunk->data.size();
  pump(it);
}

LogServer::Reads::iterator LogServer::erase(Reads::iterator it) {
  // After the job that may be under way: one that is being opened follows only when that is done.
  disk_.add(
      [this, files = it->second.files] {
        if (files->follow_id != 0) follower_.unfollow(files->follow_id);
      },
      [this, key = it->first] { files_.erase(key); });
  return reads_.erase(it);
}

// The watcher waits until what it has told of is seen.
void LogServer::on_changes() {
  watcher_->watch(false, false);
  auto events = std::make_shared<std::vector<LogEvent>>();
  disk_.add([this, events] { *events = follower_.drain(); },
            [this, events] {
              watcher_->watch(true, false);
              for (const LogEvent& event : *events) on_event(event);
            });
}

void LogServer::on_event(const LogEvent& event) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    const auto current = it++;
    Read& read = current->second;
    if (read.follow_id != event.id) continue;
    const bool is_new = event.change == LogChange::kReplaced;
    if (is_new || event.change == LogChange::kTruncated) {
      read.offset = 0;
      read.reopens |= is_new;
    }
    pump(current);
  }
}

void LogServer::on_task_ended(core::FrameworkId framework, std::string_view task) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    const auto current = it++;
    const Read& read = current->second;
    if (read.framework == framework && read.task == task) pump(current);
  }
}

std::optional<std::uint64_t> LogServer::unread_from(core::FrameworkId framework,
                                                    std::string_view task,
                                                    std::string_view name) const {
  std::optional<std::uint64_t> lowest;
  for (const auto& [key, read] : reads_) {
    if (read.framework != framework || read.task != task || read.name != name) continue;
    lowest = std::min(lowest.value_or(read.offset), read.offset);
  }
  return lowest;
}

void LogServer::on_drained(net::Connection& connection) {
  auto it = reads_.lower_bound({connection.id(), 0});
  while (it != reads_.end() && it->first.first == connection.id()) pump(it++);
}

void LogServer::on_protocol_error(net::Connection& connection, const absl::Status& error) {
  refuse(connection, core::RefusalCode::kBadMessage, core::message_of(error), 0);
}

void LogServer::on_closed(net::Connection& connection, const absl::Status&) {
  auto it = reads_.lower_bound({connection.id(), 0});
  while (it != reads_.end() && it->first.first == connection.id()) it = erase(it);
}

}  // namespace shoal::agent
