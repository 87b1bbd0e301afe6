// What the benchmarks that talk to a real master share: one session on the loader's reactor.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/messages.h"
#include "net/dialer.h"
#include "net/reactor.h"
#include "wire/message.h"

namespace shoal::bench {

// A session of one role with a master: says hello, then leaves the rest to the derived class. A
// session that ends ends the benchmark.
class Peer : public net::ConnectionHandler {
 public:
  Peer(net::Reactor& reactor, const std::string& address, core::PeerKind kind)
      : kind_(kind), dialer_(reactor, this, dial_options(address)) {
    dialer_.start();
  }

 protected:
  virtual void on_welcome(net::Connection& connection) = 0;
  virtual void on_message(net::Connection& connection, const wire::FrameView& frame) = 0;

  template <typename T>
  void send(net::Connection& connection, const T& message) {
    scratch_.clear();
    wire::encode(message, 0, scratch_);
    connection.send(scratch_);
  }

 private:
  static net::DialerOptions dial_options(const std::string& address) {
    net::DialerOptions options;
    options.masters.addresses = {net::parse_host_port(address).value()};
    return options;
  }

  void on_connected(net::Connection& connection) override {
    core::Hello hello;
    hello.kind = kind_;
    hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
    hello.software = "bench";
    send(connection, hello);
  }
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    if (static_cast<wire::MessageKind>(frame.header.kind) == wire::MessageKind::kWelcome) {
      connection.set_authenticated();
      on_welcome(connection);
    } else {
      on_message(connection, frame);
    }
  }
  void on_closed(net::Connection&, const absl::Status& reason) override {
    std::fprintf(stderr, "bench: the master closed: %s\n", reason.ToString().c_str());
    std::abort();
  }

  core::PeerKind kind_;
  wire::ByteVector scratch_;
  net::Dialer dialer_;
};

}  // namespace shoal::bench
