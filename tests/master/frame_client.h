// A peer on a blocking socket, for tests against a real master.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/text.h"
#include "wire/message.h"

namespace shoal::master {

class FrameClient {
 public:
  explicit FrameClient(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::uint16_t port = 0;
    EXPECT_TRUE(core::parse_int(std::string_view(address).substr(colon + 1), &port));
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0)
        << std::strerror(errno);
  }
  ~FrameClient() { ::close(fd_); }
  FrameClient(const FrameClient&) = delete;
  FrameClient& operator=(const FrameClient&) = delete;

  template <typename T>
  void send(const T& message, std::uint32_t correlation = 0) {
    wire::ByteVector bytes;
    wire::encode(message, correlation, bytes);
    send_raw(bytes.data(), bytes.size());
  }
  void send_raw(const void* data, std::size_t size) {
    EXPECT_EQ(::send(fd_, data, size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
  }

  void greet(core::PeerKind kind, std::uint64_t id = 0) {
    core::Hello hello;
    hello.kind = kind;
    hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
    hello.peer_id = id;
    hello.software = "test";
    send(hello);
    EXPECT_TRUE(expect<core::Welcome>(wire::MessageKind::kWelcome).has_value());
  }

  // The next frame of `kind`, decoded; others before it are skipped. nullopt: closed, or 20 s.
  // Views in the result are valid until the next call.
  template <typename T>
  std::optional<T> expect(wire::MessageKind kind) {
    while (read_frame()) {
      if (static_cast<wire::MessageKind>(frame_.header.kind) != kind) continue;
      absl::StatusOr<T> message = wire::decode<T>(frame_.payload);
      EXPECT_TRUE(message.ok()) << message.status();
      if (!message.ok()) return std::nullopt;
      return *std::move(message);
    }
    return std::nullopt;
  }

  // The next frame, whatever it is; nullptr: closed, or 20 s. Valid until the next call.
  const wire::FrameView* next() { return read_frame() ? &frame_ : nullptr; }

  // Reads to the end; true when the peer closed.
  bool wait_closed() {
    char bytes[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, bytes, sizeof(bytes), 0)) > 0)
      text_.append(bytes, static_cast<std::size_t>(got));
    return got == 0 || errno == ECONNRESET;
  }
  // Reads until `wanted` has come; false: closed before, or 20 s.
  bool wait_text(std::string_view wanted) {
    char bytes[4096];
    while (text_.find(wanted) == std::string::npos) {
      const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
      if (got <= 0) return false;
      text_.append(bytes, static_cast<std::size_t>(got));
    }
    return true;
  }
  // Whether the peer has closed without a word.
  bool is_refused() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }
  const std::string& text() const { return text_; }

 private:
  bool read_frame() {
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
    while (true) {
      const auto progress = wire::next_frame(input_, core::kMaxFrameBytes, &frame_);
      if (!progress.ok()) return false;
      if (*progress == wire::FrameProgress::kFrame) {
        consumed_ = frame_.total_bytes();
        return true;
      }
      std::uint8_t bytes[4096];
      const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
      if (got <= 0) return false;
      input_.insert(input_.end(), bytes, bytes + got);
    }
  }

  int fd_ = -1;
  wire::ByteVector input_;
  std::size_t consumed_ = 0;
  wire::FrameView frame_;
  std::string text_;
};

}  // namespace shoal::master
