// A master of one to four shards. Every shard runs the code of master/dispatch and core; what a
// reactor would do around it (turns, mailboxes, hand-over, deadlines) is done here with made-up
// time, the way master/service.cc does it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/shard.h"
#include "master/dispatch.h"
#include "master/wire_outbox.h"
#include "tests/core/kept_registry.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

namespace shoal::sim {

class SimMaster;

class SimShard final : public master::WireOutbox {
 public:
  SimShard(Sim& sim, SimMaster& master, core::ShardConfig config, core::SharedTables& tables,
           std::uint64_t seed)
      : sim_(sim), master_(master), shard_(std::move(config), tables, seed) {}

  void on_frame(core::SessionId session, const wire::FrameView& frame);
  void on_closed(core::SessionId session);
  void on_mail(core::ShardMessage message);
  void on_timer(core::TimePoint armed_for);
  void on_stored(std::uint64_t rows);
  void recover(const core::RegistryContents& contents);
  void end_turn();

  core::Shard& state() { return shard_; }
  const core::Shard& state() const { return shard_; }
  bool is_idle() const { return own_.empty() && !is_turn_open_; }

 private:
  void deliver(core::SessionId to, wire::Bytes frame, master::Urgency /*urgency*/) override;
  void close(core::SessionId session) override;
  bool is_slow(core::SessionId session) const override;
  void to_shard(std::uint32_t shard, core::ShardMessage message) override;
  bool store(core::RegistryRow row) override;

  // After something happened: ends the turn now, or lets more happen in it.
  void go_on();
  void drain_own();
  void check();

  Sim& sim_;
  SimMaster& master_;
  core::Shard shard_;
  std::deque<core::ShardMessage> own_;
  std::map<core::SessionId, master::Peer> peers_;
  std::optional<core::TimePoint> armed_for_;
  bool is_turn_open_ = false;
};

class SimMaster final : public LinkHandler {
 public:
  SimMaster(Sim& sim, Network& network);

  void start();
  // Everything in memory is gone; it listens again after `downtime`.
  void restart(core::Duration downtime);
  bool is_up() const { return !shards_.empty(); }

  // No message between shards is under way and no turn is open.
  bool is_at_rest() const;
  std::vector<const core::Shard*> shards() const;

  // LinkHandler: the server's end
  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

 private:
  friend class SimShard;

  // Where a connection lives. While it is handed over, what arrives waits.
  struct Route {
    std::uint32_t shard = 0;
    core::SessionId session;
    bool is_in_transit = false;
    std::deque<wire::ByteVector> waiting;
    bool is_ended = false;
  };

  core::ShardConfig config_of(std::uint32_t index) const;
  void store(core::RegistryRow row);
  void commit();
  void hand_over(core::SessionId session, const wire::FrameView& frame, std::uint32_t shard);
  void adopt(LinkId link);
  void send_mail(std::uint32_t from, std::uint32_t to, core::ShardMessage message);
  core::TimePoint mail_due(std::uint32_t from, std::uint32_t to);
  // Runs `action` at `when`, unless this life of the master is over by then.
  void at(core::TimePoint when, std::function<void()> action);

  Sim& sim_;
  Network& network_;
  std::uint64_t life_ = 0;
  std::unique_ptr<core::SharedTables> tables_;
  std::vector<std::unique_ptr<SimShard>> shards_;
  std::map<LinkId, Route> routes_;
  std::map<core::SessionId, LinkId> links_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, core::TimePoint> last_mail_;
  std::uint64_t next_session_ = 1;
  std::uint64_t mail_under_way_ = 0;

  core::KeptRegistry registry_;                // on disk: it outlives a life
  std::vector<core::RegistryRow> committing_;  // in the transaction that is under way
  std::vector<core::RegistryRow> waiting_;     // for the next one
};

}  // namespace shoal::sim
