#include "bench/load/load_session.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bench/load/load.h"
#include "core/status.h"
#include "net/clock.h"

namespace shoal::load {
namespace {

using wire::MessageKind;

net::DialerOptions dial_options(net::MasterList masters, std::uint64_t seed) {
  net::DialerOptions options;
  options.masters = std::move(masters);
  options.seed = seed;
  return options;
}

}  // namespace

LoadSession::LoadSession(Load& load, net::MasterList masters, std::uint32_t number)
    : load_(load),
      name_(fmt::format("load-{}", number)),
      dialer_(load.reactor(), this, dial_options(std::move(masters), number)) {
  dialer_.start();
}

void LoadSession::beat() {
  if (is_subscribed_) send(core::Heartbeat{++beats_});
}

void LoadSession::on_connected(net::Connection&) {
  core::Hello hello;
  hello.kind = core::PeerKind::kFramework;
  hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
  hello.software = "shoal bench";
  hello.peer_id = id_.value;
  hello.epoch = epoch_;
  send(hello);
}

void LoadSession::on_closed(net::Connection&, const absl::Status& reason) {
  held_.clear();
  const bool was_subscribed = std::exchange(is_subscribed_, false);
  if (was_subscribed) load_.on_session_lost(net::monotonic_now());
  // Masters that do not lead are left at once, and a lost one may be what is measured.
  if (load_.options().survives_masters || (epoch_ > 0 && !was_subscribed)) return;
  load_.on_failure(fmt::format("the session of {} ended: {}", name_, core::message_of(reason)));
}

template <typename Message, typename Handle>
void LoadSession::decoded(net::Connection& connection, const wire::FrameView& frame,
                          Handle handle) {
  const absl::StatusOr<Message> message = wire::decode<Message>(frame.payload);
  if (message.ok()) return handle(*message);
  connection.close(message.status());
}

void LoadSession::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  switch (static_cast<MessageKind>(frame.header.kind)) {
    case MessageKind::kWelcome:
      return decoded<core::Welcome>(connection, frame,
                                    [&](const core::Welcome& m) { on_welcome(connection, m); });
    case MessageKind::kSubscribed:
      return decoded<core::Subscribed>(connection, frame,
                                       [this](const core::Subscribed& m) { on_subscribed(m); });
    case MessageKind::kOffers:
      return decoded<core::Offers>(connection, frame,
                                   [this](const core::Offers& m) { on_offers(m); });
    case MessageKind::kRescind:
      return decoded<core::Rescind>(connection, frame,
                                    [this](const core::Rescind& m) { on_rescind(m); });
    case MessageKind::kStatusUpdate:
      return decoded<core::TaskStatus>(connection, frame,
                                       [this](const core::TaskStatus& m) { on_status(m); });
    case MessageKind::kRefusal:
      return decoded<core::Refusal>(connection, frame,
                                    [this](const core::Refusal& m) { on_refusal(m); });
    default:
      return;
  }
}

void LoadSession::on_refusal(const core::Refusal& refusal) {
  if (refusal.code == core::RefusalCode::kInvalidOffer) return;  // the tasks' updates tell
  if (refusal.retry_after_ms != 0) {
    if (is_subscribed_) return;  // over a rate: the tasks' updates tell
    return dialer_.come_back_after(std::chrono::milliseconds(refusal.retry_after_ms),
                                   absl::UnavailableError(std::string(refusal.message)));
  }
  const bool is_elsewhere = refusal.code == core::RefusalCode::kNotLeader ||
                            (refusal.code == core::RefusalCode::kFenced && !is_subscribed_);
  if (is_elsewhere) {
    return dialer_.redirect(refusal.leader, absl::UnavailableError(std::string(refusal.message)));
  }
  load_.on_failure(fmt::format("the master refused a call: {}", refusal.message));
}

void LoadSession::on_subscribed(const core::Subscribed& subscribed) {
  id_ = subscribed.framework;
  is_subscribed_ = true;
  dialer_.set_healthy();
}

void LoadSession::on_welcome(net::Connection& connection, const core::Welcome& welcome) {
  if (welcome.epoch < epoch_) {
    return dialer_.redirect({}, absl::UnavailableError("the master leads no more"));
  }
  epoch_ = welcome.epoch;
  connection.set_authenticated();
  core::Subscribe message;
  message.name = name_;
  message.user = "bench";
  message.capabilities = core::Capabilities().with(core::Capability::kPartitionAware);
  send(message);
}

void LoadSession::on_offers(const core::Offers& offers) {
  const core::TimePoint now = net::monotonic_now();
  for (const core::OfferView& offer : offers.offers) {
    load_.on_offer(offer.agent, now);
    held_.push_back({offer.id, offer.agent, offer.resources});
  }
}

void LoadSession::on_rescind(const core::Rescind& rescind) {
  std::erase_if(held_, [&rescind](const Held& held) {
    return std::find(rescind.offers.begin(), rescind.offers.end(), held.id) != rescind.offers.end();
  });
}

void LoadSession::on_status(const core::TaskStatus& status) {
  if (status.has_uuid) {
    send(core::AcknowledgeUpdate{status.framework, status.agent, status.task, status.uuid});
  }
  load_.on_status(status, net::monotonic_now());
}

std::uint32_t LoadSession::fitting(const core::Resources& offer, std::uint32_t most) const {
  const core::Resources& task = load_.options().task;
  if (task.empty()) return 1;
  core::Milli fits = most;
  if (task.cpus > 0) fits = std::min(fits, offer.cpus / task.cpus);
  if (task.mem > 0) fits = std::min(fits, offer.mem / task.mem);
  if (task.disk > 0) fits = std::min(fits, offer.disk / task.disk);
  return static_cast<std::uint32_t>(std::max<core::Milli>(fits, 0));
}

std::uint32_t LoadSession::launch(std::uint64_t first, std::uint32_t tasks) {
  if (held_.empty()) return 0;
  const Held offer = std::move(held_.front());
  held_.pop_front();
  const std::uint32_t count = fitting(offer.resources, tasks);
  if (count == 0) {
    send(core::Decline{{offer.id}, /*refuse_ms=*/1000});
    return 0;
  }
  core::Accept accept;
  accept.offers.push_back(offer.id);
  accept.refuse_ms = 0;
  struct Digits {
    char text[20];
  };
  absl::InlinedVector<Digits, 4> names(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto end = std::to_chars(names[i].text, names[i].text + sizeof(Digits), first + i).ptr;
    core::TaskLaunch task;
    task.id = std::string_view(names[i].text, static_cast<std::size_t>(end - names[i].text));
    task.resources = load_.options().task.empty() ? offer.resources : load_.options().task;
    task.description = load_.description();
    accept.tasks.push_back(std::move(task));
    load_.on_launch(first + i, offer.agent);
  }
  send(accept);
  return count;
}

}  // namespace shoal::load
