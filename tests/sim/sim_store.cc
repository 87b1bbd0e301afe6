#include "tests/sim/sim_store.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace shoal::sim {

SimStore::SimStore(Sim& sim) : sim_(sim), lease_(sim.scenario.lease) {
  // Less than what a lease is trusted less for it.
  if (!is_local()) lease_ += sim_.draw(-lease_ / 20, lease_ / 20);
}

// --- the way ---

core::Duration SimStore::draw_way() {
  if (is_local()) return core::Duration{0};
  if (sim_.random.chance(1, 64)) return sim_.draw(milliseconds(5), milliseconds(150));
  return sim_.draw(microseconds(50), milliseconds(3));
}

void SimStore::carry(std::uint32_t master, std::function<void()> what) {
  core::TimePoint due = sim_.now() + draw_way();
  if (const auto it = cut_until_.find(master); it != cut_until_.end() && it->second > due) {
    if (sim_.random.chance(1, 2)) return;
    due = it->second + draw_way();
  }
  sim_.queue.at(due, std::move(what));
}

void SimStore::call(std::uint32_t master, bool writes, Work work) {
  if (is_local()) return arrive(master, writes, std::move(work));
  carry(master, [this, master, writes, work = std::move(work)] { arrive(master, writes, work); });
}

void SimStore::arrive(std::uint32_t master, bool writes, Work work) {
  if (is_down_) return;
  if (sim_.now() < stopped_until_) {
    return sim_.queue.at(stopped_until_, [this, master, writes, work = std::move(work)] {
      arrive(master, writes, work);
    });
  }
  if (!writes) return carry(master, work());
  if (sim_.scenario.broken == Break::kSync) {
    carry(master, work());
    work = [] { return [] {}; };
  }
  waiting_.push_back({master, std::move(work)});
  if (!is_syncing_) sync();
}

// --- the disk ---

void SimStore::sync() {
  syncing_ = std::exchange(waiting_, {});
  is_syncing_ = !syncing_.empty();
  if (!is_syncing_) return;
  const core::Duration slowest = sim_.is_calm && !is_local() ? milliseconds(200) : seconds(2);
  const bool is_slow = sim_.random.chance(1, 50);
  const core::Duration time = is_slow ? sim_.draw(milliseconds(10), slowest)
                                      : sim_.draw(microseconds(100), milliseconds(10));
  sim_.queue.after(time, [this, boot = boot_] {
    if (boot == boot_) end_sync();
  });
  if (!cut_at_sync_for_.has_value()) return;
  sim_.queue.after(sim_.draw(core::Duration{0}, time),
                   [this, downtime = *cut_at_sync_for_] { cut_power(downtime); });
  cut_at_sync_for_.reset();
}

void SimStore::end_sync() {
  const std::vector<Write> done = std::exchange(syncing_, {});
  for (const Write& write : done) carry(write.master, write.work());
  if (sim_.scenario.broken == Break::kSync) synced_ = state_;
  sync();
}

void SimStore::lose_unsynced() {
  ++boot_;
  const std::size_t kept = sim_.random.below(syncing_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) syncing_[i].work();
  if (sim_.scenario.broken == Break::kSync) state_ = synced_;
  syncing_.clear();
  waiting_.clear();
  is_syncing_ = false;
}

void SimStore::cut_power(core::Duration downtime) {
  if (is_down_) return;
  sim_.trace.note("the store's power is cut for {} ms, {} writes are under way",
                  downtime / milliseconds(1), syncing_.size() + waiting_.size());
  expire();
  lose_unsynced();
  is_down_ = true;
  sim_.queue.after(downtime, [this] {
    is_down_ = false;
    if (leader_.has_value()) leader_->until = sim_.now() + lease_;
    sim_.trace.note("the store is there again");
  });
}

void SimStore::cut(std::uint32_t master, core::TimePoint until) {
  core::TimePoint& last = cut_until_[master];
  last = std::max(last, until);
}

void SimStore::stop(core::TimePoint until) { stopped_until_ = std::max(stopped_until_, until); }

void SimStore::heal() {
  cut_until_.clear();
  stopped_until_ = core::TimePoint{};
  cut_at_sync_for_.reset();
}

// --- the leader key ---

void SimStore::expire() {
  if (!leader_.has_value() || sim_.now() < leader_->until) return;
  sim_.trace.note("the lease of master {} has run out", leader_->master);
  leader_.reset();
  ++revision_;
}

bool SimStore::leads(std::uint64_t epoch) {
  expire();
  return is_local() || (leader_.has_value() && leader_->epoch == epoch);
}

void SimStore::look(std::uint32_t master,
                    std::function<void(std::optional<std::uint32_t>)> answer) {
  call(master, false, [this, answer = std::move(answer)]() -> Answer {
    expire();
    std::optional<std::uint32_t> leader;
    if (leader_.has_value()) leader = leader_->master;
    return [answer, leader] { answer(leader); };
  });
}

void SimStore::stand(std::uint32_t master, LeaseId lease,
                     std::function<void(std::uint64_t)> answer) {
  call(master, true, [this, master, lease, answer = std::move(answer)]() -> Answer {
    expire();
    std::uint64_t epoch = 0;
    if (!leader_.has_value()) {
      epoch = ++revision_;
      leader_ = Leader{master, lease, epoch, sim_.now() + lease_};
      sim_.trace.note("master {} has the leader key, epoch {}", master, epoch);
    }
    return [answer, epoch] { answer(epoch); };
  });
}

void SimStore::keep_alive(std::uint32_t master, LeaseId lease, std::function<void(bool)> answer) {
  call(master, false, [this, lease, answer = std::move(answer)]() -> Answer {
    expire();
    const bool is_there = leader_.has_value() && leader_->lease == lease;
    if (is_there) leader_->until = sim_.now() + lease_;
    return [answer, is_there] { answer(is_there); };
  });
}

void SimStore::revoke(std::uint32_t master, LeaseId lease) {
  call(master, true, [this, lease]() -> Answer {
    if (leader_.has_value() && leader_->lease == lease) {
      leader_.reset();
      ++revision_;
    }
    return [] {};
  });
}

// --- the registry ---

void SimStore::load(std::uint32_t master, std::uint64_t epoch,
                    std::function<void(const core::RegistryContents&)> answer) {
  call(master, false, [this, epoch, answer = std::move(answer)]() -> Answer {
    const core::RegistryContents contents = registry().contents();
    if (leads(epoch)) sim_.history.on_loaded(epoch, marks(), contents);
    return [answer, contents] { answer(contents); };
  });
}

void SimStore::commit(std::uint32_t master, std::uint64_t epoch, std::vector<Row> rows,
                      std::function<void(bool)> answer) {
  call(master, true,
       [this, master, epoch, rows = std::move(rows), answer = std::move(answer)]() -> Answer {
         const bool may_write = leads(epoch) || sim_.scenario.broken == Break::kFence;
         if (may_write) {
           apply(epoch, rows);
         } else {
           sim_.trace.note("the store refuses {} rows of master {}", rows.size(), master);
         }
         return [answer, may_write] { answer(may_write); };
       });
}

void SimStore::apply(std::uint64_t epoch, const std::vector<Row>& rows) {
  ++revision_;
  sim_.history.on_written(epoch);
  for (const Row& row : rows) {
    state_.rows.apply(row.row);
    state_.marks[key_of(row.row)] = {epoch, row.number};
    // Also of a master that may tell nobody any more.
    const auto* framework = std::get_if<core::RegisteredFramework>(&row.row);
    if (framework == nullptr || framework->standing != core::FrameworkStanding::kRemoved) continue;
    sim_.checker.on_framework_retired(framework->id);
  }
}

}  // namespace shoal::sim
