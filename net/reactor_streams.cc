// The lists of streams and the table of connections of a reactor.
#include <algorithm>
#include <utility>

#include "net/reactor_state.h"
#include "net/send_gate.h"
#include "net/stream.h"

namespace shoal::net {
namespace {

// Deadlines are looked at in steps, so that thousands of them cost one walk, not one each.
constexpr std::chrono::milliseconds kDeadlineStep{20};

void on_timer(uv_timer_t* handle) {
  auto* state = static_cast<ReactorState*>(handle->data);
  state->reactor.now();
  state->in_timer = true;
  state->check_deadlines();
  state->in_timer = false;
}

void on_deferred_timer(uv_timer_t* handle) {
  auto* state = static_cast<ReactorState*>(handle->data);
  state->reactor.now();
  state->in_timer = true;
  state->write_deferred();
  state->in_timer = false;
}

void drop(std::vector<Stream*>& list, std::uint32_t index, const Stream* stream) {
  if (index < list.size() && list[index] == stream) list[index] = nullptr;
}

constexpr std::uint32_t kIndexBits = 24;

}  // namespace

std::uint32_t ReactorState::add(std::vector<Stream*>& list, Stream* stream) {
  list.push_back(stream);
  return static_cast<std::uint32_t>(list.size() - 1);
}

void ReactorState::deliver_pending() {
  // Grows while it is walked: what callbacks cause is told in the same pass.
  for (std::size_t i = 0; i < pending.size(); ++i) {
    Stream* stream = pending[i];
    if (stream == nullptr) continue;
    pending[i] = nullptr;
    stream->deliver_pending();
  }
  pending.clear();
}

void ReactorState::flush_dirty() {
  flushing.swap(dirty);
  for (Stream* stream : flushing) {
    if (stream == nullptr) continue;
    if (may_send()) {
      stream->flush();
    } else {
      stream->dirty_index_ = add(dirty, stream);  // it keeps what it has
    }
  }
  flushing.clear();
}

void ReactorState::defer(Stream* stream) {
  stream->deferred_ = true;
  stream->deferred_index_ = add(deferred[stream->deferred_tick_ % kDeferredTicks], stream);
  if (deferred_streams++ > 0) return;
  uv_timer_start(&deferred_timer, on_deferred_timer, kDeferredTick.count(), kDeferredTick.count());
}

void ReactorState::write_deferred() {
  ++deferred_tick;
  // A stream that was written since, and then had output to wait again, comes to a later list; the
  // latest is the one that is walked.
  std::vector<Stream*> due = std::exchange(deferred[deferred_tick % kDeferredTicks], {});
  for (Stream* stream : due) {
    if (stream == nullptr) continue;
    stream->deferred_ = false;
    --deferred_streams;
    if (stream->output_.empty() || stream->dirty_ || stream->blocked_) continue;
    if (stream->deferred_tick_ == deferred_tick) {
      stream->mark_dirty();
    } else {
      defer(stream);
    }
  }
  if (deferred_streams == 0) uv_timer_stop(&deferred_timer);
}

void set_send_gate(Reactor& reactor, std::function<bool()> gate) {
  reactor.state().send_gate = std::move(gate);
}

void ReactorState::forget(Stream* stream) {
  drop(dirty, stream->dirty_index_, stream);
  drop(flushing, stream->dirty_index_, stream);
  drop(pending, stream->pending_index_, stream);
  if (!stream->deferred_) return;
  for (std::vector<Stream*>& list : deferred) drop(list, stream->deferred_index_, stream);
  --deferred_streams;
}

void ReactorState::watch(Stream* stream, core::TimePoint deadline) {
  if (!stream->watched_) {
    stream->watched_ = true;
    stream->previous_ = nullptr;
    stream->next_ = watched;
    if (watched != nullptr) watched->previous_ = stream;
    watched = stream;
  }
  if (deadline < next_check) arm_deadlines(deadline);
}

void ReactorState::unwatch(Stream* stream) {
  if (!stream->watched_) return;
  stream->watched_ = false;
  (stream->previous_ != nullptr ? stream->previous_->next_ : watched) = stream->next_;
  if (stream->next_ != nullptr) stream->next_->previous_ = stream->previous_;
  stream->previous_ = stream->next_ = nullptr;
}

void ReactorState::arm_deadlines(core::TimePoint deadline) {
  next_check = std::max(deadline, reactor.now() + kDeadlineStep);
  uv_timer_start(&deadline_timer, on_timer, timer_ms(*this, next_check), 0);
}

void ReactorState::check_deadlines() {
  const core::TimePoint now = reactor.now();
  core::TimePoint next = core::TimePoint::max();
  next_check = next;
  for (Stream* stream = watched; stream != nullptr;) {
    Stream* following = stream->next_;
    const core::TimePoint due = stream->check_deadlines(now);
    if (due == core::TimePoint::max()) {
      unwatch(stream);
    } else {
      next = std::min(next, due);
    }
    stream = following;
  }
  if (next != core::TimePoint::max()) arm_deadlines(next);
}

void ReactorState::close_streams() {
  for (Slot& slot : slots) {
    if (slot.connection != nullptr) delete_connection(slot.connection);
  }
  slots.clear();
  for (Connection* detached : graveyard) delete_connection(detached);
  graveyard.clear();
  while (!lingering.empty()) lingering.back()->destroy();
}

void ReactorState::delete_connection(Connection* connection) { delete connection; }

SessionId ReactorState::add_connection(Connection* connection) {
  std::uint32_t index = 0;
  if (free_slots.empty()) {
    if (slots.size() >= (std::size_t{1} << kIndexBits)) return kNoSession;
    index = static_cast<std::uint32_t>(slots.size());
    slots.emplace_back();
  } else {
    index = free_slots.back();
    free_slots.pop_back();
  }
  slots[index].connection = connection;
  counters.connections.add();
  return (static_cast<std::uint64_t>(reactor.index()) << 56) |
         (static_cast<std::uint64_t>(index) << 32) | slots[index].generation;
}

void ReactorState::remove_connection(SessionId id) {
  const auto index = static_cast<std::uint32_t>((id >> 32) & ((1u << kIndexBits) - 1));
  Slot& slot = slots[index];
  slot.connection = nullptr;
  counters.connections.sub();
  // A slot whose generations are used up is retired: an id never comes back.
  if (++slot.generation != 0) free_slots.push_back(index);
}

Connection* ReactorState::find_connection(SessionId id) const {
  if (session_reactor(id) != reactor.index()) return nullptr;
  const auto index = static_cast<std::size_t>((id >> 32) & ((1u << kIndexBits) - 1));
  if (index >= slots.size()) return nullptr;
  const Slot& slot = slots[index];
  if (slot.generation != static_cast<std::uint32_t>(id) || slot.connection == nullptr) {
    return nullptr;
  }
  return slot.connection->is_closing() ? nullptr : slot.connection;
}

}  // namespace shoal::net
