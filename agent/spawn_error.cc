#include "agent/spawn_error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kScriptLineBytes = 256;  // the kernel reads no more (BINPRM_BUF_SIZE)

std::string error_text(int err) {
  char buffer[128];
  return strerror_r(err, buffer, sizeof(buffer));
}

SpawnError failure(SpawnFailure reason, int err, std::string message) {
  return SpawnError{reason, err, std::move(message)};
}

// What the #! line of a script names; empty: not a script, or unreadable.
std::string interpreter_of(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return {};
  char buffer[kScriptLineBytes];
  const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
  std::string_view line(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (line.substr(0, 2) != "#!") return {};
  line = line.substr(0, line.find('\n'));
  const std::size_t begin = line.find_first_not_of(" \t", 2);
  if (begin == std::string_view::npos) return {};
  return std::string(line.substr(begin, line.find_first_of(" \t", begin) - begin));
}

SpawnError bad_interpreter(const std::string& path, const std::string& interpreter, int err) {
  std::string message = absl::StrCat("cannot run ", quoted(path), ": its interpreter ",
                                     quoted(interpreter), " cannot be run: ", error_text(err));
  if (!interpreter.empty() && interpreter.back() == '\r') {
    absl::StrAppend(&message, " (the script has Windows line ends)");
  }
  return failure(SpawnFailure::kBadInterpreter, err, std::move(message));
}

SpawnError simple(SpawnFailure reason, const std::string& path, int err, std::string_view why) {
  return failure(
      reason, err,
      absl::StrCat("cannot run ", quoted(path), ": ", absl::string_view(why.data(), why.size())));
}

// ENOENT and EACCES say the same of the program and of its interpreter.
SpawnError explain_missing(const std::string& path, const std::string& file, int err) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    return simple(SpawnFailure::kNotFound, path, err, "no such file");
  }
  const std::string interpreter = interpreter_of(file);
  if (!interpreter.empty()) return bad_interpreter(path, interpreter, err);
  return simple(SpawnFailure::kBadInterpreter, path, err,
                "the file is there, but the loader (ELF interpreter) it names is not");
}

SpawnError explain_forbidden(const std::string& path, const std::string& file, int err) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    return simple(SpawnFailure::kNotExecutable, path, err,
                  "a folder on the way to it may not be entered");
  }
  if (S_ISDIR(info.st_mode)) {
    return simple(SpawnFailure::kIsDirectory, path, EISDIR, "it is a directory");
  }
  if (!S_ISREG(info.st_mode)) {
    return simple(SpawnFailure::kNotExecutable, path, err, "it is not a regular file");
  }
  if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) != 0) {
    return simple(SpawnFailure::kNotExecutable, path, err,
                  "it is not executable (chmod +x, or a file system mounted noexec)");
  }
  const std::string interpreter = interpreter_of(file);
  if (!interpreter.empty()) return bad_interpreter(path, interpreter, err);
  return simple(SpawnFailure::kNotExecutable, path, err, "permission denied");
}

SpawnError explain_loop(const std::string& path, const std::string& file, int err) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    return simple(SpawnFailure::kTooManySymlinks, path, err, "too many symbolic links");
  }
  return bad_interpreter(path, interpreter_of(file), err);  // a script run by a script, and so on
}

}  // namespace

std::string_view name_of(SpawnFailure reason) {
  switch (reason) {
    case SpawnFailure::kEmptyCommand:
      return "empty_command";
    case SpawnFailure::kNulByte:
      return "nul_byte";
    case SpawnFailure::kBadEnvironment:
      return "bad_environment";
    case SpawnFailure::kBadWorkingDirectory:
      return "bad_working_directory";
    case SpawnFailure::kNotFound:
      return "not_found";
    case SpawnFailure::kNotExecutable:
      return "not_executable";
    case SpawnFailure::kIsDirectory:
      return "is_directory";
    case SpawnFailure::kBadInterpreter:
      return "bad_interpreter";
    case SpawnFailure::kNotAProgram:
      return "not_a_program";
    case SpawnFailure::kArgumentsTooLong:
      return "arguments_too_long";
    case SpawnFailure::kTooManySymlinks:
      return "too_many_symlinks";
    case SpawnFailure::kBusy:
      return "busy";
    case SpawnFailure::kNotIsolated:
      return "not_isolated";
    case SpawnFailure::kResourceExhausted:
      return "resource_exhausted";
    case SpawnFailure::kOther:
      break;
  }
  return "other";
}

std::string resolve_from(std::string_view working_directory, std::string_view path) {
  if (path.substr(0, 1) == "/") return std::string(path);
  std::string joined(working_directory);
  joined += '/';
  joined += path;
  return joined;
}

Lookup look_up_program(std::string_view command, std::string_view path,
                       std::string_view working_directory) {
  if (command.find('/') != std::string_view::npos) return {std::string(command), {}};
  const std::string name(command);
  SpawnError error =
      failure(SpawnFailure::kNotFound, ENOENT,
              absl::StrCat("cannot run ", quoted(name), ": not found in PATH ", quoted(path)));
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string entry = resolve_from(working_directory, path.substr(begin, end - begin));
    begin = end + 1;
    const std::string candidate = absl::StrCat(entry, "/", name);
    struct stat info {};
    if (::stat(candidate.c_str(), &info) != 0) {
      if (errno == ELOOP) error = explain_exec_failure(candidate, "/", ELOOP);
      continue;
    }
    if (S_ISREG(info.st_mode) && ::faccessat(AT_FDCWD, candidate.c_str(), X_OK, AT_EACCESS) == 0) {
      return {candidate, {}};
    }
    // Keep looking, as execvp does, but remember what was nearly it.
    if (error.reason == SpawnFailure::kNotFound)
      error = explain_forbidden(candidate, candidate, EACCES);
  }
  return {{}, std::move(error)};
}

SpawnError explain_exec_failure(const std::string& path, const std::string& working_directory,
                                int err) {
  const std::string file = resolve_from(working_directory, path);
  switch (err) {
    case ENOENT:
      return explain_missing(path, file, err);
    case ENOTDIR:
      return simple(SpawnFailure::kNotFound, path, err, "a part of the path is not a directory");
    case ENAMETOOLONG:
      return simple(SpawnFailure::kNotFound, path, err, "the path is too long");
    case EACCES:
    case EPERM:
      return explain_forbidden(path, file, err);
    case EISDIR:
      return simple(SpawnFailure::kIsDirectory, path, err, "it is a directory");
    case ENOEXEC:
    case EINVAL:
    case ELIBBAD:
      return simple(SpawnFailure::kNotAProgram, path, err,
                    "neither a program for this machine nor a script that starts with #!");
    case E2BIG:
      return simple(SpawnFailure::kArgumentsTooLong, path, err,
                    "arguments and environment are too long for the kernel");
    case ELOOP:
      return explain_loop(path, file, err);
    case ETXTBSY:
      return simple(SpawnFailure::kBusy, path, err, "somebody has it open for writing");
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
      return simple(SpawnFailure::kResourceExhausted, path, err, error_text(err));
    default:
      return simple(SpawnFailure::kOther, path, err, error_text(err));
  }
}

SpawnError explain_chdir_failure(const std::string& working_directory, int err) {
  return failure(SpawnFailure::kBadWorkingDirectory, err,
                 absl::StrCat("cannot enter the working directory ", quoted(working_directory),
                              ": ", error_text(err)));
}

}  // namespace shoal::agent
