// Which of several masters leads, agreed on through etcd; on a thread of its own.
//
//   <prefix>/leader        {"address":"HOST:PORT","id":"<16 hex>"}, with a lease. Whoever makes it
//                          leads; the revision of its making is the epoch, which only grows.
//   <prefix>/masters/<id>  {"address":…,"since_ms":…,"version":…} of each master, with a lease
//
// The lease is renewed every third of it. It counts from before a renewal was sent, less a margin
// for clocks that differ, so this master has stopped before etcd can give the lead to another.
//
// Threads: made and ended by one; the rest may be called from any. Events are called on the thread
// of Leadership and must not wait for it.
//
// Invariants:
//   1. Between `elected` and the end of that term no other master leads, as long as may_send().
//   2. After a term has ended there is none until campaign() is called again, so what the last one
//      left can be taken down in peace: may_send() stays false meanwhile.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/time.h"
#include "master/etcd_client.h"
#include "master/etcd_limits.h"
#include "master/etcd_target.h"
#include "master/lease_clock.h"
#include "master/registry_etcd.h"

namespace shoal::master {

struct LeadershipOptions {
  EtcdTarget target;
  core::Duration lease = kDefaultLease;  // whole seconds; etcd may make it longer
  std::string address;                   // HOST:PORT that others are told
  std::string version;
  std::uint64_t id = 0;  // of this process
};

// One that is alive.
struct MasterEntry {
  std::string id;
  std::string address;
  std::string version;
  std::int64_t since_ms = 0;  // wall clock
  bool leads = false;
};

class Leadership {
 public:
  struct Events {
    std::function<void(const EtcdFence& term)> elected;
    std::function<void(const std::string& why)> lost;  // not after resign()
    std::function<void(const std::string& line)> log;
  };

  Leadership(LeadershipOptions options, Events events);
  // Resigns, and takes itself off the list.
  ~Leadership();
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  // From now on it leads if nobody does.
  void campaign();
  // Gives up the lead, if it has it, and returns when etcd knows, or has not answered for a second.
  // Others have `hold_off` to take it before this one tries again.
  void resign(core::Duration hold_off);
  // Gives it up at once, for a reason that makes all that was not yet sent doubtful.
  void give_up(const std::string& why);
  // Asks etcd now whether it still leads: somebody claims to know better.
  void verify();

  // Whether it leads, and may still say so.
  bool may_send() const { return clock_.is_valid(); }
  // HOST:PORT of the other one that leads; "" while nobody is known to, or this one does.
  std::string leader() const;
  // etcd has answered when it was asked last: who leads next will be heard of.
  bool hears_store() const { return is_reachable_; }
  std::int64_t epoch() const;       // of the own term; 0: does not lead
  std::uint64_t elections() const;  // that this one won
  // As of the last renewal, the leader first. Only the leader keeps it up to date.
  std::vector<MasterEntry> masters() const;

 private:
  struct Held {
    std::int64_t id = 0;  // of the lease; 0: none
    std::chrono::seconds ttl{0};
    core::TimePoint renew_at{};
  };

  void work();
  // Not the leader.
  void follow();
  bool stand();
  void note_leader(const std::string& value);
  absl::Status keep_registered();
  bool may_stand();
  // The leader.
  void lead();
  std::string renew_term();
  std::string check_term();
  std::optional<std::string> end_term();
  void refresh_masters();

  core::Duration patience() const;
  void note_reachable(const absl::Status& status);
  template <typename Condition>
  void wait_until(core::TimePoint when, Condition condition);
  void log(const std::string& line) const { events_.log(line); }

  const LeadershipOptions options_;
  const Events events_;
  const std::string leader_key_;
  const std::string own_value_;       // of the leader key
  const std::string masters_prefix_;  // ends with '/'
  const std::int64_t since_ms_;
  EtcdClient client_;
  LeaseClock clock_;

  // The thread's own.
  Held membership_;
  Held term_lease_;

  std::atomic<bool> is_reachable_ = true;  // written by the thread
  mutable std::mutex mutex_;               // guards all up to thread_
  std::condition_variable changed_;
  bool is_ending_ = false;
  bool is_campaigning_ = false;
  bool is_resigning_ = false;
  bool is_doubted_ = false;
  std::optional<std::string> giving_up_;
  std::optional<core::TimePoint> hold_until_;
  std::optional<EtcdFence> term_;
  std::uint64_t elections_ = 0;
  std::string leader_;
  std::vector<MasterEntry> masters_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace shoal::master
