// What the allocator's decisions cost, in one shard, without network or mailbox: choosing,
// charging, publishing into the offer table, and composing the messages to frameworks.
//
// BM_FullPass/<agents>/<frameworks>/<roles>   all agents become free in one turn: one pass offers
//     each to the neediest framework. Time is one pass; `ns_per_agent` is per offer made.
// BM_QuotaPass/<roles>/<agents>   the same with one framework in each role, a limit on every role
//     that admits one agent, and a guarantee of half an agent on every tenth.
// BM_OneDecision/<frameworks>     one agent of 1,000 becomes free and is offered; frameworks in 100
//     roles, all of them holding offers or waiting. Time is the end of that turn.
//
// Agents have 8 cpus, 16 GiB, disk and 1,000 ports. What is out is taken back between two passes,
// untimed.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/agent_handlers.h"
#include "core/allocator.h"
#include "core/framework_handlers.h"
#include "core/quota_handlers.h"
#include "core/shard_handlers.h"

namespace shoal::core {
namespace {

using Clock = std::chrono::steady_clock;

// Delivers what a shard tells itself, but for offers: those stay unanswered.
class LoopOutbox final : public Outbox {
 public:
  void close(SessionId) override {}
  bool is_slow(SessionId) const override { return false; }
  void to_shard(std::uint32_t, ShardMessage message) override {
    if (const auto* out = std::get_if<OffersOut>(&message)) {
      offers += out->offers.size();
      ++messages;
      return;
    }
    if (!std::holds_alternative<OffersWithdrawn>(message)) mail.push_back(std::move(message));
  }
  std::size_t offers = 0;
  std::size_t messages = 0;
  std::deque<ShardMessage> mail;

 private:
  void send_message(SessionId, PeerMessage, std::uint32_t) override {}
};

class World {
 public:
  World(std::int64_t agents, std::int64_t frameworks, std::int64_t roles) {
    for (std::int64_t i = 0; i < frameworks; ++i) subscribe(fmt::format("role-{}", i % roles));
    RegisterAgent message;
    message.hostname = "host";
    message.resources = parse_resources("cpus:8;mem:16384;disk:100000;ports:[31000-31999]").value();
    for (std::int64_t i = 0; i < agents; ++i) {
      message.incarnation = static_cast<std::uint64_t>(i) + 1;
      on_register_agent(shard, outbox, next_session(), AgentId(), message, now);
    }
    deliver();
  }

  void set_quotas(std::int64_t roles) {
    UpdateQuota message;
    message.force = true;
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < roles; ++i) names.push_back(fmt::format("role-{}", i));
    for (std::int64_t i = 0; i < roles; ++i) {
      QuotaConfig config;
      config.role = names[static_cast<std::size_t>(i)];
      config.limits = {{8000, 16'384'000, kNoLimit, kNoLimit}};
      if (i % 10 == 0) config.guarantees = {{4000, 8'192'000, 0, 0}};
      message.configs.push_back(config);
    }
    on_update_quota(shard, outbox, next_session(), message, 0, now);
    deliver();
  }

  // Every offer is back, and every agent free and dirty.
  void take_back() {
    while (const auto oldest = tables.offers.oldest(0)) {
      rescind_offer(shard, outbox, *oldest, RescindCause::kOperator);
    }
    for (auto& [id, agent] : shard.agents) mark_dirty(shard, *agent);
    outbox.offers = outbox.messages = 0;
  }

  // Seconds for the end of the turn.
  double pass() {
    const Clock::time_point begin = Clock::now();
    allocate(shard, outbox, now);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  void deliver() {
    while (!outbox.mail.empty()) {
      ShardMessage message = std::move(outbox.mail.front());
      outbox.mail.pop_front();
      on_shard_message(shard, outbox, std::move(message), now);
    }
  }

  SharedTables tables{1, 1};
  Shard shard{ShardConfig(), tables, 7};
  LoopOutbox outbox;
  TimePoint now{std::chrono::hours(1)};

 private:
  SessionId next_session() { return {++sessions_}; }
  void subscribe(const std::string& role) {
    Subscribe message;
    message.name = "bench";
    message.user = "bench";
    message.roles = {role};
    on_subscribe(shard, outbox, next_session(), FrameworkId(), message, 0, now);
  }
  std::uint64_t sessions_ = 0;
};

void run_passes(World& world, benchmark::State& state) {
  std::size_t offers = 0;
  for (auto _ : state) {
    world.take_back();
    state.SetIterationTime(world.pass());
    offers = world.outbox.offers;
  }
  state.counters["offers"] = static_cast<double>(offers);
  state.counters["messages"] = static_cast<double>(world.outbox.messages);
  state.counters["ns_per_agent"] = benchmark::Counter(
      static_cast<double>(offers) / 1e9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void BM_FullPass(benchmark::State& state) {
  World world(state.range(0), state.range(1), state.range(2));
  run_passes(world, state);
}
BENCHMARK(BM_FullPass)
    ->Args({1000, 100, 10})
    ->Args({10'000, 1000, 100})
    ->Args({10'000, 10'000, 1000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void BM_QuotaPass(benchmark::State& state) {
  World world(state.range(1), state.range(0), state.range(0));
  world.set_quotas(state.range(0));
  run_passes(world, state);
}
BENCHMARK(BM_QuotaPass)
    ->Args({300, 300})
    ->Args({3000, 3000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void BM_OneDecision(benchmark::State& state) {
  constexpr std::int64_t kAgents = 1000;
  World world(kAgents, state.range(0), 100);
  world.take_back();
  world.pass();
  for (auto _ : state) {
    // The oldest offer comes back; its agent goes to whoever is next.
    rescind_offer(world.shard, world.outbox, *world.tables.offers.oldest(0),
                  RescindCause::kOperator);
    state.SetIterationTime(world.pass());
  }
}
BENCHMARK(BM_OneDecision)->Arg(100)->Arg(1000)->Arg(10'000)->UseManualTime();

}  // namespace
}  // namespace shoal::core
