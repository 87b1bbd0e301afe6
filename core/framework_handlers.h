// What frameworks say, at their home shard.
#pragma once

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// A new framework (`known` is 0: an id is drawn) or one that comes back; an older session of the
// same id is refused with kFenced and closed. Answers Subscribed, or Refusal and an invalid id.
FrameworkId on_subscribe(Shard& shard, Outbox& outbox, SessionId session, FrameworkId known,
                         const Subscribe& message, std::uint32_t correlation, TimePoint now);

void on_framework_heartbeat(Shard& shard, Outbox& outbox, FrameworkId framework,
                            const Heartbeat& message, TimePoint now);

// Offers that are not (or no longer) the framework's: Refusal kInvalidOffer, every task and
// operation of the call is reported kDropped, and the other offers of the call return. A task that
// is not valid is reported kError; the others are launched, unless the call has operations: then
// nothing of it is done. A task id that is in use: Refusal kInvalid, and the present state of the
// task that has it. What fits into the offers is decided at the agent's shard (offer_answer.h).
void on_accept(Shard& shard, Outbox& outbox, FrameworkId framework, const Accept& message,
               std::uint32_t correlation, TimePoint now);
// An accept that is turned down unread: `why` is the answer, its tasks and operations are reported
// kDropped, its offers return as if declined.
void turn_down_accept(Shard& shard, Outbox& outbox, FrameworkId framework, const Accept& message,
                      const Refusal& why, std::uint32_t correlation, TimePoint now);
void on_decline(Shard& shard, Outbox& outbox, FrameworkId framework, const Decline& message,
                std::uint32_t correlation, TimePoint now);
// A role that the framework does not subscribe to: Refusal kInvalid, nothing is done.
void on_revive(Shard& shard, Outbox& outbox, FrameworkId framework, const Revive& message,
               std::uint32_t correlation, TimePoint now);
void on_suppress(Shard& shard, Outbox& outbox, FrameworkId framework, const Suppress& message,
                 std::uint32_t correlation, TimePoint now);
// Answers Explanation; about the caller whatever `message.framework` says.
void on_framework_explain(Shard& shard, Outbox& outbox, FrameworkId framework,
                          const Explain& message, std::uint32_t correlation, TimePoint now);
void on_acknowledge_operation(Shard& shard, Outbox& outbox, FrameworkId framework,
                              const AcknowledgeOperation& message, std::uint32_t correlation,
                              TimePoint now);
void on_kill_task(Shard& shard, Outbox& outbox, FrameworkId framework, const KillTask& message,
                  std::uint32_t correlation, TimePoint now);
void on_acknowledge(Shard& shard, Outbox& outbox, FrameworkId framework,
                    const AcknowledgeUpdate& message, std::uint32_t correlation, TimePoint now);
void on_reconcile(Shard& shard, Outbox& outbox, FrameworkId framework, const Reconcile& message,
                  TimePoint now);
void on_teardown(Shard& shard, Outbox& outbox, FrameworkId framework, TimePoint now);

// A framework that an earlier master left in the registry, disconnected. Its roles are known when
// it comes back.
void recover_framework(Shard& shard, Outbox& outbox, const RegisteredFramework& row, TimePoint now);

// The session is gone. A session that was replaced by a newer one changes nothing.
void on_framework_disconnected(Shard& shard, Outbox& outbox, FrameworkId framework,
                               SessionId session, TimePoint now);

// --- from the agents' shards ---

void on_offers_out(Shard& shard, Outbox& outbox, const OffersOut& message, TimePoint now);
void on_offers_withdrawn(Shard& shard, Outbox& outbox, const OffersWithdrawn& message);
void on_forwarded_status(Shard& shard, Outbox& outbox, const OwnedStatus& message, TimePoint now);
void on_operation_forward(Shard& shard, Outbox& outbox, const OperationForward& message);
void on_task_adopted(Shard& shard, Outbox& outbox, const TaskAdopted& message, TimePoint now);

// Deadlines.
void check_framework_silence(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now);
void check_framework_failover(Shard& shard, Outbox& outbox, FrameworkId framework, TimePoint now);

// Tells a framework that has had no offers for a while if it is to blame itself (Notice).
void check_framework_notice(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now);

}  // namespace shoal::core
