// One connection to a master or agent, made once: dial, hello, welcome, then frames. What
// OperatorConnection and LogClient share. Internal.
//
// Threads: the reactor's only.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "core/messages.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/reactor.h"
#include "wire/message.h"

namespace shoal::sdk {

class ClientLinkOwner {
 public:
  virtual ~ClientLinkOwner() = default;
  // After the welcome. Errors close the link: on_failed follows.
  virtual absl::Status on_link_frame(const wire::FrameView& frame) = 0;
  // Once; nothing follows. UNAVAILABLE: it was never reached, or went away. Do not destroy the link
  // in here.
  virtual void on_link_failed(const absl::Status& why) = 0;
};

class ClientLink final : private net::ConnectionHandler {
 public:
  // `peer` is the word for the other side in error messages: "master" or "agent".
  ClientLink(net::Reactor& reactor, net::HostPort address, core::PeerKind kind, std::string peer,
             ClientLinkOwner* owner);
  ~ClientLink() override;

  // Encodes and sends; before the welcome it is kept. Dropped after a failure.
  template <typename Message>
  void send(const Message& message, std::uint32_t correlation) {
    if (failed_) return;
    const std::size_t begin = pending_.size();
    wire::encode(message, correlation, pending_);
    if (!ready_) {
      ends_.push_back(pending_.size());
      return;
    }
    connection_->send(wire::Bytes(pending_).subspan(begin));
    pending_.clear();
  }

  bool has_failed() const { return failed_; }
  bool was_greeted() const { return ready_; }

 private:
  void on_connected(net::Connection& connection) override;
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;
  absl::Status on_greeting(net::Connection& connection, const wire::FrameView& frame);
  void fail(const absl::Status& why);

  const net::HostPort address_;
  const core::PeerKind kind_;
  const std::string peer_;
  ClientLinkOwner* const owner_;
  net::Connection* connection_ = nullptr;
  bool ready_ = false;
  bool failed_ = false;
  wire::ByteVector pending_;       // encoded before the welcome
  std::vector<std::size_t> ends_;  // where each of those frames ends
  std::unique_ptr<net::Dialer> dialer_;
};

}  // namespace shoal::sdk
