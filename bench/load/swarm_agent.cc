#include "bench/load/swarm_agent.h"

#include <fmt/core.h>

#include <chrono>
#include <utility>

#include "agent/agent_handlers.h"
#include "bench/load/swarm_group.h"
#include "core/status.h"
#include "net/clock.h"

namespace shoal::load {
namespace {

// Many agents look for one master: none of them hurries.
constexpr net::BackoffLimits kBackoff{std::chrono::milliseconds(200), std::chrono::seconds(5)};

std::uint64_t seed_of(const SwarmOptions& options, std::uint32_t number, std::uint32_t life) {
  core::Random random(options.seed * 0x9e3779b97f4a7c15u + number);
  std::uint64_t seed = random.next();
  for (std::uint32_t i = 0; i < life; ++i) seed = random.next();
  return seed;
}

agent::NullExecutorOptions executor_options(const SwarmOptions& options, bool is_slow) {
  agent::NullExecutorOptions out;
  out.start = is_slow ? core::DurationSpread::fixed(options.slow_by) : options.task_start;
  out.run = options.task_run;
  return out;
}

}  // namespace

SwarmAgent::SwarmAgent(SwarmGroup& group, std::uint32_t number)
    : group_(group),
      number_(number),
      state_(fresh_state()),
      executor_(seed_of(group.options(), number, 0) ^ 1,
                executor_options(group.options(), is_among(group.options().slow))) {}

bool SwarmAgent::is_among(double part) const {
  return static_cast<std::uint64_t>(static_cast<double>(number_ + 1) * part) !=
         static_cast<std::uint64_t>(static_cast<double>(number_) * part);
}

std::unique_ptr<agent::AgentState> SwarmAgent::fresh_state() const {
  auto state = std::make_unique<agent::AgentState>(seed_of(group_.options(), number_, lives_));
  state->hostname = fmt::format("swarm-{}", number_);
  state->total = group_.options().resources;
  state->wall_offset_ms =
      net::wall_now_ms() -
      std::chrono::duration_cast<std::chrono::milliseconds>(net::monotonic_now().time_since_epoch())
          .count();
  return state;
}

void SwarmAgent::start() {
  net::DialerOptions dialing;
  dialing.masters = group_.masters();
  dialing.seed = seed_of(group_.options(), number_, lives_) ^ 2;
  dialing.shuffles = true;
  dialing.backoff = kBackoff;
  dialing.source = group_.source_of(number_);
  dialer_ = std::make_unique<net::Dialer>(group_.reactor(), this, std::move(dialing));
  dialer_->start();
}

void SwarmAgent::die() {
  if (state_->is_registered()) group_.counters().registered.sub();
  group_.counters().tasks.sub(executor_.running());
  dialer_.reset();
  executor_.clear();
  ++lives_;
  std::unique_ptr<agent::AgentState> next = fresh_state();
  next->id = state_->id;
  next->cluster_id = state_->cluster_id;
  next->epoch = state_->epoch;
  state_ = std::move(next);
  was_registered_ = false;
}

void SwarmAgent::break_connection() {
  is_meant_ = true;
  disconnect("the link broke");
}

void SwarmAgent::cut_off() {
  if (was_registered_) group_.counters().registered.sub();
  was_registered_ = false;
  dialer_.reset();
  agent::on_disconnected(*state_);
  group_.wake(*this);
}

core::TimePoint SwarmAgent::tick(core::TimePoint now) {
  // What ends may let something start, and the other way round.
  for (int rounds = 0; executor_.next_deadline() <= now && rounds < 4; ++rounds) {
    executor_.tick(*this, now);
  }
  if (agent::next_deadline(*state_) <= now) agent::on_tick(*state_, *this, now);
  return std::min(executor_.next_deadline(), agent::next_deadline(*state_));
}

void SwarmAgent::send_frame(wire::Bytes frame) {
  net::Connection* connection = dialer_ == nullptr ? nullptr : dialer_->connection();
  if (connection != nullptr) connection->send(frame);
}

void SwarmAgent::launch(const agent::LaunchRequest& request) {
  executor_.launch(request);
  group_.counters().tasks.add();
  group_.counters().tasks_started.add();
}

void SwarmAgent::kill(core::FrameworkId framework, std::string_view task, agent::KillMode mode) {
  executor_.kill(framework, task, mode);
}

void SwarmAgent::disconnect(std::string_view reason) {
  net::Connection* connection = dialer_ == nullptr ? nullptr : dialer_->connection();
  if (connection != nullptr) connection->close(absl::UnavailableError(std::string(reason)));
}

void SwarmAgent::redirect(std::string_view leader, std::string_view reason) {
  if (dialer_ != nullptr) dialer_->redirect(leader, absl::UnavailableError(std::string(reason)));
}

void SwarmAgent::come_back_after(core::Duration wait, std::string_view reason) {
  if (dialer_ == nullptr) return;
  dialer_->come_back_after(wait, absl::UnavailableError(std::string(reason)));
}

void SwarmAgent::give_up(std::string_view reason) {
  is_meant_ = true;
  disconnect(reason);
  dialer_->give_up();
  group_.counters().gave_up.add();
  group_.note(reason);
}

void SwarmAgent::on_started(core::FrameworkId framework, std::string_view task) {
  agent::on_process_started(*state_, *this, framework, task, group_.reactor().now());
}

void SwarmAgent::on_failed(core::FrameworkId framework, std::string_view task,
                           std::string_view why) {
  group_.counters().tasks.sub();
  agent::on_launch_failed(*state_, *this, framework, task, why, group_.reactor().now());
}

void SwarmAgent::on_exited(core::FrameworkId framework, std::string_view task,
                           const agent::ExitStatus& exit) {
  group_.counters().tasks.sub();
  group_.counters().tasks_ended.add();
  if (group_.stamps() != nullptr) group_.stamps()->set(task, net::monotonic_now());
  agent::on_process_exited(*state_, *this, framework, task, exit, group_.reactor().now());
}

void SwarmAgent::on_lost(core::FrameworkId framework, std::string_view task, std::string_view why) {
  group_.counters().tasks.sub();
  agent::on_process_lost(*state_, *this, framework, task, why, group_.reactor().now());
}

void SwarmAgent::on_connected(net::Connection&) {
  agent::on_connected(*state_, *this, group_.reactor().now());
  group_.wake(*this);
}

void SwarmAgent::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  agent::on_frame(*state_, *this, frame, group_.reactor().now());
  if (state_->session >= agent::SessionPhase::kRegistering && !connection.is_authenticated()) {
    connection.set_authenticated();
  }
  if (state_->is_registered() && !std::exchange(was_registered_, true)) {
    dialer_->set_healthy();
    group_.on_registered();
  }
  group_.wake(*this);
}

void SwarmAgent::on_closed(net::Connection&, const absl::Status& reason) {
  agent::on_disconnected(*state_);
  const bool was = std::exchange(was_registered_, false);
  if (was) group_.counters().registered.sub();
  if (!std::exchange(is_meant_, false) && was) {
    group_.counters().lost.add();
    group_.note(core::message_of(reason));
  }
  group_.wake(*this);
}

}  // namespace shoal::load
