// A reactor that a test drives until something has happened; and a peer that speaks frames.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/dialer.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "wire/message.h"

namespace shoal::agent {

class Loop {
 public:
  Loop() : reactor_(*net::Reactor::create(0)) {}
  net::Reactor& reactor() { return *reactor_; }

  // False: it has not happened for so long that it never will.
  bool run_until(const std::function<bool()>& done) {
    bool in_time = true;
    net::Timer patience(*reactor_, [&] {
      in_time = false;
      reactor_->stop();
    });
    patience.start(std::chrono::seconds(20));
    const auto hook = reactor_->at_turn_end([&] {
      if (done()) reactor_->stop();
    });
    reactor_->run_again();
    reactor_->run();
    reactor_->remove_hook(hook);
    return in_time;
  }

 private:
  std::unique_ptr<net::Reactor> reactor_;
};

// One frame, kept.
struct KeptFrame {
  wire::MessageKind kind;
  std::uint32_t correlation;
  std::vector<std::uint64_t> words;  // aligned payload

  template <typename T>
  absl::StatusOr<T> as() const {
    return wire::decode<T>(wire::Bytes(reinterpret_cast<const std::uint8_t*>(words.data()),
                                       words.size() * sizeof(std::uint64_t)));
  }
};

inline KeptFrame keep(const wire::FrameView& frame) {
  KeptFrame kept{static_cast<wire::MessageKind>(frame.header.kind), frame.header.correlation, {}};
  kept.words.resize(frame.payload.size() / sizeof(std::uint64_t));
  if (!frame.payload.empty()) {
    std::copy(frame.payload.begin(), frame.payload.end(),
              reinterpret_cast<std::uint8_t*>(kept.words.data()));
  }
  return kept;
}

template <typename Message>
void send_message(net::Connection& connection, const Message& message,
                  std::uint32_t correlation = 0) {
  wire::ByteVector frame;
  wire::encode(message, correlation, frame);
  connection.send(wire::Bytes(frame));
}

// A client of an agent's port.
class TestPeer final : public net::ConnectionHandler {
 public:
  TestPeer(net::Reactor& reactor, const std::string& address) {
    net::DialerOptions options;
    options.masters.addresses = {*net::parse_host_port(address)};
    options.seed = 1;
    dialer_ = std::make_unique<net::Dialer>(reactor, this, std::move(options));
    dialer_->start();
  }

  net::Connection* connection() { return dialer_->connection(); }
  bool is_connected() { return connection() != nullptr; }
  template <typename Message>
  void send(const Message& message, std::uint32_t correlation = 0) {
    send_message(*connection(), message, correlation);
  }
  void hello(core::PeerKind kind) {
    core::Hello message;
    message.kind = kind;
    message.protocol_min = wire::kProtocolVersion;
    message.protocol_max = wire::kProtocolVersion;
    message.software = "test";
    send(message);
  }

  void on_connected(net::Connection& connection) override { connection.set_authenticated(); }
  void on_frame(net::Connection&, const wire::FrameView& frame) override {
    frames.push_back(keep(frame));
  }
  void on_closed(net::Connection&, const absl::Status& reason) override {
    closed = reason;
    ++closes;
  }

  std::vector<KeptFrame> frames;
  absl::Status closed;
  int closes = 0;

 private:
  std::unique_ptr<net::Dialer> dialer_;
};

}  // namespace shoal::agent
