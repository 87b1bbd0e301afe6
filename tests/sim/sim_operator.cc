#include "tests/sim/sim_operator.h"

#include <algorithm>
#include <memory>

#include "core/limits.h"
#include "sdk/operations.h"

namespace shoal::sim {
namespace {

bool is_dynamic(const core::LotTags& tags) {
  return tags.is_reserved() && tags.reservations.back().dynamic;
}

core::Resources alone(const core::LotTagsPtr& tags, const core::Amounts& amounts) {
  core::Resources out;
  out.lots.add(tags, amounts);
  return out;
}

}  // namespace

template <typename Message>
void SimOperator::send(const Message& message, bool wants_answer) {
  wire::ByteVector frame;
  wire::encode(message, next_correlation_, frame);
  if (waiting_.empty()) last_heard_ = sim_.now();
  if (wants_answer) waiting_.insert(next_correlation_);
  ++next_correlation_;
  network_.send(link_, End::kClient, frame);
}

void SimOperator::start() {
  dial();
  tick();
}

void SimOperator::dial() { link_ = network_.dial(node_, masters_.next(), this); }

void SimOperator::on_link_up(LinkId link) {
  if (link != link_) return;
  core::Hello hello;
  hello.kind = core::PeerKind::kOperator;
  hello.protocol_min = wire::kProtocolVersion;
  hello.protocol_max = wire::kProtocolVersion;
  hello.epoch = epoch_;
  hello.software = "sim";
  send(hello, true);
}

void SimOperator::on_link_down(LinkId link) {
  if (link != link_) return;
  link_ = 0;
  is_welcome_ = false;
  waiting_.clear();
  sim_.history.on_cut_off(sim_.now());
  lifting_ = 0;
  sim_.queue.after(sim_.draw(milliseconds(50), seconds(1)), [this] {
    if (link_ == 0) dial();
  });
}

void SimOperator::on_link_frame(LinkId link, const wire::FrameView& frame) {
  if (link != link_) return;
  last_heard_ = sim_.now();
  const bool has_more = (frame.header.flags & wire::kFlagMore) != 0;
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (!has_more && waiting_.erase(frame.header.correlation) == 0) {
    sim_.checker.fail("an operator got an answer to question {}, which it did not ask",
                      frame.header.correlation);
  }
  if (!is_welcome_) return greet(frame);
  if (!has_more) {
    sim_.history.on_answered(frame.header.correlation, kind == wire::MessageKind::kDone);
  }
  if (lifting_ != 0 && frame.header.correlation == lifting_) {
    are_quotas_lifted_ = kind == wire::MessageKind::kDone;
    lifting_ = 0;
  }
  if (kind != wire::MessageKind::kQueryAnswer) return;
  const auto view = wire::decode<core::ClusterView>(frame.payload);
  if (!view.ok()) {
    return sim_.checker.fail("an operator cannot read an answer: {}", view.status().ToString());
  }
  on_answer(*view);
}

// A master leads, or knows who does.
void SimOperator::greet(const wire::FrameView& answer) {
  const auto kind = static_cast<wire::MessageKind>(answer.header.kind);
  if (kind == wire::MessageKind::kWelcome) {
    const auto welcome = wire::decode<core::Welcome>(answer.payload);
    is_welcome_ = welcome.ok() && welcome->epoch >= epoch_;
    if (is_welcome_) epoch_ = welcome->epoch;
  } else if (kind == wire::MessageKind::kRefusal) {
    const auto refusal = wire::decode<core::Refusal>(answer.payload);
    if (refusal.ok()) masters_.redirect(refusal->leader);
  }
  if (is_welcome_) return;
  network_.close(link_, End::kClient);
  on_link_down(link_);
}

void SimOperator::on_answer(const core::ClusterView& view) {
  for (const core::TaskSummary& task : view.tasks) {
    if (!core::is_terminal(task.state)) known_tasks_.emplace_back(task.framework, task.id);
  }
  for (const core::FrameworkSummary& framework : view.frameworks) {
    known_frameworks_.push_back(framework.id);
  }
  for (const core::AgentSummary& agent : view.agents) {
    if (agent.state != core::AgentState::kActive) continue;
    known_agents_.push_back(agent);
    if (!sim_.is_calm) continue;
    give_back(agent);
    if (agent.mode == core::AgentMode::kNormal) continue;
    is_nothing_reserved_ = false;
    send(core::ManageAgent{agent.id, core::AgentAction::kReactivate}, true);
  }
  if (known_agents_.size() > 32) known_agents_.erase(known_agents_.begin());
}

void SimOperator::tick() {
  const core::Duration longest = sim_.is_calm ? milliseconds(600) : milliseconds(1500);
  sim_.queue.after(sim_.draw(milliseconds(200), longest), [this] { tick(); });
  if (link_ != 0 && !waiting_.empty() && sim_.now() - last_heard_ > core::kClientTimeout) {
    network_.close(link_, End::kClient);
    return on_link_down(link_);
  }
  if (!is_welcome_ || !is_asking_) return;
  if (sim_.is_calm && sim_.random.chance(1, 2)) return tidy();
  if (!sim_.is_calm && sim_.random.chance(1, 2)) return act();
  if (sim_.random.chance(1, 8)) return ask_why();
  ask();
}

void SimOperator::ask_why() {
  if (known_frameworks_.empty()) return ask();
  ++sim_.totals.queries;
  core::Explain explain;
  explain.framework = known_frameworks_[sim_.random.below(known_frameworks_.size())];
  if (sim_.random.chance(1, 2)) explain.role = kRoles[sim_.random.below(kRoles.size())];
  explain.resources.cpus = 1000 * static_cast<core::Milli>(sim_.random.below(20));
  send(explain, true);
}

void SimOperator::ask() {
  ++sim_.totals.queries;
  core::Query query;
  query.kind = static_cast<core::QueryKind>(sim_.random.below(core::kQueryKinds));
  send(query, true);
}

void SimOperator::act() {
  if (sim_.scenario.has_quotas && sim_.random.chance(1, 3)) {
    return sim_.random.chance(1, 4) ? set_weight() : set_quota();
  }
  if (sim_.scenario.has_operations && !known_agents_.empty() && sim_.random.chance(1, 2)) {
    return operate();
  }
  if (!known_agents_.empty() && sim_.random.chance(1, 8)) return manage();
  if (!sim_.random.chance(1, 3)) return ask();
  if (!known_frameworks_.empty() && sim_.random.chance(1, 25)) {
    const core::FrameworkId id = known_frameworks_[sim_.random.below(known_frameworks_.size())];
    ++sim_.totals.teardowns;
    sim_.trace.note("the operator tears {} down", to_string(id));
    return send(core::TeardownFramework{id}, true);
  }
  if (known_tasks_.empty()) return ask();
  const auto [framework, task] = known_tasks_[sim_.random.below(known_tasks_.size())];
  known_tasks_.clear();
  ++sim_.totals.kills;
  sim_.trace.note("the operator kills {}", task);
  core::KillTask kill;
  kill.framework = framework;
  kill.task = task;
  send(kill, true);
}

void SimOperator::set_quota() {
  ++sim_.totals.quotas;
  core::UpdateQuota update;
  core::QuotaConfig config;
  config.role = kRoles[sim_.random.below(kRoles.size())];
  if (sim_.random.chance(3, 4)) {
    config.limits[core::ResourceKind::kCpus] =
        500 * static_cast<core::Milli>(sim_.random.below(24));
  }
  if (sim_.random.chance(1, 2)) {
    config.limits[core::ResourceKind::kMem] =
        128'000 * static_cast<core::Milli>(sim_.random.below(32));
  }
  if (sim_.random.chance(1, 3)) {
    config.guarantees[core::ResourceKind::kCpus] =
        500 * static_cast<core::Milli>(sim_.random.below(8));
  }
  update.configs.push_back(config);
  update.force = sim_.random.chance(1, 3);
  sim_.history.on_asked(next_correlation_, update, sim_.now());
  sim_.trace.note("the operator limits {} to {}{}, guarantees {}", config.role,
                  to_string(config.limits, core::kNoLimit), update.force ? " by force" : "",
                  to_string(config.guarantees));
  send(update, true);
}

void SimOperator::set_weight() {
  ++sim_.totals.quotas;
  core::UpdateWeights update;
  const auto weight = static_cast<core::Milli>(1 + sim_.random.below(5000));
  update.weights.push_back({kRoles[sim_.random.below(kRoles.size())], weight});
  send(update, true);
}

// On what it saw a while ago: some of it cannot be done any more.
void SimOperator::operate() {
  const core::AgentSummary& agent = known_agents_[sim_.random.below(known_agents_.size())];
  core::OperateAgent call;
  call.agent = agent.id;
  call.principal = sim_.random.chance(1, 2) ? "op" : "";
  core::Resources part;
  part.cpus = 100 * static_cast<core::Milli>(1 + sim_.random.below(20));
  part.mem = 1000 * static_cast<core::Milli>(32 + sim_.random.below(256));
  part.disk = 1000 * static_cast<core::Milli>(sim_.random.below(512));
  const std::string role(kRoles[1 + sim_.random.below(kRoles.size() - 1)]);
  call.spec = sdk::reserve(part, {.role = role}).spec;
  for (const core::Lot& lot : agent.total.lots) {
    if (!lot.tags->is_reserved() || !sim_.random.chance(1, 3)) continue;
    if (lot.tags->volume.has_value()) {
      call.spec = sdk::destroy(alone(lot.tags, lot.amounts)).spec;
    } else if (lot.amounts.disk > 0 && sim_.random.chance(1, 2)) {
      core::Amounts disk;
      disk.disk = lot.amounts.disk / 2;
      const core::Volume volume{.id = fmt::format("op{}", next_correlation_),
                                .container_path = "data",
                                .shared = sim_.random.chance(1, 2)};
      call.spec = sdk::create(alone(lot.tags, disk), volume).spec;
    } else {
      call.spec = sdk::unreserve(alone(lot.tags, lot.amounts)).spec;
    }
  }
  sim_.trace.note("the operator wants {} of {} on {}", name_of(call.spec.kind),
                  to_string(call.spec.resources), to_string(agent.id));
  send(call, true);
}

void SimOperator::manage() {
  core::ManageAgent call;
  call.agent = known_agents_[sim_.random.below(known_agents_.size())].id;
  call.action = static_cast<core::AgentAction>(sim_.random.below(core::kAgentActions));
  if (call.action == core::AgentAction::kMarkGone && !sim_.random.chance(1, 4)) return ask();
  if (sim_.random.chance(1, 2)) {
    call.max_grace_ms = static_cast<std::int64_t>(sim_.random.below(3000));
  }
  call.mark_gone = sim_.random.chance(1, 6);
  ++sim_.totals.managed;
  sim_.history.on_asked(next_correlation_, call);
  sim_.trace.note("the operator wants to {} agent {}", name_of(call.action), to_string(call.agent));
  send(call, true);
}

// --- after the faults ---

void SimOperator::tidy() {
  if (!are_quotas_lifted_) {
    if (lifting_ != 0) return ask();
    core::UpdateQuota update;
    for (const std::string_view role : kRoles) {
      update.configs.push_back({role, core::kNoLimits, core::Quantities()});
    }
    lifting_ = next_correlation_;
    sim_.history.on_asked(lifting_, update, sim_.now());
    return send(update, true);
  }
  is_nothing_reserved_ = true;  // until the answer shows something
  core::Query query;
  query.kind = core::QueryKind::kAgents;
  send(query, true);
}

void SimOperator::give_back(const core::AgentSummary& agent) {
  for (const core::Lot& lot : agent.total.lots) {
    if (!is_dynamic(*lot.tags)) continue;
    is_nothing_reserved_ = false;
    core::OperateAgent call;
    call.agent = agent.id;
    const core::Resources reserved = alone(lot.tags, lot.amounts);
    if (lot.tags->volume.has_value()) {
      call.principal = lot.tags->volume->principal;
      call.spec = sdk::destroy(reserved).spec;
    } else {
      call.principal = lot.tags->reservations.back().principal;
      call.spec = sdk::unreserve(reserved).spec;
    }
    send(call, true);
  }
}

}  // namespace shoal::sim
