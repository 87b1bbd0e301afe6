// A small client of etcd 3.4's HTTP/JSON gateway (/v3/…), blocking: for a thread of its own, never
// for a reactor. It knows several members and goes on to the next when one fails.
//
// Threads: one uses it; cancel() and wake() may be called from any.
// Invariants:
//   1. A transaction is sent to a second member only if the first cannot have got it: one that was
//      sent and not answered may be applied at any time, also later than the next one.
//   2. Every call ends within timeout() for each member, and reads at most
//      kMaxEtcdAnswerBytes.
//
// libcurl is loaded by the first client (net/curl_library.h); without it all calls end with
// FAILED_PRECONDITION.
//
// Memory order: cancelled_ and woken_ publish nothing but themselves; curl_multi_wakeup(), which
// follows, is what ends the wait. Relaxed is therefore enough.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/time.h"
#include "master/etcd_messages.h"
#include "net/etcd_access.h"

namespace shoal::master {

struct EtcdOptions {
  std::vector<std::string> endpoints;                // HOST:PORT, at least one
  core::Duration timeout = std::chrono::seconds(2);  // for each member that is asked
  net::EtcdAccess access{};
};

// Errors of all calls: UNAVAILABLE (no member answers, or none that has a quorum; a transaction may
// have been applied), INTERNAL (the answer is none of etcd's), RESOURCE_EXHAUSTED (it is too
// large), FAILED_PRECONDITION and NOT_FOUND (what etcd refuses), CANCELLED.
class EtcdClient {
 public:
  explicit EtcdClient(EtcdOptions options);
  ~EtcdClient();
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  absl::StatusOr<EtcdRange> range(const EtcdRangeQuery& query);
  absl::StatusOr<EtcdTxnAnswer> txn(const EtcdTxn& txn);
  absl::StatusOr<EtcdLease> grant_lease(std::chrono::seconds ttl);
  // How long it is good for from when it was asked; NOT_FOUND: it is over.
  absl::StatusOr<std::chrono::seconds> keep_alive(std::int64_t lease);
  absl::Status revoke_lease(std::int64_t lease);  // NOT_FOUND: it was over already

  // Until something happens to `key` at `revision` or later, wake() is called, or `timeout` has
  // passed. True: look again. One member is asked; the next call asks another if it failed.
  absl::StatusOr<bool> wait_for_change(std::string_view key, std::int64_t revision,
                                       core::Duration timeout);

  core::Duration timeout() const { return options_.timeout; }
  void set_timeout(core::Duration timeout) { options_.timeout = timeout; }

  // The call that runs and all that follow end with CANCELLED.
  void cancel();
  // wait_for_change() returns, or the next one does.
  void wake();

 private:
  enum class Resend : std::uint8_t { kAnytime, kIfNotSent };
  struct Transfer;  // one request on its way
  struct Curl;      // libcurl's handles

  absl::StatusOr<std::string> post(std::string_view path, const std::string& body, Resend resend);
  absl::Status attempt(std::string_view path, const std::string& body, Transfer& transfer);
  absl::Status attempt_again_if_stale(std::string_view path, const std::string& body,
                                      Transfer& transfer);
  absl::Status authenticate();
  absl::Status transfer_once(std::string_view path, const std::string& body, Transfer& transfer);
  absl::Status run(Transfer& transfer, core::TimePoint deadline);
  absl::Status outcome_of(int code, const Transfer& transfer);
  const std::string& endpoint() const { return options_.endpoints[current_]; }

  EtcdOptions options_;
  std::size_t current_ = 0;     // in endpoints: who answered last
  std::string token_;           // for the password; empty: none yet
  std::unique_ptr<Curl> curl_;  // nullptr: there is no libcurl
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> woken_{false};
};

}  // namespace shoal::master
