// Runs races under relacy: the proof over all interleavings, and the mutants that it must catch.
// A race is an rl::test_suite with kName and kMaxSwitches (switches between threads in one
// interleaving; 0 for all there are).
#pragma once

#include <cstdio>
#include <cstring>

// relacy has macros named like standard things: everything standard comes first.
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <ostream>
#include <streambuf>
#include <string>
#include <type_traits>

#include "core/offer_table.h"
#include "core/quota.h"

#pragma GCC diagnostic ignored "-Wpedantic"
#include <relacy/relacy.hpp>
// Its memory orders are macros that add a place; here both kinds of order are needed.
#undef memory_order_relaxed
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace shoal::model {

// What is broken on purpose; 0 for nothing. Each model numbers its own.
inline int mutant = 0;

struct Nothing : std::streambuf {
  int overflow(int c) override { return c; }
};

// Runs all interleavings of a race; true when it holds. `iterations`: how many were looked at.
// Under a mutant some will do: random ones, the same in every run.
template <typename Race>
bool holds(unsigned long* iterations) {
  rl::test_params params;
  if (mutant != 0) {
    params.search_type = rl::sched_random;
    params.iteration_count = 20'000;
  } else if (Race::kMaxSwitches != 0) {
    params.search_type = rl::sched_bound;
    params.context_bound = Race::kMaxSwitches;
  } else {
    params.search_type = rl::sched_full;
  }
  Nothing nothing;  // a failure that is expected is not worth its history
  std::ostream report(&nothing);
  params.output_stream = params.progress_stream = &report;
  const bool good = rl::simulate<Race>(params);
  *iterations = static_cast<unsigned long>(params.stop_iteration);
  return good;
}

struct Tally {
  bool all_hold = true;
  bool verbose = true;
  const char* caught_by = nullptr;
  unsigned long caught_at = 0;
  unsigned long total = 0;
};

template <typename... Races>
void run(Tally* tally) {
  const auto one = [tally](const char* name, bool (*holds_here)(unsigned long*)) {
    if (tally->caught_by != nullptr) return;  // one is enough
    unsigned long iterations = 0;
    const auto start = std::chrono::steady_clock::now();
    const bool good = holds_here(&iterations);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - start)
                        .count();
    tally->total += iterations;
    if (tally->verbose) {
      std::printf("%-50s %9lu interleavings %6ld ms  %s\n", name, iterations, static_cast<long>(ms),
                  good ? "ok" : "FAILED");
    }
    tally->all_hold &= good;
    if (!good && mutant != 0) {
      tally->caught_by = name;
      tally->caught_at = iterations;
    }
  };
  (one(Races::kName, &holds<Races>), ...);
}

// The proof: every race, all interleavings. Returns what main() returns.
inline int prove(void (*run_races)(Tally*)) {
  Tally tally;
  run_races(&tally);
  std::printf("%lu interleavings in all\n", tally.total);
  return tally.all_hold ? 0 : 1;
}

// Each mutant from 1 on must be caught by some race, or the proof proves nothing.
inline bool all_caught(void (*run_races)(Tally*), const char* const* names, int count) {
  bool good = true;
  for (mutant = 1; mutant < count; ++mutant) {
    Tally tally;
    tally.verbose = false;
    run_races(&tally);
    if (tally.caught_by == nullptr) {
      std::printf("%-40s SURVIVED %lu interleavings\n", names[mutant], tally.total);
      good = false;
    } else {
      std::printf("%-40s caught by \"%s\" at interleaving %lu\n", names[mutant], tally.caught_by,
                  tally.caught_at);
    }
  }
  return good;
}

// How many memory orders above relaxed a header names: each wants a mutant.
inline int strong_orders(const char* header) {
  std::ifstream file(std::string(SHOAL_SOURCE_DIR "/") + header);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  int strong = 0;
  for (const char* order : {"acquire", "release", "acq_rel", "seq_cst", "consume"}) {
    const std::string name = std::string("std::memory_order_") + order;
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) ++strong;
  }
  return strong;
}

// main(): the proof, or with --mutants the mutants.
inline int run_model(int argc, char** argv, void (*run_races)(Tally*), int (*run_mutants)()) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc > 1 && std::strcmp(argv[1], "--mutants") == 0) return run_mutants();
  return prove(run_races);
}

}  // namespace shoal::model
