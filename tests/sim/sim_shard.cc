#include "tests/sim/sim_shard.h"

#include <utility>
#include <variant>

#include "core/invariants.h"
#include "core/registry.h"
#include "core/shard_handlers.h"
#include "core/status.h"
#include "tests/sim/sim_master.h"

namespace shoal::sim {
namespace {

constexpr int kOfferRounds = 4;

}  // namespace

void SimShard::on_frame(core::SessionId session, const wire::FrameView& frame) {
  master::Peer& peer = peers_.try_emplace(session, master::Peer{.session = session}).first->second;
  master_.ledger().on_received(session, frame);
  const master::Dispatched result = dispatch(shard_, *this, peer, frame, sim_.now());
  if (result.newer_epoch != 0) master_.on_newer_epoch();
  if (result.verdict == master::Verdict::kHandOver) {
    peers_.erase(session);
    master_.ledger().on_session_gone(session);
    master_.hand_over(session, frame, result.shard);
  }
  go_on();
}

void SimShard::on_closed(core::SessionId session) {
  const auto it = peers_.find(session);
  if (it == peers_.end()) return;
  const master::Peer peer = std::move(it->second);
  peers_.erase(it);
  master_.ledger().on_session_gone(session);
  on_peer_gone(shard_, *this, peer, sim_.now());
  go_on();
}

void SimShard::on_mail(core::ShardMessage message) {
  master_.ledger().on_mail_due(shard_.config.index, message);
  core::on_shard_message(shard_, *this, std::move(message), sim_.now());
  go_on();
}

void SimShard::on_timer(core::TimePoint armed_for) {
  if (armed_for_ != armed_for) return;
  armed_for_.reset();
  core::on_tick(shard_, *this, sim_.now());
  go_on();
}

void SimShard::on_stored(std::uint64_t rows) {
  core::on_stored(shard_, *this, rows, sim_.now());
  go_on();
}

void SimShard::recover(const core::RegistryContents& contents) {
  core::recover(shard_, *this, contents, sim_.now());
  go_on();
}

bool SimShard::store(core::RegistryRow row) {
  master_.store(std::move(row));
  return true;
}

void SimShard::deliver(core::SessionId to, wire::Bytes frame, master::Urgency /*urgency*/) {
  master_.ledger().on_sent(to, frame);
  const auto it = master_.links_.find(to);
  if (it != master_.links_.end()) master_.send(it->second, frame);
}

void SimShard::close(core::SessionId session) {
  peers_.erase(session);
  master_.ledger().on_session_gone(session);
  const auto it = master_.links_.find(session);
  if (it == master_.links_.end()) return;
  const LinkId link = it->second;
  sim_.trace.note("shard {} closes link {}", shard_.config.index, link);
  master_.links_.erase(it);
  master_.routes_.erase(link);
  master_.network_.close(link, End::kServer);
}

bool SimShard::is_slow(core::SessionId session) const {
  if (!sim_.scenario.has_slow_readers || sim_.is_calm) return false;
  const auto second = static_cast<std::uint64_t>(sim_.now().time_since_epoch() / seconds(1));
  return core::Random(session.value * 31 + second).chance(1, 8);
}

void SimShard::to_shard(std::uint32_t shard, core::ShardMessage message) {
  if (const auto* removed = std::get_if<core::FrameworkRemoved>(&message)) {
    if (master_.may_send()) sim_.checker.on_framework_retired(removed->id);
  }
  master_.ledger().on_mail_sent(shard_.config.index, message, sim_.now());
  if (shard == shard_.config.index) {
    own_.push_back(std::move(message));
  } else {
    master_.send_mail(shard_.config.index, shard, std::move(message));
  }
}

void SimShard::go_on() {
  check();
  if (is_turn_open_) return;
  if (sim_.random.chance(1, 2)) return end_turn();
  is_turn_open_ = true;
  master_.at(sim_.now() + sim_.draw(microseconds(1), milliseconds(1)), [this] { end_turn(); });
}

void SimShard::end_turn() {
  is_turn_open_ = false;
  drain_own();
  // As in master/service.cc.
  for (int round = 0; round < kOfferRounds; ++round) {
    core::on_turn_end(shard_, *this, sim_.now());
    drain_own();
    if (!core::has_work_left(shard_)) break;
  }
  if (core::has_work_left(shard_)) {
    shard_.deadlines.push(sim_.now(), core::DeadlineKind::kAllocate, 0);
  }
  check();
  const std::optional<core::TimePoint> next = core::next_deadline(shard_);
  if (!next.has_value() || next == armed_for_) return;
  armed_for_ = next;
  master_.at(*next, [this, when = *next] { on_timer(when); });
}

void SimShard::drain_own() {
  while (!own_.empty()) {
    core::ShardMessage message = std::move(own_.front());
    own_.pop_front();
    master_.ledger().on_mail_due(shard_.config.index, message);
    core::on_shard_message(shard_, *this, std::move(message), sim_.now());
  }
}

void SimShard::check() {
  master_.ledger().check(shard_);
  const absl::Status status = core::check_invariants(shard_);
  if (!status.ok()) {
    sim_.checker.fail("shard {}: {}", shard_.config.index, core::message_of(status));
  }
}

}  // namespace shoal::sim
