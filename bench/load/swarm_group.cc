#include "bench/load/swarm_group.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace shoal::load {
namespace {

// Registrations under way at once: enough to keep the master busy, few enough for its backlog.
constexpr std::size_t kDialsAtOnce = 256;
// Few enough that the kernel finds a free port at once.
constexpr std::uint32_t kAgentsPerSource = 4000;
constexpr std::chrono::seconds kDeadTime{2};
constexpr int kMaxNotes = 5;
constexpr std::chrono::milliseconds kScenarioTick{100};

}  // namespace

SwarmGroup::SwarmGroup(const SwarmOptions& options, net::MasterList masters, std::uint32_t first,
                       EndStamps* stamps)
    : options_(options),
      masters_(std::move(masters)),
      stamps_(stamps),
      random_(options.seed ^ (std::uint64_t{first} << 20) ^ 0x5a),
      fail_per_minute_(options.fail_per_minute),
      disconnect_per_minute_(options.disconnect_per_minute) {}

absl::StatusOr<std::unique_ptr<SwarmGroup>> SwarmGroup::create(
    const SwarmOptions& options, const net::MasterList& masters, std::size_t index,
    std::uint32_t first, std::uint32_t count, EndStamps* stamps) {
  std::unique_ptr<SwarmGroup> group(new SwarmGroup(options, masters, first, stamps));
  auto reactor = net::Reactor::create(index);
  if (!reactor.ok()) return reactor.status();
  group->reactor_ = *std::move(reactor);
  SwarmGroup* self = group.get();
  for (std::uint32_t i = 0; i < count; ++i) {
    group->agents_.push_back(std::make_unique<SwarmAgent>(*self, first + i));
  }
  group->timer_.emplace(*self->reactor_, [self] { self->on_timer(); });
  group->second_.emplace(*self->reactor_, [self] { self->on_second(); });
  group->target_ = options.scenario.empty() ? count : 0;
  group->scenario_timer_.emplace(*self->reactor_, [self] { self->follow_scenario(); });
  group->hook_ = self->reactor_->at_turn_end([self] { self->on_turn_end(); });
  return group;
}

SwarmGroup::~SwarmGroup() {
  agents_.clear();
  reactor_->remove_hook(hook_);
  scenario_timer_.reset();
  second_.reset();
  timer_.reset();
}

void SwarmGroup::start() {
  // Nothing may be opened before the thread has its table of descriptors.
  reactor_->post([this] {
    second_->start_repeating(std::chrono::seconds(1));
    began_ = reactor_->now();
    if (options_.scenario.empty()) return dial_more();
    scenario_timer_->start_repeating(kScenarioTick);
    follow_scenario();
  });
}

std::optional<net::SocketAddress> SwarmGroup::source_of(std::uint32_t number) const {
  // Where etcd is on this machine, so is who leads.
  const auto& hosts = masters_.etcd.has_value() ? masters_.etcd->members : masters_.addresses;
  const bool is_here = std::all_of(hosts.begin(), hosts.end(), [](const net::HostPort& host) {
    const auto address = net::SocketAddress::from_numeric(host);
    return address.ok() && address->is_loopback() && address->family() == AF_INET;
  });
  if (!is_here) return std::nullopt;
  // Each process has a network of its own: an earlier one's ports are not free for a minute.
  const std::uint32_t network = static_cast<std::uint32_t>(::getpid()) % 200 + 1;
  const std::uint32_t host = number / kAgentsPerSource + 2;
  const auto address = net::SocketAddress::from_numeric(
      {fmt::format("127.{}.{}.{}", network, host / 200, host % 200 + 2), 0});
  if (!address.ok()) return std::nullopt;
  return *address;
}

void SwarmGroup::dial_more() {
  while (next_to_dial_ < target_ && dialled_and_waiting_ < kDialsAtOnce) {
    ++dialled_and_waiting_;
    agents_[next_to_dial_++]->start();
  }
}

void SwarmGroup::on_registered() {
  counters_.registered.add();
  counters_.registrations.add();
  if (dialled_and_waiting_ > 0) --dialled_and_waiting_;
  dial_more();
}

void SwarmGroup::wake(SwarmAgent& agent) {
  if (std::exchange(agent.is_awake, true)) return;
  awake_.push_back(&agent);
}

void SwarmGroup::on_turn_end() {
  const core::TimePoint now = reactor_->now();
  while (!awake_.empty()) {
    SwarmAgent& agent = *awake_.back();
    awake_.pop_back();
    agent.is_awake = false;
    tick(agent, now);
  }
  if (!queue_.empty()) timer_->start_at(queue_.begin()->first);
}

void SwarmGroup::on_timer() {
  const core::TimePoint now = reactor_->now();
  for (const auto& [due, agent] : queue_) {
    if (due > now) break;
    wake(*agent);
  }
}

void SwarmGroup::tick(SwarmAgent& agent, core::TimePoint now) {
  const core::TimePoint next = agent.tick(now);
  if (next == agent.armed) return;
  if (agent.armed != core::TimePoint::max()) queue_.erase({agent.armed, &agent});
  agent.armed = next;
  if (next != core::TimePoint::max()) queue_.insert({next, &agent});
}

std::uint32_t SwarmGroup::struck(double per_minute) {
  const double expected = per_minute / 60 * static_cast<double>(agents_.size());
  const double whole = static_cast<double>(static_cast<std::uint32_t>(expected));
  const auto rest = static_cast<std::uint32_t>((expected - whole) * 1e6);
  return static_cast<std::uint32_t>(whole) + (random_.chance(rest, 1'000'000) ? 1 : 0);
}

void SwarmGroup::on_second() {
  const core::TimePoint now = reactor_->now();
  while (!dead_.empty() && dead_.front().first <= now) {
    dead_.front().second->start();
    dead_.erase(dead_.begin());
  }
  for (std::uint32_t i = struck(disconnect_per_minute_); i > 0; --i) {
    SwarmAgent& agent = *agents_[random_.below(agents_.size())];
    if (!agent.is_registered()) continue;
    counters_.disconnects.add();
    agent.break_connection();
  }
  for (std::uint32_t i = struck(fail_per_minute_); i > 0; --i) {
    SwarmAgent& agent = *agents_[random_.below(agents_.size())];
    if (!agent.is_registered()) continue;
    let_die(agent);
  }
}

void SwarmGroup::let_die(SwarmAgent& agent) {
  counters_.failures.add();
  agent.die();
  wake(agent);
  dead_.emplace_back(reactor_->now() + kDeadTime, &agent);
}

void SwarmGroup::follow_scenario() {
  const core::Duration since = reactor_->now() - began_;
  const std::size_t phase = options_.scenario.phase_at(since);
  if (phase != phase_) begin_phase(phase);
  // Each group has its part of them at any time.
  const double part =
      static_cast<double>(agents_.size()) / static_cast<double>(options_.scenario.most_agents());
  set_target(std::min(agents_.size(), static_cast<std::size_t>(
                                          std::lround(part * options_.scenario.agents_at(since)))));
}

void SwarmGroup::begin_phase(std::size_t phase) {
  phase_ = phase;
  for (SwarmAgent* agent : std::exchange(cut_, {})) agent->start();
  const Phase now =
      phase < options_.scenario.phases.size() ? options_.scenario.phases[phase] : Phase();
  fail_per_minute_ = now.fail_per_minute;
  disconnect_per_minute_ = now.disconnect_per_minute;
  for (std::size_t i = 0; i < next_to_dial_; ++i) {
    SwarmAgent& agent = *agents_[i];
    if (!agent.is_registered()) continue;
    if (agent.is_among(now.restart)) {
      let_die(agent);
    } else if (agent.is_among(now.cut)) {
      counters_.disconnects.add();
      agent.cut_off();
      cut_.push_back(&agent);
    }
  }
}

// From the end: who came last leaves first, for good or until there are to be more again.
void SwarmGroup::set_target(std::size_t agents) {
  target_ = agents;
  while (next_to_dial_ > target_) {
    SwarmAgent& agent = *agents_[--next_to_dial_];
    const bool is_dead =
        std::erase_if(dead_, [&](const auto& d) { return d.second == &agent; }) > 0;
    const bool is_cut = std::erase(cut_, &agent) > 0;
    const bool is_waiting = !is_dead && !is_cut && !agent.is_registered();
    if (is_waiting && dialled_and_waiting_ > 0) --dialled_and_waiting_;
    if (is_dead) continue;
    agent.die();
    wake(agent);
  }
  dial_more();
}

void SwarmGroup::note(std::string_view line) {
  if (notes_++ < kMaxNotes) fmt::print(stderr, "shoal swarm: {}\n", line);
}

}  // namespace shoal::load
