// What the tests of net/ share: reactors on threads, a blocking TCP client, a recording handler.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "wire/frame.h"

namespace shoal::net::testing {

inline constexpr std::chrono::seconds kPatience{30};  // a failure, not a measure

// Values from a reactor's thread to the test's.
template <typename T>
class Inbox {
 public:
  void put(T value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // nullopt: nothing came.
  std::optional<T> take(std::chrono::milliseconds patience = kPatience) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !values_.empty(); })) {
      return std::nullopt;
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

// N reactors, each on a thread from start() to stop().
class Reactors {
 public:
  explicit Reactors(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) reactors_.push_back(Reactor::create(i).value());
  }
  ~Reactors() { stop(); }

  Reactor& operator[](std::size_t i) { return *reactors_[i]; }
  std::size_t size() const { return reactors_.size(); }
  std::vector<Reactor*> pointers() {
    std::vector<Reactor*> result;
    for (auto& reactor : reactors_) result.push_back(reactor.get());
    return result;
  }

  void start() {
    for (auto& reactor : reactors_) threads_.emplace_back([&reactor] { reactor->run(); });
  }
  void stop() {
    if (threads_.empty()) return;
    for (auto& reactor : reactors_) reactor->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  // Runs `fn` on reactor i and waits for it.
  template <typename Fn>
  auto on(std::size_t i, Fn fn) -> decltype(fn()) {
    std::packaged_task<decltype(fn())()> task(std::move(fn));
    auto result = task.get_future();
    reactors_[i]->post([&task] { task(); });
    return result.get();
  }

 private:
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<std::thread> threads_;
};

// A blocking client; every wait ends after kPatience.
class Client {
 public:
  explicit Client(const SocketAddress& address) {
    fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    timeval patience{30, 0};
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_, address.get(), address.size()) == 0;
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool is_connected() const { return connected_; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send(const std::vector<std::uint8_t>& bytes) {
    return send(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }

  // Exactly `size` bytes, or fewer when the peer ended or patience ran out.
  std::string receive(std::size_t size) {
    std::string result(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = ::recv(fd_, result.data() + have, size - have, 0);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    result.resize(have);
    return result;
  }
  // Everything until the peer closes.
  std::string receive_all() {
    std::string result;
    char buffer[65536];
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return result;
      result.append(buffer, static_cast<std::size_t>(got));
    }
  }
  // Until `end` was seen, and it is the end of the result.
  std::string receive_until(std::string_view end) {
    std::string result;
    while (result.size() < end.size() ||
           std::string_view(result).substr(result.size() - end.size()) != end) {
      char c = 0;
      if (::recv(fd_, &c, 1, 0) != 1) break;
      result.push_back(c);
    }
    return result;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

// An encoded frame whose payload is `payload`, zero padded to 8.
inline std::vector<std::uint8_t> make_frame(std::uint16_t kind, std::string_view payload,
                                            std::uint32_t correlation = 0) {
  const std::size_t padded = std::max<std::size_t>(8, (payload.size() + 7) / 8 * 8);
  std::vector<std::uint8_t> frame(core::kFrameHeaderBytes + padded);
  wire::FrameHeader header;
  header.kind = kind;
  header.length = static_cast<std::uint32_t>(padded);
  header.correlation = correlation;
  wire::write_frame_header(header, frame.data());
  if (!payload.empty()) {
    std::memcpy(frame.data() + core::kFrameHeaderBytes, payload.data(), payload.size());
  }
  return frame;
}

inline std::string as_text(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A copy that shares nothing: a status is reference counted inside a library that ThreadSanitizer
// does not see into, so one that is shared between threads looks like a race.
inline absl::Status unshared(const absl::Status& status) {
  return absl::Status(status.code(), status.message());
}

// Answers every frame with itself and records how connections end. Its hooks run on the reactor.
class EchoHandler : public ConnectionHandler {
 public:
  void on_connected(Connection& connection) override {
    if (connected) connected(connection);
  }
  void on_frame(Connection& connection, const wire::FrameView& frame) override {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame.payload.data()) % 8, 0u);
    if (framed) return framed(connection, frame);
    connection.send(frame.header, frame.payload);
  }
  void on_protocol_error(Connection& connection, const absl::Status& error) override {
    errors.put(unshared(error));
    if (send_errors) connection.send(make_frame(99, std::string(error.message())));
  }
  void on_closed(Connection& connection, const absl::Status& reason) override {
    EXPECT_EQ(connection.reactor().find_connection(connection.id()), nullptr);
    closed.put(unshared(reason));
  }
  void on_drained(Connection& connection) override { drained.put(connection.id()); }

  std::function<void(Connection&)> connected;
  std::function<void(Connection&, const wire::FrameView&)> framed;
  bool send_errors = true;
  Inbox<absl::Status> errors;
  Inbox<absl::Status> closed;
  Inbox<SessionId> drained;
};

inline ConnectionOptions trusting() {
  ConnectionOptions options;
  options.max_payload = core::kMaxFrameBytes;
  options.hello_timeout = core::Duration::zero();
  return options;
}

}  // namespace shoal::net::testing
