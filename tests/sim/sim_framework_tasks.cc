// What a simulated framework does with offers, and what it believes of its tasks.
#include <algorithm>
#include <utility>

#include "core/status.h"
#include "tests/sim/sim_framework.h"

namespace shoal::sim {

using core::TaskState;

std::size_t SimFramework::open_tasks() const {
  return static_cast<std::size_t>(std::count_if(tasks_.begin(), tasks_.end(), [](const auto& t) {
    return !t.second.has_ended && !t.second.is_written_off;
  }));
}

std::size_t SimFramework::wanted() const {
  const std::size_t expected = completed_ + open_tasks();
  return expected >= sim_.scenario.tasks ? 0 : sim_.scenario.tasks - expected;
}

void SimFramework::subscribed(sdk::Driver& /*driver*/, core::FrameworkId id) {
  sim_.trace.note("framework {} is {}", node_, to_string(id));
  if (id_.valid() && id_ != id) sim_.checker.fail("framework {} got another id", node_);
  id_ = id;
  held_.clear();
  is_suppressed_ = false;
  next_question_ = sim_.now();
}

void SimFramework::offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) {
  for (const sdk::Offer& offer : offers) {
    sim_.seen_offers.push_back(offer.id);
    sim_.trace.note("framework {} is offered {}", node_, to_string(offer.id));
    if (!held_.emplace(offer.id, offer).second) {
      sim_.checker.fail("framework {} was offered {} twice", node_, to_string(offer.id));
    }
    const bool waits = habit_ == Habit::kHoarder && sim_.random.chance(3, 4);
    if (waits) continue;
    const bool declines = wanted() == 0 || (habit_ == Habit::kDecliner && sim_.random.chance(3, 5));
    if (!declines) {
      use(sdk::Offer(offer));
      continue;
    }
    held_.erase(offer.id);
    constexpr std::array<core::Duration, 4> kRefusals = {core::Duration{0}, milliseconds(200),
                                                         seconds(1), seconds(5)};
    // Nobody else may want it: declining without a filter would go round for ever.
    const std::size_t first = wanted() == 0 ? 2 : 0;
    driver.decline({&offer, 1}, kRefusals[first + sim_.random.below(kRefusals.size() - first)]);
  }
}

void SimFramework::rescinded(sdk::Driver& /*driver*/, absl::Span<const core::OfferId> offers) {
  for (const core::OfferId offer : offers) {
    ++sim_.totals.rescinds;
    // Usually it listens; now and then it goes on with what it was told is void.
    if (sim_.is_calm || !sim_.random.chance(1, 8)) held_.erase(offer);
  }
}

void SimFramework::disconnected(sdk::Driver& /*driver*/) {
  sim_.trace.note("framework {} is disconnected", node_);
  held_.clear();
}

void SimFramework::refused(sdk::Driver& /*driver*/, core::RefusalCode code,
                           std::string_view message) {
  ++sim_.totals.refusals;
  sim_.trace.note("framework {} was refused: {} {}", node_, core::name_of(code), message);
}

sdk::TaskSpec SimFramework::make_task(core::Resources& free) {
  sdk::TaskSpec spec;
  spec.id = fmt::format("f{}-{}", node_, next_task_++);
  spec.name = "simulated";
  spec.description.command = "/bin/true";
  spec.resources.cpus = std::min<core::Milli>(free.cpus, 100 * (1 + sim_.random.chance(1, 2) * 9));
  spec.resources.mem = std::min<core::Milli>(free.mem, 1000 * 32 * (1 + sim_.random.chance(1, 2)));
  if (sim_.random.chance(1, 4)) spec.resources.ports = free.ports.lowest(1);
  free -= spec.resources;
  Task& task = tasks_[spec.id];
  task.resources = spec.resources;
  task.launched = sim_.now();
  return spec;
}

void SimFramework::use(const sdk::Offer& offer) {
  held_.erase(offer.id);
  if (sim_.scenario.has_bad_calls && !sim_.is_calm && sim_.random.chance(1, 10)) {
    return call_badly(offer);
  }
  std::vector<sdk::TaskSpec> specs;
  core::Resources free = offer.resources;
  std::size_t most = std::min<std::size_t>(wanted(), 1 + sim_.random.below(6));
  while (most-- > 0 && free.cpus > 0 && free.mem > 0) specs.push_back(make_task(free));
  const absl::Status status = session_->accept({&offer, 1}, specs, milliseconds(500));
  if (!status.ok()) {
    for (const sdk::TaskSpec& spec : specs) tasks_.erase(spec.id);
    sim_.trace.note("framework {} could not accept: {}", node_, core::message_of(status));
    return;
  }
  for (const sdk::TaskSpec& spec : specs) {
    sim_.trace.note("framework {} launches {} with {}", node_, spec.id, to_string(offer.id));
  }
  used_offers_.push_back(offer);
  if (used_offers_.size() > 16) used_offers_.erase(used_offers_.begin());
}

void SimFramework::launch_badly(std::vector<sdk::Offer> offers, const core::Resources& resources,
                                std::string_view why) {
  ++sim_.totals.bad_calls;
  core::Resources free = resources;
  sdk::TaskSpec spec = make_task(free);
  spec.resources = resources;
  tasks_[spec.id].is_expected_bad = true;
  sim_.trace.note("framework {} launches {} badly with {}: {}", node_, spec.id,
                  to_string(offers.back().id), why);
  (void)session_->accept(offers, {&spec, 1});
}

void SimFramework::call_badly(const sdk::Offer& offer) {
  core::Resources much = offer.resources;
  switch (sim_.random.below(5)) {
    case 0:
      much.cpus += 1000;
      return launch_badly({offer}, much, "too big");
    case 1:
      held_.emplace(offer.id, offer);  // refused as a whole: it stays ours
      return launch_badly({offer, offer}, much, "an offer named twice");
    case 2: {
      sdk::Offer foreign = offer;
      foreign.id = sim_.seen_offers[sim_.random.below(sim_.seen_offers.size())];
      if (foreign.id == offer.id || held_.contains(foreign.id)) break;
      held_.emplace(offer.id, offer);
      return launch_badly({offer, foreign}, much, "a foreign or void offer");
    }
    case 3:
      if (used_offers_.empty()) break;
      launch_badly({used_offers_[sim_.random.below(used_offers_.size())]}, much, "a used offer");
      break;
    default:
      return repeat_an_id(offer);
  }
  session_->decline({&offer, 1});
}

// Only ids that the master is sure to know: of tasks that have run and have not ended.
void SimFramework::repeat_an_id(const sdk::Offer& offer) {
  const auto running = std::find_if(tasks_.begin(), tasks_.end(), [](const auto& entry) {
    return !entry.second.has_ended && !entry.second.is_written_off &&
           entry.second.state == TaskState::kRunning && !entry.second.missing_since.has_value();
  });
  // A task may be lost, and its id free again, before the framework hears of it.
  const bool may_be_lost = sim_.scenario.has_master_restarts || sim_.scenario.has_agent_restarts;
  if (running == tasks_.end() || may_be_lost) {
    return session_->decline({&offer, 1});
  }
  ++sim_.totals.bad_calls;
  sdk::TaskSpec spec;
  spec.id = running->first;
  spec.resources = running->second.resources;
  spec.description.command = "/bin/true";
  sim_.trace.note("framework {} launches {} a second time", node_, spec.id);
  (void)session_->accept({&offer, 1}, {&spec, 1});
}

void SimFramework::kill_something() {
  if (tasks_.empty()) return;
  auto it = tasks_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(sim_.random.below(tasks_.size())));
  if (it->second.has_ended && sim_.random.chance(7, 8)) return;  // mostly what may still run
  ++sim_.totals.kills;
  sim_.trace.note("framework {} kills {}", node_, it->first);
  session_->kill(it->first, sim_.draw(core::Duration{0}, seconds(1)));
}

void SimFramework::update(sdk::Driver& /*driver*/, const sdk::TaskStatus& status) {
  sim_.trace.note("framework {} is told {} of {} ({}, {}{})", node_, name_of(status.state),
                  status.task, name_of(status.source), name_of(status.reason),
                  status.uuid.has_value() ? ", to acknowledge" : "");
  if (status.uuid.has_value()) {
    sim_.checker.on_framework_saw(id_, status.task, status.state, *status.uuid);
    if (acknowledges_late_) {
      sim_.queue.after(sim_.draw(core::Duration{0}, milliseconds(300)),
                       [this, life = life_, status] {
                         if (life == life_) session_->acknowledge(status);
                       });
    }
  }
  const auto it = tasks_.find(status.task);
  if (it == tasks_.end()) {
    return sim_.checker.fail("framework {} is told of {}, which it never launched", node_,
                             status.task);
  }
  note_status(it->second, status);
}

void SimFramework::note_status(Task& task, const sdk::TaskStatus& status) {
  const bool is_answer = status.reason == core::TaskReason::kReconciliation;
  if (status.uuid.has_value()) {
    if (!task.updates.insert(*status.uuid).second) return;  // told before, to an earlier session
    const int rank = progress_of(status.state);
    if (rank <= task.rank) {
      return sim_.checker.fail("framework {} is told {} of {} after an update of rank {}", node_,
                               name_of(status.state), status.task, task.rank);
    }
    task.rank = rank;
  }
  if (task.has_ended && status.state != task.state && !(is_answer && !status.is_terminal())) {
    return sim_.checker.fail("framework {} is told {} of {} after it ended with {}", node_,
                             name_of(status.state), status.task, name_of(task.state));
  }
  if (task.has_ended) return;
  task.state = status.state;
  if (status.is_terminal()) return note_ended(task, status);
  const bool is_missing =
      status.state == TaskState::kUnknown || status.state == TaskState::kUnreachable;
  if (status.state == TaskState::kUnreachable) ++sim_.totals.unreachable;
  if (!is_missing) task.missing_since.reset();
  if (is_missing && !task.missing_since.has_value()) task.missing_since = sim_.now();
  // It was replaced by another one meanwhile.
  if (task.is_written_off && !is_missing) session_->kill(status.task);
}

void SimFramework::note_ended(Task& task, const sdk::TaskStatus& status) {
  task.has_ended = true;
  if (status.source == core::TaskSource::kMaster && !status.uuid.has_value() &&
      status.reason != core::TaskReason::kReconciliation) {
    sim_.checker.on_master_ended(id_, status.task, status.state);
  }
  const bool was_run = status.state == TaskState::kFinished || status.state == TaskState::kFailed ||
                       status.state == TaskState::kKilled;
  if (was_run && task.is_expected_bad) {
    return sim_.checker.fail("framework {}: {} ran, though its launch was not valid", node_,
                             status.task);
  }
  if (!was_run || task.is_written_off) return;
  ++completed_;
  ++sim_.totals.tasks_ended;
}

}  // namespace shoal::sim
