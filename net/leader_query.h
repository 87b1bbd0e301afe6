// Asks etcd who leads: POST /v3/kv/range for the key <prefix>/leader, one member after the other
// until one answers. Where that takes TLS or a password, libcurl asks, on libuv's pool of threads.
//
// Threads: the reactor's only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/background.h"
#include "net/http_client.h"
#include "net/master_list.h"
#include "net/reactor.h"

namespace shoal::net {

class LeaderQuery {
 public:
  using Done = std::function<void(absl::StatusOr<HostPort>)>;

  // `done` is called once, from the loop, and may destroy the query. Errors: NOT_FOUND (etcd
  // answers, and no master leads), UNAVAILABLE (no member answers as etcd does: the last one's
  // reason). With TLS or a password its destructor may wait for core::kLeaderLookUpTimeout.
  LeaderQuery(Reactor& reactor, LeaderInEtcd where, Done done);
  LeaderQuery(const LeaderQuery&) = delete;
  LeaderQuery& operator=(const LeaderQuery&) = delete;

 private:
  void ask();
  void ask_plainly(const std::string& question);
  void ask_with_access(const std::string& question);
  void on_answer(const absl::StatusOr<std::string>& body);

  Reactor& reactor_;
  const LeaderInEtcd where_;
  Done done_;
  std::size_t next_ = 0;  // of the members
  std::unique_ptr<HttpCall> call_;
  absl::StatusOr<std::string> answer_;    // written by the task's work
  std::unique_ptr<BackgroundTask> task_;  // last: its end waits for its work
};

// The leader's address in the body of a range answer. Errors: NOT_FOUND (no such key),
// INVALID_ARGUMENT (one line).
absl::StatusOr<HostPort> leader_in_range_answer(std::string_view body);

}  // namespace shoal::net
