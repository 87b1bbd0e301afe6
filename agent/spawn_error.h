// Why a command could not be started, told apart exactly, in words for the owner of the task.
#pragma once

#include <string>
#include <string_view>

namespace shoal::agent {

enum class SpawnFailure {
  kEmptyCommand,
  kNulByte,              // in an argument, a path or a variable
  kBadEnvironment,       // variable name empty or with '='
  kBadWorkingDirectory,  // missing, no directory, or forbidden
  kNotFound,
  kNotExecutable,
  kIsDirectory,
  kBadInterpreter,  // the script is there, what its #! line names is not (or an ELF loader)
  kNotAProgram,     // neither a binary for this machine nor a script with #!
  kArgumentsTooLong,
  kTooManySymlinks,
  kBusy,               // somebody has the program open for writing: worth another try
  kNotIsolated,        // it could not be held as it should: cgroups, namespaces, user, …
  kResourceExhausted,  // no memory, no process, no descriptor left: worth another try later
  kOther,
};

// "not_found", "bad_interpreter", ...: stable, for status messages and metrics.
std::string_view name_of(SpawnFailure reason);

struct SpawnError {
  SpawnFailure reason = SpawnFailure::kOther;
  int err = 0;          // errno of the failing call; 0 when refused before any call
  std::string message;  // one line, names the path, control bytes escaped
};

// `path` seen from `working_directory` (the task's).
std::string resolve_from(std::string_view working_directory, std::string_view path);

// Looks `command` up in the task's own `path` (colon list; an empty or relative entry counts from
// the working directory, as in execvp(3)). Gives the path to execute, or says why there is none.
struct Lookup {
  std::string path;  // empty: see `error`
  SpawnError error;
};
Lookup look_up_program(std::string_view command, std::string_view path,
                       std::string_view working_directory);

// Why execve(path) gave `err`; looks at the file again to tell causes with the same errno apart.
SpawnError explain_exec_failure(const std::string& path, const std::string& working_directory,
                                int err);
SpawnError explain_chdir_failure(const std::string& working_directory, int err);

}  // namespace shoal::agent
