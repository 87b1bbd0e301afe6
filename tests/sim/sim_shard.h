// One shard of a simulated master: the code of master/dispatch and core. What a reactor would do
// around it (turns, mailboxes, deadlines) is done with made-up time, the way master/service.cc
// does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "core/shard.h"
#include "master/dispatch.h"
#include "master/wire_outbox.h"
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

}  // namespace shoal::sim
