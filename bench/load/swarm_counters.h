// What a swarm counts: one set for each of its threads, added up for people.
#pragma once

#include <cstdint>

#include "alloc/counters.h"

namespace shoal::load {

struct SwarmCounters {
  alloc::Counter registered;     // gauge
  alloc::Counter registrations;  // all there were
  alloc::Counter lost;           // sessions that ended though nobody here meant them to
  alloc::Counter gave_up;        // agents that the master will never take
  alloc::Counter failures;       // agents killed on purpose
  alloc::Counter disconnects;    // connections broken on purpose
  alloc::Counter tasks_started;
  alloc::Counter tasks_ended;
  alloc::Counter tasks;  // gauge
};

struct SwarmTotals {
  std::uint64_t registered = 0;
  std::uint64_t registrations = 0;
  std::uint64_t lost = 0;
  std::uint64_t gave_up = 0;
  std::uint64_t failures = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t tasks_started = 0;
  std::uint64_t tasks_ended = 0;
  std::uint64_t tasks = 0;

  void add(const SwarmCounters& of) {
    registered += of.registered.value();
    registrations += of.registrations.value();
    lost += of.lost.value();
    gave_up += of.gave_up.value();
    failures += of.failures.value();
    disconnects += of.disconnects.value();
    tasks_started += of.tasks_started.value();
    tasks_ended += of.tasks_ended.value();
    tasks += of.tasks.value();
  }
};

}  // namespace shoal::load
