#include "wire/task_description.h"

#include <cstring>

#include "core/status.h"
#include "wire/convert.h"
#include "wire/task_generated.h"

namespace shoal::wire {
namespace {

// One table each; with the root they stay within kMaxMessageTables.
constexpr std::size_t kMaxEnvironment = 2048;
static_assert(kMaxEnvironment + 1 <= core::kMaxMessageTables);

constexpr std::size_t kMaxUserBytes = 256;  // more than any name of a user has (LOGIN_NAME_MAX)

constexpr std::size_t kMaxReadOnlyPaths = 32;
constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX, without its NUL

constexpr std::string_view kMessage = "TaskDescription";

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// What a text alone does not show; the same for both directions.
absl::Status check(const TaskDescription& task) {
  if (task.command.empty()) return core::invalid("{}.command: is empty", kMessage);
  if (task.shell && !task.arguments.empty()) {
    return core::invalid("{}.arguments: stand beside a shell command", kMessage);
  }
  if (task.user.size() > kMaxUserBytes) {
    return core::invalid("{}.user: has {} bytes; the limit is {}", kMessage, task.user.size(),
                         kMaxUserBytes);
  }
  for (const std::string& path : task.read_only_paths) {
    if (path.empty() || path.front() != '/' || path.size() > kMaxPathBytes) {
      return core::invalid("{}.read_only_paths: one is not absolute, or has more than {} bytes",
                           kMessage, kMaxPathBytes);
    }
  }
  for (const auto& [name, value] : task.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      return core::invalid("{}.environment: a name is empty or holds '='", kMessage);
    }
  }
  return absl::OkStatus();
}

// What the reader checks of every text, for the sender.
absl::Status check_before_encoding(const TaskDescription& task) {
  bool nul = has_nul(task.command) || has_nul(task.working_directory) || has_nul(task.user);
  for (const std::string& argument : task.arguments) nul = nul || has_nul(argument);
  for (const std::string& path : task.read_only_paths) nul = nul || has_nul(path);
  for (const auto& [name, value] : task.environment) nul = nul || has_nul(name) || has_nul(value);
  if (nul) return core::invalid("{}: a text holds a NUL", kMessage);
  if (task.arguments.size() > core::kMaxArguments) {
    return core::invalid("{}.arguments: has {} items; the limit is {}", kMessage,
                         task.arguments.size(), core::kMaxArguments);
  }
  if (task.environment.size() > kMaxEnvironment) {
    return core::invalid("{}.environment: has {} items; the limit is {}", kMessage,
                         task.environment.size(), kMaxEnvironment);
  }
  if (task.read_only_paths.size() > kMaxReadOnlyPaths) {
    return core::invalid("{}.read_only_paths: has {} items; the limit is {}", kMessage,
                         task.read_only_paths.size(), kMaxReadOnlyPaths);
  }
  return check(task);
}

absl::Status check_size(std::size_t bytes) {
  if (bytes <= core::kMaxTaskDescriptionBytes) return absl::OkStatus();
  return core::invalid("{}: has {} bytes; the limit is {}", kMessage, bytes,
                       core::kMaxTaskDescriptionBytes);
}

}  // namespace

static void read(Reader& reader, const fb::EnvironmentVariable& in,
                 std::pair<std::string, std::string>& out) {
  out.first = reader.c_text(in.name(), "name");
  out.second = reader.c_text(in.value(), "value");
}

static void read(Reader& reader, const fb::TaskDescription& in, TaskDescription& out) {
  out.shell = in.shell();
  out.command = reader.c_text(in.command(), "command");
  reader.values(in.arguments(), "arguments", core::kMaxArguments, out.arguments,
                [&](const flatbuffers::String* argument) {
                  return std::string(reader.c_text(argument, {}));
                });
  reader.each(in.environment(), "environment", kMaxEnvironment, out.environment);
  out.working_directory = reader.c_text(in.working_directory(), "working_directory");
  out.kill_grace_ms = reader.duration_or_default(in.kill_grace_ms(), "kill_grace_ms");
  out.user = reader.c_text(in.user(), "user");
  out.max_completion_ms = reader.duration_or_default(in.max_completion_ms(), "max_completion_ms");
  reader.values(in.read_only_paths(), "read_only_paths", kMaxReadOnlyPaths, out.read_only_paths,
                [&](const flatbuffers::String* path) {
                  return std::string(reader.c_text(path, "read_only_paths"));
                });
  out.network = reader.enumerated<TaskNetwork>(in.network(), 2, "network");
}

absl::StatusOr<std::vector<std::uint8_t>> encode_task_description(const TaskDescription& task) {
  if (absl::Status s = check_before_encoding(task); !s.ok()) return s;
  Builder& builder = borrow_builder();
  const auto command = put_text(builder, task.command);
  // An argument may be empty and still counts, so it is put even then.
  const auto arguments = put_each<flatbuffers::String>(
      builder, task.arguments,
      [](Builder& b, const std::string& argument) { return b.CreateString(argument); });
  const auto environment = put_each<fb::EnvironmentVariable>(
      builder, task.environment, [](Builder& b, const auto& variable) {
        const auto name = put_text(b, variable.first);
        const auto value = put_text(b, variable.second);
        return fb::CreateEnvironmentVariable(b, name, value);
      });
  const auto working_directory = put_text(builder, task.working_directory);
  const auto user = put_text(builder, task.user);
  const auto read_only_paths = put_each<flatbuffers::String>(
      builder, task.read_only_paths,
      [](Builder& b, const std::string& path) { return b.CreateString(path); });
  builder.Finish(fb::CreateTaskDescription(
      builder, task.shell, command, arguments, environment, working_directory, task.kill_grace_ms,
      user, task.max_completion_ms, read_only_paths, static_cast<fb::TaskNetwork>(task.network)));
  if (absl::Status s = check_size(builder.GetSize()); !s.ok()) return s;
  return std::vector<std::uint8_t>(builder.GetBufferPointer(),
                                   builder.GetBufferPointer() + builder.GetSize());
}

absl::StatusOr<TaskDescription> decode_task_description(Bytes bytes) {
  if (absl::Status s = check_size(bytes.size()); !s.ok()) return s;
  std::vector<std::uint64_t> aligned;  // only used when it has to be
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % core::kFrameAlignment != 0) {
    aligned.resize((bytes.size() + 7) / 8);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    bytes = Bytes(reinterpret_cast<const std::uint8_t*>(aligned.data()), bytes.size());
  }
  TaskDescription task;
  if (absl::Status s = read_payload<fb::TaskDescription>(bytes, kMessage, task); !s.ok()) return s;
  if (absl::Status s = check(task); !s.ok()) return s;
  return task;
}

}  // namespace shoal::wire
