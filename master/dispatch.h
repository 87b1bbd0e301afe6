// From frame to handler: who is on this session, what may they say now, and which handler is it.
// No I/O, so the simulator runs the same code.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/ids.h"
#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"
#include "master/admission.h"
#include "master/held_reports.h"
#include "wire/frame.h"

namespace shoal::master {

// One session, from its first frame on.
struct Peer {
  core::SessionId session{};
  bool greeted = false;  // its Hello was accepted
  core::PeerKind kind = core::PeerKind::kOperator;
  std::uint64_t claimed_id = 0;            // the id of its Hello
  core::AgentId agent{};                   // set once registered
  core::FrameworkId framework{};           // set once subscribed
  std::unique_ptr<HeldReports> reports{};  // of an agent that is about to register, or null
};

enum class Verdict : std::uint8_t {
  kHandled,
  kClosed,    // the peer broke the protocol: it was refused, and its session is closed
  kHandOver,  // the home of this peer is another shard; nothing was done with the frame
};

struct Dispatched {
  Verdict verdict = Verdict::kHandled;
  std::uint32_t shard = 0;        // for kHandOver
  std::uint64_t newer_epoch = 0;  // the peer has seen a master of this epoch, over our own
};

// `admission`: whom it turns away while it is busy is refused with kOverloaded and a time to come
// back; nullptr: nobody.
Dispatched dispatch(core::Shard& shard, core::Outbox& outbox, Peer& peer,
                    const wire::FrameView& frame, core::TimePoint now,
                    Admission* admission = nullptr);

// Answers a framework's call with `why` (kOverloaded) instead of doing it. One that cannot be
// decoded is dispatched: it ends the session.
Dispatched turn_down(core::Shard& shard, core::Outbox& outbox, Peer& peer,
                     const wire::FrameView& frame, const core::Refusal& why, core::TimePoint now);

// OVERLOADED, to be sent with `message`; at least a millisecond of `wait`.
core::Refusal overloaded(std::string_view message, core::Duration wait);

// The session has ended, for whatever reason.
void on_peer_gone(core::Shard& shard, core::Outbox& outbox, const Peer& peer, core::TimePoint now);

}  // namespace shoal::master
