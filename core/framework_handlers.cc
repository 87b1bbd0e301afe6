#include "core/framework_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "core/validation.h"

namespace shoal::core {
namespace {

void broadcast(Shard& shard, Outbox& outbox, const ShardMessage& message) {
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, message);
}

// Tells every allocator about the framework as it is now.
void announce(Shard& shard, Outbox& outbox, const FrameworkRecord& framework,
              bool clear_filters = false) {
  const bool wants_offers = framework.state == FrameworkState::kActive && !framework.suppressed;
  broadcast(
      shard, outbox,
      FrameworkEntry{framework.id, framework.index, framework.name, wants_offers, clear_filters});
}

void touch(Shard& shard, FrameworkRecord& framework, TimePoint now) {
  framework.last_heard = now;
  if (framework.silence_deadline > now) return;
  framework.silence_deadline = now + shard.config.session_timeout;
  shard.deadlines.push(framework.silence_deadline, DeadlineKind::kFrameworkSilence,
                       framework.id.value);
}

void answer_offers(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, AgentId agent,
                   std::vector<OfferId> offers, std::vector<OwnedTask> tasks, Duration refuse) {
  if (offers.empty()) return;
  outbox.to_shard(shard.home_of(agent),
                  OffersAnswered{framework.id, framework.index, agent, std::move(offers),
                                 std::move(tasks), refuse});
}

// Gives back everything the framework holds, without a filter.
void return_all_offers(Shard& shard, Outbox& outbox, FrameworkRecord& framework) {
  std::vector<std::pair<OfferId, AgentId>> held(framework.offers.begin(), framework.offers.end());
  std::sort(held.begin(), held.end());  // the same order in every replay of a seed
  for (const auto& [offer, agent] : held) {
    if (shard.shared.offers.decline(offer, framework.index)) {
      answer_offers(shard, outbox, framework, agent, {offer}, {}, Duration::zero());
    }
  }
  framework.offers.clear();
}

Duration refuse_duration(std::int64_t refuse_ms) {
  if (refuse_ms < 0) return kDefaultRefuse;
  return std::min<Duration>(std::chrono::milliseconds(std::min<std::int64_t>(
                                refuse_ms, kMaxRefuse / std::chrono::milliseconds(1))),
                            kMaxRefuse);
}

void send_status(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, AgentId agent,
                 std::string_view task, TaskState state, TaskReason reason,
                 std::string_view message, TimePoint now) {
  outbox.send(framework.session, TaskStatus{.framework = framework.id,
                                            .agent = agent,
                                            .task = task,
                                            .state = state,
                                            .reason = reason,
                                            .source = TaskSource::kMaster,
                                            .message = message,
                                            .timestamp_ms = shard.wall_ms(now)});
}

void refuse(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, RefusalCode code,
            std::string_view message, std::uint32_t correlation) {
  shard.counters.refusals.add();
  outbox.refuse(framework.session, code, message, correlation);
}

// The record of `known`, made anew when this shard does not have it: the framework subscribed to
// an earlier master, or is new. nullptr: no more frameworks fit.
FrameworkRecord* find_or_add(Shard& shard, FrameworkId known, TimePoint now) {
  if (known.valid()) {
    if (FrameworkRecord* found = shard.find_framework(known); found != nullptr) return found;
  }
  if (shard.free_framework_indices.empty()) return nullptr;
  auto record = std::make_unique<FrameworkRecord>();
  record->id = known.valid()
                   ? known
                   : FrameworkId{draw_id(shard.random, shard.config.index, shard.config.shards)};
  // First freed, first used: amounts of the index's last owner that are still on their way between
  // shards have time to arrive.
  record->index = shard.free_framework_indices.front();
  shard.free_framework_indices.pop_front();
  record->subscribed_ms = shard.wall_ms(now);
  FrameworkRecord* framework = record.get();
  shard.frameworks.emplace(framework->id, std::move(record));
  shard.counters.frameworks_subscribed.add();
  shard.counters.frameworks.add();
  return framework;
}

bool is_completed(const Shard& shard, FrameworkId id) {
  return std::any_of(shard.completed_frameworks.begin(), shard.completed_frameworks.end(),
                     [id](const FrameworkSummary& done) { return done.id == id; });
}

// Takes the framework's side of every offer out of OPEN. An error when one was lost meanwhile; the
// ones before it are then in `taken` all the same.
absl::Status claim_offers(Shard& shard, FrameworkRecord& framework, const Accept& message,
                          std::vector<OfferId>& taken) {
  for (const OfferId id : message.offers) {
    if (!framework.offers.contains(id)) {
      return absl::NotFoundError(fmt::format(
          "offer {} is not held: unknown, of another framework, withdrawn or already answered",
          to_string(id)));
    }
    const bool won = shard.shared.offers.claim(id, framework.index);
    framework.offers.erase(id);
    if (!won) {
      return absl::NotFoundError(
          fmt::format("offer {} was withdrawn at the same moment", to_string(id)));
    }
    taken.push_back(id);
  }
  return absl::OkStatus();
}

// A second launch of a task that is known says nothing about the first one: no end is reported, the
// call is refused and the present state of the task is told.
bool refuse_repeated(Shard& shard, Outbox& outbox, const FrameworkRecord& framework,
                     std::string_view task, std::uint32_t correlation) {
  const auto place = framework.tasks.find(task);
  if (place == framework.tasks.end()) return false;
  refuse(shard, outbox, framework, RefusalCode::kInvalid,
         fmt::format("task id '{}' is in use: its last update is not acknowledged yet", task),
         correlation);
  outbox.to_shard(shard.home_of(place->second.agent),
                  ReconcileForward{framework.id, std::string(task)});
  return true;
}

std::vector<OwnedTask> take_valid_tasks(Shard& shard, Outbox& outbox, FrameworkRecord& framework,
                                        AgentId agent, const Accept& message, Resources free,
                                        std::uint32_t correlation, TimePoint now) {
  std::vector<OwnedTask> tasks;
  for (const TaskLaunch& task : message.tasks) {
    if (refuse_repeated(shard, outbox, framework, task.id, correlation)) continue;
    const absl::Status valid = check_launch(framework, task, free);
    if (!valid.ok()) {
      send_status(shard, outbox, framework, agent, task.id, TaskState::kError,
                  TaskReason::kTaskInvalid, message_of(valid), now);
      continue;
    }
    free -= task.resources;
    framework.tasks.emplace(std::string(task.id), TaskPlace{.agent = agent});
    tasks.push_back({std::string(task.id),
                     std::string(task.name),
                     task.resources,
                     {task.description.begin(), task.description.end()}});
  }
  return tasks;
}

void remove_framework(Shard& shard, Outbox& outbox, FrameworkRecord& framework) {
  return_all_offers(shard, outbox, framework);
  outbox.close(framework.session);
  framework.state = FrameworkState::kCompleted;
  shard.completed_frameworks.push_back(summarise(shard, framework));
  if (shard.completed_frameworks.size() > kMaxCompletedFrameworksPerShard) {
    shard.completed_frameworks.pop_front();
  }
  broadcast(shard, outbox, FrameworkRemoved{framework.id});
  shard.free_framework_indices.push_back(framework.index);
  shard.counters.frameworks_removed.add();
  shard.counters.frameworks.sub();
  shard.frameworks.erase(FrameworkId(framework.id));
}

}  // namespace

FrameworkId on_subscribe(Shard& shard, Outbox& outbox, SessionId session, FrameworkId known,
                         const Subscribe& message, std::uint32_t correlation, TimePoint now) {
  if (known.valid() && is_completed(shard, known)) {
    shard.counters.refusals.add();
    outbox.refuse(
        session, RefusalCode::kFenced,
        fmt::format("framework {} was removed; subscribe without an id", to_string(known)),
        correlation);
    return FrameworkId();
  }
  FrameworkRecord* framework = find_or_add(shard, known, now);
  if (framework == nullptr) {
    shard.counters.refusals.add();
    outbox.refuse(session, RefusalCode::kOverloaded,
                  fmt::format("this shard already serves {} frameworks", kMaxFrameworksPerShard),
                  correlation);
    return FrameworkId();
  }
  if (framework->session.valid() && framework->session != session) {
    outbox.refuse(framework->session, RefusalCode::kFenced,
                  "another instance subscribed with this framework's id");
    outbox.close(framework->session);
    return_all_offers(shard, outbox, *framework);
  }
  framework->name = message.name;
  framework->user = message.user;
  framework->role = message.role;
  framework->failover_timeout =
      message.failover_timeout_ms < 0
          ? Duration(kDefaultFailoverTimeout)
          : Duration(std::chrono::milliseconds(message.failover_timeout_ms));
  framework->session = session;
  framework->state = FrameworkState::kActive;
  framework->suppressed = false;
  touch(shard, *framework, now);
  outbox.send(session,
              Subscribed{.framework = framework->id,
                         .heartbeat_interval_ms = static_cast<std::uint32_t>(
                             shard.config.heartbeat_interval / std::chrono::milliseconds(1)),
                         .session_timeout_ms = static_cast<std::uint32_t>(
                             shard.config.session_timeout / std::chrono::milliseconds(1))},
              correlation);
  announce(shard, outbox, *framework, /*clear_filters=*/true);
  return framework->id;
}

void on_framework_heartbeat(Shard& shard, Outbox& outbox, FrameworkId id, const Heartbeat& message,
                            TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  outbox.send(framework->session, message);
}

void on_accept(Shard& shard, Outbox& outbox, FrameworkId id, const Accept& message,
               std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  absl::Status valid = check_offer_list(*framework, message.offers);
  std::vector<OfferId> taken;
  AgentId agent;
  if (valid.ok()) {
    agent = framework->offers.find(message.offers.front())->second;
    valid = claim_offers(shard, *framework, message, taken);
  }
  if (!valid.ok()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalidOffer, message_of(valid), correlation);
    for (const TaskLaunch& task : message.tasks) {
      if (refuse_repeated(shard, outbox, *framework, task.id, correlation)) continue;
      send_status(shard, outbox, *framework, agent, task.id, TaskState::kDropped,
                  TaskReason::kInvalidOffers, message_of(valid), now);
    }
    answer_offers(shard, outbox, *framework, agent, std::move(taken), {}, Duration::zero());
    return;
  }
  Resources offered;
  for (const OfferId offer : taken) offered += shard.shared.offers.payload(offer).resources;
  std::vector<OwnedTask> tasks = take_valid_tasks(shard, outbox, *framework, agent, message,
                                                  std::move(offered), correlation, now);
  shard.counters.offers_accepted.add(taken.size());
  answer_offers(shard, outbox, *framework, agent, std::move(taken), std::move(tasks),
                refuse_duration(message.refuse_ms));
}

void on_decline(Shard& shard, Outbox& outbox, FrameworkId id, const Decline& message,
                std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  std::string unknown;
  for (const OfferId offer : message.offers) {
    const auto held = framework->offers.find(offer);
    if (held == framework->offers.end()) {
      unknown = to_string(offer);
      continue;
    }
    const AgentId agent = held->second;
    framework->offers.erase(held);
    if (!shard.shared.offers.decline(offer, framework->index)) continue;  // withdrawn: same outcome
    shard.counters.offers_declined.add();
    answer_offers(shard, outbox, *framework, agent, {offer}, {},
                  refuse_duration(message.refuse_ms));
  }
  if (!unknown.empty()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalidOffer,
           fmt::format("offer {} is not held by this framework", unknown), correlation);
  }
}

void on_revive(Shard& shard, Outbox& outbox, FrameworkId id, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  framework->suppressed = false;
  announce(shard, outbox, *framework, /*clear_filters=*/true);
}

void on_suppress(Shard& shard, Outbox& outbox, FrameworkId id, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  framework->suppressed = true;
  announce(shard, outbox, *framework);
}

void on_kill_task(Shard& shard, Outbox& outbox, FrameworkId id, const KillTask& message,
                  std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  const auto place = framework->tasks.find(message.task);
  if (place == framework->tasks.end()) {
    refuse(shard, outbox, *framework, RefusalCode::kNotFound,
           fmt::format("framework {} has no task '{}'", to_string(id), message.task), correlation);
    return;
  }
  outbox.to_shard(
      shard.home_of(place->second.agent),
      KillForward{id, place->second.agent, std::string(message.task), message.grace_ms});
}

void on_acknowledge(Shard& shard, Outbox& outbox, FrameworkId id, const AcknowledgeUpdate& message,
                    std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  const auto place = framework->tasks.find(message.task);
  if (place == framework->tasks.end()) {
    refuse(shard, outbox, *framework, RefusalCode::kNotFound,
           fmt::format("framework {} has no task '{}' with an update to acknowledge", to_string(id),
                       message.task),
           correlation);
    return;
  }
  const AgentId agent = place->second.agent;
  if (place->second.ended && place->second.terminal_uuid == message.uuid) {
    framework->tasks.erase(place);
  }
  outbox.to_shard(shard.home_of(agent),
                  AcknowledgeForward{id, agent, std::string(message.task), message.uuid});
}

void on_reconcile(Shard& shard, Outbox& outbox, FrameworkId id, const Reconcile& message,
                  TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  if (message.tasks.empty()) broadcast(shard, outbox, ReconcileForward{id, ""});
  for (const std::string_view task : message.tasks) {
    const auto place = framework->tasks.find(task);
    if (place != framework->tasks.end()) {
      outbox.to_shard(shard.home_of(place->second.agent), ReconcileForward{id, std::string(task)});
    } else {
      send_status(shard, outbox, *framework, AgentId(), task, TaskState::kUnknown,
                  TaskReason::kReconciliation, "the master does not know this task", now);
    }
  }
}

void on_teardown(Shard& shard, Outbox& outbox, FrameworkId id, TimePoint /*now*/) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework != nullptr) remove_framework(shard, outbox, *framework);
}

void on_framework_disconnected(Shard& shard, Outbox& outbox, FrameworkId id, SessionId session,
                               TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr || framework->session != session) return;
  framework->session = SessionId();
  framework->state = FrameworkState::kDisconnected;
  framework->disconnected_at = now;
  return_all_offers(shard, outbox, *framework);
  if (framework->failover_timeout <= Duration::zero()) {
    remove_framework(shard, outbox, *framework);
    return;
  }
  announce(shard, outbox, *framework);
  shard.deadlines.push(now + framework->failover_timeout, DeadlineKind::kFrameworkFailover,
                       id.value);
}

void on_offers_out(Shard& shard, Outbox& outbox, const OffersOut& message, TimePoint /*now*/) {
  FrameworkRecord* framework = shard.find_framework(message.framework);
  if (framework == nullptr) return;  // removed: FrameworkRemoved is on its way, and rescinds them
  const bool takes_offers = framework->state == FrameworkState::kActive && !framework->suppressed &&
                            !outbox.is_slow(framework->session);
  Offers offers;
  for (const OfferNotice& notice : message.offers) {
    if (!takes_offers) {
      if (!shard.shared.offers.decline(notice.id, framework->index)) continue;
      answer_offers(shard, outbox, *framework, notice.agent->id, {notice.id}, {},
                    framework->state == FrameworkState::kActive ? Duration(kDefaultRefuse)
                                                                : Duration::zero());
      continue;
    }
    framework->offers.emplace(notice.id, notice.agent->id);
    OfferView view{.id = notice.id,
                   .agent = notice.agent->id,
                   .hostname = notice.agent->hostname,
                   .address = notice.agent->address,
                   .resources = notice.resources,
                   .attributes = {}};
    for (const auto& [name, value] : notice.agent->attributes) {
      view.attributes.push_back({name, value});
    }
    offers.offers.push_back(std::move(view));
  }
  if (!offers.offers.empty()) outbox.send(framework->session, offers);
}

void on_offers_withdrawn(Shard& shard, Outbox& outbox, const OffersWithdrawn& message) {
  FrameworkRecord* framework = shard.find_framework(message.framework);
  if (framework == nullptr) return;
  Rescind rescind;
  for (const OfferId id : message.offers) {
    if (framework->offers.erase(id) > 0) rescind.offers.push_back(id);
  }
  if (!rescind.offers.empty()) outbox.send(framework->session, rescind);
}

void on_forwarded_status(Shard& shard, Outbox& outbox, const OwnedStatus& message,
                         TimePoint /*now*/) {
  FrameworkRecord* framework = shard.find_framework(message.status.framework);
  if (framework == nullptr) return;
  const auto place = framework->tasks.find(message.task);
  if (place != framework->tasks.end() && is_terminal(message.status.state)) {
    const bool reconciled = message.status.reason == TaskReason::kReconciliation;
    if (message.status.has_uuid) {
      place->second.ended = true;
      place->second.terminal_uuid = message.status.uuid;
    } else if (!reconciled) {
      framework->tasks.erase(place);  // the master's own word: nothing to acknowledge
    }
  }
  outbox.send(framework->session, message.view());
}

void on_task_adopted(Shard& shard, const TaskAdopted& message) {
  FrameworkRecord* framework = shard.find_framework(message.framework);
  if (framework == nullptr) return;
  framework->tasks.try_emplace(message.task, TaskPlace{.agent = message.agent});
}

void check_framework_silence(Shard& shard, Outbox& outbox, const Deadline& deadline,
                             TimePoint now) {
  const FrameworkId id{deadline.id};
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr || framework->state != FrameworkState::kActive) return;
  if (framework->silence_deadline != deadline.when) return;
  const TimePoint limit = framework->last_heard + shard.config.session_timeout;
  if (limit > now) {
    framework->silence_deadline = limit;
    shard.deadlines.push(limit, DeadlineKind::kFrameworkSilence, id.value);
    return;
  }
  const SessionId session = framework->session;
  outbox.close(session);
  on_framework_disconnected(shard, outbox, id, session, now);
}

void check_framework_failover(Shard& shard, Outbox& outbox, FrameworkId id, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr || framework->state != FrameworkState::kDisconnected) return;
  if (framework->disconnected_at + framework->failover_timeout > now) return;
  remove_framework(shard, outbox, *framework);
}

FrameworkSummary summarise(const Shard& shard, const FrameworkRecord& framework) {
  FrameworkSummary summary;
  summary.id = framework.id;
  summary.name = framework.name;
  summary.user = framework.user;
  summary.role = framework.role;
  summary.state = framework.state;
  summary.suppressed = framework.suppressed;
  for (const auto& [id, place] : framework.tasks) summary.tasks += place.ended ? 0 : 1;
  summary.offers = static_cast<std::uint32_t>(framework.offers.size());
  summary.allocated = shard.shared.shares.allocated(framework.index);
  summary.subscribed_ms = framework.subscribed_ms;
  return summary;
}

}  // namespace shoal::core
