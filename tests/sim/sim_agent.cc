#include "tests/sim/sim_agent.h"

#include <algorithm>
#include <utility>

#include "agent/resource_store.h"
#include "agent/restore.h"
#include "agent/volumes.h"

namespace shoal::sim {

SimAgent::SimAgent(Sim& sim, Network& network, std::uint32_t node)
    : sim_(sim), network_(network), node_(node), masters_(sim.scenario.masters) {
  total_.cpus = 1000 * static_cast<core::Milli>(2 + sim_.random.below(15));
  total_.mem = 1000 * static_cast<core::Milli>(1024 + sim_.random.below(16) * 1024);
  total_.disk = 1000 * 4096;
  core::PortSet::Ranges ranges;
  ranges.push_back({31000, static_cast<std::uint32_t>(31001 + sim_.random.below(200))});
  total_.ports = *core::PortSet::from_ranges(ranges);
  // The first agent is one that every framework may be offered.
  if (sim_.scenario.has_lots && node_ > 0) add_lots();
  begin_life(core::AgentId());
}

void SimAgent::add_lots() {
  if (sim_.random.chance(1, 3)) total_.gpus = 1000 * static_cast<core::Milli>(sim_.random.below(3));
  if (sim_.random.chance(1, 2)) {
    auto tags = std::make_shared<core::LotTags>();
    tags->reservations.push_back(
        {.role = std::string(kRoles[1 + sim_.random.below(kRoles.size() - 1)])});
    core::Amounts kept;
    kept.cpus = total_.cpus / 4;
    kept.mem = total_.mem / 4;
    kept.disk = total_.disk / 4;
    total_.Amounts::operator-=(kept);
    total_.lots.add(std::move(tags), kept);
  }
  lends_ = sim_.random.chance(1, 2);
}

void SimAgent::begin_life(core::AgentId id) {
  process_ = (std::uint64_t{node_} << 32) | (process_ & 0xffffffffu);
  ++process_;
  state_ = std::make_unique<agent::AgentState>(sim_.random.next());
  describe();
  state_->id = state_->stored_id = disk_id_ = id;
  is_down_ = false;
  ++life_;
  agent::NullExecutorOptions options;
  const core::Duration least = sim_.draw(milliseconds(1), milliseconds(100));
  options.run =
      core::DurationSpread::uniform(least, least + sim_.draw(milliseconds(10), seconds(6)));
  options.fail_one_in = 5;
  options.refuse_one_in = 12;
  options.ignore_term_one_in = 3;
  executor_ = std::make_unique<agent::NullExecutor>(sim_.random.next(), options);
  armed_for_ = core::TimePoint::max();
  has_given_up_ = false;
  restore_tasks();
}

// The socket goes, and what is not on the disk.
void SimAgent::end_life() {
  ++sim_.totals.agent_restarts;
  unsynced_.clear();
  unsynced_ends_.clear();
  if (link_ != 0) {
    // The kernel closes its socket, or the machine went with it and nobody is told.
    if (sim_.random.chance(1, 4)) network_.sever(link_, false, false);
    network_.close(link_, End::kClient);
  }
  link_ = 0;
}

void SimAgent::crash() {
  if (is_down_ || has_given_up_) return;
  sim_.trace.note("agent {} crashes, {} tasks run on", node_, executor_->running());
  end_life();
  agent::on_disconnected(*state_);
  is_down_ = true;
  sim_.queue.after(sim_.draw(milliseconds(20), seconds(5)), [this, life = life_] {
    if (life == life_ && is_down_) come_back();
  });
}

void SimAgent::come_back() {
  const core::Resources lent = state_->revocable;  // as configured: tasks use it
  state_ = std::make_unique<agent::AgentState>(sim_.random.next());
  describe();
  state_->revocable = lent;
  state_->id = state_->stored_id = disk_id_;
  is_down_ = false;
  ++life_;
  sim_.trace.note("agent {} comes back", node_);
  restore_tasks();
  settle();
  dial_later();
}

void SimAgent::restore_tasks() {
  std::vector<agent::FoundTask> found;
  for (const auto& [name, record] : records_) {
    agent::FoundTask task;
    task.task = record;
    if (const auto exit = exits_.find(name); exit != exits_.end()) {
      task.fate = agent::FoundTask::Fate::kExited;
      task.exit.exit = exit->second;
      task.exit.ended_ms = 1;
    } else if (executor_->has(name.first, name.second)) {
      task.fate = agent::FoundTask::Fate::kRuns;
    } else {
      task.reason = core::TaskReason::kAgentRestarted;
      task.why = "the machine was restarted, or the agent while it started the task";
    }
    found.push_back(std::move(task));
  }
  is_restoring_ = true;
  agent::restore(*state_, *this, std::move(found), agent::read_history(updates_).history,
                 sim_.now());
  is_restoring_ = false;
  updates_ = agent::history_of(*state_);
  std::erase_if(records_, [this](const auto& entry) {
    const agent::Task* task = state_->tasks.find(entry.first.first, entry.first.second);
    return task == nullptr || task->phase == agent::TaskPhase::kEnded;
  });
  std::erase_if(exits_, [this](const auto& entry) { return !records_.contains(entry.first); });
}

std::uint64_t SimAgent::record(const core::TaskStatus& status) {
  if (is_restoring_) return 0;  // history_of() has it
  agent::append_record(status, unsynced_);
  if (core::is_terminal(status.state)) {
    unsynced_ends_.emplace_back(status.framework, std::string(status.task));
  }
  sim_.queue.after(sim_.draw(microseconds(50), milliseconds(20)), [this, life = life_] {
    if (life == life_ && !is_down_) sync();
  });
  return ++last_ticket_;
}

void SimAgent::sync() {
  updates_.insert(updates_.end(), unsynced_.begin(), unsynced_.end());
  unsynced_.clear();
  for (const TaskName& name : std::exchange(unsynced_ends_, {})) {
    if (executor_->has(name.first, name.second)) continue;  // another run by now
    records_.erase(name);
    exits_.erase(name);
  }
  agent::on_recorded(*state_, *this, last_ticket_, sim_.now());
  settle();
}

void SimAgent::forget_unknown(core::FrameworkId framework, std::string_view task) {
  if (state_->tasks.find(framework, task) != nullptr) return;
  records_.erase({framework, std::string(task)});
  exits_.erase({framework, std::string(task)});
}

void SimAgent::describe() {
  state_->epoch = disk_epoch_;
  state_->hostname = fmt::format("host-{}", node_);
  state_->address = fmt::format("10.0.0.{}:7071", node_);
  restore();
  state_->attributes = {{"rack", node_ % 2 == 0 ? "even" : "odd"}};
  if (sim_.scenario.has_regions) {
    state_->region = node_ % 3 == 2 ? "there" : kHomeRegion;
    state_->zone = fmt::format("zone-{}", node_ % 2);
  }
}

void SimAgent::restore() {
  state_->total = total_;
  if (disk_.empty()) return;
  auto stored = agent::decode_stored(disk_);
  if (!stored.ok()) {
    return sim_.checker.fail("agent {} cannot read its disk: {}", node_,
                             stored.status().ToString());
  }
  const auto total = agent::reconcile(total_, stored->resources);
  if (!total.ok()) {
    return sim_.checker.fail("agent {} lost resources: {}", node_, total.status().ToString());
  }
  state_->total = *total;
  state_->operations.outcomes = std::move(stored->operations);
  check_volumes();
  // As the daemon's sweep: what an operation had begun when the process died.
  std::erase_if(volumes_, [this](const std::string& path) {
    return std::none_of(
        state_->total.lots.begin(), state_->total.lots.end(), [&path](const core::Lot& lot) {
          return lot.tags->volume.has_value() && agent::volume_path("", *lot.tags) == path;
        });
  });
}

// What is being made or removed may be there or not.
void SimAgent::check_volumes() {
  const core::AgentResources next = agent::record_of(*state_);
  for (const core::Lot& lot : agent::stored_total(*state_).lots) {
    if (!lot.tags->volume.has_value()) continue;
    const std::string path = agent::volume_path("", *lot.tags);
    const bool stays = std::any_of(
        next.resources.lots.begin(), next.resources.lots.end(), [&path](const core::Lot& other) {
          return other.tags->volume.has_value() && agent::volume_path("", *other.tags) == path;
        });
    if (stays && !volumes_.contains(path))
      sim_.checker.fail("agent {} lost volume {}", node_, path);
  }
}

void SimAgent::start() {
  dial_later();
  if (lends_) lend_later();
}

// What it lends comes and goes; never less than tasks use of it.
void SimAgent::lend_later() {
  sim_.queue.after(sim_.draw(milliseconds(300), seconds(4)), [this] {
    if (sim_.is_calm) return;
    if (is_down_) return lend_later();
    core::Amounts lent;
    if (sim_.random.chance(2, 3)) {
      lent.cpus = 1000 * static_cast<core::Milli>(1 + sim_.random.below(8));
      lent.mem = 1000 * static_cast<core::Milli>(64 + sim_.random.below(512));
    }
    for (const core::Resources& held : {state_->tasks.committed(), state_->tasks.used()}) {
      for (const core::Lot& lot : held.lots) {
        if (!lot.tags->revocable) continue;
        lent.cpus = std::max(lent.cpus, lot.amounts.cpus);
        lent.mem = std::max(lent.mem, lot.amounts.mem);
      }
    }
    auto tags = std::make_shared<core::LotTags>();
    tags->revocable = true;
    state_->revocable = core::Resources();
    state_->revocable.lots.add(std::move(tags), lent);
    sim_.trace.note("agent {} lends {}", node_, to_string(state_->revocable));
    core::UpdateRevocable message;
    static_cast<core::Amounts&>(message.resources) = lent;
    if (state_->is_registered()) send(message);
    settle();
    lend_later();
  });
}

void SimAgent::restart(bool keeps_id) {
  sim_.trace.note("agent {} dies with {} tasks{}", node_, state_->tasks.size(),
                  keeps_id ? ", its id is kept" : "");
  sim_.checker.on_agent_died(process_);
  end_life();
  if (!keeps_id) {
    disk_.clear();
    disk_epoch_ = 0;
    volumes_.clear();
    records_.clear();
    exits_.clear();
    updates_.clear();
  }
  begin_life(keeps_id ? disk_id_ : core::AgentId());
  settle();
  dial_later();
}

void SimAgent::dial_later() {
  sim_.queue.after(sim_.draw(milliseconds(20), milliseconds(800)), [this, life = process_] {
    if (life != process_ || link_ != 0 || has_given_up_ || is_down_) return;
    link_ = network_.dial(node_, masters_.next(), this);
    link_epoch_ = 0;
  });
}

void SimAgent::on_link_up(LinkId link) {
  if (link != link_) return;
  agent::on_connected(*state_, *this, sim_.now());
  settle();
}

void SimAgent::on_link_frame(LinkId link, const wire::FrameView& frame) {
  if (link != link_) return;
  if (frame.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kAcknowledgeUpdate)) {
    const auto message = wire::decode<core::AcknowledgeUpdate>(frame.payload);
    if (message.ok()) sim_.checker.on_acknowledged(*message);
  }
  if (frame.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kWelcome)) {
    const auto message = wire::decode<core::Welcome>(frame.payload);
    if (message.ok()) link_epoch_ = message->epoch;
  }
  agent::on_frame(*state_, *this, frame, sim_.now());
  // It reads no more of such a one: what it acts on is from the last one that it has seen.
  const bool is_its = link_ == link && state_->session >= agent::SessionPhase::kRegistering;
  if (is_its && link_epoch_ < disk_epoch_) {
    sim_.checker.fail("agent {} serves a master of epoch {}, it has seen {}", node_, link_epoch_,
                      disk_epoch_);
  }
  settle();
}

void SimAgent::on_link_down(LinkId link) {
  if (link != link_) return;
  link_ = 0;
  agent::on_disconnected(*state_);
  settle();
  if (!has_given_up_) dial_later();
}

void SimAgent::send_frame(wire::Bytes frame) {
  // The buffer is aligned and whole: this is what the master will read.
  wire::FrameView view;
  if (wire::next_frame(frame, core::kMaxFrameBytes, &view).ok() &&
      view.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kStatusUpdate)) {
    const auto status = wire::decode<core::TaskStatus>(view.payload);
    if (status.ok()) {
      sim_.checker.on_agent_said(*status);
      sim_.trace.note("agent {} says {} of {}", node_, name_of(status->state), status->task);
    } else {
      sim_.checker.fail("agent {} sends a bad status: {}", node_, status.status().ToString());
    }
  }
  if (link_ != 0) network_.send(link_, End::kClient, frame);
}

void SimAgent::launch(const agent::LaunchRequest& request) {
  ++sim_.totals.launches;
  agent::TaskRecord& record = records_[{request.framework, std::string(request.task)}];
  record.framework = request.framework;
  record.id = request.task;
  record.name = request.name;
  record.role = request.role;
  record.resources = request.resources;
  record.kill_grace_ms = request.description.kill_grace_ms;
  exits_.erase({request.framework, std::string(request.task)});
  executor_->launch(request);
}

void SimAgent::kill(core::FrameworkId framework, std::string_view task, agent::KillMode mode) {
  sim_.trace.note("agent {} kills {}{}", node_, task,
                  mode == agent::KillMode::kForce ? " by force" : "");
  executor_->kill(framework, task, mode);
}

struct SimAgent::Store {
  wire::ByteVector file;
  std::vector<core::LotTagsPtr> made;
  std::vector<core::LotTagsPtr> removed;
  agent::StoreOutcome outcome;
};

void SimAgent::on_disk(std::function<void()> write, std::function<void()> tell) {
  const auto later = [this](core::Duration least, core::Duration most, std::function<void()> what) {
    disk_at_ = std::max(disk_at_, sim_.now()) + sim_.draw(least, most);
    sim_.queue.at(disk_at_, [this, life = life_, what = std::move(what)] {
      if (life == life_ && !is_down_) what();
    });
  };
  later(microseconds(50), milliseconds(20), std::move(write));
  later(microseconds(1), milliseconds(2), [this, tell = std::move(tell)] {
    tell();
    settle();
  });
}

std::optional<agent::StoreOutcome> SimAgent::store(const agent::StoreRequest& request) {
  auto file = agent::encode_stored(request.resources);
  if (!file.ok()) return agent::StoreOutcome{file.status(), std::nullopt};
  auto store = std::make_shared<Store>();
  store->file = *std::move(file);
  store->made = request.made;
  store->removed = request.removed;
  on_disk([this, store] { write(*store); },
          [this, store] { agent::on_stored(*state_, *this, store->outcome, sim_.now()); });
  return std::nullopt;
}

void SimAgent::write(Store& store) {
  const absl::Status full = absl::ResourceExhaustedError("the disk is full");
  for (std::size_t i = 0; i < store.made.size() && store.outcome.status.ok(); ++i) {
    if (is_full()) {
      store.outcome = {full, i};
      store.made.resize(i);
    } else if (!volumes_.insert(agent::volume_path("", *store.made[i])).second) {
      sim_.checker.fail("agent {} makes a volume twice", node_);
    }
  }
  if (store.outcome.status.ok() && is_full()) store.outcome.status = full;
  if (!store.outcome.status.ok()) {
    for (const core::LotTagsPtr& tags : store.made) remove_volume(*tags);
    return;
  }
  disk_ = std::move(store.file);
  for (const core::LotTagsPtr& tags : store.removed) remove_volume(*tags);
}

std::optional<absl::Status> SimAgent::store_epoch(std::uint64_t epoch) {
  auto status = std::make_shared<absl::Status>();
  on_disk(
      [this, status, epoch] {
        if (is_full()) {
          *status = absl::ResourceExhaustedError("the disk is full");
        } else {
          disk_epoch_ = epoch;
        }
      },
      [this, status, epoch] {
        agent::on_epoch_stored(*state_, *this, epoch, *status, sim_.now());
      });
  return std::nullopt;
}

std::optional<absl::Status> SimAgent::store_id(core::AgentId id) {
  on_disk([this, id] { disk_id_ = id; },
          [this, id] { agent::on_id_stored(*state_, *this, id, sim_.now()); });
  return std::nullopt;
}

void SimAgent::remove_volume(const core::LotTags& tags) {
  if (volumes_.erase(agent::volume_path("", tags)) == 0) {
    sim_.checker.fail("agent {} removes a volume that is not there", node_);
  }
}

void SimAgent::disconnect(std::string_view reason) {
  sim_.trace.note("agent {} drops its session: {}", node_, reason);
  if (link_ != 0) network_.close(link_, End::kClient);
  link_ = 0;
  dial_later();
}

void SimAgent::redirect(std::string_view leader, std::string_view reason) {
  masters_.redirect(leader);
  disconnect(reason);
}

void SimAgent::give_up(std::string_view reason) { end(reason, sim_.random.chance(1, 2)); }

// An empty data folder is the only way back.
void SimAgent::leave(std::string_view reason) { end(reason, false); }

void SimAgent::end(std::string_view reason, bool keeps_id) {
  sim_.trace.note("agent {} gives up: {}", node_, reason);
  if (link_ != 0) network_.close(link_, End::kClient);
  link_ = 0;
  has_given_up_ = true;
  // Whoever watches over the process starts it again.
  sim_.queue.after(sim_.draw(milliseconds(200), seconds(3)), [this, keeps_id, life = process_] {
    if (life == process_) restart(keeps_id);
  });
}

void SimAgent::on_started(core::FrameworkId framework, std::string_view task) {
  sim_.trace.note("agent {} has started {}", node_, task);
  sim_.checker.on_process_started(process_, framework, task);
  if (is_down_) return;
  agent::on_process_started(*state_, *this, framework, task, sim_.now());
}

void SimAgent::on_failed(core::FrameworkId framework, std::string_view task, std::string_view why) {
  if (is_down_) return;
  // One that was taken over while it was being started: the daemon's supervisor ends without it.
  agent::on_process_lost(*state_, *this, framework, task, why, sim_.now());
  agent::on_launch_failed(*state_, *this, framework, task, why, sim_.now());
  forget_unknown(framework, task);
}

void SimAgent::on_exited(core::FrameworkId framework, std::string_view task,
                         const agent::ExitStatus& exit) {
  sim_.checker.on_process_ended(process_, framework, task);
  exits_[{framework, std::string(task)}] = exit;
  if (is_down_) return;
  agent::on_process_exited(*state_, *this, framework, task, exit, sim_.now());
  forget_unknown(framework, task);
}

void SimAgent::on_lost(core::FrameworkId /*framework*/, std::string_view task,
                       std::string_view why) {
  sim_.checker.fail("agent {} lost {}: {}", node_, task, why);
}

void SimAgent::on_timer(core::TimePoint armed_for) {
  if (armed_for_ != armed_for) return;
  armed_for_ = core::TimePoint::max();
  executor_->tick(*this, sim_.now());
  if (!is_down_) agent::on_tick(*state_, *this, sim_.now());
  settle();
}

void SimAgent::settle() {
  if (std::string broken = state_->tasks.broken_invariant(state_->capacity()); !broken.empty()) {
    sim_.checker.fail("agent {}: {}", node_, broken);
  }
  if (std::string broken = agent::broken_invariant(*state_); !broken.empty()) {
    sim_.checker.fail("agent {}: {}", node_, broken);
  }
  check_volumes();
  core::TimePoint next = executor_->next_deadline();
  if (!is_down_) next = std::min(next, agent::next_deadline(*state_));
  if (next == core::TimePoint::max()) return;
  // What the executor answers "at once" takes a moment all the same.
  next = std::max(next, sim_.now() + microseconds(30));
  if (next >= armed_for_) return;
  armed_for_ = next;
  sim_.queue.at(next, [this, life = process_, next] {
    if (life == process_) on_timer(next);
  });
}

}  // namespace shoal::sim
