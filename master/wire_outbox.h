// An outbox that speaks the binary protocol: encodes each message once and hands the frame to
// whoever carries it, a connection or the simulator's network.
#pragma once

#include <cstdint>
#include <variant>

#include "core/outbox.h"
#include "wire/message.h"

namespace shoal::master {

enum class Urgency : std::uint8_t {
  kNow,
  kCanWait,  // nothing happens at the peer because of it
};

class WireOutbox : public core::Outbox {
 protected:
  // `frame` is valid during the call. Sessions that have gone swallow it.
  virtual void deliver(core::SessionId to, wire::Bytes frame, Urgency urgency) = 0;
  // True: `to` is no connection, and has it.
  virtual bool take_answer(core::SessionId /*to*/, const core::PeerMessage& /*message*/,
                           std::uint32_t /*correlation*/) {
    return false;
  }

 private:
  void send_message(core::SessionId to, core::PeerMessage message,
                    std::uint32_t correlation) final {
    if (take_answer(to, message, correlation)) return;
    scratch_.clear();
    std::visit([&](const auto* m) { wire::encode(*m, correlation, scratch_); }, message);
    const bool can_wait = std::holds_alternative<const core::AcknowledgeUpdate*>(message);
    deliver(to, scratch_, can_wait ? Urgency::kCanWait : Urgency::kNow);
  }

  wire::ByteVector scratch_;  // keeps its capacity: no allocation in steady state
};

}  // namespace shoal::master
