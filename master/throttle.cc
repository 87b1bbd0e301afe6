#include "master/throttle.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/framework_messages.h"
#include "core/messages.h"
#include "core/text.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

using wire::MessageKind;

constexpr std::size_t kShownNameBytes = 100;

bool is_limited(MessageKind kind) {
  return kind == MessageKind::kAccept || kind == MessageKind::kRevive ||
         kind == MessageKind::kSuppress || kind == MessageKind::kReconcile ||
         kind == MessageKind::kExplain;
}

MessageKind kind_of(const wire::FrameView& frame) {
  return static_cast<MessageKind>(frame.header.kind);
}

// The task that is to be killed; empty: of another message, or of one that is no good.
std::string killed_task(const wire::FrameView& frame) {
  if (kind_of(frame) != MessageKind::kKillTask) return {};
  const auto kill = wire::decode<core::KillTask>(frame.payload);
  return kill.ok() ? std::string(kill->task) : std::string();
}

std::vector<std::string> launched_tasks(const wire::FrameView& frame) {
  std::vector<std::string> ids;
  if (kind_of(frame) != MessageKind::kAccept) return ids;
  const auto accept = wire::decode<core::Accept>(frame.payload);
  if (!accept.ok()) return ids;  // refused when its time comes
  for (const core::TaskLaunch& task : accept->tasks) ids.emplace_back(task.id);
  return ids;
}

}  // namespace

Throttle::~Throttle() {
  for (const auto& [index, calls] : queues_) {
    const auto limited = static_cast<std::size_t>(std::count_if(
        calls.begin(), calls.end(), [](const HeldCall& call) { return !call.is_free; }));
    limits_.groups()[index]->leave(limited);
  }
}

void Throttle::begin(core::SessionId session, std::string_view principal) {
  sessions_[session].group = &limits_.group_of(principal);
}

void Throttle::end(core::SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  RateGroup& group = *found->second.group;
  if (found->second.held_calls > 0) {
    std::deque<HeldCall>& calls = queues_[group.index()];
    for (const HeldCall& call : calls) {
      if (call.session == id && !call.is_free) group.leave();
    }
    std::erase_if(calls, [id](const HeldCall& call) { return call.session == id; });
    if (calls.empty()) queues_.erase(group.index());
  }
  sessions_.erase(found);
}

Throttle::Answer Throttle::on_call(core::SessionId id, const wire::FrameView& frame,
                                   core::TimePoint now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return Answer::kGo;
  Session& session = found->second;
  if (!is_limited(kind_of(frame))) {
    if (session.launches.empty() || !session.launches.contains(killed_task(frame)) ||
        session.held_bytes + frame.payload.size() > core::kMaxHeldBytes) {
      return Answer::kGo;
    }
    hold(id, session, frame, true);
    return Answer::kWaits;
  }
  session.group->count_call();
  // Behind others of its principal, whatever the rate would allow now.
  if (!queues_.contains(session.group->index()) && session.group->take(now)) return Answer::kGo;
  if (is_full(session, frame.payload.size())) return Answer::kFull;
  hold(id, session, frame, false);
  return Answer::kWaits;
}

// If not, there is room in the group for one more from now on.
bool Throttle::is_full(const Session& session, std::size_t bytes) {
  if (session.held_bytes + bytes > core::kMaxHeldBytes) {
    session.group->count_refused();
    return true;
  }
  return !session.group->enter();
}

void Throttle::hold(core::SessionId id, Session& session, const wire::FrameView& frame,
                    bool is_free) {
  HeldCall call;
  call.session = id;
  call.header = frame.header;
  call.payload.assign(frame.payload.begin(), frame.payload.end());
  call.launches = launched_tasks(frame);
  call.is_free = is_free;
  ++session.held_calls;
  session.held_bytes += call.payload.size();
  for (const std::string& task : call.launches) ++session.launches[task];
  queues_[session.group->index()].push_back(std::move(call));
}

void Throttle::release(Session& session, const HeldCall& call) {
  if (!call.is_free) session.group->leave();
  --session.held_calls;
  session.held_bytes -= call.payload.size();
  for (const std::string& task : call.launches) {
    const auto launch = session.launches.find(task);
    if (--launch->second == 0) session.launches.erase(launch);
  }
}

std::string Throttle::describe_full(core::SessionId id) const {
  const RateGroup& group = *sessions_.at(id).group;
  return fmt::format(
      "over the rate limit of '{}': {} calls wait already, of {} that may, and one goes every {} "
      "ms",
      core::printable(group.name(), kShownNameBytes), group.waiting(), group.limit().capacity,
      static_cast<double>(group.limit().interval.count()) / 1e6);
}

core::Duration Throttle::retry_after(core::SessionId id, core::TimePoint now) const {
  return std::clamp<core::Duration>(sessions_.at(id).group->time_to_drain(now),
                                    std::chrono::milliseconds(1), core::kMaxRetryAfter);
}

std::optional<HeldCall> Throttle::take(core::TimePoint now) {
  for (auto queue = queues_.begin(); queue != queues_.end(); ++queue) {
    std::deque<HeldCall>& calls = queue->second;
    if (!calls.front().is_free && !limits_.groups()[queue->first]->take(now)) continue;
    HeldCall call = std::move(calls.front());
    calls.pop_front();
    if (calls.empty()) queues_.erase(queue);
    release(sessions_.at(call.session), call);
    return call;
  }
  return std::nullopt;
}

std::optional<core::TimePoint> Throttle::next(core::TimePoint now) const {
  std::optional<core::TimePoint> first;
  for (const auto& [index, calls] : queues_) {
    const core::TimePoint at = calls.front().is_free ? now : limits_.groups()[index]->next(now);
    if (!first.has_value() || at < *first) first = at;
  }
  return first;
}

}  // namespace shoal::master
