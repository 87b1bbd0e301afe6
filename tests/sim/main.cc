// shoal_sim: runs worlds from seeds. docs/SIMULATOR.md explains what it checks and how to use it.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "tests/sim/world.h"

namespace shoal::sim {

void Totals::add(const Totals& other) {
  steps += other.steps;
  frames += other.frames;
  launches += other.launches;
  tasks_ended += other.tasks_ended;
  written_off += other.written_off;
  kills += other.kills;
  bad_calls += other.bad_calls;
  refusals += other.refusals;
  rescinds += other.rescinds;
  disconnects += other.disconnects;
  half_open += other.half_open;
  partitions += other.partitions;
  hand_overs += other.hand_overs;
  agent_restarts += other.agent_restarts;
  master_restarts += other.master_restarts;
  framework_crashes += other.framework_crashes;
  teardowns += other.teardowns;
  failovers_missed += other.failovers_missed;
  unreachable += other.unreachable;
  queries += other.queries;
  operations += other.operations;
  operations_failed += other.operations_failed;
  feedback += other.feedback;
  quotas += other.quotas;
  managed += other.managed;
  elections += other.elections;
  terms_lost += other.terms_lost;
  pauses += other.pauses;
  store_faults += other.store_faults;
  sent_on += other.sent_on;
  held_back += other.held_back;
  hoarded += other.hoarded;
  simulated += other.simulated;
}

namespace {

// One seed in so many is run twice; both runs must leave the same trace.
constexpr std::uint64_t kRepeatOneIn = 10;

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 100;
  std::uint64_t masters = 0;  // 0: as the seed says
  Break broken = Break::kNone;
  bool is_verbose = false;
};

std::optional<Break> find_break(std::string_view name) {
  if (name == "lease") return Break::kLease;
  if (name == "fence") return Break::kFence;
  if (name == "sync") return Break::kSync;
  return std::nullopt;
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      options.is_verbose = true;
      continue;
    }
    if (name == "--break" && i + 1 < argc) {
      const std::optional<Break> broken = find_break(argv[++i]);
      if (!broken.has_value()) return std::nullopt;
      options.broken = *broken;
      continue;
    }
    std::uint64_t value = 0;
    if (i + 1 >= argc || !parse_number(argv[++i], value)) return std::nullopt;
    if (name == "--seeds") {
      options.seeds = value;
    } else if (name == "--first") {
      options.first = value;
    } else if (name == "--masters" && value >= 1 && value <= 3) {
      options.masters = value;
    } else if (name == "--seed") {
      options.first = value;
      options.seeds = 1;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

void report(const World& world, const Scenario& scenario) {
  fmt::print("seed {} FAILED at step {}: {}\n  {}\nThe last events:\n", scenario.seed,
             world.totals().steps, world.failure(), to_string(scenario));
  world.trace().print_tail();
  fmt::print("Replay: make sim SEED={}   (or shoal_sim --seed {} --verbose)\n\n", scenario.seed,
             scenario.seed);
}

bool run_seed(std::uint64_t seed, const Options& options, Totals& totals) {
  Scenario scenario = draw_scenario(seed);
  if (options.masters != 0) scenario.masters = static_cast<std::uint32_t>(options.masters);
  scenario.broken = options.broken;
  World world(scenario, options.is_verbose);
  const bool passed = world.run();
  if (!passed) report(world, scenario);
  totals.add(world.totals());
  if (!passed || (options.seeds > 1 && seed % kRepeatOneIn != 0)) return passed;
  World again(scenario, false);
  again.run();
  if (again.trace().hash() == world.trace().hash()) return true;
  fmt::print("seed {} FAILED: two runs differ (trace {:016x} and {:016x})\n", seed,
             world.trace().hash(), again.trace().hash());
  return false;
}

void print(const Totals& t) {
  fmt::print(
      "{} steps, {} frames, {} simulated seconds\n"
      "{} launches, {} tasks ended, {} written off, {} kills, {} rescinds, {} refusals, {} bad "
      "calls\n"
      "{} broken links ({} half-open), {} partitions, {} tasks unreachable, {} hand-overs\n"
      "{} agent restarts, {} master restarts, {} framework crashes, {} teardowns, {} failovers too "
      "late, {} queries\n"
      "{} operations ({} failed), {} updates of them, {} changes of quotas and weights, {} calls "
      "about whole agents, {} times others hoarded what a framework had to get\n"
      "{} elections, {} terms ended early, {} masters frozen, {} frames held back as the lease was "
      "over, {} faults of the store or the way to it, {} peers sent on by standbys\n",
      t.steps, t.frames, t.simulated / seconds(1), t.launches, t.tasks_ended, t.written_off,
      t.kills, t.rescinds, t.refusals, t.bad_calls, t.disconnects, t.half_open, t.partitions,
      t.unreachable, t.hand_overs, t.agent_restarts, t.master_restarts, t.framework_crashes,
      t.teardowns, t.failovers_missed, t.queries, t.operations, t.operations_failed, t.feedback,
      t.quotas, t.managed, t.hoarded, t.elections, t.terms_lost, t.pauses, t.held_back,
      t.store_faults, t.sent_on);
}

int run(const Options& options) {
  Totals totals;
  std::uint64_t failed = 0;
  const bool is_broken = options.broken != Break::kNone;
  // One failure is enough to show that what is wrong is noticed.
  for (std::uint64_t i = 0; i < options.seeds && (failed == 0 || !is_broken); ++i) {
    if (!run_seed(options.first + i, options, totals)) ++failed;
    std::fflush(stdout);
  }
  print(totals);
  fmt::print("{} passed, {} failed\n", options.seeds - failed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shoal::sim

int main(int argc, char** argv) {
  const auto options = shoal::sim::parse(argc, argv);
  if (!options.has_value()) {
    fmt::print(stderr,
               "usage: shoal_sim [--seeds N] [--first S] [--seed S] [--masters 1|2|3] "
               "[--break lease|fence|sync] [--verbose]\n");
    return 2;
  }
  return shoal::sim::run(*options);
}
