#include "tests/sim/sim_framework.h"

#include <algorithm>
#include <utility>

#include "core/status.h"

namespace shoal::sim {

SimFramework::SimFramework(Sim& sim, Network& network, std::uint32_t node, Habit habit)
    : sim_(sim), network_(network), node_(node), habit_(habit), masters_(sim.scenario.masters) {
  patience_ = sim_.draw(seconds(5), seconds(30));
  draw_info();
  begin_session(core::FrameworkId());
}

// Whatever it draws, the first agent may be offered to it.
void SimFramework::draw_info() {
  info_ = sdk::FrameworkInfo();
  info_.name = fmt::format("framework-{}", node_);
  info_.user = "sim";
  info_.failover_timeout = sim_.scenario.failover_timeout;
  const auto maybe = [this](core::Capability capability) {
    if (sim_.random.chance(1, 2)) info_.capabilities = info_.capabilities.with(capability);
  };
  if (sim_.scenario.has_lots) {
    maybe(core::Capability::kGpu);
    maybe(core::Capability::kRevocable);
  }
  if (sim_.scenario.has_operations) maybe(core::Capability::kSharedResources);
  if (sim_.scenario.has_regions) maybe(core::Capability::kRegionAware);
  info_.roles.emplace_back("*");
  if (!sim_.scenario.has_roles) return;
  info_.roles.clear();
  for (const std::string_view role : kRoles) {
    if (sim_.random.chance(1, 3)) info_.roles.emplace_back(role);
  }
  if (info_.roles.empty()) info_.roles.emplace_back(kRoles[sim_.random.below(kRoles.size())]);
  for (const std::string& role : info_.roles) {
    if (sim_.random.chance(1, 6)) info_.suppressed_roles.push_back(role);
    if (sim_.random.chance(1, 4)) info_.minimums.push_back({role, {{500, 32'000, 0, 0}}});
    if (!sim_.random.chance(1, 3)) continue;
    sdk::OfferConstraint constraint{.role = role, .name = "rack"};
    constraint.test = core::ConstraintTest::kTextEquals;
    constraint.value = "even";
    info_.constraints.push_back(constraint);
    if (!sim_.random.chance(1, 2)) continue;
    constraint.target = core::ConstraintTarget::kHostname;
    constraint.name.clear();
    constraint.test = core::ConstraintTest::kTextMatches;
    constraint.value = "host-[0-3]";
    constraint.group = static_cast<std::uint32_t>(sim_.random.below(2));
    info_.constraints.push_back(constraint);
  }
}

SimFramework::~SimFramework() = default;

void SimFramework::begin_session(core::FrameworkId id) {
  ++life_;
  ++connection_;
  sdk::SessionOptions options;
  options.info = info_;
  options.info.id = id;
  is_explicit_ = sim_.random.chance(1, 3);
  acknowledges_operations_ = !is_explicit_ || sim_.random.chance(1, 2);
  options.explicit_acknowledgement = is_explicit_;
  session_ = std::make_unique<sdk::SchedulerSession>(options, this, this);
  id_ = id;
  link_ = 0;
  seen_epoch_ = 0;
  suppressed_.clear();
  unacknowledged_.clear();
  held_.clear();
}

void SimFramework::start() {
  dial_later();
  tick();
}

void SimFramework::dial_later() {
  sim_.queue.after(sim_.draw(milliseconds(20), milliseconds(800)), [this, life = life_] {
    if (life != life_ || link_ != 0 || session_->is_stopped()) return;
    link_ = network_.dial(node_, masters_.next(), this);
    link_epoch_ = 0;
  });
}

void SimFramework::on_link_up(LinkId link) {
  if (link == link_) session_->on_connected(sim_.now());
}

void SimFramework::on_link_frame(LinkId link, const wire::FrameView& frame) {
  if (link != link_) return;
  if (frame.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kWelcome)) {
    const auto message = wire::decode<core::Welcome>(frame.payload);
    if (message.ok()) link_epoch_ = message->epoch;
  }
  const std::uint64_t life = life_;
  const absl::Status status = session_->on_frame(frame, sim_.now());
  if (!status.ok()) {
    sim_.checker.fail("framework {} cannot read a frame: {}", node_, core::message_of(status));
  }
  if (life != life_ || link != link_ || !session_->is_connected()) return;
  if (link_epoch_ < seen_epoch_) {
    sim_.checker.fail("framework {} talks to a master of epoch {}, it has seen {}", node_,
                      link_epoch_, seen_epoch_);
  }
  seen_epoch_ = link_epoch_;
}

void SimFramework::on_link_down(LinkId link) {
  if (link != link_) return;
  link_ = 0;
  session_->on_disconnected();
  dial_later();
}

void SimFramework::send(wire::Bytes frame) {
  if (link_ != 0) network_.send(link_, End::kClient, frame);
}

void SimFramework::reconnect(const absl::Status& why) {
  sim_.trace.note("framework {} drops its session: {}", node_, core::message_of(why));
  network_.close(link_, End::kClient);
  const LinkId closed = link_;
  sim_.queue.after(core::Duration{0}, [this, closed, life = life_] {
    if (life == life_ && link_ == closed) on_link_down(closed);
  });
}

void SimFramework::redirect(std::string_view leader, const absl::Status& why) {
  masters_.redirect(leader);
  reconnect(why);
}

// The end of this session: the wish of the scheduler, or the master will not have it any more.
void SimFramework::finished(const absl::Status& status) {
  sim_.trace.note("framework {} is finished: {}", node_, core::message_of(status));
  if (link_ != 0) network_.close(link_, End::kClient);
  link_ = 0;
  if (!status.ok()) ++sim_.totals.failovers_missed;
  sim_.queue.after(sim_.draw(milliseconds(50), seconds(2)), [this, life = life_] {
    if (life != life_) return;
    retire();
    begin_session(core::FrameworkId());
    dial_later();
  });
}

// Its id is of no use any more; what it launched under it is the master's to end.
void SimFramework::retire() {
  if (id_.valid()) sim_.checker.on_framework_retired(id_);
  for (auto& [name, task] : tasks_) task.is_written_off = true;
}

void SimFramework::crash() {
  ++sim_.totals.framework_crashes;
  const bool keeps_id = sim_.random.chance(2, 3) && id_.valid();
  sim_.trace.note("framework {} crashes and comes back {}", node_,
                  keeps_id ? "under its id" : "as a new one");
  if (link_ != 0) {
    if (sim_.random.chance(1, 4)) network_.sever(link_, false, false);
    network_.close(link_, End::kClient);
  }
  if (!keeps_id) retire();
  if (sim_.random.chance(1, 3)) draw_info();
  begin_session(keeps_id ? id_ : core::FrameworkId());
  dial_later();
}

void SimFramework::tick() {
  sim_.queue.after(sim_.draw(milliseconds(100), milliseconds(400)), [this] { tick(); });
  if (session_->is_stopped()) return;
  session_->on_tick(sim_.now());
  if (!session_->is_connected()) return;
  if (habit_ == Habit::kCrasher && !sim_.is_calm) {
    if (sim_.random.chance(1, 60)) return crash();
    if (sim_.random.chance(1, 250)) {
      ++sim_.totals.teardowns;
      sim_.trace.note("framework {} tears itself down", node_);
      sim_.checker.on_framework_retired(id_);
      return session_->teardown();
    }
  }
  tick_habit();
  suppress_and_revive();
  acknowledge_operations();
  write_off_missing();
  ask_about_open();
}

void SimFramework::tick_habit() {
  if (habit_ == Habit::kKiller && sim_.random.chance(1, 3)) kill_something();
  if (habit_ == Habit::kLiar && !sim_.is_calm && sim_.random.chance(1, 4)) {
    lie_about_acknowledgements();
  }
  // One that is slow uses what it holds, much of which is void by now.
  if (!wants_tasks()) return;
  while (!held_.empty() && sim_.random.chance(1, 8)) use(sdk::Offer(held_.begin()->second));
}

void SimFramework::suppress_and_revive() {
  const bool often = habit_ == Habit::kPicky || habit_ == Habit::kDecliner;
  if (!sim_.is_calm && sim_.random.chance(1, often ? 20 : 150)) {
    if (sim_.random.chance(1, 2)) {
      suppressed_.insert(info_.roles.begin(), info_.roles.end());
      return session_->suppress();
    }
    const std::string role = info_.roles[sim_.random.below(info_.roles.size())];
    suppressed_.insert(role);
    return session_->suppress({&role, 1});
  }
  if (suppressed_.empty() || !sim_.random.chance(1, 4)) return;
  if (!sim_.is_calm && wants_tasks() && wanted() == 0) return;
  filtered_until_ = sim_.now() + seconds(1);
  if (sim_.random.chance(1, 2)) {
    suppressed_.clear();
    return session_->revive();
  }
  const std::string role = *suppressed_.begin();
  suppressed_.erase(role);
  session_->revive({&role, 1});
}

void SimFramework::ask_about_open() {
  if (sim_.now() < next_question_ || open_tasks() == 0) return;
  next_question_ = sim_.now() + sim_.draw(seconds(1), seconds(4));
  if (sim_.random.chance(1, 3)) return session_->reconcile();
  std::vector<std::string> open;
  for (const auto& [name, task] : tasks_) {
    if (!task.has_ended && !task.is_written_off) open.push_back(name);
  }
  session_->reconcile(open);
}

void SimFramework::write_off_missing() {
  for (auto& [name, task] : tasks_) {
    if (task.has_ended || task.is_written_off || !task.missing_since.has_value()) continue;
    if (sim_.now() - *task.missing_since < patience_) continue;
    task.is_written_off = true;
    ++sim_.totals.written_off;
    sim_.trace.note("framework {} writes {} off, last {}", node_, name, name_of(task.state));
  }
}

bool SimFramework::is_done() const {
  if (open_tasks() > 0 || open_operations() > 0) return false;
  return !wants_tasks() || completed_ >= sim_.scenario.tasks;
}

bool SimFramework::must_be_offered() const {
  return session_->is_connected() && wants_tasks() && wanted() > 0 && open_tasks() == 0 &&
         held_.empty() && suppressed_.empty() && filtered_until_ < sim_.now();
}

std::string SimFramework::describe() const {
  std::string out = fmt::format(
      "framework {} (habit {}, {}, {}{}): {} of {} ended", node_, static_cast<int>(habit_),
      to_string(id_), session_->is_connected() ? "connected" : "not connected",
      suppressed_.empty() ? "" : ", suppressed", completed_, sim_.scenario.tasks);
  for (const auto& [name, task] : tasks_) {
    if (task.has_ended || task.is_written_off) continue;
    out += fmt::format("\n    {} is {}{}", name, name_of(task.state),
                       task.missing_since.has_value() ? ", missing" : "");
  }
  for (const auto& [name, operation] : operations_) {
    if (operation.has_ended || operation.connection != connection_) continue;
    out += fmt::format("\n    {} is under way", name);
  }
  return out;
}

}  // namespace shoal::sim
