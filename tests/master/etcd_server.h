// An etcd of one member for tests: on free ports of the loopback, in a temporary folder.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "master/etcd_client.h"
#include "tests/master/certificates.h"

namespace shoal::test {

class EtcdServer {
 public:
  static constexpr const char* kProgram = "/usr/bin/etcd";
  static bool is_installed() { return ::access(kProgram, X_OK) == 0; }

  EtcdServer() : EtcdServer(Tls()) {}
  // How it is asked by TLS; files of Certificates. No files: it is asked in plain HTTP.
  struct Tls {
    std::string cert_file;
    std::string key_file;
    std::string clients_ca_file;  // not empty: clients show a certificate of it
    net::EtcdAccess access;       // of those who ask it
  };
  // Until it answers its clients; or only until it accepts connections, if they will not like it.
  enum class Wait { kUntilItAnswers, kUntilItListens };
  explicit EtcdServer(Tls tls, Wait wait = Wait::kUntilItAnswers)
      : tls_(std::move(tls)), wait_(wait) {
    std::string pattern = (std::filesystem::temp_directory_path() / "shoal-etcd-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) folder_ = pattern;
    // Somebody else may take a free port before etcd does.
    for (int i = 0; i < 5 && !is_up_; ++i) {
      port_ = free_port();
      peer_port_ = free_port();
      start();
      is_up_ = wait_until_up();
    }
  }
  ~EtcdServer() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  bool is_up() const { return is_up_; }
  // As it is named to masters and those who look for them.
  std::string url(const std::string& prefix = "/shoal") const {
    const net::EtcdAccess& access = tls_.access;
    std::string text = (access.is_encrypted ? "etcds://" : "etcd://") + endpoint() + prefix;
    const auto add = [&text](const char* name, const std::string& value) {
      if (value.empty()) return;
      text += text.find('?') == std::string::npos ? "?" : "&";
      text += name + ("=" + value);
    };
    add("cacert", access.ca_file);
    add("cert", access.cert_file);
    add("key", access.key_file);
    add("user", access.user);
    add("password-file", access.password_file);
    return text;
  }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  void signal(int number) const { ::kill(pid_, number); }
  // As a crash, and then again on what it has written.
  void restart() {
    stop();
    start();
    is_up_ = wait_until_up();
  }
  // The only member's; `dead`: one more in front of it that nobody listens on.
  master::EtcdOptions options(bool dead = false) const {
    master::EtcdOptions options;
    options.timeout = std::chrono::seconds(5);
    if (dead) options.endpoints.push_back("127.0.0.1:1");
    options.endpoints.push_back(endpoint());
    options.access = tls_.access;
    return options;
  }
  std::unique_ptr<master::EtcdClient> client() const {
    return std::make_unique<master::EtcdClient>(options());
  }

 private:
  static int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) {
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    }
    ::close(fd);
    return ntohs(address.sin_port);
  }

  void start() {
    const std::string client = (tls_.cert_file.empty() ? "http://" : "https://") + endpoint();
    const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_);
    // Short intervals: a lease of a second is possible, and it is up at once.
    std::vector<std::string> words = {kProgram,
                                      "--data-dir",
                                      folder_ + "/data",
                                      "--listen-client-urls",
                                      client,
                                      "--advertise-client-urls",
                                      client,
                                      "--listen-peer-urls",
                                      peer,
                                      "--initial-advertise-peer-urls",
                                      peer,
                                      "--initial-cluster",
                                      "default=" + peer,
                                      "--heartbeat-interval",
                                      "20",
                                      "--election-timeout",
                                      "200"};
    const auto add = [&words](std::initializer_list<std::string> more) {
      words.insert(words.end(), more);
    };
    if (!tls_.cert_file.empty()) {
      add({"--cert-file", tls_.cert_file, "--key-file", tls_.key_file});
    }
    if (!tls_.clients_ca_file.empty()) {
      add({"--client-cert-auth", "--trusted-ca-file", tls_.clients_ca_file});
    }
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string log = folder_ + "/log";
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    ::execv(kProgram, arguments.data());
    ::_exit(127);
  }

  bool wait_until_up() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < until) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return false;
      if (wait_ == Wait::kUntilItListens && listens()) return true;
      master::EtcdClient asks(options());
      const absl::Status answer = asks.range({.key = "/", .range_end = {}}).status();
      if (answer.ok() || absl::IsFailedPrecondition(answer)) return true;  // it wants a password
      ::poll(nullptr, 0, 20);
    }
    return false;
  }

  bool listens() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool accepts =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return accepts;
  }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  const Tls tls_;
  const Wait wait_;
  std::string folder_;
  int port_ = 0;
  int peer_port_ = 0;
  pid_t pid_ = -1;
  bool is_up_ = false;
};

}  // namespace shoal::test

// First in a test that needs one.
#define SHOAL_NEEDS_ETCD()                                                                \
  if (!shoal::test::EtcdServer::is_installed()) {                                         \
    GTEST_SKIP() << "etcd is not installed (Debian package etcd-server: make bootstrap)"; \
  }
