#include "tests/sim/sim_operator.h"

#include "core/limits.h"

namespace shoal::sim {

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
  link_ = network_.dial(node_, this);
  tick();
}

void SimOperator::on_link_up(LinkId link) {
  if (link != link_) return;
  core::Hello hello;
  hello.kind = core::PeerKind::kOperator;
  hello.protocol_min = wire::kProtocolVersion;
  hello.protocol_max = wire::kProtocolVersion;
  hello.software = "sim";
  send(hello, true);
}

void SimOperator::on_link_down(LinkId link) {
  if (link != link_) return;
  link_ = 0;
  is_welcome_ = false;
  waiting_.clear();
  sim_.queue.after(sim_.draw(milliseconds(50), seconds(1)), [this] {
    if (link_ == 0) link_ = network_.dial(node_, this);
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
  if (kind == wire::MessageKind::kWelcome) is_welcome_ = true;
  if (kind != wire::MessageKind::kQueryAnswer) return;
  const auto view = wire::decode<core::ClusterView>(frame.payload);
  if (!view.ok()) {
    return sim_.checker.fail("an operator cannot read an answer: {}", view.status().ToString());
  }
  for (const core::TaskSummary& task : view->tasks) {
    if (!core::is_terminal(task.state)) known_tasks_.emplace_back(task.framework, task.id);
  }
  for (const core::FrameworkSummary& framework : view->frameworks) {
    known_frameworks_.push_back(framework.id);
  }
}

void SimOperator::tick() {
  sim_.queue.after(sim_.draw(milliseconds(200), milliseconds(1500)), [this] { tick(); });
  if (link_ != 0 && !waiting_.empty() && sim_.now() - last_heard_ > core::kClientTimeout) {
    network_.close(link_, End::kClient);
    return on_link_down(link_);
  }
  if (!is_welcome_ || !is_asking_) return;
  if (!sim_.is_calm && sim_.random.chance(1, 4)) return act();
  ask();
}

void SimOperator::ask() {
  ++sim_.totals.queries;
  core::Query query;
  query.kind = static_cast<core::QueryKind>(sim_.random.below(core::kQueryKinds));
  send(query, true);
}

void SimOperator::act() {
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

}  // namespace shoal::sim
