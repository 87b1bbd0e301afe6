#include "tests/sim/sim_election.h"

#include <algorithm>
#include <utility>

#include "master/lease_clock.h"

namespace shoal::sim {
namespace {

constexpr core::Duration kRetryPause = milliseconds(200);
const std::string kTooLate = "the lease could not be renewed in time";

}  // namespace

SimElection::SimElection(Sim& sim, SimStore& store, std::uint32_t index, Events events)
    : sim_(sim), store_(store), index_(index), events_(std::move(events)), thread_(sim.queue) {}

void SimElection::end() {
  ++round_;
  thread_.end();
  epoch_ = 0;
  deadline_ = hold_until_ = core::TimePoint{};
  leader_.reset();
}

core::TimePoint SimElection::deadline_of(core::TimePoint asked_at) const {
  if (sim_.scenario.broken == Break::kLease) return core::TimePoint::max();
  return core::TimePoint(master::lease_deadline(asked_at.time_since_epoch(), sim_.scenario.lease));
}

void SimElection::unless_moved(core::TimePoint when, std::function<void()> action) {
  thread_.at(when, [this, round = round_, action = std::move(action)] {
    if (round == round_) action();
  });
}

// --- not the leader ---

void SimElection::follow_after(core::Duration wait) {
  ++round_;
  unless_moved(sim_.now() + wait, [this] { follow(); });
}

void SimElection::follow() {
  ++round_;
  store_.look(index_, thread_.bound([this, round = round_](std::optional<std::uint32_t> found) {
    if (round == round_) on_look(found);
  }));
  unless_moved(sim_.now() + patience(), [this] {
    leader_.reset();
    follow_after(kRetryPause);
  });
}

void SimElection::on_look(std::optional<std::uint32_t> found) {
  if (!found.has_value() && sim_.now() >= hold_until_) return stand();
  leader_ = found == index_ ? std::nullopt : found;
  if (leader_.has_value()) hold_until_ = core::TimePoint{};
  follow_after(sim_.draw(milliseconds(50), milliseconds(300)));
}

void SimElection::stand() {
  ++round_;
  const SimStore::LeaseId lease = (std::uint64_t{index_} << 32) | ++leases_;
  store_.stand(
      index_, lease,
      thread_.bound([this, round = round_, lease, asked_at = sim_.now()](std::uint64_t epoch) {
        if (round == round_) on_stood(lease, asked_at, epoch);
      }));
  unless_moved(sim_.now() + patience(), [this, lease] {
    store_.revoke(index_, lease);
    follow_after(kRetryPause);
  });
}

void SimElection::on_stood(SimStore::LeaseId lease, core::TimePoint asked_at, std::uint64_t epoch) {
  if (epoch == 0) return follow_after(milliseconds(10));
  ++sim_.totals.elections;
  lease_ = lease;
  epoch_ = epoch;
  deadline_ = deadline_of(asked_at);
  renew_at_ = asked_at + sim_.scenario.lease / 3;
  hold_until_ = core::TimePoint{};
  leader_.reset();
  sim_.trace.note("master {} is elected, epoch {}", index_, epoch);
  events_.elected(epoch);
  lead();
}

// --- the leader ---

void SimElection::lead() {
  ++round_;
  unless_moved(std::min(renew_at_, deadline_), [this] { renew(); });
}

void SimElection::renew() {
  if (!may_send()) return end_term(kTooLate);
  if (sim_.now() < renew_at_) return lead();
  ++round_;
  store_.keep_alive(index_, lease_,
                    thread_.bound([this, round = round_, asked_at = sim_.now()](bool is_there) {
                      if (round == round_) on_renewed(asked_at, is_there);
                    }));
  unless_moved(std::min(sim_.now() + patience(), deadline_), [this] {
    renew_at_ = sim_.now() + kRetryPause;
    may_send() ? lead() : end_term(kTooLate);
  });
}

void SimElection::on_renewed(core::TimePoint asked_at, bool is_there) {
  if (!is_there) return end_term("the lease is over");
  if (!may_send()) return end_term(kTooLate);  // what is over stays over
  deadline_ = deadline_of(asked_at);
  renew_at_ = asked_at + sim_.scenario.lease / 3;
  lead();
}

void SimElection::give_up(const std::string& why) {
  if (epoch_ == 0) return;
  deadline_ = core::TimePoint{};
  hold_until_ = sim_.now() + sim_.scenario.lease;
  thread_.after(core::Duration{0}, [this, why, epoch = epoch_] {
    if (epoch == epoch_) end_term(why);
  });
}

void SimElection::verify() {
  if (epoch_ == 0) return;
  store_.look(index_, thread_.bound([this, epoch = epoch_](std::optional<std::uint32_t> found) {
    if (epoch == epoch_ && found != index_) end_term("another master leads");
  }));
}

void SimElection::end_term(const std::string& why) {
  ++sim_.totals.terms_lost;
  sim_.trace.note("master {} has led, epoch {}: {}", index_, epoch_, why);
  deadline_ = core::TimePoint{};
  epoch_ = 0;
  store_.revoke(index_, lease_);
  events_.lost();
  follow_after(milliseconds(1));
}

}  // namespace shoal::sim
