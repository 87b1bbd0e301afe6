#include "tests/sim/ledger.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace shoal::sim {
namespace {

core::Resources exclusive(const core::Resources& resources) {
  return core::select(resources, true, [](const core::LotTags& tags) { return !tags.is_shared(); });
}

// What can be taken back at any time, or the rest, without tags. No operation changes how much it
// is.
core::Amounts flatten(const core::Resources& resources, bool revocable) {
  core::Amounts sum;
  if (!revocable) sum = resources;
  for (const core::Lot& lot : resources.lots) {
    if (lot.tags->revocable == revocable) sum += lot.amounts;
  }
  return sum;
}

core::Resources firm(const core::Resources& resources) {
  return core::select(resources, true, [](const core::LotTags& tags) {
    return !tags.revocable && !tags.is_shared();
  });
}

core::Quantities excess(const core::Quantities& held, const core::Quantities& limits) {
  core::Quantities out;
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    if (limits[kind] != core::kNoLimit) {
      out[kind] = std::max<core::Milli>(0, held[kind] - limits[kind]);
    }
  }
  return out;
}

core::Quantities smaller(core::Quantities a, const core::Quantities& b) {
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    a[kind] = std::min(a[kind], b[kind]);
  }
  return a;
}

}  // namespace

bool Ledger::holds_nothing(core::FrameworkId framework) const {
  const bool has_offer = std::any_of(offers_.begin(), offers_.end(), [&](const auto& entry) {
    return entry.second.framework == framework;
  });
  if (has_offer) return false;
  return std::none_of(agents_.begin(), agents_.end(), [&](const auto& entry) {
    const auto it = entry.second.tasks.lower_bound({framework, {}});
    return it != entry.second.tasks.end() && it->first.first == framework;
  });
}

bool Ledger::is_in_doubt(core::AgentId agent) const { return doubtful_.contains(agent); }

Ledger::Agent* Ledger::find(core::SessionId session, core::AgentId* id) {
  const auto it = sessions_.find(session);
  if (it == sessions_.end()) return nullptr;
  if (id != nullptr) *id = it->second;
  return &agents_.at(it->second);
}

// --- sums ---

void Ledger::hold(core::AgentId id, Agent& agent, const core::Resources& resources) {
  const core::Resources part = exclusive(resources);
  if (agent.held.intersects(part)) {
    checker_.fail("ledger: agent {} gives {}, of which a port or volume is held already: {}",
                  to_string(id), to_string(part), to_string(agent.held));
  }
  agent.held += part;
  touched_.insert(id);
}

void Ledger::release(core::AgentId id, Agent& agent, const core::Resources& resources) {
  const core::Resources part = exclusive(resources);
  if (!agent.held.contains(part)) {
    return checker_.fail("ledger: {} of agent {} is given back, but {} is held", to_string(part),
                         to_string(id), to_string(agent.held));
  }
  agent.held -= part;
  touched_.insert(id);
}

void Ledger::charge(const core::RoleRow* role, const core::Quantities& amount, bool adds) {
  for (const core::RoleRow* row = role; row != nullptr; row = row->parent) {
    if (charged_.size() <= row->index) charged_.resize(row->index + 1);
    adds ? charged_[row->index] += amount : charged_[row->index] -= amount;
  }
  roles_touched_ = true;
}

void Ledger::charge_reservations(const core::Resources& total, bool adds) {
  for (const core::Lot& lot : total.lots) {
    if (!lot.tags->is_reserved()) continue;
    charge(tables_->roles.find(lot.tags->role()), lot.amounts.quantities(), adds);
  }
}

// --- offers ---

void Ledger::publish(std::uint32_t shard, const core::OffersOut& message, core::TimePoint now) {
  if (open_.size() <= shard) open_.resize(shard + 1);
  for (const core::OfferNotice& notice : message.offers) {
    const core::AgentId id = notice.agent->id;
    const auto agent = agents_.find(id);
    const OpenOffer offer{id, message.framework, notice.role, notice.resources, now};
    if (agent == agents_.end() || !agent->second.session.valid()) {
      return checker_.fail("ledger: {} of agent {} is offered, which is not there",
                           to_string(notice.id), to_string(id));
    }
    if (!offers_.emplace(notice.id, offer).second) {
      return checker_.fail("ledger: offer {} is published twice", to_string(notice.id));
    }
    ++open_[shard];
    hold(id, agent->second, notice.resources);
    charge(&tables_->roles[notice.role], notice.resources.quantities(), true);
  }
}

void Ledger::settle(core::OfferId offer) {
  const auto it = offers_.find(offer);
  if (it == offers_.end()) {
    return checker_.fail("ledger: offer {} is settled, but is not out", to_string(offer));
  }
  const OpenOffer& open = it->second;
  if (const auto agent = agents_.find(open.agent); agent != agents_.end() && open.is_held) {
    release(open.agent, agent->second, open.resources);
  }
  charge(&tables_->roles[open.role], open.resources.quantities(), false);
  --open_[tables_->offers.shard_of(offer)];
  offers_.erase(it);
}

void Ledger::settle_all(std::uint32_t shard, core::FrameworkId framework) {
  std::vector<core::OfferId> gone;
  for (const auto& [id, offer] : offers_) {
    const bool is_its = offer.framework == framework && tables_->offers.shard_of(id) == shard;
    if (is_its) gone.push_back(id);
  }
  for (const core::OfferId id : gone) settle(id);
}

void Ledger::leave_open(const std::vector<core::OfferId>& offers, std::string_view how) {
  for (const core::OfferId offer : offers) {
    const auto [it, is_first] = left_open_.emplace(offer, how);
    if (is_first) continue;
    checker_.fail("offer {} was {} after it had been {}", to_string(offer), how, it->second);
  }
}

void Ledger::on_mail_sent(std::uint32_t from, const core::ShardMessage& message,
                          core::TimePoint now) {
  if (const auto* out = std::get_if<core::OffersOut>(&message)) {
    publish(from, *out, now);
  } else if (const auto* lost = std::get_if<core::AgentLost>(&message)) {
    charge_tasks(lost->agent, false);
  } else if (const auto* answered = std::get_if<core::OffersAnswered>(&message)) {
    leave_open(answered->offers, "answered");
  } else if (const auto* withdrawn = std::get_if<core::OffersWithdrawn>(&message)) {
    leave_open(withdrawn->offers, "withdrawn");
    for (const core::OfferId offer : withdrawn->offers) settle(offer);
  }
}

void Ledger::on_mail_due(std::uint32_t to, const core::ShardMessage& message) {
  late_ = core::AgentId();
  if (const auto* answered = std::get_if<core::OffersAnswered>(&message)) {
    for (const core::OfferId offer : answered->offers) {
      const auto open = offers_.find(offer);
      if (open != offers_.end() && !open->second.is_held) late_ = answered->agent;
      settle(offer);
    }
  } else if (const auto* removed = std::get_if<core::FrameworkRemoved>(&message)) {
    settle_all(to, removed->id);
  } else if (std::holds_alternative<core::OperatorQuota>(message)) {
    may_rise_ = true;
    roles_touched_ = true;
  }
}

// What they hold on an agent that is unreachable counts for nobody.
void Ledger::charge_tasks(core::AgentId id, bool adds) {
  const auto agent = agents_.find(id);
  if (agent == agents_.end() || agent->second.is_counted == adds) return;
  agent->second.is_counted = adds;
  for (const auto& [name, task] : agent->second.tasks) {
    charge(task.role, task.resources.quantities(), adds);
  }
}

// --- agents ---

void Ledger::on_sent(core::SessionId session, wire::Bytes bytes) {
  wire::FrameView frame;
  const auto progress = wire::next_frame(bytes, core::kMaxFrameBytes, &frame);
  if (!progress.ok()) return checker_.fail("the master sends a bad frame");
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind != wire::MessageKind::kRunTask && kind != wire::MessageKind::kApplyOperation) return;
  core::AgentId id;
  Agent* agent = find(session, &id);
  if (agent == nullptr) return checker_.fail("ledger: a task goes to who is no agent");
  if (late_.valid() && late_ == id) {
    return checker_.fail("ledger: agent {} has registered again, but an answer from before is done",
                         to_string(id));
  }
  if (kind == wire::MessageKind::kRunTask) {
    const auto message = wire::decode<core::RunTask>(frame.payload);
    if (message.ok()) run(*agent, *message);
  } else {
    const auto message = wire::decode<core::ApplyOperation>(frame.payload);
    if (message.ok()) operate(*agent, *message);
  }
}

void Ledger::on_received(core::SessionId session, const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kRegisterAgent) {
    registering_[session] = {frame.payload.begin(), frame.payload.end()};
    return;
  }
  Agent* agent = find(session);
  if (agent == nullptr) return;
  if (kind == wire::MessageKind::kStatusUpdate) {
    const auto status = wire::decode<core::TaskStatus>(frame.payload);
    if (status.ok()) end_task(*agent, *status);
  } else if (kind == wire::MessageKind::kOperationUpdate) {
    const auto update = wire::decode<core::OperationUpdate>(frame.payload);
    if (update.ok()) end_operation(*agent, *update);
  } else if (kind == wire::MessageKind::kUpdateRevocable) {
    const auto message = wire::decode<core::UpdateRevocable>(frame.payload);
    if (message.ok()) lend(*agent, *message);
  }
}

// An agent is in the books from when the shard has heard it; it is told, and offered, later.
void Ledger::take_registrations(const core::Shard& shard) {
  for (auto it = registering_.begin(); it != registering_.end();) {
    const auto agent =
        std::find_if(shard.agents.begin(), shard.agents.end(),
                     [&it](const auto& entry) { return entry.second->session == it->first; });
    const auto message = wire::decode<core::RegisterAgent>(it->second);
    if (agent == shard.agents.end() || !message.ok()) {
      ++it;
      continue;
    }
    Registration registration{.agent = agent->first,
                              .session = it->first,
                              .total = message->resources,
                              .running = {},
                              .known = {}};
    for (const core::TaskReport& report : message->tasks) {
      const TaskName name{report.framework, std::string(report.id)};
      registration.known.insert(name);
      if (core::is_terminal(report.state)) continue;
      registration.running.emplace(
          name, std::make_pair(HeldTask{nullptr, report.resources}, std::string(report.role)));
    }
    finish_registration(registration);
    it = registering_.erase(it);
  }
}

void Ledger::finish_registration(const Registration& registration) {
  Agent& agent = agents_[registration.agent];
  if (agent.session.valid()) drop_session(agent);
  release_answered(registration.agent, agent);
  charge_tasks(registration.agent, true);
  for (auto it = agent.tasks.begin(); it != agent.tasks.end();) {
    if (registration.known.contains(it->first)) {
      ++it;
      continue;
    }
    release(registration.agent, agent, it->second.resources);
    charge(it->second.role, it->second.resources.quantities(), false);
    it = agent.tasks.erase(it);
  }
  for (const auto& [name, reported] : registration.running) {
    if (agent.tasks.contains(name)) continue;
    HeldTask task = reported.first;
    task.role = tables_->roles.find(reported.second);
    if (task.role == nullptr) task.role = tables_->roles.find(core::kDefaultRole);
    hold(registration.agent, agent, task.resources);
    charge(task.role, task.resources.quantities(), true);
    agent.tasks.emplace(name, std::move(task));
  }
  agent.session = registration.session;
  sessions_[agent.session] = registration.agent;
  agent.total = registration.total;
  agent.lent.lots = core::LotList();
  agent.overdrawn = flatten(agent.held, true).quantities();
  agent.pending.clear();
  doubtful_.erase(registration.agent);
  owing_.erase(registration.agent);
  charge_reservations(agent.total, true);
  touched_.insert(registration.agent);
  may_rise_ = true;
}

// Answers that are under way now come too late: nothing may become of them.
void Ledger::release_answered(core::AgentId id, Agent& agent) {
  for (auto& [offer, open] : offers_) {
    if (open.agent != id || !open.is_held) continue;
    if (!left_open_.contains(offer)) {
      checker_.fail("ledger: agent {} has registered again, but offer {} was not withdrawn",
                    to_string(id), to_string(offer));
    }
    release(id, agent, open.resources);
    open.is_held = false;
  }
}

void Ledger::drop_session(Agent& agent) {
  sessions_.erase(agent.session);
  agent.session = core::SessionId();
  charge_reservations(agent.total, false);
}

void Ledger::on_session_gone(core::SessionId session) {
  registering_.erase(session);
  if (Agent* agent = find(session); agent != nullptr) drop_session(*agent);
}

void Ledger::run(Agent& agent, const core::RunTask& message) {
  HeldTask task{tables_->roles.find(message.task.role), message.task.resources};
  hold(sessions_.at(agent.session), agent, task.resources);
  charge(task.role, task.resources.quantities(), true);
  const TaskName name{message.framework, std::string(message.task.id)};
  if (!agent.tasks.emplace(name, std::move(task)).second) {
    checker_.fail("ledger: task {} is sent a second time", message.task.id);
  }
}

void Ledger::end_task(Agent& agent, const core::TaskStatus& status) {
  if (!core::is_terminal(status.state)) return;
  const auto it = agent.tasks.find({status.framework, std::string(status.task)});
  if (it == agent.tasks.end()) return;
  release(sessions_.at(agent.session), agent, it->second.resources);
  charge(it->second.role, it->second.resources.quantities(), false);
  agent.tasks.erase(it);
}

void Ledger::operate(Agent& agent, const core::ApplyOperation& message) {
  ++operations_sent_;
  const core::AgentId id = sessions_.at(agent.session);
  if (!agent.total.contains(message.consumed)) {
    if (doubtful_.contains(id)) {  // it will fail as well
      agent.pending.insert(message.uuid);
      return;
    }
    return checker_.fail("ledger: {} of agent {} is to become {}, but it has {}",
                         to_string(message.consumed), to_string(id), to_string(message.converted),
                         to_string(agent.total));
  }
  charge_reservations(message.consumed, false);
  charge_reservations(message.converted, true);
  agent.total -= message.consumed;
  agent.total += message.converted;
  agent.pending.insert(message.uuid);
  touched_.insert(id);
}

void Ledger::end_operation(Agent& agent, const core::OperationUpdate& update) {
  const core::AgentId id = sessions_.at(agent.session);
  const auto it = agent.pending.find(update.uuid);
  if (it == agent.pending.end()) return;
  agent.pending.erase(it);
  if (update.state == core::OperationState::kFinished) return;
  ++operations_failed_;
  may_rise_ = true;
  doubtful_.insert(id);
}

void Ledger::lend(Agent& agent, const core::UpdateRevocable& message) {
  auto tags = std::make_shared<core::LotTags>();
  tags->revocable = true;
  agent.lent.lots = core::LotList();
  agent.lent.lots.add(std::move(tags), message.resources);
  touched_.insert(sessions_.at(agent.session));
  // Tasks keep what they have of it.
  agent.overdrawn = flatten(agent.held, true).quantities();
}

// --- checks ---

void Ledger::check_agent(core::AgentId id, Agent& agent) {
  const core::Amounts held = flatten(agent.held, false);
  if (const core::Amounts all = flatten(agent.total, false); !all.contains(held)) {
    return checker_.fail("ledger: offers and tasks hold {} of agent {}, which has {}",
                         to_string(held), to_string(id), to_string(all));
  }
  if (!doubtful_.contains(id) && !agent.total.contains(firm(agent.held))) {
    return checker_.fail("ledger: offers and tasks hold {} of agent {}, which has {}",
                         to_string(agent.held), to_string(id), to_string(agent.total));
  }
  const core::Quantities revocable = flatten(agent.held, true).quantities();
  const core::Quantities over = excess(revocable, flatten(agent.lent, true).quantities());
  if (!agent.overdrawn.contains(over)) {
    return checker_.fail("ledger: agent {} lends {}, but {} is offered and used", to_string(id),
                         to_string(agent.lent), to_string(agent.held));
  }
  agent.overdrawn = over;
}

// The master takes back what failed operations would have made when it is free. Then its account is
// taken over; World::check_reservations() compares it with the agent's.
void Ledger::check_doubts(const core::Shard& shard) {
  for (auto it = doubtful_.begin(); it != doubtful_.end();) {
    const auto record = shard.agents.find(*it);
    if (record == shard.agents.end()) {
      ++it;
      continue;
    }
    Agent& agent = agents_.at(*it);
    const core::Conversion* failed = record->second->failed.get();
    if (failed != nullptr && !failed->converted.empty()) {
      owing_.insert(*it);
    } else if (owing_.erase(*it) > 0) {
      may_rise_ = true;
    }
    if (owing_.contains(*it) || !agent.pending.empty()) {
      ++it;
      continue;
    }
    if (agent.session.valid()) charge_reservations(agent.total, false);
    agent.total = core::select(record->second->total, true,
                               [](const core::LotTags& tags) { return !tags.revocable; });
    if (agent.session.valid()) charge_reservations(agent.total, true);
    touched_.insert(*it);
    it = doubtful_.erase(it);
  }
}

void Ledger::check_roles() {
  const bool is_exact = doubtful_.empty();
  over_.resize(std::max(over_.size(), charged_.size()));
  for (core::RoleIndex i = 0; i < charged_.size(); ++i) {
    const core::RoleRow& row = tables_->roles[i];
    const core::Quantities booked = row.charged.load();
    if (is_exact && !(charged_[i] == booked)) {
      return checker_.fail("ledger: role '{}' is charged {}, but reserves and holds {}", row.name,
                           to_string(booked), to_string(charged_[i]));
    }
    const core::Quantities limits = row.limits.load();
    if (limits == core::kNoLimits) {
      over_[i] = core::Quantities();
      continue;
    }
    const core::Quantities over = excess(booked, limits);
    if (!may_rise_ && !over_[i].contains(over)) {
      return checker_.fail("ledger: role '{}' reserves and holds {}, its limit is {}", row.name,
                           to_string(booked), to_string(limits, core::kNoLimit));
    }
    over_[i] = may_rise_ ? over : smaller(over_[i], over);
  }
}

// Offers of it that were answered are settled without it.
void Ledger::forget_gone(const core::Shard& shard) {
  for (auto it = agents_.begin(); it != agents_.end();) {
    const core::AgentId id = it->first;
    if (!shard.gone_agents.contains(id) || shard.agents.contains(id)) {
      ++it;
      continue;
    }
    if (it->second.session.valid()) drop_session(it->second);
    charge_tasks(id, false);
    touched_.erase(id);
    doubtful_.erase(id);
    owing_.erase(id);
    it = agents_.erase(it);
  }
}

void Ledger::check(const core::Shard& shard) {
  take_registrations(shard);
  forget_gone(shard);
  if (!doubtful_.empty()) {
    check_doubts(shard);
    roles_touched_ = true;
  }
  for (const core::AgentId id : touched_) check_agent(id, agents_.at(id));
  touched_.clear();
  if (roles_touched_) check_roles();
  roles_touched_ = false;
  may_rise_ = false;
  late_ = core::AgentId();
  const std::uint32_t index = shard.config.index;
  const std::uint32_t open = index < open_.size() ? open_[index] : 0;
  if (const std::uint32_t taken = shard.shared.offers.outstanding(index); taken != open) {
    checker_.fail("ledger: {} slots of shard {} are taken, but {} offers are out", taken, index,
                  open);
  }
}

}  // namespace shoal::sim
