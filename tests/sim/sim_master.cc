#include "tests/sim/sim_master.h"

#include <algorithm>

#include "core/limits.h"

namespace shoal::sim {
namespace {

// As in master/standby.cc.
constexpr core::Duration kLongestWait = milliseconds(4000);

const std::uint8_t* begin_of(const wire::FrameView& frame) {
  return frame.payload.data() - core::kFrameHeaderBytes;  // one buffer, see network
}

}  // namespace

SimMaster::SimMaster(Sim& sim, Network& network, SimStore& store, std::uint32_t index)
    : sim_(sim),
      network_(network),
      store_(store),
      index_(index),
      front_(sim.queue),
      serving_(sim.queue),
      election_(sim, store, index,
                {.elected = [this](std::uint64_t epoch) { on_elected(epoch); },
                 .lost = [this] { stop_serving(); }}) {
  network_.add_server(node(), this);
}

// --- the process ---

void SimMaster::start() {
  is_up_ = true;
  network_.set_listening(node(), true);
  if (!is_alone()) return election_.begin();
  const core::RegistryContents left = store_.registry().contents();
  sim_.history.on_loaded(0, store_.marks(), left);
  serve(left);
}

void SimMaster::die(core::Duration downtime, bool with_power) {
  if (!is_up_) return;
  sim_.trace.note("master {} dies{}", index_, with_power ? ", and its machine" : "");
  ++sim_.totals.master_restarts;
  is_up_ = false;
  ++life_;
  ++pauses_;
  network_.set_listening(node(), false);
  const std::vector<LinkId> links = network_.links_of(node());
  stop_serving();
  standing_by_.clear();
  for (const LinkId link : links) {
    network_.close(link, End::kServer);
    network_.sever(link, !with_power && sim_.random.chance(7, 8), false);
  }
  front_.end();
  election_.end();
  for (SimThread* thread : {&front_, &serving_, &election_.thread()}) thread->thaw();
  // A transaction that nobody has heard of is there or not, but not by half.
  if (is_alone()) store_.lose_unsynced();
  sim_.queue.after(downtime, [this, life = life_] {
    if (life == life_) start();
  });
}

void SimMaster::freeze(core::Duration length) {
  const bool is_frozen =
      front_.is_frozen() || serving_.is_frozen() || election_.thread().is_frozen();
  if (!is_up_ || is_frozen) return;
  ++sim_.totals.pauses;
  sim_.trace.note("master {} is frozen for {} us", index_, length / microseconds(1));
  for (SimThread* thread : {&front_, &serving_, &election_.thread()}) thread->freeze();
  sim_.queue.after(length, [this, pause = ++pauses_] {
    if (pause == pauses_) wake();
  });
}

// Nobody knows which thread runs first.
void SimMaster::wake() {
  if (!is_up_ || !front_.is_frozen()) return;
  sim_.trace.note("master {} wakes", index_);
  ++pauses_;
  for (SimThread* thread : {&front_, &serving_, &election_.thread()}) {
    sim_.queue.after(sim_.draw(core::Duration{0}, milliseconds(20)), [this, thread, life = life_] {
      if (life == life_) thread->thaw();
    });
  }
}

void SimMaster::step_down() {
  if (!is_up_ || !serves()) return;
  sim_.trace.note("master {} is asked to step down", index_);
  election_.give_up("an operator asked for it");
}

void SimMaster::count() const {
  if (ledger_ == nullptr) return;
  sim_.totals.operations += ledger_->operations_sent();
  sim_.totals.operations_failed += ledger_->operations_failed();
}

// --- terms ---

void SimMaster::on_elected(std::uint64_t epoch) {
  store_.load(index_, epoch, serving_.bound([this, epoch](const core::RegistryContents& left) {
    if (election_.epoch() != epoch || serves()) return;
    epoch_ = epoch;
    serve(left);
  }));
  serving_.after(sim_.scenario.lease, [this, epoch] {
    if (election_.epoch() != epoch || serves()) return;
    election_.give_up("the registry could not be loaded");
  });
}

core::ShardConfig SimMaster::config_of(std::uint32_t index) const {
  core::ShardConfig config;
  config.index = index;
  config.shards = sim_.scenario.shards;
  config.cluster_id = 0xc1u;
  config.version = "sim";
  config.epoch = epoch_;
  config.heartbeat_interval = sim_.scenario.heartbeat;
  config.session_timeout = sim_.scenario.session_timeout;
  config.agent_reregister_timeout = sim_.scenario.reregister_timeout;
  config.default_failover_timeout = sim_.scenario.reregister_timeout;
  config.offer_timeout = sim_.scenario.offer_timeout;
  config.offer_patience = sim_.scenario.offer_patience;
  if (sim_.scenario.has_regions) config.region = kHomeRegion;
  return config;
}

void SimMaster::serve(const core::RegistryContents& left) {
  const std::uint32_t count = sim_.scenario.shards;
  const auto first_generation = static_cast<std::uint32_t>(sim_.random.next());
  tables_ = std::make_unique<core::SharedTables>(count, first_generation);
  ledger_ = std::make_unique<Ledger>(sim_.checker, *tables_);
  for (std::uint32_t i = 0; i < count; ++i) {
    shards_.push_back(
        std::make_unique<SimShard>(sim_, *this, config_of(i), *tables_, sim_.random.next()));
  }
  core::recover_roles(*tables_, left);
  for (const auto& shard : shards_) shard->recover(left);
  sim_.trace.note("master {} serves with {} shards; its registry knows {} agents, {} frameworks",
                  index_, count, left.agents.size(), left.frameworks.size());
}

// All that it was goes, and all its connections.
void SimMaster::stop_serving() {
  serving_.end();
  count();
  for (const auto& [link, route] : std::exchange(routes_, {})) {
    network_.close(link, End::kServer);
  }
  links_.clear();
  last_mail_.clear();
  mail_under_way_ = 0;
  is_committing_ = false;
  waiting_.clear();
  shards_.clear();
  ledger_.reset();
  tables_.reset();
}

// --- the registry ---

// One transaction at a time, with all that waits.
void SimMaster::store(core::RegistryRow row) {
  waiting_.push_back({std::move(row), sim_.history.next_row()});
  if (!is_committing_) commit();
}

void SimMaster::commit() {
  const std::vector<SimStore::Row> rows = std::exchange(waiting_, {});
  is_committing_ = !rows.empty();
  if (!is_committing_) return;
  store_.commit(index_, epoch_, rows,
                serving_.bound([this, rows](bool is_done) { on_committed(rows, is_done); }));
  if (is_alone()) return;
  serving_.after(sim_.scenario.lease, [this, commit = ++commits_] {
    if (!is_committing_ || commit != commits_) return;
    election_.give_up("a write to the registry was not answered");
  });
}

void SimMaster::on_committed(const std::vector<SimStore::Row>& rows, bool is_done) {
  if (!is_done) return election_.give_up("the store does not let it write");
  for (const SimStore::Row& row : rows) sim_.history.on_stored(row.row, {epoch_, row.number});
  commit();
  for (const SimStore::Row& row : rows) {
    shards_[core::shard_of(row.row, sim_.scenario.shards)]->on_stored(1);
  }
}

// --- connections ---

void SimMaster::on_link_up(LinkId link) {
  front_.run([this, link] { take_link(link); });
}

void SimMaster::on_link_down(LinkId link) {
  front_.run([this, link] { lose_link(link); });
}

void SimMaster::on_link_frame(LinkId link, const wire::FrameView& frame) {
  if (!front_.is_frozen()) return take_frame(link, frame);
  const wire::ByteVector bytes(begin_of(frame), begin_of(frame) + frame.total_bytes());
  front_.run([this, link, bytes] {
    wire::FrameView kept;
    if (wire::next_frame(bytes, core::kMaxFrameBytes, &kept).ok()) take_frame(link, kept);
  });
}

void SimMaster::take_link(LinkId link) {
  if (!serves()) {
    standing_by_.insert(link);
    return;
  }
  Route& route = routes_[link];
  route.shard = static_cast<std::uint32_t>(sim_.random.below(shards_.size()));
  route.session = core::SessionId{next_session_++};
  links_[route.session] = link;
}

void SimMaster::take_frame(LinkId link, const wire::FrameView& frame) {
  if (standing_by_.contains(link)) {
    return stand_by(link, frame.header.correlation, sim_.now() + kLongestWait);
  }
  const auto it = routes_.find(link);
  if (it == routes_.end()) return;
  Route& route = it->second;
  if (route.is_in_transit) {
    route.waiting.emplace_back(begin_of(frame), begin_of(frame) + frame.total_bytes());
    return;
  }
  shards_[route.shard]->on_frame(route.session, frame);
}

void SimMaster::lose_link(LinkId link) {
  standing_by_.erase(link);
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

std::string SimMaster::known_leader() const {
  if (serves()) return master_address(index_);
  const std::optional<std::uint32_t> leader = election_.leader();
  return leader.has_value() ? master_address(*leader) : "";
}

// Tells the peer who leads; while nobody does it waits a little.
void SimMaster::stand_by(LinkId link, std::uint32_t correlation, core::TimePoint until) {
  if (!standing_by_.contains(link)) return;
  const std::string leader = known_leader();
  if (leader.empty() && sim_.now() < until) {
    return front_.after(sim_.draw(milliseconds(20), milliseconds(100)),
                        [this, link, correlation, until] { stand_by(link, correlation, until); });
  }
  ++sim_.totals.sent_on;
  wire::ByteVector frame;
  wire::encode(core::Refusal{.code = core::RefusalCode::kNotLeader,
                             .message = "this master is a standby",
                             .leader = leader},
               correlation, frame);
  network_.send(link, End::kServer, frame);
  network_.close(link, End::kServer);
  standing_by_.erase(link);
}

// As the gate of net/reactor_state.h: by the clock, at the last moment.
void SimMaster::send(LinkId link, wire::Bytes frame) {
  if (!may_send()) {
    ++sim_.totals.held_back;
    return;
  }
  sim_.history.on_sent(epoch_);
  wire::FrameView view;
  if (wire::next_frame(frame, core::kMaxFrameBytes, &view).ok() &&
      view.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kAgentRegistered)) {
    const auto message = wire::decode<core::AgentRegistered>(view.payload);
    if (message.ok()) sim_.history.on_agent_told(message->agent, store_.registry());
  }
  network_.send(link, End::kServer, frame);
}

bool SimMaster::is_at_rest() const {
  if (!serves() || mail_under_way_ > 0) return false;
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
  route.waiting.emplace_front(begin_of(frame), begin_of(frame) + frame.total_bytes());
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
  if (routes_.at(link).is_ended) lose_link(link);
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
