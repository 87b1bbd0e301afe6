#include "master/service.h"

#include <fmt/core.h>

#include <utility>

#include "core/registry.h"
#include "core/shard_handlers.h"
#include "core/status.h"
#include "net/clock.h"
#include "net/flight_recorder.h"

namespace shoal::master {
namespace {

// What frameworks of the own shard turn down at once is offered again in the same turn, as often.
constexpr int kOfferRounds = 4;
constexpr std::chrono::seconds kRefusalLineInterval{1};

// More than kRushFrames in kRushWindow that could wait: let them.
constexpr std::chrono::milliseconds kRushWindow{50};
constexpr std::size_t kRushFrames = 50;

bool is_known(const Peer& peer) { return peer.agent.valid() || peer.framework.valid(); }
std::string id_of(const Peer& peer) {
  return peer.agent.valid() ? core::to_string(peer.agent) : core::to_string(peer.framework);
}

}  // namespace

Service::Service(net::Reactor& reactor, core::ShardConfig config, core::SharedTables& tables,
                 std::uint64_t seed, std::uint64_t incarnation, const Protection& protection)
    : reactor_(reactor),
      shard_(std::move(config), tables, seed),
      gc_timer_(reactor, [this] { on_collect(); }),
      deadline_timer_(reactor,
                      [this] {
                        armed_for_.reset();
                        core::on_tick(shard_, *this, reactor_.now());
                      }),
      admission_(reactor.counters(), protection.busy_lag, seed),
      throttle_timer_(reactor, [this] { take_held(); }),
      api_(
          reactor, shard_, *this,
          [this](std::uint32_t to, ApiMail mail) { send_api(to, std::move(mail)); }, incarnation,
          admission_) {
  if (protection.rate_limits != nullptr) throttle_.emplace(*protection.rate_limits);
  turn_end_hook_ = reactor_.at_turn_end([this] { end_turn(); });
}

Service::~Service() { reactor_.remove_hook(turn_end_hook_); }

void Service::join(MailGrid& grid, net::HandOver* hand_over, net::Log* log) {
  grid_ = &grid;
  hand_over_ = hand_over;
  log_ = log;
  grid.receive(shard_.config.index,
               [this](std::size_t /*from*/, Mail&& mail) { on_mail(std::move(mail)); });
  if (hand_over == nullptr) return;
  hand_over->receive(
      [this](net::DetachedConnection detached) { adopt(std::move(detached)); },
      [this](std::size_t count, const absl::Status& why) { on_refused(count, why); });
}

void Service::recover(const core::RegistryContents& contents, RegistryWriter& writer) {
  core::recover(shard_, *this, contents, net::monotonic_now());
  writer_ = &writer;
  for (const core::RegisteredAgent& agent : contents.agents) {
    if (shard_.home_of(agent.id) == shard_.config.index) ages_.note(agent);
  }
  for (const core::RegisteredFramework& framework : contents.frameworks) {
    if (shard_.home_of(framework.id) == shard_.config.index) ages_.note(framework);
  }
  reactor_.post([] {});  // a turn, for what that has put into mailboxes
}

void Service::collect_registry(const core::RegistryGcLimits& limits) {
  gc_limits_ = limits;
  gc_timer_.start_repeating(limits.interval);
}

void Service::on_collect() {
  const core::TimePoint now = reactor_.now();
  const std::size_t away = core::forget_old_agents(shard_, *this, gc_limits_, now);
  std::vector<core::RegistryRow> rows = ages_.take_old(
      shard_.wall_ms(now), gc_limits_.max_agent_age, gc_limits_.max_agents / shard_.config.shards);
  const std::size_t over = rows.size();
  for (core::RegistryRow& row : rows) core::store(shard_, *this, std::move(row));
  if (away + over == 0) return;
  forgotten_.add(away + over);
  net::log_line(log_, core::LogModule::kRegistry, core::LogLevel::kInfo,
                "the registry forgets what is over for long",
                {{"unreachable", away}, {"gone_or_removed", over}});
}

void tune(core::ShardConfig& config, const MasterTuning& tuning) {
  config.offer_timeout = tuning.offer_timeout;
  config.offer_patience = tuning.offer_patience;
  config.minimums = tuning.minimums.empty() ? core::ShardConfig().minimums : tuning.minimums;
  config.filter_gpus = tuning.filter_gpus;
}

void Service::tune(const MasterTuning& tuning) {
  master::tune(shard_.config, tuning);
  admission_.set_lag_limit(tuning.busy_lag);
}

void Service::on_stored(std::uint64_t rows) {
  core::on_stored(shard_, *this, rows, reactor_.now());
}

void Service::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  const core::SessionId session{connection.id()};
  Peer& peer = peers_.try_emplace(session, Peer{.session = session}).first->second;
  if (throttle_.has_value() && holds_back(peer, frame)) return;
  handle(connection, peer, frame);
}

void Service::handle(net::Connection& connection, Peer& peer, const wire::FrameView& frame) {
  const bool was_greeted = peer.greeted;
  const bool was_known = is_known(peer);
  const Dispatched result = dispatch(shard_, *this, peer, frame, reactor_.now(), &admission_);
  switch (result.verdict) {
    case Verdict::kHandled:
      if (!was_greeted && peer.greeted) connection.set_authenticated();
      if (!was_known && is_known(peer)) note_peer(connection, peer);
      break;
    case Verdict::kClosed:
      if (result.newer_epoch != 0 && newer_epoch_) newer_epoch_(result.newer_epoch);
      break;
    case Verdict::kHandOver:
      peers_.erase(core::SessionId{connection.id()});
      hand_over(connection, frame, result.shard);
      break;
  }
}

// A framework's call over its rate: it waits, or is turned down.
bool Service::holds_back(Peer& peer, const wire::FrameView& frame) {
  const core::TimePoint now = reactor_.now();
  switch (throttle_->on_call(peer.session, frame, now)) {
    case Throttle::Answer::kGo:
      return false;
    case Throttle::Answer::kWaits:
      arm_throttle();
      return true;
    case Throttle::Answer::kFull:
      break;
  }
  const std::string why = throttle_->describe_full(peer.session);
  const core::Duration wait = throttle_->retry_after(peer.session, now);
  (void)turn_down(shard_, *this, peer, frame, overloaded(why, wait), now);
  return true;
}

void Service::take_held() {
  throttle_armed_for_.reset();
  while (const std::optional<HeldCall> call = throttle_->take(reactor_.now())) {
    net::Connection* connection = reactor_.find_connection(call->session.value);
    const auto peer = peers_.find(call->session);
    if (connection == nullptr || peer == peers_.end()) continue;  // on its way out
    handle(*connection, peer->second, call->frame());
  }
  arm_throttle();
}

void Service::arm_throttle() {
  const std::optional<core::TimePoint> next = throttle_->next(reactor_.now());
  if (!next.has_value() || next == throttle_armed_for_) return;
  throttle_armed_for_ = next;
  throttle_timer_.start_at(*next);
}

void Service::on_protocol_error(net::Connection& connection, const absl::Status& error) {
  shard_.counters.refusals.add();
  const core::SessionId session{connection.id()};
  refuse(session, core::RefusalCode::kBadMessage, core::message_of(error));
  if (!net::is_logged(log_, core::LogModule::kNet, core::LogLevel::kDebug)) return;
  log_->write(core::LogModule::kNet, core::LogLevel::kDebug, "a peer broke the protocol",
              {{"peer", connection.peer_address()}, {"why", core::message_of(error)}});
}

// From now on its session is somebody's.
void Service::note_peer(net::Connection& connection, const Peer& peer) {
  if (throttle_.has_value() && peer.framework.valid()) {
    const core::FrameworkRecord* framework = shard_.find_framework(peer.framework);
    if (framework != nullptr) throttle_->begin(peer.session, framework->name);
  }
  const bool is_agent = peer.agent.valid();
  reactor_.flight().note(reactor_.now(), net::FlightKind::kPeer, connection.id(),
                         is_agent ? net::kFlightAgent : net::kFlightFramework,
                         is_agent ? peer.agent.value : peer.framework.value);
  if (!net::is_logged(log_, core::LogModule::kMaster, core::LogLevel::kDebug)) return;
  log_->write(core::LogModule::kMaster, core::LogLevel::kDebug, "a session has begun",
              {{"id", id_of(peer)}, {"peer", connection.peer_address()}});
}

void Service::on_closed(net::Connection& connection, const absl::Status& reason) {
  if (throttle_.has_value()) throttle_->end(core::SessionId{connection.id()});
  const auto it = peers_.find(core::SessionId{connection.id()});
  if (it == peers_.end()) return;
  const Peer peer = std::move(it->second);
  peers_.erase(it);
  if (is_known(peer) && net::is_logged(log_, core::LogModule::kMaster, core::LogLevel::kDebug)) {
    log_->write(core::LogModule::kMaster, core::LogLevel::kDebug, "a session has ended",
                {{"id", id_of(peer)}, {"why", core::message_of(reason)}});
  }
  on_peer_gone(shard_, *this, peer, reactor_.now());
}

void Service::deliver(core::SessionId to, wire::Bytes frame, Urgency urgency) {
  net::Connection* connection = reactor_.find_connection(to.value);
  if (connection == nullptr) return;
  if (urgency == Urgency::kCanWait && is_rush_of_deferrable()) {
    connection->send_deferred(frame);
  } else {
    connection->send(frame);
  }
}

// A frame that waits for company saves a system call and a wake-up of the peer. With few of them
// there is nothing to save, and people who look at a quiet cluster see things happen at once.
bool Service::is_rush_of_deferrable() {
  ++deferrable_;
  const core::TimePoint now = reactor_.now();
  if (now - deferrable_since_ >= kRushWindow) {
    is_rush_ = deferrable_ > kRushFrames && now - deferrable_since_ < 2 * kRushWindow;
    deferrable_ = 0;
    deferrable_since_ = now;
  }
  return is_rush_;
}

void Service::close(core::SessionId session) {
  if (throttle_.has_value()) throttle_->end(session);
  peers_.erase(session);
  if (net::Connection* connection = reactor_.find_connection(session.value);
      connection != nullptr) {
    connection->close_after_flush(absl::CancelledError("closed by the master"));
  }
}

bool Service::is_slow(core::SessionId session) const {
  const net::Connection* connection = reactor_.find_connection(session.value);
  return connection != nullptr && connection->is_slow();
}

void Service::to_shard(std::uint32_t shard, core::ShardMessage message) {
  if (shard == shard_.config.index) {
    own_.push_back(std::move(message));
  } else {
    grid_->send(shard_.config.index, shard, Mail(std::move(message)));
  }
}

bool Service::store(core::RegistryRow row) {
  if (writer_ == nullptr) return false;
  ages_.note(row);
  rows_.push_back(std::move(row));
  return true;
}

void Service::hand_over(net::Connection& connection, const wire::FrameView& frame,
                        std::uint32_t shard) {
  net::DetachedConnection detached = connection.detach(frame);
  if (hand_over_ != nullptr) return hand_over_->send(shard, std::move(detached));
  grid_->send(shard_.config.index, shard, Mail(std::move(detached)));
}

void Service::on_mail(Mail mail) {
  if (auto* message = std::get_if<core::ShardMessage>(&mail)) {
    core::on_shard_message(shard_, *this, std::move(*message), reactor_.now());
  } else if (auto* detached = std::get_if<net::DetachedConnection>(&mail)) {
    adopt(std::move(*detached));
  } else if (auto* of_api = std::get_if<std::unique_ptr<ApiMail>>(&mail)) {
    api_.on_mail(std::move(**of_api));
  }
}

void Service::adopt(net::DetachedConnection detached) {
  // When it fails the socket is closed, and the peer dials again.
  const auto adopted = net::Connection::adopt(reactor_, std::move(detached), this);
  if (adopted.ok()) return;
  reactor_.mutable_counters().hand_over_refused.add();
  on_refused(1, adopted.status());
}

// Peers that are refused dial again, in crowds: one line a second tells of all.
void Service::on_refused(std::size_t connections, const absl::Status& why) {
  refused_ += connections;
  if (reactor_.now() < next_refusal_line_) return;
  net::log_line(
      log_, core::LogModule::kNet, core::LogLevel::kWarn,
      "connections were refused on their way between reactors",
      {{"reactor", reactor_.index()}, {"connections", refused_}, {"why", core::message_of(why)}});
  refused_ = 0;
  next_refusal_line_ = reactor_.now() + kRefusalLineInterval;
}

void Service::watch_load(core::TimePoint now) {
  admission_.on_turn(now);
  if (!admission_.wants_load(now)) return;
  admission_.on_load(now, {.mail = grid_->fullest(shard_.config.index),
                           .rows = writer_ == nullptr ? 0 : writer_->rows_waiting()});
}

void Service::end_turn() {
  const core::TimePoint now = reactor_.now();
  watch_load(now);
  drain_own();
  const std::uint64_t published = shard_.counters.offers_published.value();
  // Offers to frameworks of this shard go out in the same turn; what those do not take is offered
  // to the next one.
  for (int round = 0; round < kOfferRounds; ++round) {
    core::on_turn_end(shard_, *this, now);
    drain_own();
    if (!core::has_work_left(shard_)) break;
  }
  api_.end_turn(now);
  if (api_.has_work_left()) reactor_.post([] {});
  if (!rows_.empty()) writer_->put(shard_.config.index, std::exchange(rows_, {}));
  if (core::has_work_left(shard_)) shard_.deadlines.push(now, core::DeadlineKind::kAllocate, 0);
  const std::uint64_t offers = shard_.counters.offers_published.value() - published;
  if (offers > 0) shard_.counters.offer_delay.observe(net::monotonic_now() - now, offers);
  const std::optional<core::TimePoint> next = core::next_deadline(shard_);
  if (next.has_value() && next != armed_for_) {
    armed_for_ = next;
    deadline_timer_.start_at(*next);
  }
}

// To itself at the end of the turn, or in the next: an answer may bring the next question.
void Service::send_api(std::uint32_t reactor, ApiMail mail) {
  if (reactor != shard_.config.index) {
    return grid_->send(shard_.config.index, reactor,
                       Mail(std::make_unique<ApiMail>(std::move(mail))));
  }
  own_api_.push_back(std::move(mail));
  if (own_api_.size() == 1) reactor_.post([this] { drain_own_api(); });
}

void Service::drain_own_api() {
  for (std::deque<ApiMail> mails = std::exchange(own_api_, {}); !mails.empty(); mails.pop_front()) {
    api_.on_mail(std::move(mails.front()));
  }
}

void Service::drain_own() {
  while (!own_.empty()) {
    core::ShardMessage message = std::move(own_.front());
    own_.pop_front();
    core::on_shard_message(shard_, *this, std::move(message), reactor_.now());
  }
}

}  // namespace shoal::master
