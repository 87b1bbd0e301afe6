// Programs under test as child processes, with a deadline on everything.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace shoal::test {

struct Result {
  int exit_code = -1;  // 128 + signal when a signal ended it; -1: it did not end in time
  std::string out;
  std::string err;
};

struct StartOptions {
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  bool close_stdin = false;   // no descriptor 0 at all; otherwise it is /dev/null
  bool close_stdout = false;  // no descriptor 1 at all
  std::string stdin_text;
};

// Killed (SIGKILL) and reaped when it is destroyed.
class Process {
 public:
  explicit Process(std::vector<std::string> words, StartOptions options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // SIGSTOP, until every thread has stopped: one takes it for all, and the others run until then.
  bool freeze() const;
  // Until `text` was written to stdout (or stderr), at most `deadline`.
  bool wait_for_output(const std::string& text,
                       std::chrono::seconds deadline = std::chrono::seconds(60));
  // Stops reading its stdout: the pipe breaks at its next write.
  void close_output();
  Result wait(std::chrono::seconds deadline = std::chrono::seconds(90));

 private:
  bool pump(std::chrono::steady_clock::time_point until);  // false: the time is up

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  Result result_;
};

Result run(std::vector<std::string> words, StartOptions options = {});

// Polls `condition` until it holds; false after `deadline`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::seconds deadline = std::chrono::seconds(60));

std::vector<pid_t> children_of(pid_t parent);
std::string command_line_of(pid_t pid);  // words joined by blanks; "" when it is gone

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// `shoal dev` on a free port, ended (and checked to have ended well) by stop().
class Cluster {
 public:
  explicit Cluster(std::vector<std::string> more_words = {});
  ~Cluster();

  bool is_ready() const { return !master_.empty(); }
  const std::string& master() const { return master_; }
  pid_t pid() const { return process_->pid(); }
  const std::string& ready_text() const { return ready_text_; }
  Process& process() { return *process_; }
  pid_t agent_pid(int number) const;  // 1…; -1: not running

  // shoal WORDS with SHOAL_MASTER set.
  Result shoal(std::vector<std::string> words, StartOptions options = {}) const;
  std::unique_ptr<Process> start_shoal(std::vector<std::string> words,
                                       StartOptions options = {}) const;

 private:
  TempFolder folder_;
  std::unique_ptr<Process> process_;
  std::string ready_text_;
  std::string master_;
};

}  // namespace shoal::test
