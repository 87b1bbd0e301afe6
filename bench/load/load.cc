#include "bench/load/load.h"

#include <fmt/core.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/task_state.h"
#include "core/text.h"
#include "net/clock.h"
#include "wire/task_description.h"

namespace shoal::load {
namespace {

// High rates are due in groups, this far apart.
constexpr std::chrono::microseconds kLeastTick{100};
constexpr core::TimePoint kHasEnded = core::TimePoint::max();  // or was never launched

}  // namespace

Load::Load(net::Reactor& reactor, const LoadOptions& options)
    : reactor_(reactor),
      options_(options),
      heartbeat_(reactor,
                 [this] {
                   for (const auto& session : sessions_) session->beat();
                 }),
      due_(kPlaces, kHasEnded) {}

absl::StatusOr<std::unique_ptr<Load>> Load::create(net::Reactor& reactor,
                                                   const LoadOptions& options) {
  const auto masters = net::parse_master_list(options.master);
  if (!masters.ok()) return masters.status();
  if (options.window >= kPlaces / 2) return core::invalid("a window of at most {}", kPlaces / 2);
  std::unique_ptr<Load> load(new Load(reactor, options));
  wire::TaskDescription description;
  description.command = "/bin/true";
  auto encoded = wire::encode_task_description(description);
  if (!encoded.ok()) return encoded.status();
  load->description_ = *std::move(encoded);
  if (!options.stamps.empty()) {
    auto stamps = EndStamps::open(options.stamps);
    if (!stamps.ok()) return stamps.status();
    load->stamps_ = *std::move(stamps);
  }
  if (absl::Status opened = load->open_clock(); !opened.ok()) return opened;
  for (std::uint32_t i = 0; i < options.frameworks; ++i) {
    load->sessions_.push_back(std::make_unique<LoadSession>(*load, *masters, i));
  }
  // Three times within the shortest session timeout that a master may have.
  load->heartbeat_.start_repeating(std::chrono::seconds(1));
  load->hook_ = reactor.at_turn_end([self = load.get()] { self->launch_some(); });
  return load;
}

Load::~Load() {
  sessions_.clear();
  reactor_.remove_hook(hook_);
  clock_.reset();
  if (clock_fd_ >= 0) ::close(clock_fd_);
}

absl::Status Load::open_clock() {
  clock_fd_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (clock_fd_ < 0) {
    return absl::InternalError(fmt::format("cannot make a timer: {}", std::strerror(errno)));
  }
  auto watcher = net::FdWatcher::create(reactor_, clock_fd_, [this](net::FdEvents) { on_clock(); });
  if (!watcher.ok()) return watcher.status();
  clock_ = *std::move(watcher);
  clock_->watch(true, false);
  return absl::OkStatus();
}

bool Load::is_connected() const {
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& session) { return session->is_subscribed(); });
}

void Load::go(double rate) {
  is_going_ = true;
  rate_ = rate;
  started_ = net::monotonic_now();
  due_count_ = sent_count_ = 0;
  itimerspec ticks{};
  if (rate > 0) {
    const std::int64_t apart = std::max<std::int64_t>(std::chrono::nanoseconds(kLeastTick).count(),
                                                      static_cast<std::int64_t>(1e9 / rate));
    ticks.it_interval = {apart / 1'000'000'000, apart % 1'000'000'000};
    ticks.it_value.tv_nsec = 1;
  }
  ::timerfd_settime(clock_fd_, 0, &ticks, nullptr);
  reactor_.run_again();
}

void Load::pause() {
  is_going_ = false;
  const itimerspec never{};
  ::timerfd_settime(clock_fd_, 0, &never, nullptr);
}

void Load::on_clock() {
  std::uint64_t ticks = 0;
  (void)!::read(clock_fd_, &ticks, sizeof ticks);
  const std::chrono::duration<double> passed = net::monotonic_now() - started_;
  const auto groups = static_cast<std::uint64_t>(passed.count() * rate_ / options_.batch);
  due_count_ = (groups + 1) * options_.batch;  // the first ones at once
}

core::TimePoint Load::due_at(std::uint64_t index) const {
  const auto first_of_group = static_cast<double>(index / options_.batch * options_.batch);
  return started_ + std::chrono::duration_cast<core::Duration>(
                        std::chrono::duration<double>(first_of_group / rate_));
}

// How many may be launched now.
std::uint64_t Load::budget() const {
  if (!is_going_) return 0;
  const std::uint64_t window = rate_ > 0 ? kPlaces / 2 : options_.window;
  std::uint64_t room = window > under_way() ? window - under_way() : 0;
  if (options_.most_starting > 0) {
    const std::uint64_t starting = launched_ - answered_;
    const std::uint64_t most = options_.most_starting;
    room = std::min(room, most > starting ? most - starting : 0);
  }
  return rate_ > 0 ? std::min(room, due_count_ - sent_count_) : room;
}

void Load::launch_some() {
  std::uint64_t left = budget();
  std::size_t without = 0;  // sessions in a row that held nothing
  while (left > 0 && without < sessions_.size()) {
    LoadSession& session = *sessions_[next_session_];
    next_session_ = (next_session_ + 1) % sessions_.size();
    if (!session.has_offers()) {
      ++without;
      continue;
    }
    without = 0;
    const auto most = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, options_.batch));
    left -= session.launch(launched_ + 1, most);
  }
}

void Load::on_launch(std::uint64_t task, core::AgentId agent) {
  due_[task % kPlaces] = rate_ > 0 ? due_at(sent_count_) : net::monotonic_now();
  ++sent_count_;
  ++launched_;
  ++result_.launched;
  if (stamps_ == nullptr) return;
  stamps_->clear(task);
  last_task_[agent] = task;
}

void Load::on_offer(core::AgentId agent, core::TimePoint now) {
  if (stamps_ == nullptr) return;
  const auto last = last_task_.find(agent);
  if (last == last_task_.end()) return;
  const core::TimePoint ended = stamps_->get(last->second);
  if (ended == core::TimePoint{}) return;
  last_task_.erase(last);
  if (ended >= measuring_since_) result_.offer_latency.record(now - ended);
}

void Load::on_status(const core::TaskStatus& status, core::TimePoint now) {
  std::uint64_t task = 0;
  if (!core::parse_int(status.task, &task)) return;
  core::TimePoint& due = due_[task % kPlaces];
  // Updates come at least once: again when their acknowledgement was lost with a connection.
  if (due == kHasEnded) return;
  const bool is_first = due != core::TimePoint::min();
  if (is_first && (status.state == core::TaskState::kRunning || core::is_terminal(status.state))) {
    ++answered_;
  }
  if (status.state == core::TaskState::kRunning && is_first) {
    ++result_.running;
    if (due >= measuring_since_) {
      result_.launch_to_running.record(now - due);
      latest_.record(now - due);
    }
    due = core::TimePoint::min();
  }
  if (!core::is_terminal(status.state)) return;
  due = kHasEnded;
  ++finished_;
  if (status.state == core::TaskState::kFinished) {
    ++result_.ended;
  } else if (status.reason == core::TaskReason::kInvalidOffers) {
    ++result_.missed;
  } else {
    if (status.reason == core::TaskReason::kLaunchFailed) ++result_.failed;
    on_failure(fmt::format("task {} ended as {}: {}", status.task, core::name_of(status.state),
                           status.message));
  }
}

void Load::on_failure(std::string_view what) {
  if (result_.errors++ == 0) result_.first_error = what;
}

void Load::start_measuring() {
  measuring_since_ = net::monotonic_now();
  result_ = {};
  latest_ = {};
}

LatencyHistogram Load::take_latest() { return std::exchange(latest_, {}); }

LoadResult Load::measured() const {
  LoadResult result = result_;
  result.seconds = std::chrono::duration<double>(net::monotonic_now() - measuring_since_).count();
  if (rate_ > 0) result.overdue = due_count_ - sent_count_;
  return result;
}

}  // namespace shoal::load
