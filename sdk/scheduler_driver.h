// Runs a Scheduler against a real master: a SchedulerSession on a reactor, with a dialer that comes
// back after every loss.
//
//   Echo echo;
//   auto driver = sdk::SchedulerDriver::create({.masters = {"127.0.0.1:7070"},
//                                               .info = {.name = "echo", .user = "me"}}, &echo);
//   absl::Status status = (*driver)->run();
//
// Threads: run() makes the calling thread the driver's thread. post() and stop_from_any_thread()
// from any thread; everything else on the driver's thread, or before run() and after it returned.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "sdk/election_patience.h"
#include "sdk/scheduler.h"
#include "sdk/scheduler_session.h"

namespace shoal::sdk {

struct SchedulerDriverOptions {
  // HOST:PORT, tried in order, or lists of them; or one etcd://HOST:PORT[,…][/PREFIX].
  std::vector<std::string> masters{};
  FrameworkInfo info{};
  bool explicit_acknowledgement = false;
  // false: run() ends with UNAVAILABLE when the first attempts find no master, or, for
  // kElectionPatience, none that leads. Once subscribed, the driver always tries to come back.
  bool wait_for_master = true;
};

class SchedulerDriver final : private SessionSink, private net::ConnectionHandler {
 public:
  // `scheduler` outlives the driver. Errors: INVALID_ARGUMENT (an address), INTERNAL (no loop).
  static absl::StatusOr<std::unique_ptr<SchedulerDriver>> create(SchedulerDriverOptions options,
                                                                 Scheduler* scheduler);
  ~SchedulerDriver() override;

  // Until stop() or teardown() of the session: OK; or until there is no way on: the reason. Once.
  absl::Status run();

  // Runs `task` on the driver's thread.
  void post(std::function<void()> task) { reactor_->post(std::move(task)); }
  void stop_from_any_thread();

  SchedulerSession& session() { return *session_; }  // the Driver that callbacks get
  net::Reactor& reactor() { return *reactor_; }      // for timers and watchers of the framework
  // Why the last attempt to reach a master failed; OK while connected.
  const absl::Status& last_failure() const { return last_failure_; }

 private:
  SchedulerDriver(SchedulerDriverOptions options, Scheduler* scheduler);

  void send(wire::Bytes frame) override;
  void reconnect(const absl::Status& why) override;
  void redirect(std::string_view leader, const absl::Status& why) override;
  void come_back_after(core::Duration wait, const absl::Status& why) override;
  void finished(const absl::Status& status) override;

  void on_connected(net::Connection& connection) override;
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;
  void on_attempt_failed(const net::HostPort& address, const absl::Status& why,
                         core::Duration wait);

  const SchedulerDriverOptions options_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<SchedulerSession> session_;
  std::unique_ptr<net::Dialer> dialer_;
  std::unique_ptr<net::Timer> ticker_;
  std::unique_ptr<ElectionPatience> patience_;
  net::Connection* connection_ = nullptr;
  bool was_subscribed_ = false;
  bool finished_ = false;
  absl::Status result_;
  absl::Status last_failure_;
};

}  // namespace shoal::sdk
