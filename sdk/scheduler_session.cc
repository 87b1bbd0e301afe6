#include "sdk/scheduler_session.h"

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "sdk/convert.h"

namespace shoal::sdk {
namespace {

constexpr std::string_view kSoftware = "shoal-sdk/0.1.0";

std::int64_t to_ms(const std::optional<core::Duration>& duration) {
  if (!duration.has_value()) return -1;
  return std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count());
}

// A refusal of the hello or of the subscription that will not change by asking again.
bool is_final(core::RefusalCode code) {
  return code != core::RefusalCode::kOverloaded && code != core::RefusalCode::kShuttingDown;
}

core::RoleViews views_of(absl::Span<const std::string> roles) {
  return core::RoleViews(roles.begin(), roles.end());
}

}  // namespace

SchedulerSession::SchedulerSession(SessionOptions options, Scheduler* scheduler, SessionSink* sink)
    : options_(std::move(options)), scheduler_(scheduler), sink_(sink), id_(options_.info.id) {}

template <typename Message>
void SchedulerSession::send(const Message& message) {
  scratch_.clear();
  wire::encode(message, next_correlation_, scratch_);
  if (++next_correlation_ == 0) next_correlation_ = 1;
  sink_->send(scratch_);
}

void SchedulerSession::on_connected(core::TimePoint now) {
  if (state_ == State::kStopped) return;
  state_ = State::kGreeting;
  last_heard_ = now;
  last_sent_heartbeat_ = now;
  core::Hello hello;
  hello.kind = core::PeerKind::kFramework;
  hello.protocol_min = wire::kProtocolVersion;
  hello.protocol_max = wire::kProtocolVersion;
  hello.features = core::kFeatures;
  hello.cluster_id = cluster_id_;
  hello.peer_id = id_.value;
  hello.epoch = epoch_;
  hello.software = kSoftware;
  send(hello);
}

absl::Status SchedulerSession::on_frame(const wire::FrameView& frame, core::TimePoint now) {
  if (state_ == State::kStopped || state_ == State::kIdle) return absl::OkStatus();
  last_heard_ = now;
  handling_ = true;
  absl::Status status =
      state_ == State::kActive ? on_active_frame(frame) : on_greeting_frame(frame);
  handling_ = false;
  if (finishing_) finish_now();
  return status;
}

absl::Status SchedulerSession::on_greeting_frame(const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kRefusal) return on_refusal(frame.payload);
  if (kind == wire::MessageKind::kHeartbeat) return absl::OkStatus();
  if (state_ == State::kGreeting && kind == wire::MessageKind::kWelcome) {
    return on_welcome(frame.payload);
  }
  if (state_ == State::kSubscribing && kind == wire::MessageKind::kSubscribed) {
    return on_subscribed(frame.payload);
  }
  return core::invalid("the master sent {} before the subscription", describe_kind(kind));
}

absl::Status SchedulerSession::on_active_frame(const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  switch (kind) {
    case wire::MessageKind::kOffers:
      return on_offers(frame.payload);
    case wire::MessageKind::kStatusUpdate:
      return on_update(frame.payload);
    case wire::MessageKind::kRefusal:
      return on_refusal(frame.payload);
    case wire::MessageKind::kHeartbeat:
      return absl::OkStatus();
    case wire::MessageKind::kOperationUpdate:
      return on_operation_update(frame.payload);
    default:
      return on_other_frame(frame);
  }
}

// What is told and needs nothing back.
absl::Status SchedulerSession::on_other_frame(const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  switch (kind) {
    case wire::MessageKind::kRescind: {
      const auto rescind = wire::decode<core::Rescind>(frame.payload);
      if (!rescind.ok()) return rescind.status();
      scheduler_->rescinded(*this, rescind->offers);
      return absl::OkStatus();
    }
    case wire::MessageKind::kAgentFailure: {
      const auto failure = wire::decode<core::AgentFailure>(frame.payload);
      if (!failure.ok()) return failure.status();
      scheduler_->agent_lost(*this, failure->agent);
      return absl::OkStatus();
    }
    case wire::MessageKind::kExplanation: {
      const auto explanation = wire::decode<core::Explanation>(frame.payload);
      if (!explanation.ok()) return explanation.status();
      scheduler_->explanation(*this, *explanation);
      return absl::OkStatus();
    }
    case wire::MessageKind::kNotice: {
      const auto notice = wire::decode<core::Notice>(frame.payload);
      if (!notice.ok()) return notice.status();
      scheduler_->notice(*this, notice->code, notice->message);
      return absl::OkStatus();
    }
    default:
      return core::invalid("the master sent {} to a framework", describe_kind(kind));
  }
}

absl::Status SchedulerSession::on_welcome(wire::Bytes payload) {
  const auto welcome = wire::decode<core::Welcome>(payload);
  if (!welcome.ok()) return welcome.status();
  if (absl::Status spoken = check_protocol("master", *welcome); !spoken.ok()) {
    finish(spoken);
    return absl::OkStatus();
  }
  if (welcome->epoch < epoch_) {
    sink_->redirect(
        {}, absl::UnavailableError(fmt::format(
                "the master leads no more: its epoch is {}, {} was seen", welcome->epoch, epoch_)));
    return absl::OkStatus();
  }
  epoch_ = welcome->epoch;
  cluster_id_ = welcome->cluster_id;
  features_ = welcome->features;
  state_ = State::kSubscribing;
  subscribe();
  return absl::OkStatus();
}

void SchedulerSession::subscribe() {
  const FrameworkInfo& info = options_.info;
  core::Subscribe subscribe;
  subscribe.name = info.name;
  subscribe.user = info.user;
  subscribe.roles = views_of(info.roles);
  subscribe.suppressed_roles = views_of(info.suppressed_roles);
  subscribe.failover_timeout_ms = to_ms(info.failover_timeout);
  subscribe.capabilities = info.capabilities;
  for (const RoleMinimum& minimum : info.minimums) {
    subscribe.minimums.push_back({minimum.role, minimum.quantities});
  }
  for (const OfferConstraint& constraint : info.constraints) {
    subscribe.constraints.push_back({constraint.role, constraint.group, constraint.target,
                                     constraint.name, constraint.test, constraint.value});
  }
  send(subscribe);
}

absl::Status SchedulerSession::on_subscribed(wire::Bytes payload) {
  const auto subscribed = wire::decode<core::Subscribed>(payload);
  if (!subscribed.ok()) return subscribed.status();
  id_ = subscribed->framework;
  if (subscribed->heartbeat_interval_ms != 0) {
    heartbeat_interval_ = std::chrono::milliseconds(subscribed->heartbeat_interval_ms);
  }
  if (subscribed->session_timeout_ms != 0) {
    session_timeout_ = std::chrono::milliseconds(subscribed->session_timeout_ms);
  }
  state_ = State::kActive;
  scheduler_->subscribed(*this, id_);
  return absl::OkStatus();
}

absl::Status SchedulerSession::on_refusal(wire::Bytes payload) {
  const auto refusal = wire::decode<core::Refusal>(payload);
  if (!refusal.ok()) return refusal.status();
  const absl::Status status = status_of(*refusal);
  const bool is_standby =
      refusal->code == core::RefusalCode::kNotLeader ||
      (refusal->code == core::RefusalCode::kFenced && state_ == State::kGreeting);
  if (is_standby) {
    sink_->redirect(refusal->leader, status);
  } else if (ends_with(refusal->code)) {
    finish(status);
  } else if (state_ == State::kActive) {
    scheduler_->refused(*this, refusal->code, refusal->message);
  } else if (refusal->retry_after_ms != 0) {
    sink_->come_back_after(std::chrono::milliseconds(refusal->retry_after_ms), status);
  } else {
    sink_->reconnect(status);
  }
  return absl::OkStatus();
}

bool SchedulerSession::ends_with(core::RefusalCode code) const {
  if (state_ != State::kActive) return is_final(code);
  return code == core::RefusalCode::kFenced || code == core::RefusalCode::kBadMessage;
}

absl::Status SchedulerSession::on_offers(wire::Bytes payload) {
  const auto message = wire::decode<core::Offers>(payload);
  if (!message.ok()) return message.status();
  std::vector<Offer> offers;
  offers.reserve(message->offers.size());
  for (const core::OfferView& view : message->offers) offers.push_back(own(view));
  scheduler_->offers(*this, offers);
  return absl::OkStatus();
}

absl::Status SchedulerSession::on_update(wire::Bytes payload) {
  const auto message = wire::decode<core::TaskStatus>(payload);
  if (!message.ok()) return message.status();
  const TaskStatus status = own(*message);
  if (!status.uuid.has_value()) {
    scheduler_->update(*this, status);
    return absl::OkStatus();
  }
  if (const UpdateMemory::Entry* known = updates_.find(*status.uuid); known != nullptr) {
    if (known->acknowledged) send_acknowledgement(status);
    return absl::OkStatus();
  }
  updates_.remember(*status.uuid, 0);
  scheduler_->update(*this, status);
  if (!options_.explicit_acknowledgement) acknowledge(status);
  return absl::OkStatus();
}

absl::Status SchedulerSession::on_operation_update(wire::Bytes payload) {
  const auto message = wire::decode<core::OperationUpdate>(payload);
  if (!message.ok()) return message.status();
  const OperationStatus status = own(*message);
  if (!status.uuid.has_value()) {
    scheduler_->operation_update(*this, status);
    return absl::OkStatus();
  }
  const auto state = static_cast<std::uint8_t>(status.state);
  const UpdateMemory::Entry* known = operation_updates_.find(*status.uuid);
  if (known != nullptr && known->state == state) {
    if (known->acknowledged) send_acknowledgement(status);
    return absl::OkStatus();
  }
  operation_updates_.remember(*status.uuid, state);
  scheduler_->operation_update(*this, status);
  if (!options_.explicit_acknowledgement) acknowledge(status);
  return absl::OkStatus();
}

void SchedulerSession::acknowledge(const TaskStatus& status) {
  if (!status.uuid.has_value()) return;
  UpdateMemory::Entry* known = updates_.find(*status.uuid);
  if (known != nullptr) known->acknowledged = true;
  send_acknowledgement(status);
}

void SchedulerSession::acknowledge(const OperationStatus& status) {
  if (!status.uuid.has_value()) return;
  UpdateMemory::Entry* known = operation_updates_.find(*status.uuid);
  if (known != nullptr) known->acknowledged = true;
  send_acknowledgement(status);
}

void SchedulerSession::send_acknowledgement(const TaskStatus& status) {
  core::AcknowledgeUpdate acknowledgement;
  acknowledgement.framework = id_;
  acknowledgement.agent = status.agent;
  acknowledgement.task = status.task;
  acknowledgement.uuid = *status.uuid;
  send_when_active(acknowledgement);
}

void SchedulerSession::send_acknowledgement(const OperationStatus& status) {
  core::AcknowledgeOperation acknowledgement;
  acknowledgement.framework = id_;
  acknowledgement.agent = status.agent;
  acknowledgement.uuid = *status.uuid;
  send_when_active(acknowledgement);
}

void SchedulerSession::on_disconnected() {
  if (state_ == State::kStopped || state_ == State::kIdle) return;
  const bool was_active = state_ == State::kActive;
  state_ = State::kIdle;
  if (!was_active) return;
  handling_ = true;
  scheduler_->disconnected(*this);
  handling_ = false;
  if (finishing_) finish_now();
}

void SchedulerSession::on_tick(core::TimePoint now) {
  if (state_ == State::kStopped || state_ == State::kIdle) return;
  if (now - last_heard_ >= session_timeout_) {
    sink_->reconnect(absl::UnavailableError("the master has been silent for too long"));
    return;
  }
  if (state_ == State::kActive && now - last_sent_heartbeat_ >= heartbeat_interval_) {
    last_sent_heartbeat_ = now;
    send(core::Heartbeat{++heartbeats_});
  }
}

absl::Status SchedulerSession::accept(absl::Span<const Offer> offers,
                                      absl::Span<const TaskSpec> tasks,
                                      std::optional<core::Duration> refuse) {
  return accept(offers, absl::Span<const Operation>(), tasks, refuse);
}

absl::Status SchedulerSession::accept(absl::Span<const Offer> offers,
                                      absl::Span<const Operation> operations,
                                      absl::Span<const TaskSpec> tasks,
                                      std::optional<core::Duration> refuse) {
  if (state_ != State::kActive) return absl::UnavailableError("not connected to a master");
  core::Accept accept;
  std::vector<std::vector<std::uint8_t>> descriptions;
  if (auto valid = add_operations(operations, accept); !valid.ok()) return valid;
  if (auto valid = add_tasks(tasks, descriptions, accept); !valid.ok()) return valid;
  for (const Offer& offer : offers) accept.offers.push_back(offer.id);
  accept.refuse_ms = to_ms(refuse);
  send(accept);
  return absl::OkStatus();
}

absl::Status SchedulerSession::add_operations(absl::Span<const Operation> operations,
                                              core::Accept& accept) {
  if (operations.size() > core::kMaxOperationsPerAccept) {
    return absl::ResourceExhaustedError(fmt::format("{} operations in one accept, at most {}",
                                                    operations.size(),
                                                    core::kMaxOperationsPerAccept));
  }
  for (const Operation& operation : operations) {
    if (!operation.id.empty()) {
      if (auto valid = core::check_name(operation.id, "operation id"); !valid.ok()) return valid;
    }
    for (const core::Resources* resources : {&operation.spec.resources, &operation.spec.addition}) {
      if (auto valid = core::check_resources(*resources); !valid.ok()) return valid;
    }
    accept.operations.push_back({operation.id, operation.spec, operation.launches});
  }
  return absl::OkStatus();
}

absl::Status SchedulerSession::add_tasks(absl::Span<const TaskSpec> tasks,
                                         std::vector<std::vector<std::uint8_t>>& descriptions,
                                         core::Accept& accept) {
  if (tasks.size() > core::kMaxTasksPerAccept) {
    return absl::ResourceExhaustedError(
        fmt::format("{} tasks in one accept, at most {}", tasks.size(), core::kMaxTasksPerAccept));
  }
  descriptions.reserve(tasks.size());
  std::size_t bytes = 0;
  for (const TaskSpec& task : tasks) {
    if (auto valid = core::check_name(task.id, "task id"); !valid.ok()) return valid;
    if (auto valid = core::check_resources(task.resources); !valid.ok()) return valid;
    auto description = wire::encode_task_description(task.description);
    if (!description.ok()) return description.status();
    descriptions.push_back(*std::move(description));
    bytes += descriptions.back().size() + task.id.size() + task.name.size();
    core::TaskLaunch launch;
    launch.id = task.id;
    launch.name = task.name;
    launch.resources = task.resources;
    launch.description = descriptions.back();
    accept.tasks.push_back(std::move(launch));
  }
  if (bytes > core::kMaxFrameBytes / 2) {
    return absl::ResourceExhaustedError(
        fmt::format("the tasks of one accept take {} bytes, at most {}: use several offers", bytes,
                    core::kMaxFrameBytes / 2));
  }
  return absl::OkStatus();
}

void SchedulerSession::decline(absl::Span<const Offer> offers,
                               std::optional<core::Duration> refuse) {
  if (offers.empty()) return;
  core::Decline decline;
  for (const Offer& offer : offers) decline.offers.push_back(offer.id);
  decline.refuse_ms = to_ms(refuse);
  send_when_active(decline);
}

void SchedulerSession::kill(std::string_view task, std::optional<core::Duration> grace) {
  core::KillTask kill;
  kill.framework = id_;
  kill.task = task;
  kill.grace_ms = to_ms(grace);
  send_when_active(kill);
}

void SchedulerSession::suppress(absl::Span<const std::string> roles) {
  send_when_active(core::Suppress{views_of(roles)});
}

void SchedulerSession::revive(absl::Span<const std::string> roles) {
  send_when_active(core::Revive{views_of(roles)});
}

absl::Status SchedulerSession::explain(const core::Resources& resources, std::string_view role) {
  if (state_ != State::kActive) return absl::UnavailableError("not connected to a master");
  if ((features_ & static_cast<std::uint64_t>(core::Feature::kOfferEngine)) == 0) {
    return absl::UnimplementedError("this master does not explain");
  }
  core::Explain explain;
  explain.role = role;
  explain.resources = resources;
  send(explain);
  return absl::OkStatus();
}

void SchedulerSession::reconcile(absl::Span<const std::string> tasks) {
  core::Reconcile reconcile;
  for (const std::string& task : tasks) reconcile.tasks.push_back(task);
  send_when_active(reconcile);
}

void SchedulerSession::teardown() {
  send_when_active(core::Teardown{});
  finish(absl::OkStatus());
}

void SchedulerSession::stop() { finish(absl::OkStatus()); }

void SchedulerSession::finish(const absl::Status& status) {
  if (finishing_ || state_ == State::kStopped) return;
  finishing_ = true;
  final_status_ = status;
  if (!handling_) finish_now();
}

void SchedulerSession::finish_now() {
  if (state_ == State::kStopped) return;
  if (!final_status_.ok()) scheduler_->error(*this, final_status_);
  state_ = State::kStopped;
  sink_->finished(final_status_);
}

}  // namespace shoal::sdk
