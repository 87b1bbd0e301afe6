// What an agent needs to run a task, encoded as bytes that the master forwards without reading.
// Written by sdk, read by agent.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/frame.h"

namespace shoal::wire {

enum class TaskNetwork : std::uint8_t {
  kHost = 0,  // the machine's
  kNone = 1,  // a loopback interface of its own, and nothing else
};

struct TaskDescription {
  // The command. shell: `command` is given to /bin/sh -c and `arguments` must be empty. Otherwise
  // `command` is the program (looked up in PATH when it holds no '/') and `arguments` follow it as
  // argv[1]…
  bool shell = false;
  std::string command;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory;             // empty: the sandbox
  std::int64_t kill_grace_ms = -1;           // < 0: the agent's default
  std::string user;                          // name or uid it runs as; empty: the agent's default
  std::int64_t max_completion_ms = -1;       // it is killed when it runs longer; < 0: never
  std::vector<std::string> read_only_paths;  // absolute; it cannot write there and below
  TaskNetwork network = TaskNetwork::kHost;
};

// Errors: INVALID_ARGUMENT when it is larger than kMaxTaskDescriptionBytes or a part is out of
// bounds (NUL in a text, '=' in an environment name, too many arguments, a relative read-only
// path).
absl::StatusOr<std::vector<std::uint8_t>> encode_task_description(const TaskDescription& task);

// `bytes` may have any alignment: it is copied when it has to be. Same checks as above.
absl::StatusOr<TaskDescription> decode_task_description(Bytes bytes);

}  // namespace shoal::wire
