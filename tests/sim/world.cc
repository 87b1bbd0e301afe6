#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "core/invariants.h"
#include "core/status.h"

namespace shoal::sim {
namespace {

// How long everything may take to converge once the faults are over. Covers the longest waits that
// the code allows itself: an update is resent after a minute at most, a void session is noticed
// within the first session timeout of 15 s, a framework waits half a minute for a missing task.
constexpr core::Duration kLiveness = seconds(400);
// What mail between shards, slow links and turns may add to a framework's wait for an offer.
constexpr core::Duration kMailSlack = seconds(2);
constexpr std::uint64_t kMaxSteps = 3'000'000;
constexpr std::uint64_t kStepsBetweenLooks = 64;
constexpr std::uint32_t kFirstFrameworkNode = 100;
constexpr std::uint32_t kOperatorNode = 200;

}  // namespace

Scenario draw_scenario(std::uint64_t seed) {
  core::Random random(seed);
  const auto between = [&random](std::int64_t min, std::int64_t max) {
    return milliseconds(
        min + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(max - min) + 1)));
  };
  Scenario s;
  s.seed = seed;
  // Half of all worlds have one master, as most clusters do.
  s.masters = random.chance(1, 2) ? 1 : static_cast<std::uint32_t>(2 + random.below(2));
  s.lease = between(1000, 3000);
  s.shards = static_cast<std::uint32_t>(1 + random.below(4));
  s.agents = static_cast<std::uint32_t>(1 + random.below(8));
  s.frameworks = static_cast<std::uint32_t>(1 + random.below(6));
  s.tasks = static_cast<std::uint32_t>(10 + random.below(40));
  s.heartbeat = between(200, 1000);
  s.session_timeout = 3 * s.heartbeat;
  s.reregister_timeout = s.session_timeout + between(500, 6000);
  s.offer_timeout = random.chance(1, 2) ? between(1000, 8000) : between(60'000, 600'000);
  s.offer_patience = between(50, 500);
  s.failover_timeout = random.chance(1, 8) ? milliseconds(0) : between(2000, 20'000);
  s.safety = between(10'000, 40'000);
  s.fault_every = random.chance(1, 8) ? milliseconds(0) : between(300, 4000);
  s.has_master_restarts = s.masters > 1 ? random.chance(3, 4) : random.chance(1, 3);
  s.has_agent_restarts = random.chance(1, 2);
  s.has_partitions = random.chance(2, 3);
  s.has_slow_readers = random.chance(1, 4);
  s.has_bad_calls = random.chance(1, 2);
  s.has_roles = random.chance(2, 3);
  s.has_quotas = random.chance(1, 2);
  s.has_operations = random.chance(1, 2);
  s.has_lots = random.chance(1, 2);
  s.has_regions = random.chance(1, 3);
  return s;
}

std::string to_string(const Scenario& s) {
  const auto ms = [](core::Duration d) { return d / milliseconds(1); };
  return fmt::format(
      "{} masters, lease {} ms, {} shards, {} agents, {} frameworks of {} tasks, heartbeat {} ms, "
      "re-register {} ms, offers "
      "{} ms, patience {} ms, failover {} ms, {} s of faults, one in {} "
      "ms{}{}{}{}{}{}{}{}{}{}",
      s.masters, ms(s.lease), s.shards, s.agents, s.frameworks, s.tasks, ms(s.heartbeat),
      ms(s.reregister_timeout), ms(s.offer_timeout), ms(s.offer_patience), ms(s.failover_timeout),
      s.safety / seconds(1), ms(s.fault_every), s.has_master_restarts ? ", harm to masters" : "",
      s.has_agent_restarts ? ", agent restarts" : "", s.has_partitions ? ", partitions" : "",
      s.has_slow_readers ? ", slow readers" : "", s.has_bad_calls ? ", bad calls" : "",
      s.has_roles ? ", roles" : "", s.has_quotas ? ", quotas" : "",
      s.has_operations ? ", operations" : "", s.has_lots ? ", lots" : "",
      s.has_regions ? ", regions" : "");
}

World::World(const Scenario& scenario, bool is_verbose)
    : sim_(scenario, is_verbose),
      network_(sim_),
      store_(sim_),
      operator_(sim_, network_, kOperatorNode) {
  for (std::uint32_t i = 0; i < scenario.masters; ++i) {
    masters_.push_back(std::make_unique<SimMaster>(sim_, network_, store_, i));
  }
  for (std::uint32_t i = 0; i < scenario.agents; ++i) {
    agents_.push_back(std::make_unique<SimAgent>(sim_, network_, i));
  }
  for (std::uint32_t i = 0; i < scenario.frameworks; ++i) {
    const auto habit = static_cast<Habit>(sim_.random.below(kHabits));
    frameworks_.push_back(
        std::make_unique<SimFramework>(sim_, network_, kFirstFrameworkNode + i, habit));
  }
}

bool World::run() {
  sim_.trace.note("{}", to_string(sim_.scenario));
  for (auto& master : masters_) master->start();
  for (auto& agent : agents_) agent->start();
  for (auto& framework : frameworks_) framework->start();
  operator_.start();
  if (sim_.scenario.fault_every > core::Duration{0}) schedule_fault();

  const core::TimePoint begin = sim_.now();
  const core::TimePoint calm_at = begin + sim_.scenario.safety;
  while (!sim_.checker.failed() && sim_.now() < calm_at) step();
  calm_down();

  std::string missing = "not looked yet";
  while (!sim_.checker.failed() && !missing.empty()) {
    for (std::uint64_t i = 0; i < kStepsBetweenLooks && !sim_.checker.failed(); ++i) step();
    check_hoarding();
    missing = unfinished();
    if (missing.empty()) break;
    if (sim_.now() > calm_at + kLiveness || sim_.queue.steps() > kMaxSteps) {
      sim_.checker.fail("no convergence {} s after the last fault: {}",
                        (sim_.now() - calm_at) / seconds(1), missing);
    }
  }
  operator_.stop_asking();
  while (!sim_.checker.failed() && !(is_at_rest() && operator_.unanswered() == 0)) {
    step();
    if (sim_.now() > calm_at + 2 * kLiveness) sim_.checker.fail("the shards do not come to rest");
  }
  if (!sim_.checker.failed()) check_at_rest();
  sim_.totals.steps = sim_.queue.steps();
  for (const auto& master : masters_) master->count();
  sim_.totals.simulated = sim_.now() - begin;
  return !sim_.checker.failed();
}

void World::step() {
  if (!sim_.queue.run_next()) return sim_.checker.fail("nothing happens any more");
  check_leaders();
  // Between two messages of shards the books must agree too; looking is not for free.
  if (sim_.queue.steps() % 16 != 0 || !is_at_rest()) return;
  const absl::Status status = core::check_cluster(leader()->shards());
  if (!status.ok()) sim_.checker.fail("{}", core::message_of(status));
  check_reservations(*leader());
}

const SimMaster* World::leader() const {
  const auto it = std::find_if(masters_.begin(), masters_.end(), [](const auto& master) {
    return master->serves() && master->may_send();
  });
  return it == masters_.end() ? nullptr : it->get();
}

void World::check_leaders() {
  if (masters_.size() == 1) return;
  const SimMaster* first = nullptr;
  for (const auto& master : masters_) {
    if (!master->may_send()) continue;
    if (first != nullptr) {
      return sim_.checker.fail("masters {} and {} may send at the same time", first->index(),
                               master->index());
    }
    first = master.get();
  }
}

bool World::is_at_rest() const {
  const SimMaster* master = leader();
  return master != nullptr && master->is_at_rest();
}

const SimAgent* World::find_agent(core::AgentId id) const {
  const auto it = std::find_if(agents_.begin(), agents_.end(),
                               [id](const auto& agent) { return agent->state().id == id; });
  return it == agents_.end() ? nullptr : it->get();
}

void World::check_reservations(const SimMaster& master) {
  for (const core::Shard* shard : master.shards()) {
    for (const auto& [id, record] : shard->agents) {
      const SimAgent* agent = find_agent(id);
      if (agent == nullptr || !agent->is_registered()) continue;
      if (record->state != core::AgentState::kActive || master.ledger().is_in_doubt(id)) continue;
      const bool is_pending = std::any_of(
          record->operations.begin(), record->operations.end(),
          [](const auto& entry) { return entry.second.state == core::OperationState::kPending; });
      const core::Resources known = core::select(
          record->total, true, [](const core::LotTags& tags) { return !tags.revocable; });
      if (is_pending || known == agent->state().total) continue;
      sim_.checker.fail("agent {} has {}, the master says {}", agent->node(),
                        to_string(agent->state().total), to_string(known));
    }
  }
}

bool World::is_hoarded_from(const SimMaster& master, const SimFramework& framework) const {
  if (!framework.must_be_offered() || !master.ledger().holds_nothing(framework.id())) return false;
  for (const auto& [id, offer] : master.ledger().offers()) {
    const auto holder = std::find_if(frameworks_.begin(), frameworks_.end(),
                                     [&](const auto& f) { return f->id() == offer.framework; });
    const bool is_hoarded = holder != frameworks_.end() && (*holder)->habit() == Habit::kHoarder &&
                            offer.since + sim_.scenario.offer_patience < sim_.now();
    const SimAgent* agent = find_agent(offer.agent);
    // One that everybody may be offered, and more than anybody's minimum.
    const bool is_for_all = agent != nullptr && agent->node() == 0;
    if (is_hoarded && is_for_all && offer.resources.cpus >= 500 && offer.resources.mem >= 32'000) {
      return true;
    }
  }
  return false;
}

void World::check_hoarding() {
  const SimMaster* master = leader();
  if (master == nullptr || !operator_.is_tidy()) return waits_since_.clear();
  if (std::exchange(waits_epoch_, master->epoch()) != master->epoch()) waits_since_.clear();
  std::size_t subscriptions = 0;
  for (const auto& framework : frameworks_) subscriptions += framework->subscriptions();
  const core::Duration longest =
      2 * static_cast<core::Duration::rep>(subscriptions) * sim_.scenario.offer_patience +
      kMailSlack;
  for (const auto& framework : frameworks_) {
    if (!is_hoarded_from(*master, *framework)) {
      waits_since_.erase(framework->node());
      continue;
    }
    const auto [it, is_new] = waits_since_.emplace(framework->node(), sim_.now());
    if (is_new) ++sim_.totals.hoarded;
    if (sim_.now() - it->second <= longest) continue;
    sim_.checker.fail("{}\n  waits for what others hoard, since {} ms", framework->describe(),
                      (sim_.now() - it->second) / milliseconds(1));
  }
}

std::string World::unfinished_agents() const {
  for (const auto& agent : agents_) {
    if (!agent->is_registered()) return fmt::format("agent {} is not registered", agent->node());
    if (!agent->runs_nothing()) return fmt::format("agent {} runs something", agent->node());
    for (const auto& [key, task] : agent->state().tasks) {
      return fmt::format("agent {} still has {}, {} of framework {}", agent->node(), key.id,
                         name_of(task->state), to_string(key.framework));
    }
    for (const agent::OperationOutcome& outcome : agent->state().operations.outcomes) {
      return fmt::format("agent {} still has operation '{}' of framework {}", agent->node(),
                         outcome.id, to_string(outcome.framework));
    }
  }
  return {};
}

// Feedback that a framework would still acknowledge, and operations that are under way.
std::string World::unfinished_operations(const core::AgentRecord& agent) const {
  for (const auto& [uuid, operation] : agent.operations) {
    const bool is_pending = operation.state == core::OperationState::kPending;
    if (!is_pending && sim_.checker.is_retired(operation.framework)) continue;
    return fmt::format("operation '{}' of {} on agent {} is {}", operation.id,
                       to_string(operation.framework), to_string(agent.id()),
                       name_of(operation.state));
  }
  return {};
}

std::string World::unfinished() const {
  const SimMaster* master = leader();
  if (master == nullptr) return "no master leads";
  if (!operator_.is_tidy()) return "the operator has not given everything back";
  for (const auto& framework : frameworks_) {
    if (!framework->is_done()) return framework->describe();
  }
  if (std::string agents = unfinished_agents(); !agents.empty()) return agents;
  return unfinished_books(*master);
}

std::string World::unfinished_books(const SimMaster& master) const {
  std::size_t active = 0;
  for (const core::Shard* shard : master.shards()) {
    for (const auto& [id, agent] : shard->agents) {
      if (agent->state != core::AgentState::kActive) continue;
      ++active;
      if (std::string open = unfinished_operations(*agent); !open.empty()) return open;
      if (master.ledger().is_in_doubt(id)) {
        const SimAgent* its = find_agent(id);
        return fmt::format(
            "agent {} and the master have not agreed: {} is to be undone; {} and {}", to_string(id),
            agent->failed == nullptr ? "nothing" : to_string(agent->failed->converted),
            to_string(agent->total), its == nullptr ? "it is gone" : to_string(its->state().total));
      }
      if (agent->used.empty()) continue;
      return fmt::format("{} is used on agent {} though nothing runs", to_string(agent->used),
                         to_string(id));
    }
  }
  if (active != agents_.size()) return fmt::format("{} agents are active", active);
  return {};
}

void World::check_at_rest() {
  const absl::Status status = core::check_cluster(leader()->shards());
  if (!status.ok()) sim_.checker.fail("at rest: {}", core::message_of(status));
  sim_.history.check_stored(store_.marks());
}

}  // namespace shoal::sim
