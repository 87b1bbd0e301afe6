#include "core/framework_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/explain.h"
#include "core/registry.h"
#include "core/status.h"
#include "core/summary.h"
#include "core/validation.h"

namespace shoal::core {
namespace {

template <typename Message>
void broadcast(Shard& shard, Outbox& outbox, const Message& message) {
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, message);
}

bool is_named(const RoleViews& roles, const RoleRow& role) {
  return roles.empty() || std::find(roles.begin(), roles.end(), role.name) != roles.end();
}

// Tells every allocator about the framework as it is now. Filters are cleared in the `cleared`
// roles; null: in none.
void announce(Shard& shard, Outbox& outbox, const FrameworkRecord& framework,
              const RoleViews* cleared = nullptr) {
  FrameworkEntry entry{.id = framework.id,
                       .index = framework.index,
                       .name = framework.name,
                       .connected = framework.state == FrameworkState::kActive,
                       .capabilities = framework.capabilities,
                       .subscriptions = {}};
  for (const FrameworkRole& role : framework.roles) {
    entry.subscriptions.push_back(
        {.index = role.subscription,
         .role = role.role,
         .active = entry.connected && role.subscribed && !role.suppressed,
         .clear_filters = cleared != nullptr && is_named(*cleared, *role.role),
         .minimum = role.minimum,
         .constraints = role.constraints});
  }
  broadcast(shard, outbox, entry);
}

void touch(Shard& shard, FrameworkRecord& framework, TimePoint now) {
  framework.last_heard = now;
  if (framework.silence_deadline > now) return;
  framework.silence_deadline = now + shard.config.session_timeout;
  shard.deadlines.push(framework.silence_deadline, DeadlineKind::kFrameworkSilence,
                       framework.id.value);
}

// Looks again in a while whether the framework has offers, and if not, why.
void watch_offers_of(Shard& shard, FrameworkRecord& framework, TimePoint now) {
  if (!framework.offers.empty() || framework.notice_deadline > now) return;
  if (!framework.capabilities.has(Capability::kNotices)) return;
  framework.notice_deadline = now + kNoticeDelay;
  shard.deadlines.push(framework.notice_deadline, DeadlineKind::kFrameworkNotice,
                       framework.id.value);
}

// Gives the offers back as they are.
void return_offers(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, AgentId agent,
                   std::vector<OfferId> offers, Duration refuse) {
  if (offers.empty()) return;
  outbox.to_shard(shard.home_of(agent),
                  OffersAnswered{framework.id, agent, std::move(offers), {}, {}, refuse});
}

// Gives back everything the framework holds, without a filter.
void return_all_offers(Shard& shard, Outbox& outbox, FrameworkRecord& framework) {
  std::vector<std::pair<OfferId, AgentId>> held;
  for (const auto& [offer, where] : framework.offers) held.emplace_back(offer, where.agent);
  std::sort(held.begin(), held.end());  // the same order in every replay of a seed
  for (const auto& [offer, agent] : held) {
    if (shard.shared.offers.decline(offer, framework.index)) {
      return_offers(shard, outbox, framework, agent, {offer}, Duration::zero());
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

// Frameworks that know nothing of partitions hear of all that is not certain as LOST.
TaskState as_heard(const FrameworkRecord& framework, TaskState state) {
  if (framework.capabilities.has(Capability::kPartitionAware)) return state;
  switch (state) {
    case TaskState::kUnreachable:
    case TaskState::kDropped:
    case TaskState::kGone:
    case TaskState::kGoneByOperator:
    case TaskState::kUnknown:
      return TaskState::kLost;
    default:
      return state;
  }
}

void send_status(Shard& shard, Outbox& outbox, const FrameworkRecord& framework, AgentId agent,
                 std::string_view task, TaskState state, TaskReason reason,
                 std::string_view message, TimePoint now) {
  outbox.send(framework.session, TaskStatus{.framework = framework.id,
                                            .agent = agent,
                                            .task = task,
                                            .state = as_heard(framework, state),
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

// --- roles ---

struct WantedRole {
  RoleRow* role = nullptr;
  bool suppressed = false;
  Quantities minimum;
  std::shared_ptr<const OfferConstraints> constraints;
};

// The roles of a subscription, with all that can be wrong about them found before anything changes.
absl::StatusOr<std::vector<WantedRole>> read_roles(Shard& shard, const Subscribe& message) {
  RoleViews names = message.roles;
  if (names.empty()) names.push_back(kDefaultRole);
  std::vector<WantedRole> wanted;
  for (const std::string_view name : names) {
    absl::StatusOr<RoleRow*> role = shard.shared.roles.intern(name);
    if (!role.ok()) return role.status();
    WantedRole& entry = wanted.emplace_back();
    entry.role = *role;
    entry.suppressed = std::find(message.suppressed_roles.begin(), message.suppressed_roles.end(),
                                 name) != message.suppressed_roles.end();
    for (const RoleMinimum& minimum : message.minimums) {
      if (minimum.role == name) entry.minimum = minimum.quantities;
    }
    std::vector<OfferConstraintView> constraints;
    for (const OfferConstraintView& constraint : message.constraints) {
      if (constraint.role == name) constraints.push_back(constraint);
    }
    if (constraints.empty()) continue;
    auto compiled = OfferConstraints::compile(constraints);
    if (!compiled.ok()) return compiled.status();
    entry.constraints = *std::move(compiled);
  }
  return wanted;
}

FrameworkRole* find_role(FrameworkRecord& framework, const RoleRow& role) {
  const auto it = std::find_if(framework.roles.begin(), framework.roles.end(),
                               [&role](const FrameworkRole& r) { return r.role == &role; });
  return it == framework.roles.end() ? nullptr : &*it;
}

absl::Status check_room_for_roles(const Shard& shard, FrameworkRecord* framework,
                                  const std::vector<WantedRole>& wanted) {
  std::size_t fresh = 0;
  for (const WantedRole& entry : wanted) {
    if (framework == nullptr || find_role(*framework, *entry.role) == nullptr) ++fresh;
  }
  const std::size_t known = framework == nullptr ? 0 : framework->roles.size();
  if (known + fresh > kMaxRolesPerFramework) {
    return invalid("a framework can be in {} roles during its life; this one would be in {}",
                   kMaxRolesPerFramework, known + fresh);
  }
  if (fresh > shard.free_subscriptions.size()) {
    return absl::ResourceExhaustedError(
        fmt::format("this shard already serves {} subscriptions", kMaxSubscriptionsPerShard));
  }
  return absl::OkStatus();
}

void set_subscribed(FrameworkRole& role, bool subscribed) {
  if (role.subscribed == subscribed) return;
  role.subscribed = subscribed;
  if (subscribed) {
    role.role->frameworks.fetch_add(1, std::memory_order_relaxed);
  } else {
    role.role->frameworks.fetch_sub(1, std::memory_order_relaxed);
  }
}

// Pre-condition: check_room_for_roles.
void take_roles(Shard& shard, FrameworkRecord& framework, std::vector<WantedRole> wanted) {
  for (FrameworkRole& role : framework.roles) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(),
                                   [&role](const WantedRole& w) { return w.role == role.role; });
    if (!stays) set_subscribed(role, false);
  }
  for (WantedRole& entry : wanted) {
    FrameworkRole* role = find_role(framework, *entry.role);
    if (role == nullptr) {
      role = &framework.roles.emplace_back();
      role->role = entry.role;
      role->subscribed = false;
      // First freed, first used: as with framework indices.
      role->subscription = shard.free_subscriptions.front();
      shard.free_subscriptions.pop_front();
    }
    set_subscribed(*role, true);
    role->suppressed = entry.suppressed;
    role->minimum = entry.minimum;
    role->constraints = std::move(entry.constraints);
  }
}

// Every name is a role that the framework subscribes to.
absl::Status check_own_roles(const FrameworkRecord& framework, const RoleViews& names) {
  for (const std::string_view name : names) {
    const bool known = std::any_of(
        framework.roles.begin(), framework.roles.end(),
        [name](const FrameworkRole& role) { return role.subscribed && role.role->name == name; });
    if (!known) return invalid("the framework does not subscribe to role '{}'", name);
  }
  return absl::OkStatus();
}

// --- offers ---

// For good. Of those that were removed in this very turn was_removed() knows nothing yet.
bool is_over(const Shard& shard, FrameworkId id) {
  return shard.was_removed(id) ||
         std::any_of(shard.completed_frameworks.begin(), shard.completed_frameworks.end(),
                     [id](const FrameworkSummary& done) { return done.id == id; });
}

// Takes the framework's side of every offer out of OPEN. An error when one was lost meanwhile; the
// ones before it are then in `taken` all the same.
absl::Status claim_offers(Shard& shard, FrameworkRecord& framework, const Accept& message,
                          AgentId& agent, std::vector<OfferId>& taken) {
  if (auto valid = check_offer_list(framework, message.offers); !valid.ok()) return valid;
  agent = framework.offers.find(message.offers.front())->second.agent;
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
                                        AgentId agent, const Accept& message,
                                        std::uint32_t correlation, TimePoint now) {
  std::vector<OwnedTask> tasks;
  for (const TaskLaunch& task : message.tasks) {
    if (refuse_repeated(shard, outbox, framework, task.id, correlation)) continue;
    const absl::Status valid = check_launch(framework, task);
    if (!valid.ok()) {
      send_status(shard, outbox, framework, agent, task.id, TaskState::kError,
                  TaskReason::kTaskInvalid, message_of(valid), now);
      continue;
    }
    framework.tasks.emplace(std::string(task.id), TaskPlace{.agent = agent});
    tasks.push_back({std::string(task.id),
                     std::string(task.name),
                     task.resources,
                     {task.description.begin(), task.description.end()}});
  }
  return tasks;
}

// With operations the call is done as a whole: what would be said of a single task is said of all.
absl::Status check_whole(const FrameworkRecord& framework, const Accept& message) {
  if (message.operations.empty()) return absl::OkStatus();
  for (std::size_t i = 0; i < message.tasks.size(); ++i) {
    if (absl::Status valid = check_launch(framework, message.tasks[i]); !valid.ok()) return valid;
    for (std::size_t j = 0; j < i; ++j) {
      if (message.tasks[j].id != message.tasks[i].id) continue;
      return invalid("task id '{}' is named twice", message.tasks[i].id);
    }
  }
  std::size_t launches = 0;
  for (const Operation& operation : message.operations) launches += operation.launches;
  if (launches > message.tasks.size()) {
    return invalid("the LAUNCH operations name {} tasks, the call has {}", launches,
                   message.tasks.size());
  }
  return absl::OkStatus();
}

// Nothing of the call is done.
void fail_accept(Shard& shard, Outbox& outbox, FrameworkRecord& framework, AgentId agent,
                 const Accept& message, TaskState state, TaskReason reason,
                 OperationState operation_state, std::string_view why, std::uint32_t correlation,
                 TimePoint now) {
  for (const TaskLaunch& task : message.tasks) {
    if (refuse_repeated(shard, outbox, framework, task.id, correlation)) continue;
    send_status(shard, outbox, framework, agent, task.id, state, reason, why, now);
  }
  for (const Operation& operation : message.operations) {
    if (operation.id.empty()) continue;
    outbox.send(framework.session, OperationUpdate{.framework = framework.id,
                                                   .agent = agent,
                                                   .id = operation.id,
                                                   .state = operation_state,
                                                   .message = why});
  }
}

std::vector<OwnedOperation> own_operations(const Accept& message) {
  std::vector<OwnedOperation> out;
  for (const Operation& operation : message.operations) {
    out.push_back({std::string(operation.id), operation.spec, operation.launches});
  }
  return out;
}

void remove_framework(Shard& shard, Outbox& outbox, FrameworkRecord& framework, TimePoint now) {
  return_all_offers(shard, outbox, framework);
  outbox.close(framework.session);
  framework.state = FrameworkState::kCompleted;
  store_framework(shard, outbox, framework, now);
  shard.completed_frameworks.push_back(summarise(shard, framework));
  if (shard.completed_frameworks.size() > kMaxCompletedFrameworksPerShard) {
    shard.completed_frameworks.pop_front();
    ++shard.forgotten_frameworks;
  }
  broadcast(shard, outbox, FrameworkRemoved{framework.id});
  for (FrameworkRole& role : framework.roles) {
    set_subscribed(role, false);
    shard.free_subscriptions.push_back(role.subscription);
  }
  shard.free_framework_indices.push_back(framework.index);
  shard.counters.frameworks_removed.add();
  shard.counters.frameworks.sub();
  shard.frameworks.erase(FrameworkId(framework.id));
}

}  // namespace

FrameworkId on_subscribe(Shard& shard, Outbox& outbox, SessionId session, FrameworkId known,
                         const Subscribe& message, std::uint32_t correlation, TimePoint now) {
  if (known.valid() && is_over(shard, known)) {
    shard.counters.refusals.add();
    outbox.refuse(
        session, RefusalCode::kFenced,
        fmt::format("framework {} was removed; subscribe without an id", to_string(known)),
        correlation);
    return FrameworkId();
  }
  absl::StatusOr<std::vector<WantedRole>> roles = read_roles(shard, message);
  absl::Status valid = roles.status();
  if (valid.ok()) valid = check_room_for_roles(shard, shard.find_framework(known), *roles);
  if (!valid.ok()) {
    shard.counters.refusals.add();
    outbox.refuse(
        session,
        absl::IsResourceExhausted(valid) ? RefusalCode::kOverloaded : RefusalCode::kInvalid,
        message_of(valid), correlation);
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
  framework->capabilities = message.capabilities;
  take_roles(shard, *framework, *std::move(roles));
  framework->failover_timeout =
      message.failover_timeout_ms < 0
          ? Duration(kDefaultFailoverTimeout)
          : Duration(std::chrono::milliseconds(message.failover_timeout_ms));
  framework->session = session;
  framework->state = FrameworkState::kActive;
  touch(shard, *framework, now);
  store_framework(shard, outbox, *framework, now);
  outbox.send(session,
              Subscribed{.framework = framework->id,
                         .heartbeat_interval_ms = static_cast<std::uint32_t>(
                             shard.config.heartbeat_interval / std::chrono::milliseconds(1)),
                         .session_timeout_ms = static_cast<std::uint32_t>(
                             shard.config.session_timeout / std::chrono::milliseconds(1))},
              correlation);
  const RoleViews all;
  announce(shard, outbox, *framework, &all);
  watch_offers_of(shard, *framework, now);
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
  std::vector<OfferId> taken;
  AgentId agent;
  const absl::Status valid = claim_offers(shard, *framework, message, agent, taken);
  watch_offers_of(shard, *framework, now);
  if (!valid.ok()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalidOffer, message_of(valid), correlation);
    fail_accept(shard, outbox, *framework, agent, message, TaskState::kDropped,
                TaskReason::kInvalidOffers, OperationState::kDropped, message_of(valid),
                correlation, now);
    return_offers(shard, outbox, *framework, agent, std::move(taken), Duration::zero());
    return;
  }
  shard.counters.offers_accepted.add(taken.size());
  if (absl::Status whole = check_whole(*framework, message); !whole.ok()) {
    fail_accept(shard, outbox, *framework, agent, message, TaskState::kError,
                TaskReason::kTaskInvalid, OperationState::kError, message_of(whole), correlation,
                now);
    return_offers(shard, outbox, *framework, agent, std::move(taken), Duration::zero());
    return;
  }
  std::vector<OwnedTask> tasks =
      take_valid_tasks(shard, outbox, *framework, agent, message, correlation, now);
  outbox.to_shard(shard.home_of(agent),
                  OffersAnswered{id, agent, std::move(taken), std::move(tasks),
                                 own_operations(message), refuse_duration(message.refuse_ms)});
}

void turn_down_accept(Shard& shard, Outbox& outbox, FrameworkId id, const Accept& message,
                      const Refusal& why, std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  shard.counters.refusals.add();
  outbox.send(framework->session, why, correlation);
  std::vector<OfferId> taken;
  AgentId agent;
  (void)claim_offers(shard, *framework, message, agent, taken);  // what is gone needs no return
  watch_offers_of(shard, *framework, now);
  fail_accept(shard, outbox, *framework, agent, message, TaskState::kDropped, TaskReason::kNone,
              OperationState::kDropped, why.message, correlation, now);
  return_offers(shard, outbox, *framework, agent, std::move(taken),
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
    const AgentId agent = held->second.agent;
    framework->offers.erase(held);
    if (!shard.shared.offers.decline(offer, framework->index)) continue;  // withdrawn: same outcome
    shard.counters.offers_declined.add();
    return_offers(shard, outbox, *framework, agent, {offer}, refuse_duration(message.refuse_ms));
  }
  watch_offers_of(shard, *framework, now);
  if (!unknown.empty()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalidOffer,
           fmt::format("offer {} is not held by this framework", unknown), correlation);
  }
}

void on_revive(Shard& shard, Outbox& outbox, FrameworkId id, const Revive& message,
               std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  if (absl::Status known = check_own_roles(*framework, message.roles); !known.ok()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalid, message_of(known), correlation);
    return;
  }
  for (FrameworkRole& role : framework->roles) {
    if (is_named(message.roles, *role.role)) role.suppressed = false;
  }
  announce(shard, outbox, *framework, &message.roles);
  watch_offers_of(shard, *framework, now);
}

void on_suppress(Shard& shard, Outbox& outbox, FrameworkId id, const Suppress& message,
                 std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  if (absl::Status known = check_own_roles(*framework, message.roles); !known.ok()) {
    refuse(shard, outbox, *framework, RefusalCode::kInvalid, message_of(known), correlation);
    return;
  }
  for (FrameworkRole& role : framework->roles) {
    if (is_named(message.roles, *role.role)) role.suppressed = true;
  }
  announce(shard, outbox, *framework);
}

void on_framework_explain(Shard& shard, Outbox& outbox, FrameworkId id, const Explain& message,
                          std::uint32_t correlation, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  ask_why(shard, outbox, framework->session, correlation, id, message.role, message.resources);
}

void on_acknowledge_operation(Shard& shard, Outbox& outbox, FrameworkId id,
                              const AcknowledgeOperation& message, std::uint32_t /*correlation*/,
                              TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr) return;
  touch(shard, *framework, now);
  outbox.to_shard(shard.home_of(message.agent),
                  OperationAcknowledged{id, message.agent, message.uuid});
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
  if (place->second.has_ended() && *place->second.terminal_uuid == message.uuid) {
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
    } else if (shard.shared.recovery.missing() == 0) {
      // While agents of the master before are missing it may run there: no answer is better than a
      // wrong one (RCN-03).
      send_status(shard, outbox, *framework, AgentId(), task, TaskState::kUnknown,
                  TaskReason::kReconciliation, "the master does not know this task", now);
    }
  }
}

void on_teardown(Shard& shard, Outbox& outbox, FrameworkId id, TimePoint now) {
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework != nullptr) remove_framework(shard, outbox, *framework, now);
}

void recover_framework(Shard& shard, Outbox& outbox, const RegisteredFramework& row,
                       TimePoint now) {
  FrameworkRecord* framework = find_or_add(shard, row.id, now);
  if (framework == nullptr) return;  // fewer reactors have room for fewer
  framework->name = row.name;
  framework->user = row.user;
  framework->capabilities = Capabilities(row.capabilities);
  framework->failover_timeout = std::chrono::milliseconds(row.failover_timeout_ms);
  framework->state = FrameworkState::kDisconnected;
  // While no master was there it could not come back: it always has a while to.
  const Duration grace =
      std::min<Duration>(shard.config.agent_reregister_timeout, framework->failover_timeout);
  Duration away{0};
  if (row.standing == FrameworkStanding::kDisconnected) {
    away = std::clamp<Duration>(std::chrono::milliseconds(shard.wall_ms(now) - row.since_ms),
                                Duration::zero(), framework->failover_timeout - grace);
  }
  framework->disconnected_at = now - away;
  announce(shard, outbox, *framework);
  shard.deadlines.push(framework->disconnected_at + framework->failover_timeout,
                       DeadlineKind::kFrameworkFailover, row.id.value);
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
    remove_framework(shard, outbox, *framework, now);
    return;
  }
  store_framework(shard, outbox, *framework, now);
  announce(shard, outbox, *framework);
  shard.deadlines.push(now + framework->failover_timeout, DeadlineKind::kFrameworkFailover,
                       id.value);
}

void on_offers_out(Shard& shard, Outbox& outbox, const OffersOut& message, TimePoint /*now*/) {
  FrameworkRecord* framework = shard.find_framework(message.framework);
  if (framework == nullptr) return;  // removed: FrameworkRemoved is on its way, and rescinds them
  const bool listens =
      framework->state == FrameworkState::kActive && !outbox.is_slow(framework->session);
  Offers offers;
  for (const OfferNotice& notice : message.offers) {
    RoleRow& row = shard.shared.roles[notice.role];
    const FrameworkRole* role = find_role(*framework, row);
    if (!listens || role == nullptr || !role->subscribed || role->suppressed) {
      if (!shard.shared.offers.decline(notice.id, framework->index)) continue;
      return_offers(shard, outbox, *framework, notice.agent->id, {notice.id},
                    framework->state == FrameworkState::kActive ? Duration(kDefaultRefuse)
                                                                : Duration::zero());
      continue;
    }
    framework->offers.emplace(notice.id, HeldOffer{notice.agent->id, notice.role});
    OfferView view{.id = notice.id,
                   .agent = notice.agent->id,
                   .hostname = notice.agent->hostname,
                   .address = notice.agent->address,
                   .resources = notice.resources,
                   .attributes = {},
                   .role = row.name,
                   .region = notice.agent->region,
                   .zone = notice.agent->zone};
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
      place->second.terminal_uuid = std::make_unique<UpdateUuid>(message.status.uuid);
    } else if (!reconciled) {
      framework->tasks.erase(place);  // the master's own word: nothing to acknowledge
    }
  }
  TaskStatus status = message.view();
  status.state = as_heard(*framework, status.state);
  outbox.send(framework->session, status);
}

void on_operation_forward(Shard& shard, Outbox& outbox, const OperationForward& message) {
  const FrameworkRecord* framework = shard.find_framework(message.framework);
  if (framework == nullptr) return;
  outbox.send(framework->session, OperationUpdate{.framework = message.framework,
                                                  .agent = message.agent,
                                                  .id = message.id,
                                                  .uuid = message.uuid,
                                                  .state = message.state,
                                                  .message = message.message});
}

void on_task_adopted(Shard& shard, Outbox& outbox, const TaskAdopted& message, TimePoint now) {
  const FrameworkId id = message.framework;
  if (shard.find_framework(id) == nullptr && !is_over(shard, id)) {
    // It subscribed to an earlier master, which died before that was written down. If it does not
    // come back its tasks end.
    recover_framework(shard, outbox,
                      {.id = id,
                       .standing = FrameworkStanding::kConnected,
                       .name = {},
                       .user = {},
                       .failover_timeout_ms =
                           shard.config.default_failover_timeout / std::chrono::milliseconds(1)},
                      now);
  }
  FrameworkRecord* framework = shard.find_framework(id);
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
  remove_framework(shard, outbox, *framework, now);
}

}  // namespace shoal::core
