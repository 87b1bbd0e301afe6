// What a simulated framework does with offers, and what it believes of its tasks.
#include <algorithm>
#include <array>
#include <utility>

#include "core/status.h"
#include "tests/sim/sim_framework.h"

namespace shoal::sim {

using core::TaskState;

namespace {

// What a task gets that asks without tags.
core::Amounts for_anybody(const core::Resources& offered) {
  core::Amounts pool = offered;
  for (const core::Lot& lot : offered.lots) {
    const bool is_its_own = lot.tags->volume.has_value() || lot.tags->revocable ||
                            lot.tags->disk_kind != core::DiskKind::kRoot;
    if (!is_its_own) pool += lot.amounts;
  }
  return pool;
}

bool can_run(const core::Resources& free) {
  const core::Amounts pool = for_anybody(free);
  if (pool.cpus > 0 && pool.mem > 0) return true;
  return std::any_of(free.lots.begin(), free.lots.end(), [](const core::Lot& lot) {
    return lot.tags->revocable && lot.amounts.cpus >= 1000 && lot.amounts.mem >= 64'000;
  });
}

}  // namespace

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
  ++connection_;
  held_.clear();
  suppressed_ = {info_.suppressed_roles.begin(), info_.suppressed_roles.end()};
  filtered_until_ = sim_.now() + seconds(1);
  next_question_ = sim_.now();
}

void SimFramework::offers(sdk::Driver& /*driver*/, absl::Span<const sdk::Offer> offers) {
  for (const sdk::Offer& offer : offers) {
    sim_.seen_offers.push_back(offer.id);
    sim_.trace.note("framework {} is offered {} for {}: {}", node_, to_string(offer.id), offer.role,
                    to_string(offer.resources));
    if (!held_.emplace(offer.id, offer).second) {
      sim_.checker.fail("framework {} was offered {} twice", node_, to_string(offer.id));
    }
    const auto role = std::find(info_.roles.begin(), info_.roles.end(), offer.role);
    if (role == info_.roles.end()) {
      sim_.checker.fail("framework {} was offered something for role {}", node_, offer.role);
    }
    if (habit_ == Habit::kHoarder) continue;
    if (habit_ == Habit::kSlow && sim_.random.chance(3, 4)) continue;
    const bool declines =
        habit_ == Habit::kDecliner || (habit_ == Habit::kPicky && sim_.random.chance(3, 5));
    if (habit_ == Habit::kReserver && operate(offer)) continue;
    if (declines || wanted() == 0) {
      decline(offer);
    } else {
      use(sdk::Offer(offer));
    }
  }
}

void SimFramework::decline(const sdk::Offer& offer) {
  constexpr std::array<core::Duration, 5> kRefusals = {core::Duration{0}, milliseconds(100),
                                                       milliseconds(400), seconds(1), seconds(5)};
  const sdk::Offer declined = offer;
  held_.erase(offer.id);
  // Nobody else may want it: declining without a filter would go round for ever.
  const bool may_repeat = wanted() > 0 && wants_tasks();
  const std::size_t first = may_repeat || sim_.random.chance(1, 50) ? 0 : 2;
  const core::Duration refuse = kRefusals[first + sim_.random.below(kRefusals.size() - first)];
  filtered_until_ = std::max(filtered_until_, sim_.now() + refuse + seconds(1));
  session_->decline({&declined, 1}, refuse);
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
  ++connection_;
  held_.clear();
}

void SimFramework::refused(sdk::Driver& /*driver*/, core::RefusalCode code,
                           std::string_view message) {
  ++sim_.totals.refusals;
  sim_.trace.note("framework {} was refused: {} {}", node_, core::name_of(code), message);
}

// Takes the task's part out of `free`: what it asks for without tags the master finds in the same
// order (core::resolve).
sdk::TaskSpec SimFramework::make_task(core::Resources& free) {
  sdk::TaskSpec spec;
  spec.id = fmt::format("f{}-{}", node_, next_task_++);
  spec.name = "simulated";
  spec.description.command = "/bin/true";
  core::Resources& part = spec.resources;
  const core::Milli cpus = 100 * (1 + sim_.random.chance(1, 2) * 9);
  const core::Milli mem = 1000 * 32 * (1 + sim_.random.chance(1, 2));
  for (const core::Lot& lot : free.lots) {
    if (!lot.tags->revocable || lot.amounts.cpus < cpus || lot.amounts.mem < mem) continue;
    core::Amounts amounts;
    amounts.cpus = cpus;
    amounts.mem = mem;
    part.lots.add(core::LotTagsPtr(lot.tags), amounts);
    break;
  }
  if (part.empty()) {
    const core::Amounts pool = for_anybody(free);
    part.cpus = std::min(pool.cpus, cpus);
    part.mem = std::min(pool.mem, mem);
    if (pool.gpus > 0 && sim_.random.chance(1, 2)) part.gpus = 1000;
    if (sim_.random.chance(1, 4)) part.ports = pool.ports.lowest(1);
  }
  const auto taken = core::resolve(part, free);
  if (taken.ok()) free -= *taken;
  Task& task = tasks_[spec.id];
  task.resources = spec.resources;
  task.launched = sim_.now();
  return spec;
}

void SimFramework::note_launched(const absl::Status& sent, const sdk::Offer& offer,
                                 const std::vector<sdk::TaskSpec>& specs) {
  if (!sent.ok()) {
    for (const sdk::TaskSpec& spec : specs) tasks_.erase(spec.id);
    sim_.trace.note("framework {} could not accept: {}", node_, core::message_of(sent));
    return decline(offer);  // the master has not heard of it
  }
  for (const sdk::TaskSpec& spec : specs) {
    sim_.trace.note("framework {} launches {} with {}", node_, spec.id, to_string(offer.id));
  }
  used_offers_.push_back(offer);
  if (used_offers_.size() > 16) used_offers_.erase(used_offers_.begin());
}

void SimFramework::use(const sdk::Offer& offer) {
  held_.erase(offer.id);
  const bool may_lie = habit_ == Habit::kLiar || sim_.scenario.has_bad_calls;
  const bool lies =
      may_lie && !sim_.is_calm && sim_.random.chance(1, habit_ == Habit::kLiar ? 2 : 10);
  if (lies && lie(offer)) return;
  std::vector<sdk::TaskSpec> specs;
  core::Resources free = offer.resources;
  std::size_t most = std::min<std::size_t>(wanted(), 1 + sim_.random.below(6));
  while (most-- > 0 && can_run(free)) specs.push_back(make_task(free));
  filtered_until_ = std::max(filtered_until_, sim_.now() + milliseconds(1500));
  note_launched(session_->accept({&offer, 1}, specs, milliseconds(500)), offer, specs);
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
    if (is_explicit_) {
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
