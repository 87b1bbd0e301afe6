#include "net/timer.h"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {

// Outlives its Timer until the loop has let go of it; so the callback, too, outlives its own call.
struct Timer::Handle {
  uv_timer_t timer;
  Reactor* reactor;
  std::function<void()> callback;
  core::TimePoint due = core::TimePoint::max();  // max: not known

  static void on_timeout(uv_timer_t* timer) {
    auto* handle = static_cast<Handle*>(timer->data);
    ReactorState& state = handle->reactor->state();
    const core::TimePoint now = state.reactor.now();
    if (handle->due != core::TimePoint::max()) {
      state.counters.timer_lag.observe(now - std::exchange(handle->due, core::TimePoint::max()));
    }
    state.in_timer = true;
    handle->callback();
    state.in_timer = false;
  }
  static void on_close(uv_handle_t* timer) { delete static_cast<Handle*>(timer->data); }
};

Timer::Timer(Reactor& reactor, std::function<void()> callback)
    : handle_(new Handle{{}, &reactor, std::move(callback), core::TimePoint::max()}) {
  uv_timer_init(&reactor.state().loop, &handle_->timer);
  handle_->timer.data = handle_;
}

Timer::~Timer() { uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer), Handle::on_close); }

void Timer::start(core::Duration delay) { start_at(handle_->reactor->now() + delay); }

void Timer::start_at(core::TimePoint deadline) {
  // What was due before it was asked for tells nothing of the loop.
  handle_->due = std::max(deadline, handle_->reactor->now());
  uv_timer_start(&handle_->timer, Handle::on_timeout, timer_ms(handle_->reactor->state(), deadline),
                 0);
}

void Timer::start_repeating(core::Duration interval) {
  const auto ms =
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(interval).count());
  const std::uint64_t first =
      timer_ms(handle_->reactor->state(), handle_->reactor->now() + interval);
  handle_->due = core::TimePoint::max();
  uv_timer_start(&handle_->timer, Handle::on_timeout, first, static_cast<std::uint64_t>(ms));
}

void Timer::stop() { uv_timer_stop(&handle_->timer); }

bool Timer::is_active() const {
  return uv_is_active(reinterpret_cast<uv_handle_t*>(&handle_->timer)) != 0;
}

}  // namespace shoal::net
