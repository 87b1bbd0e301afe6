#include "agent/checkpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "agent/errno_status.h"
#include "agent/supervisor/record.h"
#include "core/status.h"
#include "core/text.h"
#include "wire/task_description.h"

namespace shoal::agent {

namespace {

constexpr char kSeparator = '@';  // in no id
constexpr char kTaskAside[] = "task.tmp";
constexpr std::size_t kMaxRecordBytes =
    sizeof(RecordHeader) + kBootIdBytes + core::kFrameHeaderBytes + core::kMaxFrameBytes;
static_assert((sizeof(RecordHeader) + kBootIdBytes) % core::kFrameAlignment == 0);

// One of at least `least` bytes: fields that it does not have are 0, and what it has beyond those
// that are known is of a newer version.
template <typename Payload>
absl::StatusOr<Payload> fixed_payload(wire::Bytes file, RecordKind kind, std::size_t least) {
  const auto bytes = payload_of(file, static_cast<std::uint16_t>(kind));
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < least) {
    return core::invalid("it is damaged: its payload has {} bytes", bytes->size());
  }
  Payload payload = {};
  std::memcpy(&payload, bytes->data(), std::min(bytes->size(), sizeof(payload)));
  return payload;
}

std::string text_of(const char* padded) {
  return std::string(padded, ::strnlen(padded, kBootIdBytes));
}

absl::Status damaged(std::string_view what) { return core::invalid("it is damaged: {}", what); }

// A whole small file of a run. Errors name it.
absl::StatusOr<wire::ByteVector> read_file(int folder, const char* name, std::int64_t* changed_ms) {
  UniqueFd fd(::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return errno_status(errno, name);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_status(errno, name);
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) > kMaxRecordBytes) {
    return core::invalid("{}: it is no record: {} bytes, or no file", name, info.st_size);
  }
  wire::ByteVector bytes(static_cast<std::size_t>(info.st_size));
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t part = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return errno_status(errno, name);
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  bytes.resize(got);
  if (changed_ms != nullptr) {
    *changed_ms = std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  }
  return bytes;
}

// `decode` of a file of the run at `path`; an error names the file and says what is wrong with it.
template <typename Record, typename Decode>
absl::StatusOr<Record> read_record(int folder, const std::string& path, const char* name,
                                   Decode&& decode, std::int64_t* changed_ms = nullptr) {
  const auto bytes = read_file(folder, name, changed_ms);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Record> record = decode(*bytes);
  if (record.ok()) return record;
  return core::invalid("{}/{}: {}", path, name, core::message_of(record.status()));
}

absl::StatusOr<ExitRecord> read_exit_at(int folder, const std::string& path) {
  std::int64_t changed_ms = 0;
  auto record = read_record<ExitRecord>(folder, path, kExitFile, decode_exit_record, &changed_ms);
  if (record.ok()) record->ended_ms = changed_ms;
  return record;
}

bool write_all(int fd, wire::Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

std::string run_name(const RunId& id) {
  return fmt::format("{}{}{}{}{}", id.framework_id, kSeparator, id.task_id, kSeparator,
                     id.run_uuid);
}

absl::Status check_run_id(const RunId& id) {
  absl::Status status = check_id("framework id", id.framework_id);
  if (status.ok()) status = check_id("task id", id.task_id);
  if (status.ok()) status = check_id("run id", id.run_uuid);
  return status;
}

FoundRun read_run(int meta, const std::string& data_dir, RunId id) {
  const std::string path = run_folder(data_dir, id);
  const UniqueFd folder(
      ::openat(meta, run_name(id).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) {
    const absl::Status why = errno_status(errno, path);
    return {std::move(id), why, why, why};
  }
  const int at = folder.get();
  auto task = read_record<TaskRecord>(
      at, path, kTaskFile, [&id](wire::Bytes bytes) { return decode_task_record(bytes, id); });
  auto supervisor =
      read_record<SupervisorRecord>(at, path, kSupervisorFile, decode_supervisor_record);
  return {std::move(id), std::move(task), std::move(supervisor), read_exit_at(at, path)};
}

}  // namespace

absl::StatusOr<wire::Bytes> payload_of(wire::Bytes file, std::uint16_t kind) {
  RecordHeader header;
  if (file.size() < sizeof(header)) {
    return core::invalid("it is cut off after {} bytes", file.size());
  }
  std::memcpy(&header, file.data(), sizeof(header));
  if (std::memcmp(header.magic, kRecordMagic, sizeof(header.magic)) != 0) {
    return core::invalid("it is no record of an agent");
  }
  if (header.version > kRecordVersion) {
    return core::invalid("it was written by a newer version ({}; this one knows {})",
                         header.version, kRecordVersion);
  }
  const wire::Bytes payload = file.subspan(sizeof(header));
  if (payload.size() < header.length) {
    return core::invalid("it is cut off after {} of {} bytes", file.size(),
                         sizeof(header) + header.length);
  }
  if (payload.size() > header.length) {
    return damaged(fmt::format("{} bytes follow its end", payload.size() - header.length));
  }
  if (checksum_of(header, payload.data()) != header.checksum) {
    return damaged("the checksum does not match");
  }
  if (header.version != kRecordVersion || header.kind != kind) {
    return core::invalid("it is a record of version {} and kind {}", header.version, header.kind);
  }
  return payload;
}

absl::StatusOr<wire::ByteVector> encode_task_record(const LaunchRequest& request,
                                                    std::string_view boot_id) {
  auto description = wire::encode_task_description(request.description);
  if (!description.ok()) return description.status();
  core::RunTask message;
  message.framework = request.framework;
  message.task = {request.task, request.name, request.resources, *description, request.role};
  wire::ByteVector frame;
  wire::encode(message, 0, frame);
  if (frame.size() > core::kFrameHeaderBytes + core::kMaxFrameBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("its record would have {} bytes, at most {} are allowed", frame.size(),
                    core::kFrameHeaderBytes + core::kMaxFrameBytes));
  }
  wire::ByteVector payload(kBootIdBytes + frame.size());
  std::memcpy(payload.data(), boot_id.data(), std::min(boot_id.size(), kBootIdBytes - 1));
  std::memcpy(payload.data() + kBootIdBytes, frame.data(), frame.size());
  const RecordHeader header =
      header_of(RecordKind::kTask, payload.data(), static_cast<std::uint32_t>(payload.size()));
  wire::ByteVector record(sizeof(header) + payload.size());
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), payload.data(), payload.size());
  return record;
}

absl::StatusOr<TaskRecord> decode_task_record(wire::Bytes file, const RunId& expected) {
  const auto payload = payload_of(file, static_cast<std::uint16_t>(RecordKind::kTask));
  if (!payload.ok()) return payload.status();
  if (payload->size() < kBootIdBytes) return damaged("its payload is too short");
  // Aligned, as a frame must be.
  std::vector<std::uint64_t> words((payload->size() - kBootIdBytes + 7) / 8);
  if (words.empty()) return damaged("it holds no task");
  std::memcpy(words.data(), payload->data() + kBootIdBytes, payload->size() - kBootIdBytes);
  const wire::Bytes bytes(reinterpret_cast<const std::uint8_t*>(words.data()),
                          payload->size() - kBootIdBytes);
  wire::FrameView frame;
  const auto progress = wire::next_frame(bytes, core::kMaxFrameBytes, &frame);
  if (!progress.ok()) return damaged(core::message_of(progress.status()));
  if (*progress != wire::FrameProgress::kFrame || frame.total_bytes() != bytes.size() ||
      frame.header.kind != static_cast<std::uint16_t>(wire::MessageKind::kRunTask)) {
    return damaged("it holds no task");
  }
  const auto message = wire::decode<core::RunTask>(frame.payload);
  if (!message.ok()) return damaged(core::message_of(message.status()));
  const auto description = wire::decode_task_description(message->task.description);
  if (!description.ok()) return damaged(core::message_of(description.status()));
  if (core::to_string(message->framework) != expected.framework_id ||
      message->task.id != expected.task_id) {
    return core::invalid("it is of task '{}' of framework {}", core::printable(message->task.id),
                         core::to_string(message->framework));
  }
  TaskRecord record;
  record.framework = message->framework;
  record.id = message->task.id;
  record.name = message->task.name;
  record.role = message->task.role;
  record.resources = message->task.resources;
  record.kill_grace_ms = description->kill_grace_ms;
  record.max_completion_ms = description->max_completion_ms;
  record.boot_id = text_of(reinterpret_cast<const char*>(payload->data()));
  return record;
}

absl::StatusOr<SupervisorRecord> decode_supervisor_record(wire::Bytes file) {
  const auto payload =
      fixed_payload<SupervisorPayload>(file, RecordKind::kSupervisor, sizeof(SupervisorPayload));
  if (!payload.ok()) return payload.status();
  if (payload->pid <= 1) return damaged(fmt::format("process {}", payload->pid));
  return SupervisorRecord{payload->pid, payload->start_time, text_of(payload->boot_id)};
}

absl::StatusOr<ExitRecord> decode_exit_record(wire::Bytes file) {
  const auto payload = fixed_payload<ExitPayload>(file, RecordKind::kExit, kMinExitPayload);
  if (!payload.ok()) return payload.status();
  const bool is_known = payload->how == kExited || payload->how == kSignaled;
  const int most = payload->how == kExited ? 255 : 64;
  if (!is_known || payload->code < 0 || payload->code > most) {
    return damaged(fmt::format("end {} with {}", payload->how, payload->code));
  }
  ExitRecord record;
  record.exit.signaled = payload->how == kSignaled;
  record.exit.code_or_signal = payload->code;
  record.exit.core_dumped = payload->core_dumped != 0;
  record.exit.oom_kills = payload->oom_kills;
  record.exit.memory_limit = payload->memory_limit;
  record.exit.memory_peak = payload->memory_peak;
  record.has_left = payload->left != 0;
  return record;
}

std::string meta_folder(const std::string& data_dir) { return data_dir + "/meta"; }

std::string run_folder(const std::string& data_dir, const RunId& id) {
  return fmt::format("{}/{}", meta_folder(data_dir), run_name(id));
}

std::optional<RunId> parse_run_name(std::string_view name) {
  const auto parts = core::split(name, kSeparator);
  if (parts.size() != 3) return std::nullopt;
  RunId id{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
  if (!check_run_id(id).ok() || !core::parse_framework_id(parts[0]).ok()) return std::nullopt;
  return id;
}

absl::StatusOr<CheckpointFiles> write_checkpoint(const std::string& data_dir, const RunId& id,
                                                 wire::Bytes record) {
  if (absl::Status checked = check_run_id(id); !checked.ok()) return checked;
  const std::string path = run_folder(data_dir, id);
  if (::mkdir(path.c_str(), 0700) != 0) return errno_status(errno, "making " + path);
  CheckpointFiles files;
  files.folder = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  files.task = UniqueFd(::openat(files.folder.get(), kTaskAside,
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (files.task.valid() && write_all(files.task.get(), record) &&
      ::renameat(files.folder.get(), kTaskAside, files.folder.get(), kTaskFile) == 0) {
    return files;
  }
  absl::Status error = errno_status(errno, fmt::format("writing {}/{}", path, kTaskFile));
  (void)remove_checkpoint(data_dir, id);
  return error;
}

absl::Status remove_checkpoint(const std::string& data_dir, const RunId& id) {
  if (absl::Status checked = check_run_id(id); !checked.ok()) return checked;
  const std::string path = run_folder(data_dir, id);
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) {
    if (errno == ENOENT) return absl::OkStatus();
    return errno_status(errno, "removing " + path);
  }
  // `task` last: without it the others mean nothing.
  for (const char* name :
       {"supervisor.tmp", kSupervisorFile, "exit.tmp", kExitFile, kTaskAside, kTaskFile}) {
    ::unlinkat(folder.get(), name, 0);
  }
  if (::rmdir(path.c_str()) == 0) return absl::OkStatus();
  return errno_status(errno, "removing " + path);
}

absl::StatusOr<ExitRecord> read_exit(const std::string& data_dir, const RunId& id) {
  const std::string path = run_folder(data_dir, id);
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return errno_status(errno, path);
  return read_exit_at(folder.get(), path);
}

absl::StatusOr<FoundRuns> find_runs(const std::string& data_dir) {
  const std::string path = meta_folder(data_dir);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_status(errno, "making " + path);
  }
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return errno_status(errno, "reading " + path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  FoundRuns found;
  for (const std::string& name : names) {
    if (name == "." || name == ".." || name.find(kSeparator) == std::string::npos) continue;
    auto id = parse_run_name(name);
    if (id.has_value()) {
      found.runs.push_back(read_run(::dirfd(folder.get()), data_dir, *std::move(id)));
    } else {
      found.ignored.push_back(fmt::format("{}/{}", path, core::printable(name)));
    }
  }
  return found;
}

}  // namespace shoal::agent
