#include "agent/update_history.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "agent/supervisor/record.h"
#include "wire/frame.h"

namespace shoal::agent {

namespace {

// Records begin at multiples of it: header and frame lengths are.
constexpr std::size_t kAlignment = 8;
static_assert(sizeof(RecordHeader) % kAlignment == 0 && core::kFrameAlignment == kAlignment);

// Names an update that only carries a state over, with its acknowledgement.
constexpr core::UpdateUuid kCarriedOver = {'c', 'a', 'r', 'r', 'i', 'e', 'd', ' ',
                                           'o', 'v', 'e', 'r', 0,   0,   0,   1};

template <typename Message>
void append(const Message& message, wire::ByteVector& out) {
  wire::ByteVector frame;
  wire::encode(message, 0, frame);
  const RecordHeader header =
      header_of(RecordKind::kUpdate, frame.data(), static_cast<std::uint32_t>(frame.size()));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  out.insert(out.end(), bytes, bytes + sizeof(header));
  out.insert(out.end(), frame.begin(), frame.end());
}

// The size of the whole record at the front of `bytes`; 0: there is none.
std::size_t record_size(wire::Bytes bytes) {
  RecordHeader header;
  if (bytes.size() < sizeof(header)) return 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kRecordMagic, sizeof(header.magic)) != 0) return 0;
  if (header.version != kRecordVersion || header.length % kAlignment != 0) return 0;
  if (header.kind != static_cast<std::uint16_t>(RecordKind::kUpdate)) return 0;
  if (header.length > core::kFrameHeaderBytes + core::kMaxFrameBytes) return 0;
  if (header.length > bytes.size() - sizeof(header)) return 0;
  const std::uint8_t* payload = bytes.data() + sizeof(header);
  if (checksum_of(header, payload) != header.checksum) return 0;
  return sizeof(header) + header.length;
}

template <typename Message>
bool decode_and_apply(const wire::FrameView& frame, UpdateHistory& history) {
  const auto message = wire::decode<Message>(frame.payload);
  if (message.ok()) history.apply(*message);
  return message.ok();
}

bool apply_frame(wire::Bytes bytes, UpdateHistory& history) {
  std::vector<std::uint64_t> words(bytes.size() / kAlignment);  // aligned, as a frame must be
  if (words.empty()) return false;
  std::memcpy(words.data(), bytes.data(), bytes.size());
  const wire::Bytes aligned(reinterpret_cast<const std::uint8_t*>(words.data()), bytes.size());
  wire::FrameView frame;
  const auto progress = wire::next_frame(aligned, core::kMaxFrameBytes, &frame);
  if (!progress.ok() || *progress != wire::FrameProgress::kFrame) return false;
  switch (static_cast<wire::MessageKind>(frame.header.kind)) {
    case wire::MessageKind::kStatusUpdate:
      return decode_and_apply<core::TaskStatus>(frame, history);
    case wire::MessageKind::kAcknowledgeUpdate:
      return decode_and_apply<core::AcknowledgeUpdate>(frame, history);
    case wire::MessageKind::kRemoveFramework:
      return decode_and_apply<core::RemoveFramework>(frame, history);
    default:
      return false;
  }
}

// The state of a task whose updates are all acknowledged.
void carry_over(const AgentState& state, const Task& task, wire::ByteVector& out) {
  StatusUpdate update;
  update.state = task.state;
  update.reason = task.kill_reason;
  update.uuid = kCarriedOver;
  const core::AgentId agent = state.id.valid() ? state.id : core::AgentId{1};  // not read again
  append(status_of(agent, task, update), out);
  append(core::AcknowledgeUpdate{task.framework, agent, task.id, kCarriedOver}, out);
}

}  // namespace

void UpdateHistory::apply(const core::TaskStatus& status) {
  if (!status.has_uuid) return;
  removed_.erase(status.framework);
  RememberedTask& task = tasks_[{status.framework, std::string(status.task)}];
  if (core::is_terminal(task.state)) task = RememberedTask();  // another run of the same name
  task.state = status.state;
  if (status.state == core::TaskState::kKilling) {
    task.is_kill_asked = true;
    task.kill_reason = status.reason;
  }
  task.updates.push(update_of(status));
}

void UpdateHistory::apply(const core::AcknowledgeUpdate& message) {
  const auto found = tasks_.find({message.framework, std::string(message.task)});
  if (found == tasks_.end() || !found->second.updates.acknowledge(message.uuid)) return;
  if (found->second.updates.empty() && core::is_terminal(found->second.state)) tasks_.erase(found);
}

void UpdateHistory::apply(const core::RemoveFramework& message) {
  removed_.insert(message.framework);
  const auto first = tasks_.lower_bound({message.framework, std::string()});
  auto last = first;
  while (last != tasks_.end() && last->first.first == message.framework) ++last;
  tasks_.erase(first, last);
}

void append_record(const core::TaskStatus& status, wire::ByteVector& out) { append(status, out); }

void append_record(const core::AcknowledgeUpdate& message, wire::ByteVector& out) {
  append(message, out);
}

void append_record(const core::RemoveFramework& message, wire::ByteVector& out) {
  append(message, out);
}

ReadHistory read_history(wire::Bytes file) {
  ReadHistory read;
  while (!file.empty()) {
    const std::size_t size = record_size(file);
    const bool is_good =
        size != 0 &&
        apply_frame(file.subspan(sizeof(RecordHeader), size - sizeof(RecordHeader)), read.history);
    const std::size_t step = std::min(size != 0 ? size : kAlignment, file.size());
    if (is_good) {
      ++read.records;
    } else {
      read.lost_bytes += step;
    }
    file.remove_prefix(step);
  }
  return read;
}

wire::ByteVector history_of(const AgentState& state) {
  wire::ByteVector out;
  std::set<core::FrameworkId> removed;
  for (const auto& [key, task] : state.tasks) {
    if (task->is_orphan) {
      removed.insert(task->framework);
      continue;
    }
    for (const StatusUpdate& update : task->updates.pending()) {
      append(status_of(state.id, *task, update), out);
    }
    const bool is_told = task->state != core::TaskState::kStaging;
    if (task->updates.empty() && is_told) carry_over(state, *task, out);
  }
  for (const core::FrameworkId framework : removed) append(core::RemoveFramework{framework}, out);
  return out;
}

StatusUpdate update_of(const core::TaskStatus& status) {
  StatusUpdate update;
  update.state = status.state;
  update.reason = status.reason;
  update.has_exit = status.has_exit;
  update.exit_code = status.exit_code;
  update.exit_signal = status.exit_signal;
  update.timestamp_ms = status.timestamp_ms;
  update.uuid = status.uuid;
  update.message = status.message;
  return update;
}

core::TaskStatus status_of(core::AgentId agent, const Task& task, const StatusUpdate& update) {
  core::TaskStatus status;
  status.framework = task.framework;
  status.agent = agent;
  status.task = task.id;
  status.state = update.state;
  status.reason = update.reason;
  status.source = core::TaskSource::kAgent;
  status.message = update.message;
  status.has_exit = update.has_exit;
  status.exit_code = update.exit_code;
  status.exit_signal = update.exit_signal;
  status.timestamp_ms = update.timestamp_ms;
  status.has_uuid = true;
  status.uuid = update.uuid;
  return status;
}

}  // namespace shoal::agent
