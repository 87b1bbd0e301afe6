// The store that several masters share, as etcd is to real ones: the leader key with its lease, and
// the rows of the registry, which only the master can write that made the key.
//
//   a write    waits for the sync that is under way, is done when the next one has ended, all that
//              waited in one go, and is answered then
//   a cut      of one master: what it asks and is answered is lost, or arrives when it is over
//   a stop     of the store: what arrives waits; leases run on
//   power      is cut: what was not synced is lost, or some of it; then leases run anew
//
// With one master it is that one's database: there is no way to it, and no key.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/registry.h"
#include "core/time.h"
#include "tests/core/kept_registry.h"
#include "tests/sim/history.h"
#include "tests/sim/sim.h"

namespace shoal::sim {

class SimStore {
 public:
  struct Row {
    core::RegistryRow row;
    std::uint64_t number = 0;  // of History::next_row()
  };
  using LeaseId = std::uint64_t;  // chosen by the master, never again

  explicit SimStore(Sim& sim);

  // --- what masters ask; the answer comes later, or never ---
  void look(std::uint32_t master, std::function<void(std::optional<std::uint32_t>)> answer);
  // Its epoch; 0: another one leads.
  void stand(std::uint32_t master, LeaseId lease, std::function<void(std::uint64_t)> answer);
  // False: there is no such lease.
  void keep_alive(std::uint32_t master, LeaseId lease, std::function<void(bool)> answer);
  void revoke(std::uint32_t master, LeaseId lease);
  void load(std::uint32_t master, std::uint64_t epoch,
            std::function<void(const core::RegistryContents&)> answer);
  // All rows or none. False: none, as the key is not that of `epoch`.
  void commit(std::uint32_t master, std::uint64_t epoch, std::vector<Row> rows,
              std::function<void(bool)> answer);

  // --- faults ---
  void cut(std::uint32_t master, core::TimePoint until);
  void stop(core::TimePoint until);
  void cut_power(core::Duration downtime);
  // The same, in the middle of the next sync.
  void cut_power_at_sync(core::Duration downtime) { cut_at_sync_for_ = downtime; }
  // What no sync has ended for is lost, or some of it.
  void lose_unsynced();
  void heal();

  const core::KeptRegistry& registry() const { return state_.rows; }
  const History::Marks& marks() const { return state_.marks; }

 private:
  using Answer = std::function<void()>;
  using Work = std::function<Answer()>;
  struct Write {
    std::uint32_t master = 0;
    Work work;
  };
  struct State {
    core::KeptRegistry rows;
    History::Marks marks;
  };
  struct Leader {
    std::uint32_t master = 0;
    LeaseId lease = 0;
    std::uint64_t epoch = 0;
    core::TimePoint until;
  };

  bool is_local() const { return sim_.scenario.masters == 1; }
  core::Duration draw_way();
  void carry(std::uint32_t master, std::function<void()> what);
  void call(std::uint32_t master, bool writes, Work work);
  void arrive(std::uint32_t master, bool writes, Work work);
  void sync();
  void end_sync();
  void expire();
  bool leads(std::uint64_t epoch);
  void apply(std::uint64_t epoch, const std::vector<Row>& rows);

  Sim& sim_;
  core::Duration lease_;  // by the store's clock, which is not that of the masters
  State state_;
  State synced_;  // only for Break::kSync
  std::optional<Leader> leader_;
  std::uint64_t revision_ = 1;
  std::vector<Write> waiting_;
  std::vector<Write> syncing_;
  bool is_syncing_ = false;
  bool is_down_ = false;
  std::uint64_t boot_ = 0;
  std::optional<core::Duration> cut_at_sync_for_;
  core::TimePoint stopped_until_{};
  std::map<std::uint32_t, core::TimePoint> cut_until_;
};

}  // namespace shoal::sim
