#include "tests/sim/sim_framework.h"

#include <utility>

#include "core/status.h"

namespace shoal::sim {

SimFramework::SimFramework(Sim& sim, Network& network, std::uint32_t node, Habit habit)
    : sim_(sim), network_(network), node_(node), habit_(habit) {
  patience_ = sim_.draw(seconds(5), seconds(30));
  begin_session(core::FrameworkId());
}

SimFramework::~SimFramework() = default;

void SimFramework::begin_session(core::FrameworkId id) {
  ++life_;
  sdk::SessionOptions options;
  options.info.name = fmt::format("framework-{}", node_);
  options.info.user = "sim";
  options.info.failover_timeout = sim_.scenario.failover_timeout;
  options.info.id = id;
  acknowledges_late_ = sim_.random.chance(1, 3);
  options.explicit_acknowledgement = acknowledges_late_;
  session_ = std::make_unique<sdk::SchedulerSession>(options, this, this);
  id_ = id;
  link_ = 0;
  is_suppressed_ = false;
  is_finishing_ = false;
  held_.clear();
}

void SimFramework::start() {
  dial_later();
  tick();
}

void SimFramework::dial_later() {
  sim_.queue.after(sim_.draw(milliseconds(20), milliseconds(800)), [this, life = life_] {
    if (life != life_ || link_ != 0 || session_->is_stopped()) return;
    link_ = network_.dial(node_, this);
  });
}

void SimFramework::on_link_up(LinkId link) {
  if (link == link_) session_->on_connected(sim_.now());
}

void SimFramework::on_link_frame(LinkId link, const wire::FrameView& frame) {
  if (link != link_) return;
  const absl::Status status = session_->on_frame(frame, sim_.now());
  if (!status.ok()) {
    sim_.checker.fail("framework {} cannot read a frame: {}", node_, core::message_of(status));
  }
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
  if (habit_ == Habit::kKiller && sim_.random.chance(1, 3)) kill_something();
  if (habit_ == Habit::kDecliner && !sim_.is_calm && !is_suppressed_ && sim_.random.chance(1, 20)) {
    is_suppressed_ = true;
    session_->suppress();
  } else if (is_suppressed_ && (wanted() > 0 || sim_.is_calm) && sim_.random.chance(1, 4)) {
    is_suppressed_ = false;
    session_->revive();
  }
  // A hoarder uses what it holds, much of which is void by now.
  while (!held_.empty() && sim_.random.chance(1, 8)) use(sdk::Offer(held_.begin()->second));
  write_off_missing();
  ask_about_open();
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

std::string SimFramework::describe() const {
  std::string out = fmt::format(
      "framework {} (habit {}, {}, {}{}): {} of {} ended", node_, static_cast<int>(habit_),
      to_string(id_), session_->is_connected() ? "connected" : "not connected",
      is_suppressed_ ? ", suppressed" : "", completed_, sim_.scenario.tasks);
  for (const auto& [name, task] : tasks_) {
    if (task.has_ended || task.is_written_off) continue;
    out += fmt::format("\n    {} is {}{}", name, name_of(task.state),
                       task.missing_since.has_value() ? ", missing" : "");
  }
  return out;
}

}  // namespace shoal::sim
