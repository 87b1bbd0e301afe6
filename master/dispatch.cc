#include "master/dispatch.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "core/agent_handlers.h"
#include "core/agent_mode.h"
#include "core/framework_handlers.h"
#include "core/operation_handlers.h"
#include "core/operator_handlers.h"
#include "core/quota_handlers.h"
#include "core/status.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

using core::RefusalCode;
using wire::MessageKind;

// When to come back if too many agents register in parts at once.
constexpr std::chrono::seconds kHeldReportsWait{2};

// One frame on its way to its handler.
class Dispatch {
 public:
  Dispatch(core::Shard& shard, core::Outbox& outbox, Peer& peer, const wire::FrameView& frame,
           core::TimePoint now, Admission* admission)
      : shard_(shard),
        outbox_(outbox),
        peer_(peer),
        frame_(frame),
        now_(now),
        admission_(admission) {}

  Dispatched run() {
    const auto kind = static_cast<MessageKind>(frame_.header.kind);
    if (!peer_.greeted) return greet(kind);
    switch (peer_.kind) {
      case core::PeerKind::kAgent:
        return from_agent(kind);
      case core::PeerKind::kFramework:
        return from_framework(kind);
      case core::PeerKind::kOperator:
        return from_operator(kind);
      case core::PeerKind::kLogReader:
        break;
    }
    return not_expected(kind);
  }

 private:
  Dispatched greet(MessageKind kind) {
    if (kind != MessageKind::kHello) {
      return fail(RefusalCode::kNotExpected, "the first message must be HELLO");
    }
    const absl::StatusOr<core::Hello> hello = wire::decode<core::Hello>(frame_.payload);
    if (!hello.ok()) return undecodable(hello.status());
    if (hello->protocol_min > wire::kProtocolVersion ||
        hello->protocol_max < wire::kProtocolVersion) {
      return fail(RefusalCode::kUnsupportedVersion,
                  fmt::format("this master speaks protocol {}, the peer {} to {}",
                              wire::kProtocolVersion, hello->protocol_min, hello->protocol_max));
    }
    if (hello->cluster_id != 0 && hello->cluster_id != shard_.config.cluster_id) {
      return fail(RefusalCode::kWrongCluster,
                  fmt::format("this is cluster {:016x}, the peer belongs to {:016x}",
                              shard_.config.cluster_id, hello->cluster_id));
    }
    if (hello->kind == core::PeerKind::kLogReader) {
      return fail(RefusalCode::kNotExpected, "logs are read from the agent, not from the master");
    }
    if (hello->epoch > shard_.config.epoch) return fence(hello->epoch);
    const bool has_home =
        hello->kind == core::PeerKind::kAgent || hello->kind == core::PeerKind::kFramework;
    if (has_home && hello->peer_id != 0) {
      const std::uint32_t home = core::home_shard(hello->peer_id, shard_.config.shards);
      if (home != shard_.config.index) return {Verdict::kHandOver, home};
    }
    if (has_home && is_busy()) {
      refuse_busy(hello->kind == core::PeerKind::kAgent ? Admission::Guest::kAgent
                                                        : Admission::Guest::kFramework);
      return close();
    }
    peer_.greeted = true;
    peer_.kind = hello->kind;
    peer_.claimed_id = hello->peer_id;
    outbox_.send(peer_.session,
                 core::Welcome{.protocol = wire::kProtocolVersion,
                               .features = core::kFeatures,
                               .cluster_id = shard_.config.cluster_id,
                               .software = shard_.config.version,
                               .epoch = shard_.config.epoch},
                 correlation());
    return {};
  }

  Dispatched from_agent(MessageKind kind) {
    if (!peer_.agent.valid()) {
      if (kind == MessageKind::kTaskReports) return hold_reports();
      return kind == MessageKind::kRegisterAgent ? register_agent() : not_expected(kind);
    }
    switch (kind) {
      case MessageKind::kHeartbeat:
        return handle<core::Heartbeat>(core::on_agent_heartbeat, peer_.agent);
      case MessageKind::kStatusUpdate:
        return handle<core::TaskStatus>(core::on_status_update, peer_.agent);
      case MessageKind::kOperationUpdate:
        return handle<core::OperationUpdate>(core::on_operation_update, peer_.agent);
      case MessageKind::kUpdateRevocable:
        return handle<core::UpdateRevocable>(core::on_update_revocable, peer_.agent);
      case MessageKind::kUsageReport:
        return handle<core::UsageReport>(core::on_usage_report, peer_.agent);
      default:
        return not_expected(kind);
    }
  }

  Dispatched hold_reports() {
    if (peer_.reports == nullptr) peer_.reports = std::make_unique<HeldReports>(shard_);
    const absl::Status held = peer_.reports->hold(frame_.payload);
    if (held.ok()) return {};
    if (!absl::IsResourceExhausted(held)) return undecodable(held);
    shard_.counters.refusals.add();
    outbox_.send(peer_.session, overloaded(core::message_of(held), kHeldReportsWait),
                 correlation());
    return close();
  }

  Dispatched register_agent() {
    absl::StatusOr<core::RegisterAgent> message = wire::decode<core::RegisterAgent>(frame_.payload);
    if (!message.ok()) return undecodable(message.status());
    // The message's views point into what is held until the handler is done.
    const std::unique_ptr<HeldReports> held = std::move(peer_.reports);
    if (held != nullptr) {
      const absl::Status joined = held->append_to(*message);
      if (!joined.ok()) return undecodable(joined);
    }
    peer_.agent = core::on_register_agent(shard_, outbox_, peer_.session,
                                          core::AgentId{peer_.claimed_id}, *message, now_);
    return peer_.agent.valid() ? Dispatched{} : close();
  }

  Dispatched from_framework(MessageKind kind) {
    const core::FrameworkId id = peer_.framework;
    if (!id.valid()) {
      if (kind != MessageKind::kSubscribe) return not_expected(kind);
      return with<core::Subscribe>([&](const core::Subscribe& message) {
        peer_.framework =
            core::on_subscribe(shard_, outbox_, peer_.session, core::FrameworkId{peer_.claimed_id},
                               message, correlation(), now_);
        return peer_.framework.valid() ? Dispatched{} : close();
      });
    }
    switch (kind) {
      case MessageKind::kHeartbeat:
        return handle<core::Heartbeat>(core::on_framework_heartbeat, id);
      case MessageKind::kAccept:
        return call<core::Accept>(core::on_accept, id);
      case MessageKind::kDecline:
        return call<core::Decline>(core::on_decline, id);
      case MessageKind::kKillTask:
        return call<core::KillTask>(core::on_kill_task, id);
      case MessageKind::kAcknowledgeUpdate:
        return call<core::AcknowledgeUpdate>(core::on_acknowledge, id);
      case MessageKind::kAcknowledgeOperation:
        return call<core::AcknowledgeOperation>(core::on_acknowledge_operation, id);
      case MessageKind::kExplain:
        return call<core::Explain>(core::on_framework_explain, id);
      case MessageKind::kReconcile:
        return handle<core::Reconcile>(core::on_reconcile, id);
      case MessageKind::kRevive:
        return call<core::Revive>(core::on_revive, id);
      case MessageKind::kSuppress:
        return call<core::Suppress>(core::on_suppress, id);
      case MessageKind::kTeardown:
        return with<core::Teardown>([&](const core::Teardown&) {
          core::on_teardown(shard_, outbox_, id, now_);
          return Dispatched{};
        });
      default:
        return not_expected(kind);
    }
  }

  Dispatched from_operator(MessageKind kind) {
    switch (kind) {
      case MessageKind::kHeartbeat:
        return with<core::Heartbeat>([&](const core::Heartbeat& message) {
          outbox_.send(peer_.session, message, correlation());
          return Dispatched{};
        });
      case MessageKind::kQuery:
        return with<core::Query>([&](const core::Query& message) {
          if (message.kind != core::QueryKind::kCluster && is_busy()) {
            refuse_busy(Admission::Guest::kRead);
          } else {
            core::on_query(shard_, outbox_, peer_.session, message, correlation(), now_);
          }
          return Dispatched{};
        });
      case MessageKind::kExplain:
        return call<core::Explain>(core::on_operator_explain, peer_.session);
      case MessageKind::kUpdateQuota:
        return call<core::UpdateQuota>(core::on_update_quota, peer_.session);
      case MessageKind::kUpdateWeights:
        return call<core::UpdateWeights>(core::on_update_weights, peer_.session);
      case MessageKind::kOperateAgent:
        return call<core::OperateAgent>(core::on_operate_agent, peer_.session);
      case MessageKind::kManageAgent:
        return call<core::ManageAgent>(core::on_manage_agent, peer_.session);
      case MessageKind::kKillTask:
        return with<core::KillTask>([&](const core::KillTask& message) {
          core::on_operator_kill(shard_, outbox_, peer_.session, message, correlation());
          return Dispatched{};
        });
      case MessageKind::kTeardownFramework:
        return with<core::TeardownFramework>([&](const core::TeardownFramework& message) {
          core::on_operator_teardown(shard_, outbox_, peer_.session, message, correlation());
          return Dispatched{};
        });
      default:
        return not_expected(kind);
    }
  }

  // Decodes a T and gives it to `then`.
  template <typename T, typename Then>
  Dispatched with(Then then) {
    const absl::StatusOr<T> message = wire::decode<T>(frame_.payload);
    if (!message.ok()) return undecodable(message.status());
    return then(*message);
  }

  // Handlers of the two usual shapes: without an answer, and with one. `id` is who calls: an agent,
  // a framework or an operator's session.
  template <typename T, typename Handler, typename Id>
  Dispatched handle(Handler handler, Id id) {
    return with<T>([&](const T& message) {
      handler(shard_, outbox_, id, message, now_);
      return Dispatched{};
    });
  }
  template <typename T, typename Handler, typename Id>
  Dispatched call(Handler handler, Id id) {
    return with<T>([&](const T& message) {
      handler(shard_, outbox_, id, message, correlation(), now_);
      return Dispatched{};
    });
  }

  bool is_busy() { return admission_ != nullptr && admission_->is_busy(now_); }

  void refuse_busy(Admission::Guest guest) {
    const core::Duration wait = admission_->turn_away(guest, now_);
    shard_.counters.refusals.add();
    outbox_.send(peer_.session, overloaded(kBusyText, wait), correlation());
  }

  Dispatched undecodable(const absl::Status& error) {
    return fail(RefusalCode::kBadMessage, core::message_of(error));
  }

  Dispatched not_expected(MessageKind kind) {
    const std::string_view name = wire::name_of(kind);
    return fail(RefusalCode::kNotExpected,
                name.empty() ? fmt::format("unknown message kind {}", frame_.header.kind)
                             : fmt::format("{} is not expected from this peer now", name));
  }

  Dispatched fail(RefusalCode code, std::string_view message) {
    shard_.counters.refusals.add();
    outbox_.refuse(peer_.session, code, message, correlation());
    return close();
  }

  Dispatched close() {
    const Peer gone = std::move(peer_);  // closing may forget the peer
    outbox_.close(gone.session);
    on_peer_gone(shard_, outbox_, gone, now_);
    return {Verdict::kClosed};
  }

  // Another master leads, or has led, after this one.
  Dispatched fence(std::uint64_t epoch) {
    shard_.counters.newer_epochs.add();
    const std::string_view advice =
        shard_.config.epoch > 0
            ? "a later master leads"
            : "it leads without an election, and the peer comes from a set-up with one";
    Dispatched result = fail(RefusalCode::kFenced,
                             fmt::format("this master is of epoch {}, the peer has seen {}: {}",
                                         shard_.config.epoch, epoch, advice));
    result.newer_epoch = epoch;
    return result;
  }

  std::uint32_t correlation() const { return frame_.header.correlation; }

  core::Shard& shard_;
  core::Outbox& outbox_;
  Peer& peer_;
  const wire::FrameView& frame_;
  core::TimePoint now_;
  Admission* admission_;
};

}  // namespace

Dispatched dispatch(core::Shard& shard, core::Outbox& outbox, Peer& peer,
                    const wire::FrameView& frame, core::TimePoint now, Admission* admission) {
  return Dispatch(shard, outbox, peer, frame, now, admission).run();
}

Dispatched turn_down(core::Shard& shard, core::Outbox& outbox, Peer& peer,
                     const wire::FrameView& frame, const core::Refusal& why, core::TimePoint now) {
  if (static_cast<MessageKind>(frame.header.kind) == MessageKind::kAccept) {
    const auto accept = wire::decode<core::Accept>(frame.payload);
    if (!accept.ok()) return dispatch(shard, outbox, peer, frame, now);
    core::turn_down_accept(shard, outbox, peer.framework, *accept, why, frame.header.correlation,
                           now);
    return {};
  }
  shard.counters.refusals.add();
  outbox.send(peer.session, why, frame.header.correlation);
  return {};
}

core::Refusal overloaded(std::string_view message, core::Duration wait) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return {.code = core::RefusalCode::kOverloaded,
          .message = message,
          .retry_after_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 1))};
}

void on_peer_gone(core::Shard& shard, core::Outbox& outbox, const Peer& peer, core::TimePoint now) {
  if (peer.agent.valid()) core::on_agent_disconnected(shard, outbox, peer.agent, peer.session, now);
  if (peer.framework.valid()) {
    core::on_framework_disconnected(shard, outbox, peer.framework, peer.session, now);
  }
}

}  // namespace shoal::master
