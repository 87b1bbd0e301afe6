#include "sdk/client_link.h"

#include <utility>

#include "core/status.h"
#include "net/random.h"
#include "sdk/convert.h"

namespace shoal::sdk {

namespace {

// While masters elect: soon again.
constexpr net::BackoffLimits kBackoff{std::chrono::milliseconds(200),
                                      std::chrono::milliseconds(500)};

// What is about the way there, not about who answers.
bool is_out_of_reach(const absl::Status& why) {
  return absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why) || absl::IsNotFound(why) ||
         absl::IsAborted(why);
}

}  // namespace

ClientLink::ClientLink(net::Reactor& reactor, const net::MasterList& where, core::PeerKind kind,
                       std::string peer, ClientLinkOwner* owner, LinkOptions link_options)
    : reactor_(reactor),
      where_(where),
      kind_(kind),
      peer_(std::move(peer)),
      owner_(owner),
      link_options_(link_options),
      patience_(where, link_options.patience) {
  net::DialerOptions options;
  options.masters = where;
  options.seed = net::random_seed();
  options.backoff = kBackoff;
  options.connection.max_payload = core::kMaxFrameBytes;
  options.on_retry = [this](const net::HostPort& address, const absl::Status& why,
                            core::Duration wait) { on_retry(address, why, wait); };
  dialer_.reset(new net::Dialer(reactor, this, std::move(options)));
  dialer_->start();
}

ClientLink::~ClientLink() = default;

void ClientLink::on_connected(net::Connection& connection) {
  connection_ = &connection;
  core::Hello hello;
  hello.kind = kind_;
  hello.protocol_min = wire::kProtocolVersion;
  hello.protocol_max = wire::kProtocolVersion;
  hello.features = core::kFeatures;
  hello.software = "shoal-sdk/0.1.0";
  if (link_options_.epoch != nullptr) hello.epoch = *link_options_.epoch;
  wire::ByteVector frame;
  wire::encode(hello, 0, frame);
  connection.send(frame);
}

void ClientLink::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  if (failed_) return;
  const absl::Status status =
      ready_ ? owner_->on_link_frame(frame) : on_greeting(connection, frame);
  if (status.ok()) return;
  connection.close(status);
  fail(status);
}

absl::Status ClientLink::on_greeting(net::Connection& connection, const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kRefusal) {
    const auto refusal = wire::decode<core::Refusal>(frame.payload);
    return refusal.ok() ? on_greeting_refused(*refusal) : refusal.status();
  }
  if (kind != wire::MessageKind::kWelcome) {
    return core::invalid("the {} answered the hello with {}", peer_, describe_kind(kind));
  }
  const auto welcome = wire::decode<core::Welcome>(frame.payload);
  if (!welcome.ok()) return welcome.status();
  if (absl::Status spoken = check_protocol(peer_, *welcome); !spoken.ok()) return spoken;
  if (std::uint64_t* seen = link_options_.epoch; seen != nullptr) {
    if (welcome->epoch < *seen) {
      patience_.met_standby();
      connection.close(absl::UnavailableError(
          fmt::format("it leads no more: its epoch is {}, {} was seen", welcome->epoch, *seen)));
      return absl::OkStatus();
    }
    *seen = welcome->epoch;
  }
  connection.set_authenticated();
  ready_ = true;
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    connection.send(wire::Bytes(pending_).subspan(begin, end - begin));
    begin = end;
  }
  pending_.clear();
  ends_.clear();
  return absl::OkStatus();
}

// A master that does not lead, or no more: the next one is asked.
absl::Status ClientLink::on_greeting_refused(const core::Refusal& refusal) {
  absl::Status status = status_of(refusal);
  if (refusal.code != core::RefusalCode::kNotLeader && refusal.code != core::RefusalCode::kFenced) {
    return status;
  }
  patience_.met_standby();
  dialer_->redirect(refusal.leader, status);
  return absl::OkStatus();
}

// Before on_closed, when there was a connection.
void ClientLink::on_retry(const net::HostPort& address, const absl::Status& why,
                          core::Duration wait) {
  if (ready_) return fail(why);
  if (failed_ || patience_.goes_on(address, why, wait, reactor_.now())) return;
  fail(why);
}

void ClientLink::on_closed(net::Connection& connection, const absl::Status& reason) {
  (void)connection, (void)reason;
  connection_ = nullptr;
}

void ClientLink::fail(const absl::Status& why) {
  if (failed_) return;
  failed_ = true;
  dialer_->give_up();
  absl::Status status = why;
  if (!ready_ && absl::IsInvalidArgument(why)) {
    status =
        absl::InvalidArgumentError(fmt::format("what listens at {} is no {} of this version: {}",
                                               where_.to_string(), peer_, core::message_of(why)));
  } else if (!ready_ && where_.addresses.size() == 1 && absl::IsDeadlineExceeded(why)) {
    status = absl::UnavailableError(
        fmt::format("the {} at {} does not answer", peer_, where_.to_string()));
  } else if (!ready_ && is_out_of_reach(why)) {
    status = patience_.failure(peer_, why);
  }
  owner_->on_link_failed(status);
}

}  // namespace shoal::sdk
