#include "net/reactor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "net/clock.h"
#include "net/reactor_state.h"
#include "net/wake.h"

namespace shoal::net {
namespace {

// Shorter ones are no news.
constexpr std::chrono::milliseconds kToldTurn{1};

void on_async(uv_async_t* handle) {
  ReactorState* state = static_cast<ReactorState*>(handle->data);
  state->reactor.now();
  woken();
  state->counters.wakeups.add();
  state->run_posted();
  state->run_hooks(state->wake_hooks);
  if (state->stop_requested.load(std::memory_order_relaxed)) uv_stop(&state->loop);
}

void on_prepare(uv_prepare_t* handle) { static_cast<ReactorState*>(handle->data)->end_turn(); }

void on_idle(uv_idle_t* /*handle*/) {}  // only its being active matters: the loop does not block

template <typename Handle>
uv_handle_t* as_handle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

absl::Status uv_error(const char* what, int code) {
  return absl::InternalError(
      absl::StrCat("cannot start an event loop: ", what, ": ", uv_strerror(code)));
}

absl::Status init_loop(ReactorState& state) {
  if (int code = uv_loop_init(&state.loop); code != 0) return uv_error("uv_loop_init", code);
  if (int code = uv_async_init(&state.loop, &state.async, on_async); code != 0) {
    uv_loop_close(&state.loop);
    return uv_error("uv_async_init", code);
  }
  uv_prepare_init(&state.loop, &state.prepare);
  uv_idle_init(&state.loop, &state.idle);
  uv_timer_init(&state.loop, &state.deadline_timer);
  uv_timer_init(&state.loop, &state.deferred_timer);
  state.async.data = state.prepare.data = state.idle.data = &state;
  state.deadline_timer.data = state.deferred_timer.data = &state;
  uv_prepare_start(&state.prepare, on_prepare);
  return absl::OkStatus();
}

}  // namespace

std::uint64_t timer_ms(const ReactorState& state, core::TimePoint deadline) {
  // Both count CLOCK_MONOTONIC; the loop's time is a floor in milliseconds.
  const auto whole =
      std::chrono::ceil<std::chrono::milliseconds>(deadline.time_since_epoch()).count();
  const std::uint64_t loop_now = uv_now(&state.loop);
  const auto at = static_cast<std::uint64_t>(std::max<std::int64_t>(whole, 0));
  const std::uint64_t least = state.in_timer ? 1 : 0;
  return at > loop_now ? at - loop_now : least;
}

Reactor::Reactor(std::size_t index)
    : index_(index), state_(std::make_unique<ReactorState>(*this)) {}

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::create(std::size_t index) {
  if (index >= core::kMaxReactors) {
    return absl::InvalidArgumentError(
        absl::StrCat("reactor ", index, ": at most ", core::kMaxReactors, " are possible"));
  }
  std::unique_ptr<Reactor> reactor(new Reactor(index));
  const absl::Status status = init_loop(*reactor->state_);
  if (!status.ok()) {
    reactor->state_.reset();  // nothing to close
    return status;
  }
  reactor->mutable_counters().descriptors.add(reactor->own_descriptors().size() +
                                              reactor->shared_descriptors().size());
  return reactor;
}

Reactor::~Reactor() {
  if (state_ == nullptr) return;
  state_->close_streams();
  uv_close(as_handle(&state_->async), nullptr);
  uv_close(as_handle(&state_->prepare), nullptr);
  uv_close(as_handle(&state_->idle), nullptr);
  uv_close(as_handle(&state_->deadline_timer), nullptr);
  uv_close(as_handle(&state_->deferred_timer), nullptr);
  uv_run(&state_->loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&state_->loop) != 0) {
    std::fputs("shoal: bug: a timer, listener or watcher outlived its reactor\n", stderr);
    std::abort();
  }
}

void Reactor::run() {
  // The loop may have been made long before: its idea of the time is old.
  uv_update_time(&state_->loop);
  uv_run(&state_->loop, UV_RUN_DEFAULT);
  state_->end_turn();  // of the turn that stopped the loop
  state_->stop_requested.store(false, std::memory_order_relaxed);
}

void Reactor::stop() {
  state_->stop_requested.store(true, std::memory_order_relaxed);
  wake();
}

core::TimePoint Reactor::now() {
  if (!state_->in_turn) {
    state_->turn_time = monotonic_now();
    state_->in_turn = true;
  }
  return state_->turn_time;
}

void Reactor::post(std::function<void()> task) {
  {
    const std::lock_guard<std::mutex> lock(state_->posted_lock);
    state_->posted.push_back(std::move(task));
  }
  wake();
}

Reactor::HookId Reactor::at_turn_end(Hook hook) {
  state_->turn_end_hooks.emplace_back(++state_->last_hook, std::move(hook));
  return state_->last_hook;
}

Reactor::HookId Reactor::at_wake(Hook hook) {
  state_->wake_hooks.emplace_back(++state_->last_hook, std::move(hook));
  return state_->last_hook;
}

void Reactor::remove_hook(HookId id) {
  for (auto* hooks : {&state_->turn_end_hooks, &state_->wake_hooks}) {
    for (auto& hook : *hooks) {
      if (hook.first == id) hook.first = 0;  // erased by the next run_hooks: it may be running now
    }
  }
}

void Reactor::wake() { net::wake(&state_->async); }

void Reactor::run_again() { state_->want_again = true; }

Connection* Reactor::find_connection(SessionId id) { return state_->find_connection(id); }

const ReactorCounters& Reactor::counters() const { return state_->counters; }

ReactorCounters& Reactor::mutable_counters() { return state_->counters; }

std::vector<int> Reactor::own_descriptors() const {
  return {uv_backend_fd(&state_->loop), state_->loop.signal_pipefd[0]};
}

std::vector<int> Reactor::shared_descriptors() const {
  return {state_->loop.async_io_watcher.fd, state_->loop.signal_pipefd[1]};
}

const FlightRecorder& Reactor::flight() const { return state_->flight; }

FlightRecorder& Reactor::flight() { return state_->flight; }

void Reactor::reset_max_turn() { state_->counters.max_turn_ns.set(0); }

void ReactorState::run_hooks(std::vector<std::pair<Reactor::HookId, Reactor::Hook>>& hooks) {
  // By index, and the function copied out of the way of growth: a hook may add or remove hooks.
  bool removed = false;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i].first == 0) {
      removed = true;
      continue;
    }
    Reactor::Hook hook = std::move(hooks[i].second);
    hook();
    hooks[i].second = std::move(hook);
    removed = removed || hooks[i].first == 0;
  }
  if (removed) std::erase_if(hooks, [](const auto& hook) { return hook.first == 0; });
}

void ReactorState::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard<std::mutex> lock(posted_lock);
    tasks.swap(posted);
  }
  for (auto& task : tasks) task();
}

void ReactorState::end_turn() {
  deliver_pending();
  run_hooks(turn_end_hooks);
  flush_dirty();
  // What the hooks and the flush left to tell is told in a turn of its own, so that its effects
  // again meet the hooks.
  if (!pending.empty()) want_again = true;
  for (Connection* detached : graveyard) delete_connection(detached);
  graveyard.clear();
  if (want_again && !uv_is_active(as_handle(&idle))) {
    uv_idle_start(&idle, on_idle);
  } else if (!want_again && uv_is_active(as_handle(&idle))) {
    uv_idle_stop(&idle);
  }
  want_again = false;
  if (!in_turn) return;
  in_turn = false;
  const core::TimePoint end = monotonic_now();
  const std::chrono::nanoseconds took = end - turn_time;
  const auto busy = static_cast<std::uint64_t>(took.count());
  if (took >= kToldTurn) flight.note(end, FlightKind::kTurn, 0, 0, busy);
  counters.turns.add();
  counters.turn_time.observe(took);
  counters.last_turn_ns.set(
      static_cast<std::uint64_t>(std::chrono::nanoseconds(end.time_since_epoch()).count()));
  counters.busy_ns.add(busy);
  counters.max_turn_ns.raise_to(busy);
}

}  // namespace shoal::net
