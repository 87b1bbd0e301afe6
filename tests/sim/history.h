// What must hold over all masters of a run, whoever leads:
//
//   one writer    who speaks to peers is of no earlier term than whoever spoke before, and nothing
//                 is written for a term after a later one has read the registry
//   durability    a row that a master was told is stored is there for every later one, or a newer
//                 one of the same key; what peers are told, too: an agent that is registered, one
//                 that is declared gone, limits and guarantees
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/messages.h"
#include "core/registry.h"
#include "core/time.h"
#include "tests/core/kept_registry.h"
#include "tests/sim/checker.h"

namespace shoal::sim {

// Of the registry: the same for all rows that replace each other.
std::string key_of(const core::RegistryRow& row);

class History {
 public:
  // Which row it is, and who wrote it.
  struct Mark {
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;
    auto operator<=>(const Mark& other) const = default;
  };
  using Marks = std::map<std::string, Mark>;  // by key_of()

  explicit History(Checker& checker) : checker_(checker) {}

  // --- masters ---
  void on_sent(std::uint64_t epoch);
  void on_agent_told(core::AgentId agent, const core::KeptRegistry& stored);

  // --- the registry ---
  std::uint64_t next_row() { return ++rows_; }
  // A master was told that the row is durable.
  void on_stored(const core::RegistryRow& row, const Mark& mark);
  // In the store.
  void on_written(std::uint64_t epoch);
  void on_loaded(std::uint64_t epoch, const Marks& marks, const core::RegistryContents& contents);
  void check_stored(const Marks& marks);

  // --- an operator's calls, by a number that it gives each ---
  void on_asked(std::uint32_t call, const core::UpdateQuota& update, core::TimePoint now);
  void on_asked(std::uint32_t call, const core::ManageAgent& message);
  void on_answered(std::uint32_t call, bool is_done);
  // What is not answered by now may be done or not.
  void on_cut_off(core::TimePoint now);

 private:
  // What a role may be set to.
  struct Setting {
    std::uint32_t call = 0;
    core::Quantities limits = core::kNoLimits;
    core::Quantities guarantees;
    core::TimePoint asked_at{};
    core::TimePoint doubted_since = core::TimePoint::max();
    bool is_done = false;
  };

  void check_settings(const core::RegistryContents& contents);

  Checker& checker_;
  std::uint64_t rows_ = 0;
  std::uint64_t speaker_ = 0;  // the latest epoch of one
  std::uint64_t reader_ = 0;
  Marks stored_;
  std::map<std::string, std::vector<Setting>> settings_;  // by role, in the order of the calls
  std::map<std::uint32_t, core::AgentId> going_;          // by call
  std::set<core::AgentId> gone_;
};

}  // namespace shoal::sim
