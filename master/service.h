// One reactor's part of the master: a shard on a reactor. Frames become handler calls, effects
// become frames and mailbox messages, the end of the turn allocates.
//
// Threads: made on the main thread before the reactors run; everything else on its reactor.
// counters() may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/registry_gc.h"
#include "core/shard.h"
#include "master/admission.h"
#include "master/api.h"
#include "master/dispatch.h"
#include "master/master.h"
#include "master/rate_limits.h"
#include "master/registry_ages.h"
#include "master/registry_writer.h"
#include "master/throttle.h"
#include "master/wire_outbox.h"
#include "net/connection.h"
#include "net/hand_over.h"
#include "net/log.h"
#include "net/mailbox.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::master {

// What of a shard's configuration a master's options say and may change.
void tune(core::ShardConfig& config, const MasterTuning& tuning);

// What travels between reactors: a message of the state machine, a whole connection, or a part of
// the operator API. There are thousands of places for one, so what is large is on the heap.
using Mail = std::variant<std::monostate, core::ShardMessage, net::DetachedConnection,
                          std::unique_ptr<ApiMail>>;
static_assert(sizeof(Mail) <= 192);
using MailGrid = net::MailboxGrid<Mail>;

// Against more than it can do.
struct Protection {
  core::Duration busy_lag = core::kDefaultBusyLag;  // as MasterTuning's
  RateLimits* rate_limits = nullptr;  // of all reactors, outlives the service; nullptr: none
};

class Service final : public net::ConnectionHandler, private WireOutbox {
 public:
  Service(net::Reactor& reactor, core::ShardConfig config, core::SharedTables& tables,
          std::uint64_t seed, std::uint64_t incarnation, const Protection& protection = {});
  ~Service() override;

  // Hooks run in order of registration and those of the grid and of the hand-over must come after
  // the service's, so they are made after the services and given to them here. `hand_over`:
  // nullptr when all reactors have one descriptor table; connections then go by the grid.
  void join(MailGrid& grid, net::HandOver* hand_over, net::Log* log);

  // What an earlier master left; on the main thread, before `writer` is used and any peer is heard.
  void recover(const core::RegistryContents& contents, RegistryWriter& writer);
  // From now on the registry forgets what is over for long; with recover().
  void collect_registry(const core::RegistryGcLimits& limits);
  // Called on the reactor for each peer that has seen a master of a higher epoch than this one's;
  // set before the reactors run. Whoever connects can claim that: ask the store before believing.
  void on_newer_epoch(std::function<void(std::uint64_t epoch)> hook) {
    newer_epoch_ = std::move(hook);
  }
  // From the next offer on; on the reactor.
  void tune(const MasterTuning& tuning);
  // `rows` more of those that this shard stored are durable.
  void on_stored(std::uint64_t rows);
  // A peer that another reactor of this process has accepted, with what it has said so far.
  void adopt(net::DetachedConnection detached);

  Api& api() { return api_; }
  const core::ShardCounters& counters() const { return shard_.counters; }
  const Admission::Counters& admission() const { return admission_.counters(); }
  const net::Reactor& reactor() const { return reactor_; }
  std::uint64_t registry_rows_forgotten() const { return forgotten_.value(); }

 private:
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void handle(net::Connection& connection, Peer& peer, const wire::FrameView& frame);
  bool holds_back(Peer& peer, const wire::FrameView& frame);
  void take_held();
  void arm_throttle();
  void watch_load(core::TimePoint now);
  void on_protocol_error(net::Connection& connection, const absl::Status& error) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;

  void deliver(core::SessionId to, wire::Bytes frame, Urgency urgency) override;
  bool take_answer(core::SessionId to, const core::PeerMessage& message,
                   std::uint32_t correlation) override {
    return api_.take_answer(to, message, correlation);
  }
  bool is_rush_of_deferrable();
  void close(core::SessionId session) override;
  bool is_slow(core::SessionId session) const override;
  void to_shard(std::uint32_t shard, core::ShardMessage message) override;
  bool store(core::RegistryRow row) override;

  void hand_over(net::Connection& connection, const wire::FrameView& frame, std::uint32_t shard);
  void on_mail(Mail mail);
  void note_peer(net::Connection& connection, const Peer& peer);
  void on_refused(std::size_t connections, const absl::Status& why);
  void send_api(std::uint32_t reactor, ApiMail mail);
  void drain_own_api();
  void end_turn();
  void drain_own();
  void on_collect();

  net::Reactor& reactor_;
  core::Shard shard_;
  MailGrid* grid_ = nullptr;
  net::HandOver* hand_over_ = nullptr;
  RegistryWriter* writer_ = nullptr;
  std::vector<core::RegistryRow> rows_;  // of this turn, not with the writer yet
  RegistryAges ages_;
  core::RegistryGcLimits gc_limits_;
  net::Timer gc_timer_;
  alloc::Counter forgotten_;  // rows, for their age or number
  net::Log* log_ = nullptr;
  std::function<void(std::uint64_t epoch)> newer_epoch_;
  std::size_t deferrable_ = 0;  // frames, since deferrable_since_
  core::TimePoint deferrable_since_{};
  bool is_rush_ = false;
  std::size_t refused_ = 0;  // connections, not logged yet
  core::TimePoint next_refusal_line_{};
  net::Reactor::HookId turn_end_hook_ = 0;
  net::Timer deadline_timer_;
  std::optional<core::TimePoint> armed_for_;
  std::deque<core::ShardMessage> own_;  // to_shard() to this very shard; handled in the same turn
  absl::flat_hash_map<core::SessionId, Peer> peers_;
  std::deque<ApiMail> own_api_;  // of the API to itself
  Admission admission_;
  std::optional<Throttle> throttle_;  // nothing: no rate is limited
  net::Timer throttle_timer_;
  std::optional<core::TimePoint> throttle_armed_for_;
  Api api_;
};

}  // namespace shoal::master
