#include "tests/integration/leader_watch.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <utility>

namespace shoal::test {
namespace {

constexpr std::chrono::milliseconds kPause{20};

}  // namespace

std::string http_get(const std::string& address, std::string_view target,
                     std::chrono::milliseconds patience) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{patience.count() / 1000, patience.count() % 1000 * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // connect() too
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char bytes[16 * 1024];
    ssize_t got = 0;
    while ((got = ::recv(fd, bytes, sizeof bytes, 0)) > 0) {
      answer.append(bytes, static_cast<std::size_t>(got));
    }
    if (got < 0) answer.clear();  // a part of a page says nothing
  }
  ::close(fd);
  const std::size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

std::int64_t metric_in(const std::string& page, std::string_view name) {
  const std::string line = fmt::format("\n{} ", name);
  const std::size_t at = page.find(line);
  if (at == std::string::npos) return -1;
  std::int64_t value = -1;
  std::from_chars(page.data() + at + line.size(), page.data() + page.size(), value);
  return value;
}

LeaderWatch::LeaderWatch(const NetLab& lab, std::string from,
                         const std::vector<std::string>& masters, int port)
    : lab_(lab) {
  for (const std::string& master : masters) {
    threads_.emplace_back([this, from, master, port] {
      look_at(from, master, fmt::format("{}:{}", lab_.address(master), port));
    });
  }
}

LeaderWatch::~LeaderWatch() {
  is_ending_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void LeaderWatch::look_at(const std::string& from, const std::string& master,
                          const std::string& address) {
  const NetLab::Inside inside(lab_, from);
  for (; !is_ending_; std::this_thread::sleep_for(kPause)) {
    const Clock::time_point asked = Clock::now();
    const std::string page = http_get(address, "/metrics");
    const Clock::time_point answered = Clock::now();
    const std::int64_t epoch = metric_in(page, "shoal_master_epoch");
    if (epoch <= 0 || metric_in(page, "shoal_master_leader") != 1) continue;
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] =
        terms_.try_emplace({epoch, master}, Term{master, epoch, answered, asked});
    if (!is_new) at->second.last = asked;
  }
}

LeaderWatch::Term LeaderWatch::latest() const {
  const std::lock_guard lock(mutex_);
  return terms_.empty() ? Term{} : terms_.rbegin()->second;
}

std::vector<LeaderWatch::Term> LeaderWatch::terms() const {
  const std::lock_guard lock(mutex_);
  std::vector<Term> terms;
  for (const auto& [key, term] : terms_) terms.push_back(term);
  return terms;
}

std::string LeaderWatch::complaint() const {
  const std::vector<Term> all = terms();
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Term& before = all[i - 1];
    const Term& after = all[i];
    if (before.epoch == after.epoch) {
      return fmt::format("{} and {} led in epoch {}", before.master, after.master, after.epoch);
    }
    if (after.first < before.last) {
      return fmt::format(
          "{} still led in epoch {}, {} ms after {} led in epoch {}", before.master, before.epoch,
          std::chrono::duration_cast<std::chrono::milliseconds>(before.last - after.first).count(),
          after.master, after.epoch);
    }
  }
  return "";
}

}  // namespace shoal::test
