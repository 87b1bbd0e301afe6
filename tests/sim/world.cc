#include "tests/sim/world.h"

#include <utility>

#include "core/invariants.h"
#include "core/status.h"

namespace shoal::sim {
namespace {

// How long everything may take to converge once the faults are over. Covers the longest waits that
// the code allows itself: an update is resent after a minute at most, a void session is noticed
// within the first session timeout of 15 s, a framework waits half a minute for a missing task.
constexpr core::Duration kLiveness = seconds(400);
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
  s.shards = static_cast<std::uint32_t>(1 + random.below(4));
  s.agents = static_cast<std::uint32_t>(1 + random.below(8));
  s.frameworks = static_cast<std::uint32_t>(1 + random.below(5));
  s.tasks = static_cast<std::uint32_t>(10 + random.below(40));
  s.heartbeat = between(200, 1000);
  s.session_timeout = 3 * s.heartbeat;
  s.reregister_timeout = s.session_timeout + between(500, 6000);
  s.offer_timeout = between(1000, 8000);
  s.failover_timeout = random.chance(1, 8) ? milliseconds(0) : between(2000, 20'000);
  s.safety = between(10'000, 40'000);
  s.fault_every = random.chance(1, 8) ? milliseconds(0) : between(300, 4000);
  s.has_master_restarts = random.chance(1, 3);
  s.has_agent_restarts = random.chance(1, 2);
  s.has_partitions = random.chance(2, 3);
  s.has_slow_readers = random.chance(1, 4);
  s.has_bad_calls = random.chance(1, 2);
  return s;
}

std::string to_string(const Scenario& s) {
  const auto ms = [](core::Duration d) { return d / milliseconds(1); };
  return fmt::format(
      "{} shards, {} agents, {} frameworks of {} tasks, heartbeat {} ms, re-register {} ms, offers "
      "{} ms, failover {} ms, {} s of faults, one in {} ms{}{}{}{}{}",
      s.shards, s.agents, s.frameworks, s.tasks, ms(s.heartbeat), ms(s.reregister_timeout),
      ms(s.offer_timeout), ms(s.failover_timeout), s.safety / seconds(1), ms(s.fault_every),
      s.has_master_restarts ? ", master restarts" : "",
      s.has_agent_restarts ? ", agent restarts" : "", s.has_partitions ? ", partitions" : "",
      s.has_slow_readers ? ", slow readers" : "", s.has_bad_calls ? ", bad calls" : "");
}

World::World(const Scenario& scenario, bool is_verbose)
    : sim_(scenario, is_verbose),
      network_(sim_),
      master_(sim_, network_),
      operator_(sim_, network_, kOperatorNode) {
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
  master_.start();
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
    missing = unfinished();
    if (missing.empty()) break;
    if (sim_.now() > calm_at + kLiveness || sim_.queue.steps() > kMaxSteps) {
      sim_.checker.fail("no convergence {} s after the last fault: {}",
                        (sim_.now() - calm_at) / seconds(1), missing);
    }
  }
  operator_.stop_asking();
  while (!sim_.checker.failed() && !(master_.is_at_rest() && operator_.unanswered() == 0)) {
    step();
    if (sim_.now() > calm_at + 2 * kLiveness) sim_.checker.fail("the shards do not come to rest");
  }
  if (!sim_.checker.failed()) check_at_rest();
  sim_.totals.steps = sim_.queue.steps();
  sim_.totals.simulated = sim_.now() - begin;
  return !sim_.checker.failed();
}

void World::step() {
  if (!sim_.queue.run_next()) return sim_.checker.fail("nothing happens any more");
  // Between two messages of shards the books must agree too; looking is not for free.
  if (sim_.queue.steps() % 16 != 0 || !master_.is_at_rest()) return;
  const absl::Status status = core::check_cluster(master_.shards());
  if (!status.ok()) sim_.checker.fail("{}", core::message_of(status));
}

void World::schedule_fault() {
  sim_.queue.after(sim_.draw(core::Duration{0}, 2 * sim_.scenario.fault_every), [this] {
    if (sim_.is_calm) return;
    make_fault();
    schedule_fault();
  });
}

void World::make_fault() {
  switch (sim_.random.below(8)) {
    case 0:
    case 1:
      if (sim_.scenario.has_partitions) return cut_a_node();
      break;
    case 2:
      if (sim_.scenario.has_agent_restarts) return restart_an_agent();
      break;
    case 3:
      if (sim_.scenario.has_master_restarts && sim_.random.chance(1, 3)) {
        return restart_the_master();
      }
      break;
    default:
      break;
  }
  break_a_link();
}

void World::break_a_link() {
  const std::vector<LinkId> links = network_.links();
  if (links.empty()) return;
  const LinkId link = links[sim_.random.below(links.size())];
  const std::uint64_t how = sim_.random.below(6);  // both sides notice, or one, or none
  const bool tell_client = how != 0 && how != 1;
  const bool tell_server = how != 0 && how != 2;
  ++sim_.totals.disconnects;
  if (!tell_client || !tell_server) ++sim_.totals.half_open;
  sim_.trace.note("link {} breaks, client {}, master {}", link, tell_client ? "told" : "not told",
                  tell_server ? "told" : "not told");
  network_.sever(link, tell_client, tell_server);
}

void World::cut_a_node() {
  const std::size_t pick = sim_.random.below(agents_.size() + frameworks_.size());
  const std::uint32_t node =
      pick < agents_.size() ? agents_[pick]->node() : frameworks_[pick - agents_.size()]->node();
  const Scenario& s = sim_.scenario;
  core::Duration length = sim_.draw(milliseconds(10), s.session_timeout);
  if (sim_.random.chance(1, 2)) length = s.session_timeout + sim_.draw(milliseconds(1), seconds(1));
  if (sim_.random.chance(1, 4)) length = s.reregister_timeout + s.session_timeout + seconds(2);
  ++sim_.totals.partitions;
  sim_.trace.note("node {} is cut off for {} ms", node, length / milliseconds(1));
  network_.cut(node, sim_.now() + length);
}

void World::restart_an_agent() {
  agents_[sim_.random.below(agents_.size())]->restart(sim_.random.chance(1, 2));
}

void World::restart_the_master() {
  master_.restart(sim_.draw(milliseconds(10), 2 * sim_.scenario.session_timeout));
}

void World::calm_down() {
  sim_.is_calm = true;
  network_.heal();
  sim_.trace.note("the faults are over");
}

std::string World::unfinished_agents() const {
  for (const auto& agent : agents_) {
    if (!agent->is_registered()) return fmt::format("agent {} is not registered", agent->node());
    if (!agent->runs_nothing()) return fmt::format("agent {} runs something", agent->node());
    for (const auto& [key, task] : agent->state().tasks) {
      // Of a framework that was removed by a master that has died since: nobody knows any more.
      if (sim_.scenario.has_master_restarts && sim_.checker.is_retired(key.framework)) continue;
      return fmt::format("agent {} still has {}, {} of framework {}", agent->node(), key.id,
                         name_of(task->state), to_string(key.framework));
    }
  }
  return {};
}

std::string World::unfinished() const {
  if (!master_.is_up()) return "the master is not up";
  for (const auto& framework : frameworks_) {
    if (!framework->is_done()) return framework->describe();
  }
  if (std::string agents = unfinished_agents(); !agents.empty()) return agents;
  std::size_t active = 0;
  for (const core::Shard* shard : master_.shards()) {
    for (const auto& [id, agent] : shard->agents) {
      if (agent->state != core::AgentState::kActive) continue;
      ++active;
      if (agent->used.empty()) continue;
      return fmt::format("{} is used on agent {} though nothing runs", to_string(agent->used),
                         to_string(id));
    }
  }
  if (active != agents_.size()) return fmt::format("{} agents are active", active);
  return {};
}

void World::check_at_rest() {
  const absl::Status status = core::check_cluster(master_.shards());
  if (!status.ok()) sim_.checker.fail("at rest: {}", core::message_of(status));
}

}  // namespace shoal::sim
