// Frames <-> handlers: the agent's end of its session with the master, without a socket. The
// daemon, the simulator and the swarm bring the bytes.
#pragma once

#include "agent/agent_handlers.h"
#include "agent/agent_state.h"
#include "agent/effects.h"
#include "core/time.h"
#include "wire/message.h"

namespace shoal::agent {

// One whole frame of the master. What cannot be decoded, or may not come now, ends the session with
// a reason (effects.disconnect).
void on_frame(AgentState& state, AgentEffects& effects, const wire::FrameView& frame,
              core::TimePoint now);

// The half of AgentEffects that is the same everywhere: messages become frames.
class FramingEffects : public AgentEffects {
 public:
  void send(const core::Hello& message) final { send_as_frame(message); }
  void send(const core::RegisterAgent& message) final { send_as_frame(message); }
  void send(const core::TaskStatus& message) final { send_as_frame(message); }
  void send(const core::OperationUpdate& message) final { send_as_frame(message); }
  void send(const core::UpdateRevocable& message) final { send_as_frame(message); }
  void send(const core::TaskReports& message) final { send_as_frame(message); }
  void send(const core::UsageReport& message) final { send_as_frame(message); }
  void send(const core::Heartbeat& message) final { send_as_frame(message); }

 protected:
  // One whole frame, header included; valid during the call.
  virtual void send_frame(wire::Bytes frame) = 0;

 private:
  template <typename Message>
  void send_as_frame(const Message& message) {
    buffer_.clear();
    wire::encode(message, 0, buffer_);
    send_frame(buffer_);
  }

  wire::ByteVector buffer_;
};

}  // namespace shoal::agent
