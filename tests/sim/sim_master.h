// A master of one to four shards: alone, or one of several, of which one leads and the others stand
// by and say who (master/candidate.cc, master/standby.cc). Its process may die, and may be frozen:
// then what happens to it waits, but for the lease.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "core/shard.h"
#include "tests/sim/ledger.h"
#include "tests/sim/master_finder.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_election.h"
#include "tests/sim/sim_shard.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_thread.h"

namespace shoal::sim {

class SimMaster final : public LinkHandler {
 public:
  SimMaster(Sim& sim, Network& network, SimStore& store, std::uint32_t index);

  // The process begins.
  void start();
  // Everything in memory is gone; it begins again after `downtime`. With the power of its machine
  // nobody is told.
  void die(core::Duration downtime, bool with_power);
  void freeze(core::Duration length);
  void wake();
  // An operator asks for it: another one is to lead.
  void step_down();
  // What it has counted so far, into the totals.
  void count() const;

  bool is_up() const { return is_up_; }
  bool serves() const { return !shards_.empty(); }
  // Whether it may speak to peers.
  bool may_send() const { return is_alone() ? serves() : election_.may_send(); }
  core::TimePoint lease_end() const { return election_.deadline(); }
  std::uint32_t index() const { return index_; }
  std::uint32_t node() const { return master_node(index_); }
  std::uint64_t epoch() const { return epoch_; }

  // No message between shards is under way and no turn is open.
  bool is_at_rest() const;
  std::vector<const core::Shard*> shards() const;
  Ledger& ledger() { return *ledger_; }
  const Ledger& ledger() const { return *ledger_; }

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

  bool is_alone() const { return sim_.scenario.masters == 1; }
  // --- terms ---
  void on_elected(std::uint64_t epoch);
  void serve(const core::RegistryContents& left);
  void stop_serving();
  void on_newer_epoch() { election_.verify(); }
  core::ShardConfig config_of(std::uint32_t index) const;
  // --- the registry ---
  void store(core::RegistryRow row);
  void commit();
  void on_committed(const std::vector<SimStore::Row>& rows, bool is_done);
  // --- connections ---
  void take_link(LinkId link);
  void take_frame(LinkId link, const wire::FrameView& frame);
  void lose_link(LinkId link);
  void stand_by(LinkId link, std::uint32_t correlation, core::TimePoint until);
  std::string known_leader() const;
  void send(LinkId link, wire::Bytes frame);
  void hand_over(core::SessionId session, const wire::FrameView& frame, std::uint32_t shard);
  void adopt(LinkId link);
  void send_mail(std::uint32_t from, std::uint32_t to, core::ShardMessage message);
  core::TimePoint mail_due(std::uint32_t from, std::uint32_t to);
  // Runs `action` at `when`, unless this term of the master is over by then.
  void at(core::TimePoint when, std::function<void()> action) {
    serving_.at(when, std::move(action));
  }

  Sim& sim_;
  Network& network_;
  SimStore& store_;
  const std::uint32_t index_;
  bool is_up_ = false;
  std::uint64_t life_ = 0;        // of the process
  SimThread front_;               // connections
  SimThread serving_;             // the shards; its lives are terms
  SimElection election_;          // of several masters
  std::uint64_t pauses_ = 0;      // freezes, and their ends
  std::set<LinkId> standing_by_;  // connections that are told who leads

  std::uint64_t epoch_ = 0;  // of the last term
  std::unique_ptr<core::SharedTables> tables_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::unique_ptr<SimShard>> shards_;
  std::map<LinkId, Route> routes_;
  std::map<core::SessionId, LinkId> links_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, core::TimePoint> last_mail_;
  std::uint64_t next_session_ = 1;
  std::uint64_t mail_under_way_ = 0;
  bool is_committing_ = false;
  std::uint64_t commits_ = 0;
  std::vector<SimStore::Row> waiting_;  // for the next transaction
};

}  // namespace shoal::sim
