#include "sdk/scheduler_driver.h"

#include <fmt/ranges.h>

#include <utility>

#include "core/status.h"
#include "net/random.h"

namespace shoal::sdk {
namespace {

constexpr std::chrono::milliseconds kTick{500};

}  // namespace

absl::StatusOr<std::unique_ptr<SchedulerDriver>> SchedulerDriver::create(
    SchedulerDriverOptions options, Scheduler* scheduler) {
  if (options.masters.empty()) return core::invalid("no master address is given");
  auto masters = net::parse_master_list(fmt::format("{}", fmt::join(options.masters, ",")));
  if (!masters.ok()) return masters.status();
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();

  std::unique_ptr<SchedulerDriver> driver(new SchedulerDriver(std::move(options), scheduler));
  SchedulerDriver* self = driver.get();
  driver->reactor_ = *std::move(reactor);
  driver->patience_ = std::make_unique<ElectionPatience>(*masters, kElectionPatience);
  net::DialerOptions dialer;
  dialer.masters = *std::move(masters);
  dialer.seed = net::random_seed();
  dialer.connection.max_payload = core::kMaxFrameBytes;
  dialer.on_retry = [self](const net::HostPort& address, const absl::Status& why,
                           core::Duration wait) { self->on_attempt_failed(address, why, wait); };
  driver->dialer_.reset(new net::Dialer(*driver->reactor_, self, std::move(dialer)));
  driver->ticker_ = std::make_unique<net::Timer>(
      *driver->reactor_, [self] { self->session_->on_tick(self->reactor_->now()); });
  return driver;
}

SchedulerDriver::SchedulerDriver(SchedulerDriverOptions options, Scheduler* scheduler)
    : options_(std::move(options)),
      session_(new SchedulerSession(
          SessionOptions{options_.info, options_.explicit_acknowledgement}, scheduler, this)) {}

SchedulerDriver::~SchedulerDriver() = default;

absl::Status SchedulerDriver::run() {
  if (!finished_) {
    dialer_->start();
    ticker_->start_repeating(kTick);
    reactor_->run();
  }
  ticker_->stop();
  dialer_.reset();
  return result_;
}

void SchedulerDriver::stop_from_any_thread() {
  post([this] { session_->stop(); });
}

void SchedulerDriver::send(wire::Bytes frame) {
  if (connection_ != nullptr) connection_->send(frame);
}

void SchedulerDriver::reconnect(const absl::Status& why) {
  if (connection_ != nullptr) connection_->close(why);
}

void SchedulerDriver::redirect(std::string_view leader, const absl::Status& why) {
  patience_->met_standby();
  dialer_->redirect(leader, why);
}

void SchedulerDriver::come_back_after(core::Duration wait, const absl::Status& why) {
  patience_->met_busy();
  dialer_->come_back_after(wait, why);
}

void SchedulerDriver::finished(const absl::Status& status) {
  if (finished_) return;
  finished_ = true;
  result_ = status;
  if (connection_ != nullptr) {
    connection_->close_after_flush(absl::CancelledError("the framework stopped"));
  } else {
    reactor_->stop();
  }
}

void SchedulerDriver::on_connected(net::Connection& connection) {
  connection_ = &connection;
  session_->on_connected(reactor_->now());
}

void SchedulerDriver::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  const absl::Status status = session_->on_frame(frame, reactor_->now());
  if (!status.ok()) {
    connection.close(status);
    return;
  }
  if (session_->is_connected() && !connection.is_authenticated()) {
    connection.set_authenticated();
    dialer_->set_healthy();
    was_subscribed_ = true;
    last_failure_ = absl::OkStatus();
  }
}

void SchedulerDriver::on_closed(net::Connection& connection, const absl::Status& reason) {
  (void)connection;
  connection_ = nullptr;
  last_failure_ = reason;
  if (finished_) {
    reactor_->stop();
    return;
  }
  session_->on_disconnected();
}

void SchedulerDriver::on_attempt_failed(const net::HostPort& address, const absl::Status& why,
                                        core::Duration wait) {
  if (finished_) return;
  last_failure_ = why;
  if (was_subscribed_ || options_.wait_for_master) return;
  if (patience_->goes_on(address, why, wait, reactor_->now())) return;
  finished_ = true;
  result_ = patience_->failure("master", why);
  reactor_->stop();
}

}  // namespace shoal::sdk
