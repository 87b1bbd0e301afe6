// How one of several masters comes to lead, and ceases to: what master/leadership.cc does with
// etcd, with the simulated store and in made-up time. It trusts a lease as long as the real one
// does (master/lease_clock.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/time.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_thread.h"

namespace shoal::sim {

class SimElection {
 public:
  // On its thread.
  struct Events {
    std::function<void(std::uint64_t epoch)> elected;
    std::function<void()> lost;
  };

  SimElection(Sim& sim, SimStore& store, std::uint32_t index, Events events);

  // The process begins, and dies.
  void begin() { follow(); }
  void end();
  SimThread& thread() { return thread_; }

  // By the clock, which goes on while the process is frozen.
  bool may_send() const { return sim_.now() < deadline_; }
  core::TimePoint deadline() const { return deadline_; }
  std::uint64_t epoch() const { return epoch_; }  // 0: it does not lead
  // The other one that leads, as far as this one knows.
  std::optional<std::uint32_t> leader() const { return leader_; }

  // Ends the term, and leaves the next one to others. From any thread.
  void give_up(const std::string& why);
  // A peer claims to have seen a later leader.
  void verify();

 private:
  core::Duration patience() const { return sim_.scenario.lease / 3; }
  core::TimePoint deadline_of(core::TimePoint asked_at) const;
  void follow();
  void follow_after(core::Duration wait);
  void on_look(std::optional<std::uint32_t> found);
  void stand();
  void on_stood(SimStore::LeaseId lease, core::TimePoint asked_at, std::uint64_t epoch);
  void lead();
  void renew();
  void on_renewed(core::TimePoint asked_at, bool is_there);
  void end_term(const std::string& why);
  // Runs `action` if nothing else has happened by then; what is asked next counts as that.
  void unless_moved(core::TimePoint when, std::function<void()> action);

  Sim& sim_;
  SimStore& store_;
  const std::uint32_t index_;
  const Events events_;
  SimThread thread_;
  std::uint64_t round_ = 0;  // of questions: late answers are of no interest
  std::uint64_t leases_ = 0;
  SimStore::LeaseId lease_ = 0;
  std::uint64_t epoch_ = 0;
  core::TimePoint deadline_{};
  core::TimePoint renew_at_{};
  core::TimePoint hold_until_{};
  std::optional<std::uint32_t> leader_;
};

}  // namespace shoal::sim
