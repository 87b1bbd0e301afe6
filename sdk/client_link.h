// One connection to a master or agent: dial, hello, welcome, then frames. It is made once, to the
// first master of the list that leads. What OperatorConnection and LogClient share. Internal.
//
// Threads: the reactor's only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/messages.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/master_list.h"
#include "net/reactor.h"
#include "sdk/election_patience.h"
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

struct LinkOptions {
  core::Duration patience = kElectionPatience;
  std::uint64_t* epoch = nullptr;  // the highest of a master that was seen; outlives the link
};

class ClientLink final : private net::ConnectionHandler {
 public:
  // `peer` is the word for the other side in error messages: "master" or "agent".
  ClientLink(net::Reactor& reactor, const net::MasterList& where, core::PeerKind kind,
             std::string peer, ClientLinkOwner* owner, LinkOptions link_options = {});
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
  absl::Status on_greeting_refused(const core::Refusal& refusal);
  void on_retry(const net::HostPort& address, const absl::Status& why, core::Duration wait);
  void fail(const absl::Status& why);

  net::Reactor& reactor_;
  const net::MasterList where_;
  const core::PeerKind kind_;
  const std::string peer_;
  ClientLinkOwner* const owner_;
  const LinkOptions link_options_;
  ElectionPatience patience_;
  net::Connection* connection_ = nullptr;
  bool ready_ = false;
  bool failed_ = false;
  wire::ByteVector pending_;       // encoded before the welcome
  std::vector<std::size_t> ends_;  // where each of those frames ends
  std::unique_ptr<net::Dialer> dialer_;
};

}  // namespace shoal::sdk
