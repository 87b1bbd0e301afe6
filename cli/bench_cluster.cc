#include "cli/bench_cluster.h"

#include <rapidjson/document.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "cli/json_reader.h"
#include "core/status.h"
#include "core/text.h"
#include "net/address.h"
#include "net/timer.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::milliseconds kLook{5};
constexpr std::chrono::seconds kStartPatience{20};
constexpr std::chrono::seconds kStopPatience{10};
constexpr std::size_t kMaxFile = std::size_t{64} << 20;
constexpr std::size_t kLogTail = 1000;
constexpr const char* kMetrics = "/metrics";
constexpr int kQuestions = 3;  // to a master that is busy

std::string read_file(const std::string& path) {
  auto text = net::read_whole_file(path, kMaxFile);
  return text.ok() ? *std::move(text) : std::string();
}

std::string tail(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  return text.substr(text.find('\n', text.size() - bytes) + 1);
}

std::uint64_t number(const rapidjson::Document& from, const char* key) {
  const auto found = from.FindMember(key);
  return found != from.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
}

// The body of GET `path`; blocks, for a loopback's answer.
std::string http_get(const std::string& address, const std::string& path) {
  const auto where = net::parse_host_port(address);
  if (!where.ok()) return "";
  const auto target = net::SocketAddress::from_numeric(*where);
  if (!target.ok()) return "";
  const int fd = ::socket(target->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, address);
  std::string answer;
  if (::connect(fd, target->get(), target->size()) == 0 &&
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[16384];
    for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  const std::size_t head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "" : answer.substr(head + 4);
}

// A port of 127.0.0.1 that nobody has.
struct FreePort {
  int fd = -1;
  std::uint16_t port = 0;

  static FreePort hold() {
    FreePort held;
    const auto any = net::SocketAddress::from_numeric({"127.0.0.1", 0});
    held.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (held.fd < 0 || ::bind(held.fd, any->get(), any->size()) != 0) return held;
    held.port = net::SocketAddress::local_of(held.fd).port();
    return held;
  }
  FreePort() = default;
  FreePort(FreePort&& other) noexcept : fd(std::exchange(other.fd, -1)), port(other.port) {}
  ~FreePort() { release(); }
  void release() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
};

// Empty: it is not in PATH.
std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string_view part : core::split(path == nullptr ? "" : path, ':')) {
    std::string candidate = fmt::format("{}/{}", part, name);
    if (!part.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

}  // namespace

double sum_of(std::string_view metrics, std::string_view name) {
  double sum = 0;
  for (const std::string_view line : core::split(metrics, '\n')) {
    if (!line.starts_with(name)) continue;
    const std::string_view rest = line.substr(name.size());
    if (!rest.starts_with(' ') && !rest.starts_with('{')) continue;
    sum += std::strtod(std::string(line.substr(line.rfind(' ') + 1)).c_str(), nullptr);
  }
  return sum;
}

absl::StatusOr<std::unique_ptr<BenchCluster>> BenchCluster::create(net::Reactor& reactor) {
  std::unique_ptr<BenchCluster> cluster(new BenchCluster(reactor));
  BenchCluster* self = cluster.get();
  if (absl::Status made = self->folder_.prepare("", "shoal-bench"); !made.ok()) return made;
  auto supervisor =
      Supervisor::create(reactor, [self](Supervisor::ChildId id, int status, core::Duration) {
        if (self->is_stopping_ || self->killed_.contains(id)) return;
        const ChildSpec& spec = self->supervisor_->spec(id);
        self->death_ =
            fmt::format("the {} ended: {}; the end of its log:\n{}", spec.name,
                        describe_wait_status(status), tail(read_file(spec.log_file), kLogTail));
        self->reactor_.stop();
      });
  if (!supervisor.ok()) return supervisor.status();
  self->supervisor_ = *std::move(supervisor);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    auto watcher = net::SignalWatcher::create(reactor, signal, [self] {
      self->is_interrupted_ = true;
      self->reactor_.stop();
    });
    if (!watcher.ok()) return watcher.status();
    self->signals_.push_back(*std::move(watcher));
  }
  return cluster;
}

BenchCluster::~BenchCluster() { stop(); }

absl::StatusOr<Supervisor::ChildId> BenchCluster::start(const std::string& name,
                                                        std::vector<std::string> words,
                                                        const std::string& program) {
  ChildSpec spec;
  spec.name = name;
  spec.program = program;
  spec.words = std::move(words);
  spec.log_file = fmt::format("{}/{}.log", folder(), name);
  spec.restart = false;
  return supervisor_->start(std::move(spec));
}

absl::Status BenchCluster::start_master(const std::vector<std::string>& more_words,
                                        const std::string& preload) {
  if (!preload.empty()) ::setenv("LD_PRELOAD", preload.c_str(), 1);
  const auto started = add_master("master", "127.0.0.1:0", more_words);
  if (!preload.empty()) ::unsetenv("LD_PRELOAD");
  if (!started.ok()) return started.status();
  master_ = started->address;
  master_pid_ = started->pid;
  return absl::OkStatus();
}

absl::StatusOr<BenchMaster> BenchCluster::add_master(const std::string& name,
                                                     const std::string& listen,
                                                     const std::vector<std::string>& more_words) {
  const std::string ready = fmt::format("{}/{}.ready", folder(), name);
  ::unlink(ready.c_str());
  std::vector<std::string> words = {
      "master",       "--listen", listen,     "--data", folder() + "/" + name,
      "--ready-file", ready,      "--config", ""};
  words.insert(words.end(), more_words.begin(), more_words.end());
  const auto child = start(name, std::move(words));
  if (!child.ok()) return child.status();
  std::string text;
  const auto serves = [&] { return !(text = read_file(ready)).empty(); };
  if (auto waited = wait_until(serves, kStartPatience, "the master to serve"); !waited.ok()) {
    return waited;
  }
  rapidjson::Document json;
  json.Parse(text.data(), text.size());
  if (!json.IsObject() || !json.HasMember("master") || !json["master"].IsString()) {
    return absl::InternalError("the master's ready file is none");
  }
  return BenchMaster{*child, json["master"].GetString(), static_cast<pid_t>(number(json, "pid"))};
}

void BenchCluster::kill_master(const BenchMaster& master) {
  killed_.insert(master.child);
  ::kill(master.pid, SIGKILL);
}

absl::StatusOr<std::string> BenchCluster::start_etcd() {
  const std::string program = find_program("etcd");
  if (program.empty()) {
    return absl::NotFoundError("there is no program 'etcd' in PATH (package etcd-server)");
  }
  // etcd must be told its ports. Both are held until just before it starts.
  auto client = FreePort::hold();
  auto peer = FreePort::hold();
  if (client.port == 0 || peer.port == 0) return absl::InternalError("there is no free port");
  const std::string address = fmt::format("127.0.0.1:{}", client.port);
  const std::string url = "http://" + address;
  const std::string peer_url = fmt::format("http://127.0.0.1:{}", peer.port);
  client.release();
  peer.release();
  const auto started =
      start("etcd",
            {"--data-dir", folder() + "/etcd", "--listen-client-urls", url,
             "--advertise-client-urls", url, "--listen-peer-urls", peer_url,
             "--initial-advertise-peer-urls", peer_url, "--initial-cluster", "default=" + peer_url},
            program);
  if (!started.ok()) return started.status();
  const auto serves = [&] {
    return http_get(address, "/health").find("\"true\"") != std::string::npos;
  };
  if (auto waited = wait_until(serves, kStartPatience, "etcd to serve"); !waited.ok()) {
    return waited;
  }
  return address;
}

absl::Status BenchCluster::start_swarm(const std::vector<std::string>& words,
                                       core::Duration patience) {
  const std::string ready = folder() + "/swarm.ready";
  std::vector<std::string> all = {"swarm", "--master",     master_, "-o",
                                  "jsonl", "--ready-file", ready};
  all.insert(all.end(), words.begin(), words.end());
  if (auto started = start("swarm", std::move(all)); !started.ok()) return started.status();
  std::string text;
  const auto registered = [&] { return !(text = read_file(ready)).empty(); };
  if (auto waited = wait_until(registered, patience, "all agents to register"); !waited.ok()) {
    return waited;
  }
  rapidjson::Document json;
  json.Parse(text.data(), text.size());
  if (json.IsObject() && json.HasMember("register_s") && json["register_s"].IsNumber()) {
    register_seconds_ = json["register_s"].GetDouble();
  }
  return absl::OkStatus();
}

absl::Status BenchCluster::wait(core::Duration time) {
  absl::Status status = wait_until([] { return false; }, time, "");
  return absl::IsDeadlineExceeded(status) ? absl::OkStatus() : status;
}

absl::Status BenchCluster::wait_until(const std::function<bool()>& done, core::Duration patience,
                                      const std::string& what) {
  bool is_done = false;
  net::Timer look(reactor_, [&] {
    if (!done()) return;
    is_done = true;
    reactor_.stop();
  });
  net::Timer limit(reactor_, [this] { reactor_.stop(); });
  look.start_repeating(kLook);
  limit.start(patience);
  if (!is_interrupted_ && death_.empty()) reactor_.run();
  if (is_interrupted_) return absl::CancelledError("interrupted");
  if (!death_.empty()) return absl::UnavailableError(death_);
  if (is_done) return absl::OkStatus();
  return absl::DeadlineExceededError(
      fmt::format("waited {:.0f} s for {}", std::chrono::duration<double>(patience).count(), what));
}

SwarmReport BenchCluster::swarm_report() const {
  SwarmReport report;
  const std::string log = read_file(folder() + "/swarm.log");
  const std::size_t begin = log.rfind("{\"seconds\"");
  if (begin == std::string::npos) return report;
  rapidjson::Document json;
  json.Parse(log.data() + begin, log.find('\n', begin) - begin);
  if (!json.IsObject()) return report;
  report.registered = number(json, "registered");
  report.registrations = number(json, "registrations");
  report.lost = number(json, "lost");
  report.tasks_started = number(json, "tasks_started");
  return report;
}

MasterUse BenchCluster::master_use() const {
  MasterUse use;
  std::ifstream memory(fmt::format("/proc/{}/statm", master_pid_));
  std::uint64_t size = 0;
  std::uint64_t pages = 0;
  memory >> size >> pages;
  use.rss_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream stat(fmt::format("/proc/{}/stat", master_pid_));
  std::string line;
  std::getline(stat, line);
  const std::size_t end = line.rfind(") ");  // the name may hold anything
  if (end == std::string::npos) return use;
  const auto fields = core::split(std::string_view(line).substr(end + 2), ' ');
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (fields.size() > 12 && core::parse_int(fields[11], &user) &&
      core::parse_int(fields[12], &system)) {
    use.cpu_s = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return use;
}

double BenchCluster::metric(const std::string& master, std::string_view name) {
  return sum_of(ask(master, kMetrics), name);
}

double BenchCluster::longest_turn_seconds() {
  rapidjson::Document answer;
  answer.Parse(ask(master_, "/v1/reactors").c_str());
  const rapidjson::Value* reactors = answer.HasParseError() ? nullptr : member(answer, "reactors");
  if (reactors == nullptr || !reactors->IsArray()) return 0;
  std::uint64_t longest = 0;
  for (const rapidjson::Value& reactor : reactors->GetArray()) {
    longest = std::max(longest, count_of(reactor, "longest_turn_ns"));
  }
  return static_cast<double>(longest) / 1e9;
}

std::string BenchCluster::ask(const std::string& master, const std::string& path) {
  for (int i = 0; i < kQuestions; ++i) {
    if (std::string text = http_get(master, path); !text.empty()) return text;
  }
  answered_ = absl::UnavailableError(fmt::format("{}{}: no answer", master, path));
  return "";
}

void BenchCluster::stop() {
  if (supervisor_ == nullptr) return;
  is_stopping_ = true;
  supervisor_->shut_down(kStopPatience, [this] { reactor_.stop(); });
  reactor_.run();
  supervisor_.reset();
  kill_all_children();
}

}  // namespace shoal::cli
