#include "sdk/log_client.h"

#include <limits>
#include <utility>
#include <vector>

#include "core/status.h"
#include "sdk/convert.h"

namespace shoal::sdk {

namespace {
constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::uint64_t>::max();
}  // namespace

LogClient::LogClient(net::Reactor& reactor, net::HostPort agent)
    : link_(reactor, net::MasterList(std::move(agent)), core::PeerKind::kLogReader, "agent", this) {
}

LogClient::ReadId LogClient::read(const LogRequest& request, LogCallbacks callbacks) {
  const ReadId id = next_read_;
  if (++next_read_ == 0) next_read_ = 1;
  if (link_.has_failed()) {
    if (callbacks.on_end) callbacks.on_end(failure_);
    return id;
  }
  reads_.insert_or_assign(id, Read{request.offset, std::move(callbacks)});
  core::ReadLog message;
  message.framework = request.framework;
  message.task = request.task;
  message.stream = request.stream;
  message.offset = request.offset;
  message.follow = request.follow;
  link_.send(message, id);
  return id;
}

absl::Status LogClient::on_link_frame(const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kLogChunk) return on_chunk(frame);
  if (kind == wire::MessageKind::kHeartbeat) return absl::OkStatus();
  if (kind != wire::MessageKind::kRefusal) {
    return core::invalid("the agent sent {} to a log reader", describe_kind(kind));
  }
  const auto refusal = wire::decode<core::Refusal>(frame.payload);
  if (!refusal.ok()) return refusal.status();
  absl::Status status = status_of(*refusal);
  if (frame.header.correlation == 0) return status;  // about the connection
  finish(frame.header.correlation, status);
  return absl::OkStatus();
}

absl::Status LogClient::on_chunk(const wire::FrameView& frame) {
  const auto chunk = wire::decode<core::LogChunk>(frame.payload);
  if (!chunk.ok()) return chunk.status();
  auto found = reads_.find(frame.header.correlation);
  if (found == reads_.end()) return absl::OkStatus();  // cancelled
  const std::uint64_t expected = found->second.offset;
  if (chunk->offset < expected || chunk->data.size() > kMaxOffset - chunk->offset) {
    return core::invalid("the agent sent the log from byte {}, expected {}", chunk->offset,
                         expected);
  }
  found->second.offset = chunk->offset + chunk->data.size();
  if (chunk->offset > expected && found->second.callbacks.on_gap) {
    const auto on_gap = found->second.callbacks.on_gap;
    on_gap(chunk->offset - expected);
    found = reads_.find(frame.header.correlation);
    if (found == reads_.end()) return absl::OkStatus();  // cancelled in there
  }
  if (!chunk->data.empty() && found->second.callbacks.on_data) {
    // The callback may start or cancel reads, which moves the map's entries.
    const auto on_data = found->second.callbacks.on_data;
    on_data(chunk->data);
  }
  if (chunk->end) finish(frame.header.correlation, absl::OkStatus());
  return absl::OkStatus();
}

void LogClient::finish(ReadId id, const absl::Status& status) {
  const auto found = reads_.find(id);
  if (found == reads_.end()) return;
  const Read read = std::move(found->second);
  reads_.erase(found);
  if (read.callbacks.on_end) read.callbacks.on_end(status);
}

void LogClient::on_link_failed(const absl::Status& why) {
  failure_ = why;
  std::vector<ReadId> ids;
  for (const auto& [id, read] : reads_) ids.push_back(id);
  for (const ReadId id : ids) finish(id, why);
}

absl::StatusOr<net::HostPort> parse_log_address(std::string_view address) {
  if (address.empty()) return absl::UnavailableError("the agent serves no logs");
  return net::parse_host_port(address);
}

}  // namespace shoal::sdk
