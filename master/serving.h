// A master that leads: reactors, shards, listeners and the registry's writer, from their making to
// their end. With an election a process may have several of them, one after another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "master/http_pages.h"
#include "master/master.h"
#include "master/registry.h"
#include "master/registry_watch.h"
#include "master/registry_writer.h"
#include "master/service.h"
#include "net/address.h"
#include "net/connection.h"

namespace shoal::master {

// What it begins with.
struct Beginning {
  std::uint64_t cluster_id = 0;
  std::unique_ptr<RegistryStore> store;
  core::RegistryContents contents;  // of the store
  std::uint64_t epoch = 0;          // 0: without an election
  std::uint64_t elections = 1;
};

// What an election has to do with it; all may be empty, which is a master without one. On any
// thread.
struct ServingHooks {
  // Asked before anything is sent.
  std::function<bool()> may_send;
  // An operator asks it to hand over.
  std::function<void()> step_down;
  const Leadership* leadership = nullptr;
  // The registry could not be written: nothing is stored any more.
  std::function<void(const absl::Status& why)> registry_failed;
  // The registry's store hangs, and may never answer: on the first reactor or the thread of
  // serve(), once. Empty: nobody looks, as with an election, whose end ends every write.
  std::function<void(const absl::Status& why)> registry_hangs;
  // A peer has seen a later leader, or says so.
  std::function<void()> newer_epoch;
  // On the thread of serve(): the reactors have stopped, the registry has all that was said (or, if
  // it may not send, is left alone), and the ends of the sessions are still to come.
  std::function<void()> stopped;
};

class Serving {
 public:
  Serving(const MasterOptions& options, ServingHooks hooks);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  absl::Status build(Beginning beginning);
  // At the address of the options, or, beside others of this process, at `joined`.
  absl::Status listen(const net::SocketAddress* joined);
  // Without an election: SIGTERM and SIGINT stop it, SIGHUP reads the settings again.
  absl::Status watch_signals();
  // The calling thread becomes the first reactor's, until stop(). `ready`: in the first turn.
  absl::Status serve(const std::function<absl::Status()>& ready);
  // From any thread; also before serve().
  void stop();
  // From now on; from any thread, until the reactors have stopped.
  void tune(const MasterTuning& tuning);

  // Peers that waited for this one to lead; before serve().
  void adopt(std::vector<net::DetachedConnection> peers);

  const std::string& address() const { return info_.address; }  // HOST:PORT, once it listens

 private:
  struct Part;

  core::ShardConfig shard_config(std::uint32_t index, std::uint32_t shards) const;
  absl::Status make_parts();
  absl::Status join_parts();
  void take_registry(Beginning beginning);
  static void adopt_some(Part& part);
  void on_stopped();
  void look_at_registry();
  void end_registry();
  void on_reload();
  std::uint64_t possible_sessions(std::uint64_t tables) const;
  void tell_capacity();
  bool has_own_tables() const {
    return options_.descriptor_tables == net::DescriptorTables::kPerReactor;
  }

  const MasterOptions& options_;
  const ServingHooks hooks_;
  std::unique_ptr<core::SharedTables> tables_;
  std::unique_ptr<RateLimits> rate_limits_;  // nullptr: none
  MasterInfo info_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::unique_ptr<MailGrid> grid_;
  std::unique_ptr<RegistryWriter> registry_;
  RegistryWatch registry_watch_;
  bool registry_hangs_ = false;  // the first reactor's, then the thread's of serve()
};

// Machines other than this one may reach `address`, and nobody said that they may.
absl::Status check_exposure(const MasterOptions& options, const net::SocketAddress& address);

}  // namespace shoal::master
