// The framework's side of the conversation with a master, as a state machine without I/O or clock:
// frames and times come in, frames go out through a sink. SchedulerDriver binds it to a socket, the
// simulator to its own network.
//
//   kIdle --on_connected--> kGreeting --Welcome--> kSubscribing --Subscribed--> kActive
//     ^                         |                       |                          |
//     +-------------------------+------on_disconnected--+--------------------------+
//   any --fatal refusal, stop(), teardown()--> kStopped
//
// Invariants:
//   1. A status with a uuid is delivered to the scheduler once (within the last
//      kMaxRememberedUpdates) and acknowledged every time it comes, but never before update()
//      returned for it, or before acknowledge() with explicit acknowledgement. The same is true of
//      operation updates, per uuid and state.
//   2. The framework id, once given, is in the hello of every later connection.
//   3. No scheduler callback is made from inside a call the scheduler makes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/limits.h"
#include "core/time.h"
#include "sdk/scheduler.h"
#include "sdk/update_memory.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace shoal::sdk {

class SessionSink {
 public:
  virtual ~SessionSink() = default;
  virtual void send(wire::Bytes frame) = 0;  // one whole frame
  // The session is no good any more: drop the connection, then dial again.
  virtual void reconnect(const absl::Status& why) = 0;
  // The same: the master does not lead. `leader` is where to dial at once; empty when it does not
  // know.
  virtual void redirect(std::string_view /*leader*/, const absl::Status& why) { reconnect(why); }
  // The same: the master has too much to do, and wants to be asked again after `wait`.
  virtual void come_back_after(core::Duration /*wait*/, const absl::Status& why) { reconnect(why); }
  // The end: flush, close, do not dial again. OK after stop() and teardown().
  virtual void finished(const absl::Status& status) = 0;
};

struct SessionOptions {
  FrameworkInfo info;
  bool explicit_acknowledgement = false;
};

class SchedulerSession final : public Driver {
 public:
  // `scheduler` and `sink` outlive the session.
  SchedulerSession(SessionOptions options, Scheduler* scheduler, SessionSink* sink);

  // --- from the network -------------------------------------------------------------------------
  void on_connected(core::TimePoint now);
  // Errors: a frame that cannot be understood; the connection is to be closed with that reason.
  absl::Status on_frame(const wire::FrameView& frame, core::TimePoint now);
  void on_disconnected();
  // At least every kHeartbeatInterval / 2: heartbeats, and silence of the master.
  void on_tick(core::TimePoint now);

  // --- Driver -----------------------------------------------------------------------------------
  absl::Status accept(absl::Span<const Offer> offers, absl::Span<const TaskSpec> tasks,
                      std::optional<core::Duration> refuse = std::nullopt) override;
  absl::Status accept(absl::Span<const Offer> offers, absl::Span<const Operation> operations,
                      absl::Span<const TaskSpec> tasks,
                      std::optional<core::Duration> refuse = std::nullopt) override;
  void decline(absl::Span<const Offer> offers,
               std::optional<core::Duration> refuse = std::nullopt) override;
  void kill(std::string_view task, std::optional<core::Duration> grace = std::nullopt) override;
  void suppress(absl::Span<const std::string> roles = {}) override;
  void revive(absl::Span<const std::string> roles = {}) override;
  absl::Status explain(const core::Resources& resources, std::string_view role = {}) override;
  void reconcile(absl::Span<const std::string> tasks = {}) override;
  void acknowledge(const TaskStatus& status) override;
  void acknowledge(const OperationStatus& status) override;
  void teardown() override;
  void stop() override;
  core::FrameworkId framework_id() const override { return id_; }
  bool is_connected() const override { return state_ == State::kActive; }

  bool is_stopped() const { return state_ == State::kStopped; }

 private:
  enum class State : std::uint8_t { kIdle, kGreeting, kSubscribing, kActive, kStopped };

  template <typename Message>
  void send(const Message& message);
  template <typename Message>
  void send_when_active(const Message& message) {
    if (state_ == State::kActive) send(message);
  }
  absl::Status on_greeting_frame(const wire::FrameView& frame);
  absl::Status on_active_frame(const wire::FrameView& frame);
  absl::Status on_welcome(wire::Bytes payload);
  absl::Status on_subscribed(wire::Bytes payload);
  absl::Status on_refusal(wire::Bytes payload);
  bool ends_with(core::RefusalCode code) const;
  absl::Status on_offers(wire::Bytes payload);
  absl::Status on_update(wire::Bytes payload);
  absl::Status on_operation_update(wire::Bytes payload);
  absl::Status on_other_frame(const wire::FrameView& frame);
  void subscribe();
  static absl::Status add_operations(absl::Span<const Operation> operations, core::Accept& accept);
  static absl::Status add_tasks(absl::Span<const TaskSpec> tasks,
                                std::vector<std::vector<std::uint8_t>>& descriptions,
                                core::Accept& accept);
  // Ends the session now, or when the frame that is being handled has been: what the scheduler did
  // before stop() in the same callback, its acknowledgement included, still leaves.
  void finish(const absl::Status& status);
  void finish_now();

  void send_acknowledgement(const TaskStatus& status);
  void send_acknowledgement(const OperationStatus& status);

  const SessionOptions options_;
  Scheduler* const scheduler_;
  SessionSink* const sink_;
  State state_ = State::kIdle;
  bool handling_ = false;  // inside on_frame or on_disconnected
  bool finishing_ = false;
  absl::Status final_status_;
  core::FrameworkId id_;
  std::uint64_t cluster_id_ = 0;
  std::uint64_t epoch_ = 0;     // the highest of a master that welcomed us
  std::uint64_t features_ = 0;  // of the master
  std::uint32_t next_correlation_ = 1;
  std::uint64_t heartbeats_ = 0;
  core::Duration heartbeat_interval_ = core::kHeartbeatInterval;
  core::Duration session_timeout_ = core::kSessionTimeout;
  core::TimePoint last_heard_;
  core::TimePoint last_sent_heartbeat_;
  UpdateMemory updates_;
  UpdateMemory operation_updates_;
  wire::ByteVector scratch_;
};

}  // namespace shoal::sdk
