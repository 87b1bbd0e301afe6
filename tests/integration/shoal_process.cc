#include "tests/integration/shoal_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <thread>

namespace shoal::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// In the child, between fork and exec.
[[noreturn]] void become(const std::vector<std::string>& words, const StartOptions& options, int in,
                         int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (options.close_stdin) ::close(0);
  if (options.close_stdout) ::close(1);
  for (const auto& [name, value] : options.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

// Moves what is there to `to`; false at the end of the stream.
bool drain(int fd, std::string& to) {
  char buffer[16 * 1024];
  const ssize_t size = ::read(fd, buffer, sizeof buffer);
  if (size <= 0) return false;
  to.append(buffer, static_cast<std::size_t>(size));
  return true;
}

void close_and_forget(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

Process::Process(std::vector<std::string> words, StartOptions options) {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
    return;
  }
  pid_ = ::fork();
  if (pid_ == 0) become(words, options, in[0], out[1], err[1]);
  for (const int fd : {in[0], out[1], err[1]}) ::close(fd);
  // Small enough for the pipe, so this does not block.
  if (!options.stdin_text.empty() &&
      ::write(in[1], options.stdin_text.data(), options.stdin_text.size()) < 0) {
    result_.err = "cannot write to its stdin\n";
  }
  ::close(in[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_and_forget(out_);
  close_and_forget(err_);
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Process::freeze() const {
  signal(SIGSTOP);
  return eventually([this] {
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
      std::ifstream file(thread.path() / "stat");
      const std::string stat((std::istreambuf_iterator<char>(file)), {});
      if (stat.find(") T ") == std::string::npos) return false;
    }
    return true;
  });
}

bool Process::pump(Clock::time_point until) {
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
  if (left.count() <= 0) return false;
  ::poll(fds, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 100)));
  if (fds[0].revents != 0 && !drain(out_, result_.out)) close_and_forget(out_);
  if (fds[1].revents != 0 && !drain(err_, result_.err)) close_and_forget(err_);
  return true;
}

bool Process::wait_for_output(const std::string& text, std::chrono::seconds deadline) {
  const auto until = Clock::now() + deadline;
  const auto found = [&] {
    return result_.out.find(text) != std::string::npos ||
           result_.err.find(text) != std::string::npos;
  };
  while (!found() && (out_ >= 0 || err_ >= 0)) {
    if (!pump(until)) return false;
  }
  return found();
}

void Process::close_output() { close_and_forget(out_); }

Result Process::wait(std::chrono::seconds deadline) {
  const auto until = Clock::now() + deadline;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (!pump(until)) return result_;
  }
  pid_ = -1;
  // What it wrote last. Its own children may hold the pipes open, so only what is there already.
  for (int* fd : {&out_, &err_}) {
    while (*fd >= 0) {
      pollfd entry{*fd, POLLIN, 0};
      if (::poll(&entry, 1, 0) <= 0) break;
      if (!drain(*fd, fd == &out_ ? result_.out : result_.err)) close_and_forget(*fd);
    }
  }
  result_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result_;
}

Result run(std::vector<std::string> words, StartOptions options) {
  return Process(std::move(words), std::move(options)).wait();
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds deadline) {
  const auto until = Clock::now() + deadline;
  while (!condition()) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return children;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string stat = read_file(std::string("/proc/") + entry->d_name + "/stat");
    const std::size_t end = stat.rfind(") ");
    if (end == std::string::npos) continue;
    std::istringstream fields(stat.substr(end + 2));
    std::string state;
    pid_t of = 0;
    fields >> state >> of;
    if (of == parent)
      children.push_back(static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)));
  }
  ::closedir(folder);
  return children;
}

std::string command_line_of(pid_t pid) {
  std::string text = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "shoal-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

Cluster::Cluster(std::vector<std::string> more_words) {
  const std::string ready = folder_.path() + "/ready.json";
  std::vector<std::string> words = {SHOAL_BINARY,  "dev",          "--listen",
                                    "127.0.0.1:0", "--ready-file", ready};
  words.insert(words.end(), more_words.begin(), more_words.end());
  process_ = std::make_unique<Process>(std::move(words));
  eventually([&] { return std::filesystem::exists(ready) || children_of(::getpid()).empty(); });
  ready_text_ = read_file(ready);
  const std::string key = "\"master\":\"";
  const std::size_t begin = ready_text_.find(key);
  if (begin == std::string::npos) return;
  const std::size_t from = begin + key.size();
  master_ = ready_text_.substr(from, ready_text_.find('"', from) - from);
}

Cluster::~Cluster() {
  process_->signal(SIGTERM);
  const Result result = process_->wait(std::chrono::seconds(30));
  // What it has to say of a crash explains the test that failed.
  if (result.exit_code > 0)
    std::cerr << "the cluster ended with " << result.exit_code << ":\n" << result.err;
}

pid_t Cluster::agent_pid(int number) const {
  const std::string mark = "--hostname agent-" + std::to_string(number) + " ";
  for (const pid_t child : children_of(process_->pid())) {
    if (command_line_of(child).find(mark) != std::string::npos) return child;
  }
  return -1;
}

std::unique_ptr<Process> Cluster::start_shoal(std::vector<std::string> words,
                                              StartOptions options) const {
  words.insert(words.begin(), SHOAL_BINARY);
  options.environment.emplace_back("SHOAL_MASTER", master_);
  return std::make_unique<Process>(std::move(words), std::move(options));
}

Result Cluster::shoal(std::vector<std::string> words, StartOptions options) const {
  return start_shoal(std::move(words), std::move(options))->wait();
}

}  // namespace shoal::test
