#include "tests/sim/sim_master.h"

#include "core/invariants.h"
#include "core/registry.h"
#include "core/shard_handlers.h"
#include "core/status.h"

namespace shoal::sim {

namespace {

constexpr int kOfferRounds = 4;

}  // namespace

// --- one shard ---

void SimShard::on_frame(core::SessionId session, const wire::FrameView& frame) {
  master::Peer& peer = peers_.try_emplace(session, master::Peer{.session = session}).first->second;
  sim_.ledger.on_received(session, frame);
  const master::Dispatched result = dispatch(shard_, *this, peer, frame, sim_.now());
  if (result.verdict == master::Verdict::kHandOver) {
    peers_.erase(session);
    sim_.ledger.on_session_gone(session);
    master_.hand_over(session, frame, result.shard);
  }
  go_on();
}

void SimShard::on_closed(core::SessionId session) {
  const auto it = peers_.find(session);
  if (it == peers_.end()) return;
  const master::Peer peer = it->second;
  peers_.erase(it);
  sim_.ledger.on_session_gone(session);
  on_peer_gone(shard_, *this, peer, sim_.now());
  go_on();
}

void SimShard::on_mail(core::ShardMessage message) {
  sim_.ledger.on_mail_due(shard_.config.index, message);
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
  sim_.ledger.on_sent(to, frame);
  const auto it = master_.links_.find(to);
  if (it != master_.links_.end()) master_.network_.send(it->second, End::kServer, frame);
}

void SimShard::close(core::SessionId session) {
  peers_.erase(session);
  sim_.ledger.on_session_gone(session);
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
  sim_.checker.on_shard_message(message);
  sim_.ledger.on_mail_sent(shard_.config.index, message, sim_.now());
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
    sim_.ledger.on_mail_due(shard_.config.index, message);
    core::on_shard_message(shard_, *this, std::move(message), sim_.now());
  }
}

void SimShard::check() {
  sim_.ledger.check(shard_);
  const absl::Status status = core::check_invariants(shard_);
  if (!status.ok()) {
    sim_.checker.fail("shard {}: {}", shard_.config.index, core::message_of(status));
  }
}

// --- the master ---

SimMaster::SimMaster(Sim& sim, Network& network) : sim_(sim), network_(network) {
  network_.set_server(this);
}

core::ShardConfig SimMaster::config_of(std::uint32_t index) const {
  core::ShardConfig config;
  config.index = index;
  config.shards = sim_.scenario.shards;
  config.cluster_id = 0xc1u;
  config.version = "sim";
  config.heartbeat_interval = sim_.scenario.heartbeat;
  config.session_timeout = sim_.scenario.session_timeout;
  config.agent_reregister_timeout = sim_.scenario.reregister_timeout;
  config.default_failover_timeout = sim_.scenario.reregister_timeout;
  config.offer_timeout = sim_.scenario.offer_timeout;
  config.offer_patience = sim_.scenario.offer_patience;
  if (sim_.scenario.has_regions) config.region = kHomeRegion;
  return config;
}

void SimMaster::start() {
  const std::uint32_t count = sim_.scenario.shards;
  const auto first_generation = static_cast<std::uint32_t>(sim_.random.next());
  tables_ = std::make_unique<core::SharedTables>(count, first_generation);
  sim_.ledger.on_master_started(*tables_);
  for (std::uint32_t i = 0; i < count; ++i) {
    shards_.push_back(
        std::make_unique<SimShard>(sim_, *this, config_of(i), *tables_, sim_.random.next()));
  }
  const core::RegistryContents left = registry_.contents();
  core::recover_roles(*tables_, left);
  for (const auto& shard : shards_) shard->recover(left);
  network_.set_listening(true);
  sim_.trace.note("the master starts with {} shards; its registry knows {} agents, {} frameworks",
                  count, left.agents.size(), left.frameworks.size());
}

// One transaction at a time, with all that waits.
void SimMaster::store(core::RegistryRow row) {
  waiting_.push_back(std::move(row));
  if (committing_.empty()) commit();
}

void SimMaster::commit() {
  committing_ = std::exchange(waiting_, {});
  if (committing_.empty()) return;
  const bool is_slow = sim_.random.chance(1, 50);
  const auto time = is_slow ? sim_.draw(milliseconds(10), seconds(2))
                            : sim_.draw(microseconds(100), milliseconds(10));
  at(sim_.now() + time, [this] {
    const auto rows = std::exchange(committing_, {});
    for (const core::RegistryRow& row : rows) registry_.apply(row);
    commit();
    for (const core::RegistryRow& row : rows) {
      shards_[core::shard_of(row, sim_.scenario.shards)]->on_stored(1);
    }
  });
}

void SimMaster::restart(core::Duration downtime) {
  if (!is_up()) return;
  ++life_;
  sim_.trace.note("the master dies");
  ++sim_.totals.master_restarts;
  network_.set_listening(false);
  const auto routes = std::exchange(routes_, {});
  for (const auto& [link, route] : routes) {
    network_.close(link, End::kServer);
    network_.sever(link, sim_.random.chance(7, 8), false);
  }
  links_.clear();
  last_mail_.clear();
  mail_under_way_ = 0;
  // A transaction that nobody has heard of is there or not, but not by half.
  if (sim_.random.chance(1, 2)) {
    for (const core::RegistryRow& row : committing_) registry_.apply(row);
  }
  committing_.clear();
  waiting_.clear();
  shards_.clear();
  tables_.reset();
  sim_.checker.on_master_restarted();
  sim_.queue.after(downtime, [this] { start(); });
}

void SimMaster::at(core::TimePoint when, std::function<void()> action) {
  sim_.queue.at(when, [this, life = life_, action = std::move(action)] {
    if (life == life_) action();
  });
}

bool SimMaster::is_at_rest() const {
  if (!is_up() || mail_under_way_ > 0) return false;
  for (const auto& shard : shards_) {
    if (!shard->is_idle()) return false;
  }
  return true;
}

std::vector<const core::Shard*> SimMaster::shards() const {
  std::vector<const core::Shard*> out;
  for (const auto& shard : shards_) out.push_back(&shard->state());
  return out;
}

void SimMaster::on_link_up(LinkId link) {
  Route& route = routes_[link];
  route.shard = static_cast<std::uint32_t>(sim_.random.below(shards_.size()));
  route.session = core::SessionId{next_session_++};
  links_[route.session] = link;
}

void SimMaster::on_link_frame(LinkId link, const wire::FrameView& frame) {
  const auto it = routes_.find(link);
  if (it == routes_.end()) return;
  Route& route = it->second;
  if (route.is_in_transit) {
    const auto* begin = frame.payload.data() - core::kFrameHeaderBytes;  // one buffer, see network
    route.waiting.emplace_back(begin, begin + frame.total_bytes());
    return;
  }
  shards_[route.shard]->on_frame(route.session, frame);
}

void SimMaster::on_link_down(LinkId link) {
  const auto it = routes_.find(link);
  if (it == routes_.end()) return;
  if (it->second.is_in_transit) {
    it->second.is_ended = true;
    return;
  }
  const Route route = std::move(it->second);
  routes_.erase(it);
  links_.erase(route.session);
  shards_[route.shard]->on_closed(route.session);
}

void SimMaster::hand_over(core::SessionId session, const wire::FrameView& frame,
                          std::uint32_t shard) {
  const LinkId link = links_.at(session);
  Route& route = routes_.at(link);
  sim_.trace.note("link {} is handed over from shard {} to {}", link, route.shard, shard);
  ++sim_.totals.hand_overs;
  links_.erase(session);
  const std::uint32_t from = std::exchange(route.shard, shard);
  route.session = core::SessionId{next_session_++};
  links_[route.session] = link;
  route.is_in_transit = true;
  const auto* begin = frame.payload.data() - core::kFrameHeaderBytes;
  route.waiting.emplace_front(begin, begin + frame.total_bytes());
  ++mail_under_way_;
  at(mail_due(from, shard), [this, link] {
    --mail_under_way_;
    adopt(link);
  });
}

void SimMaster::adopt(LinkId link) {
  const auto it = routes_.find(link);
  if (it == routes_.end()) return;
  it->second.is_in_transit = false;
  while (true) {
    const auto at = routes_.find(link);  // a frame may have closed it
    if (at == routes_.end()) return;
    if (at->second.waiting.empty()) break;
    const wire::ByteVector bytes = std::move(at->second.waiting.front());
    at->second.waiting.pop_front();
    wire::FrameView frame;
    if (wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok()) {
      shards_[at->second.shard]->on_frame(at->second.session, frame);
    }
  }
  if (routes_.at(link).is_ended) on_link_down(link);
}

core::TimePoint SimMaster::mail_due(std::uint32_t from, std::uint32_t to) {
  core::Duration delay = sim_.draw(microseconds(1), microseconds(500));
  if (sim_.random.chance(1, 32)) delay = sim_.draw(milliseconds(1), milliseconds(60));
  core::TimePoint& last = last_mail_[{from, to}];
  last = std::max(last, sim_.now() + delay);
  return last;
}

void SimMaster::send_mail(std::uint32_t from, std::uint32_t to, core::ShardMessage message) {
  ++mail_under_way_;
  // std::function wants a copyable action, so the message waits behind a pointer.
  auto waiting = std::make_shared<core::ShardMessage>(std::move(message));
  at(mail_due(from, to), [this, to, waiting] {
    --mail_under_way_;
    sim_.trace.note("mail for shard {}: alternative {}", to, waiting->index());
    shards_[to]->on_mail(std::move(*waiting));
  });
}

}  // namespace shoal::sim
