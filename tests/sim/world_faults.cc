// What goes wrong in a simulated world, and when.
#include <algorithm>

#include "tests/sim/world.h"

namespace shoal::sim {

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
    case 4:
      if (!sim_.scenario.has_master_restarts) break;
      if (sim_.scenario.masters > 1) return harm_a_master();
      if (!sim_.random.chance(1, 6)) break;
      return masters_[0]->die(sim_.draw(milliseconds(10), 2 * sim_.scenario.session_timeout),
                              false);
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
  SimAgent& agent = *agents_[sim_.random.below(agents_.size())];
  if (sim_.random.chance(1, 2)) return agent.crash();
  agent.restart(sim_.random.chance(1, 2));
}

// --- several masters ---

// Mostly the one that leads: the others have little to lose.
SimMaster& World::pick_master() {
  const std::size_t any = sim_.random.below(masters_.size());
  if (sim_.random.chance(1, 4)) return *masters_[any];
  const SimMaster* leads = leader();
  return *masters_[leads == nullptr ? any : leads->index()];
}

// Shorter than a lease, longer, or to the moment when it ends.
core::Duration World::draw_absence(const SimMaster& master) {
  const core::Duration lease = sim_.scenario.lease;
  switch (sim_.random.below(3)) {
    case 0:
      return sim_.draw(milliseconds(1), lease);
    case 1:
      return lease + sim_.draw(milliseconds(1), 2 * lease);
    default: {
      const core::Duration left = master.lease_end() - sim_.now();
      return std::clamp<core::Duration>(left + sim_.draw(-milliseconds(2), milliseconds(2)),
                                        milliseconds(1), lease);
    }
  }
}

void World::harm_a_master() {
  SimMaster& master = pick_master();
  switch (sim_.random.below(8)) {
    case 0:
      return master.die(sim_.draw(milliseconds(10), 2 * sim_.scenario.lease), false);
    case 1:
      return master.die(sim_.draw(milliseconds(10), 2 * sim_.scenario.lease), true);
    case 2:
    case 3:
      return master.freeze(draw_absence(master));
    case 4:
    case 5:
      return cut_a_master(master);
    case 6:
      return harm_the_store();
    default:
      return master.step_down();
  }
}

// From the store only, from agents only, or from all peers.
void World::cut_a_master(SimMaster& master) {
  const core::TimePoint until = sim_.now() + draw_absence(master);
  switch (sim_.random.below(3)) {
    case 0:
      ++sim_.totals.store_faults;
      sim_.trace.note("master {} is cut off from the store", master.index());
      return store_.cut(master.index(), until);
    case 1:
      ++sim_.totals.partitions;
      sim_.trace.note("master {} is cut off from the agents", master.index());
      for (const auto& agent : agents_) network_.cut(agent->node(), master.node(), until);
      return;
    default:
      ++sim_.totals.partitions;
      sim_.trace.note("master {} is cut off from all but the store", master.index());
      return network_.cut(master.node(), until);
  }
}

void World::harm_the_store() {
  ++sim_.totals.store_faults;
  const core::Duration lease = sim_.scenario.lease;
  if (sim_.random.chance(1, 2)) {
    sim_.trace.note("the store stops");
    return store_.stop(sim_.now() + sim_.draw(milliseconds(10), 2 * lease));
  }
  const core::Duration downtime = sim_.draw(milliseconds(10), 2 * lease);
  if (sim_.random.chance(2, 3)) return store_.cut_power_at_sync(downtime);
  store_.cut_power(downtime);
  for (const auto& master : masters_) {  // of all machines
    master->die(sim_.draw(milliseconds(10), 2 * lease), true);
  }
}

void World::calm_down() {
  sim_.is_calm = true;
  network_.heal();
  store_.heal();
  for (const auto& master : masters_) master->wake();
  sim_.trace.note("the faults are over");
}

}  // namespace shoal::sim
