#include "tests/integration/net_lab.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace shoal::test {
namespace {

constexpr const char* kIp = "/sbin/ip";
constexpr const char* kTc = "/sbin/tc";
constexpr const char* kOwnNetwork = "/proc/thread-self/ns/net";
constexpr const char* kNobody = "02:53:00:00:ff:ff";

std::string hardware_of(std::size_t index) { return fmt::format("02:53:00:00:00:{:02x}", index); }

int open_own_network() { return ::open(kOwnNetwork, O_RDONLY | O_CLOEXEC); }

// A descriptor; -1: errno says why not.
int new_network() {
  const int before = open_own_network();
  if (before < 0) return -1;
  int made = -1;
  int code = 0;
  if (::unshare(CLONE_NEWNET) == 0) {
    made = open_own_network();
    code = errno;
    if (::setns(before, CLONE_NEWNET) != 0) std::abort();  // all that follows would run elsewhere
  } else {
    code = errno;
  }
  ::close(before);
  errno = code;
  return made;
}

}  // namespace

std::string NetLab::why_not() {
  if (::access(kIp, X_OK) != 0) return "ip is not installed (Debian package iproute2)";
  const int network = new_network();
  if (network < 0) {
    return fmt::format("no network namespaces here: {} (they need CAP_SYS_ADMIN)",
                       std::strerror(errno));
  }
  ::close(network);
  const NetLab probe({"a"});
  return probe.error().empty() ? "" : "no bridges here: " + probe.error();
}

NetLab::NetLab(std::vector<std::string> hosts) {
  switch_ = new_network();
  if (switch_ < 0) {
    error_ = std::strerror(errno);
    return;
  }
  std::string wiring = "link add br0 type bridge\nlink set br0 up\n";
  for (std::string& name : hosts) {
    const int netns = new_network();
    if (netns < 0) {
      error_ = std::strerror(errno);
      return;
    }
    hosts_.push_back({std::move(name), netns});
    const std::size_t number = hosts_.size();
    wiring += fmt::format("link add p{} type veth peer name eth0 address {} netns {}\n", number,
                          hardware_of(number), path_of(netns));
    wiring += fmt::format("link set p{} master br0 up\n", number);
  }
  if (!configure(switch_, wiring)) return;
  for (const Host& host : hosts_) {
    const std::string own = fmt::format(
        "link set lo up\nlink set eth0 up\naddr add {}/24 dev eth0\n", address(host.name));
    if (!configure(host.netns, own)) return;
  }
}

NetLab::~NetLab() {
  for (const Host& host : hosts_) ::close(host.netns);
  if (switch_ >= 0) ::close(switch_);
}

std::size_t NetLab::index_of(std::string_view host) const {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const Host& other) { return other.name == host; });
  if (found != hosts_.end()) return static_cast<std::size_t>(found - hosts_.begin());
  std::cerr << "the laboratory has no host " << host << "\n";
  std::abort();
}

std::string NetLab::path_of(int netns) const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), netns);
}

std::string NetLab::address(std::string_view host) const {
  return fmt::format("10.77.0.{}", index_of(host) + 1);
}

std::unique_ptr<Process> NetLab::start(std::string_view host, std::vector<std::string> words,
                                       StartOptions options) const {
  const Inside inside(*this, host);  // what is forked here stays here
  return std::make_unique<Process>(std::move(words), std::move(options));
}

Result NetLab::run(std::string_view host, std::vector<std::string> words,
                   StartOptions options) const {
  return start(host, std::move(words), std::move(options))->wait();
}

bool NetLab::configure(int netns, const std::string& lines) {
  StartOptions options;
  options.stdin_text = lines;
  const Inside inside(netns);
  const Result result = test::run({kIp, "-batch", "-"}, std::move(options));
  if (result.exit_code == 0) return true;
  error_ = result.err;
  std::cerr << "ip: " << result.err;
  return false;
}

void NetLab::send_to(const std::string& from, const std::vector<std::string>& to, bool arrives) {
  std::string lines;
  for (const std::string& host : to) {
    lines += fmt::format("neigh replace {} lladdr {} nud permanent dev eth0\n", address(host),
                         arrives ? hardware_of(index_of(host) + 1) : kNobody);
  }
  configure(hosts_[index_of(from)].netns, lines);
}

void NetLab::cut_one_way(const std::string& from, const std::string& to) {
  send_to(from, {to}, false);
}

void NetLab::heal_one_way(const std::string& from, const std::string& to) {
  send_to(from, {to}, true);
}

void NetLab::cut(const std::vector<std::string>& these, const std::vector<std::string>& those) {
  for (const std::string& host : these) send_to(host, those, false);
  for (const std::string& host : those) send_to(host, these, false);
}

void NetLab::heal(const std::vector<std::string>& these, const std::vector<std::string>& those) {
  for (const std::string& host : these) send_to(host, those, true);
  for (const std::string& host : those) send_to(host, these, true);
}

void NetLab::set_link(std::string_view host, bool is_up) {
  configure(switch_, fmt::format("link set p{} {}\n", index_of(host) + 1, is_up ? "up" : "down"));
}

bool NetLab::delay(std::string_view host, std::chrono::milliseconds by) {
  if (::access(kTc, X_OK) != 0) return false;
  std::vector<std::string> words = {kTc,   "qdisc", by.count() == 0 ? "del" : "replace",
                                    "dev", "eth0",  "root"};
  if (by.count() != 0) {
    words.insert(words.end(), {"netem", "delay", fmt::format("{}ms", by.count())});
  }
  return run(host, std::move(words)).exit_code == 0;
}

NetLab::Inside::Inside(const NetLab& lab, std::string_view host)
    : Inside(lab.hosts_[lab.index_of(host)].netns) {}

NetLab::Inside::Inside(int netns) : before_(open_own_network()) {
  if (::setns(netns, CLONE_NEWNET) != 0) std::abort();
}

NetLab::Inside::~Inside() {
  if (::setns(before_, CLONE_NEWNET) != 0) std::abort();
  ::close(before_);
}

}  // namespace shoal::test
