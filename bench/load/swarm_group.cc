#include "bench/load/swarm_group.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace shoal::load {
namespace {

// Registrations under way at once: enough to keep the master busy, few enough for its backlog.
constexpr std::size_t kDialsAtOnce = 256;
// Few enough that the kernel finds a free port at once.
constexpr std::uint32_t kAgentsPerSource = 4000;
constexpr std::chrono::seconds kDeadTime{2};
constexpr int kMaxNotes = 5;

}  // namespace

SwarmGroup::SwarmGroup(const SwarmOptions& options, net::HostPort master, std::uint32_t first,
                       EndStamps* stamps)
    : options_(options),
      master_(std::move(master)),
      stamps_(stamps),
      random_(options.seed ^ (std::uint64_t{first} << 20) ^ 0x5a) {}

absl::StatusOr<std::unique_ptr<SwarmGroup>> SwarmGroup::create(
    const SwarmOptions& options, const net::HostPort& master, std::size_t index,
    std::uint32_t first, std::uint32_t count, EndStamps* stamps) {
  std::unique_ptr<SwarmGroup> group(new SwarmGroup(options, master, first, stamps));
  auto reactor = net::Reactor::create(index);
  if (!reactor.ok()) return reactor.status();
  group->reactor_ = *std::move(reactor);
  SwarmGroup* self = group.get();
  for (std::uint32_t i = 0; i < count; ++i) {
    group->agents_.push_back(std::make_unique<SwarmAgent>(*self, first + i));
  }
  group->timer_.emplace(*self->reactor_, [self] { self->on_timer(); });
  group->second_.emplace(*self->reactor_, [self] { self->on_second(); });
  group->hook_ = self->reactor_->at_turn_end([self] { self->on_turn_end(); });
  return group;
}

SwarmGroup::~SwarmGroup() {
  agents_.clear();
  reactor_->remove_hook(hook_);
  second_.reset();
  timer_.reset();
}

void SwarmGroup::start() {
  // Nothing may be opened before the thread has its table of descriptors.
  reactor_->post([this] {
    second_->start_repeating(std::chrono::seconds(1));
    dial_more();
  });
}

std::optional<net::SocketAddress> SwarmGroup::source_of(std::uint32_t number) const {
  const auto target = net::SocketAddress::from_numeric(master_);
  if (!target.ok() || !target->is_loopback() || target->family() != AF_INET) return std::nullopt;
  // Each process has a network of its own: an earlier one's ports are not free for a minute.
  const std::uint32_t network = static_cast<std::uint32_t>(::getpid()) % 200 + 1;
  const std::uint32_t host = number / kAgentsPerSource + 2;
  const auto address = net::SocketAddress::from_numeric(
      {fmt::format("127.{}.{}.{}", network, host / 200, host % 200 + 2), 0});
  if (!address.ok()) return std::nullopt;
  return *address;
}

void SwarmGroup::dial_more() {
  while (next_to_dial_ < agents_.size() && dialled_and_waiting_ < kDialsAtOnce) {
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
  for (std::uint32_t i = struck(options_.disconnect_per_minute); i > 0; --i) {
    SwarmAgent& agent = *agents_[random_.below(agents_.size())];
    if (!agent.is_registered()) continue;
    counters_.disconnects.add();
    agent.break_connection();
  }
  for (std::uint32_t i = struck(options_.fail_per_minute); i > 0; --i) {
    SwarmAgent& agent = *agents_[random_.below(agents_.size())];
    if (!agent.is_registered()) continue;
    counters_.failures.add();
    agent.die();
    wake(agent);
    dead_.emplace_back(now + kDeadTime, &agent);
  }
}

void SwarmGroup::note(std::string_view line) {
  if (notes_++ < kMaxNotes) fmt::print(stderr, "shoal swarm: {}\n", line);
}

}  // namespace shoal::load
