// Calls that a framework must not make. What is asked with them must not be done, and what its
// call names must stay, or become, what it was.
#include <algorithm>
#include <utility>

#include "core/status.h"
#include "sdk/operations.h"
#include "tests/sim/sim_framework.h"

namespace shoal::sim {

void SimFramework::launch_badly(std::vector<sdk::Offer> offers,
                                std::vector<sdk::Operation> operations,
                                const core::Resources& resources, std::string_view why) {
  ++sim_.totals.bad_calls;
  core::Resources free = resources;
  sdk::TaskSpec spec = make_task(free);
  spec.resources = resources;
  tasks_[spec.id].is_expected_bad = true;
  sim_.trace.note("framework {} launches {} badly with {}: {}", node_, spec.id,
                  to_string(offers.back().id), why);
  const absl::Status sent = session_->accept(offers, operations, {&spec, 1});
  if (sent.ok()) return;
  tasks_.erase(spec.id);
  for (const sdk::Operation& operation : operations) operations_.erase(operation.id);
  for (const sdk::Offer& offer : offers) {
    if (!held_.contains(offer.id)) session_->decline({&offer, 1});
  }
}

// False: it found nothing to lie about; the offer is still its own.
bool SimFramework::lie(const sdk::Offer& offer) {
  if (sim_.scenario.has_operations && sim_.random.chance(1, 3)) return lie_about_operations(offer);
  return lie_about_offers(offer);
}

bool SimFramework::lie_about_offers(const sdk::Offer& offer) {
  core::Resources much = offer.resources;
  switch (sim_.random.below(7)) {
    case 0:
      much.cpus += 1000;
      launch_badly({offer}, {}, much, "too big");
      return true;
    case 1:
      held_.emplace(offer.id, offer);  // refused as a whole: it stays ours
      launch_badly({offer, offer}, {}, much, "an offer named twice");
      return true;
    case 2: {
      sdk::Offer foreign = offer;
      foreign.id = sim_.seen_offers[sim_.random.below(sim_.seen_offers.size())];
      if (foreign.id == offer.id || held_.contains(foreign.id)) return false;
      held_.emplace(offer.id, offer);
      launch_badly({offer, foreign}, {}, much, "a foreign or void offer");
      return true;
    }
    case 3:
      if (used_offers_.empty()) return false;
      launch_badly({used_offers_[sim_.random.below(used_offers_.size())]}, {}, much,
                   "a used offer");
      return false;
    case 4: {  // of two agents, or for two roles
      const auto other = std::find_if(held_.begin(), held_.end(), [&offer](const auto& entry) {
        return entry.second.agent != offer.agent || entry.second.role != offer.role;
      });
      if (other == held_.end()) return false;
      held_.emplace(offer.id, offer);
      launch_badly({offer, sdk::Offer(other->second)}, {}, much, "offers that do not fit");
      return true;
    }
    case 5: {
      sdk::Offer made_up = offer;
      made_up.id.generation += static_cast<std::uint32_t>(1 + sim_.random.below(1000));
      made_up.id.slot ^= static_cast<std::uint32_t>(sim_.random.below(1u << 20));
      session_->decline({&made_up, 1});
      launch_badly({made_up}, {}, much, "an offer that never was");
      return false;
    }
    default:
      return repeat_an_id(offer);
  }
}

// One of these, and a task that would be fine without it.
bool SimFramework::lie_about_operations(const sdk::Offer& offer) {
  core::Resources some;
  some.cpus = std::min<core::Milli>(offer.resources.cpus, 100);
  some.mem = std::min<core::Milli>(offer.resources.mem, 32'000);
  if (some.cpus == 0 || some.mem == 0) return false;
  std::vector<sdk::Operation> operations;
  const std::string name = fmt::format("f{}-bad{}", node_, next_operation_++);
  core::Resources more = some;
  switch (sim_.random.below(6)) {
    case 0:
      more.cpus = offer.resources.cpus + 1000;
      operations.push_back(sdk::reserve(more, {.role = offer.role}, name));
      break;
    case 1:
      operations.push_back(sdk::reserve(some, {.role = offer.role + "/below"}, name));
      break;
    case 2:
      operations.push_back(
          sdk::unreserve(sdk::reserved(more, {.role = offer.role, .principal = "nobody"}), name));
      break;
    case 3: {
      more = core::Resources();
      more.disk = 1000;
      operations.push_back(
          sdk::destroy(sdk::as_volume(sdk::reserved(more, {.role = offer.role}),
                                      {.id = "never-was", .container_path = "data"}),
                       name));
      break;
    }
    case 4:
      operations.push_back(sdk::reserve(some, {.role = offer.role}, name));
      operations.push_back(sdk::launch(7));
      break;
    default:
      operations.push_back(sdk::create(some, {.id = "plain", .container_path = "data"}, name));
      break;
  }
  Operation& operation = operations_[name];
  operation.connection = connection_;
  operation.is_expected_bad = true;
  launch_badly({offer}, operations, some, name_of(operations.front().spec.kind));
  return true;
}

void SimFramework::lie_about_acknowledgements() {
  core::UpdateUuid uuid{};
  for (std::uint8_t& byte : uuid) byte = static_cast<std::uint8_t>(sim_.random.below(256));
  ++sim_.totals.bad_calls;
  sim_.checker.on_lie(uuid);
  core::AgentId agent;
  if (!used_offers_.empty()) agent = used_offers_.back().agent;
  switch (sim_.random.below(5)) {
    case 0: {
      sdk::OperationStatus status;
      status.agent = agent;
      status.uuid = uuid;
      return session_->acknowledge(status);
    }
    case 1: {
      const std::string role = "nobodys";
      return sim_.random.chance(1, 2) ? session_->revive({&role, 1})
                                      : session_->suppress({&role, 1});
    }
    case 2:
      return session_->kill("never-was");
    default: {
      sdk::TaskStatus status;
      status.agent = agent;
      status.task = "never-was";
      status.uuid = uuid;
      if (!tasks_.empty() && sim_.random.chance(3, 4)) status.task = tasks_.rbegin()->first;
      return session_->acknowledge(status);
    }
  }
}

// Only ids that the master is sure to know: of tasks that have run and have not ended.
bool SimFramework::repeat_an_id(const sdk::Offer& offer) {
  const auto running = std::find_if(tasks_.begin(), tasks_.end(), [](const auto& entry) {
    return !entry.second.has_ended && !entry.second.is_written_off &&
           entry.second.state == core::TaskState::kRunning &&
           !entry.second.missing_since.has_value();
  });
  // A task may be lost, and its id free again, before the framework hears of it.
  const bool may_be_lost = sim_.scenario.has_master_restarts || sim_.scenario.has_agent_restarts;
  if (running == tasks_.end() || may_be_lost) return false;
  ++sim_.totals.bad_calls;
  sdk::TaskSpec spec;
  spec.id = running->first;
  spec.resources = running->second.resources;
  spec.description.command = "/bin/true";
  sim_.trace.note("framework {} launches {} a second time", node_, spec.id);
  (void)session_->accept({&offer, 1}, {&spec, 1});
  return true;
}

}  // namespace shoal::sim
