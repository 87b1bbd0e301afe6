#include "sdk/client_link.h"

#include <utility>

#include "core/status.h"
#include "net/random.h"
#include "sdk/convert.h"

namespace shoal::sdk {

ClientLink::ClientLink(net::Reactor& reactor, net::HostPort address, core::PeerKind kind,
                       std::string peer, ClientLinkOwner* owner)
    : address_(std::move(address)), kind_(kind), peer_(std::move(peer)), owner_(owner) {
  net::DialerOptions options;
  options.addresses = {address_};
  options.seed = net::random_seed();
  options.backoff.min = options.backoff.max = std::chrono::hours(1);  // one attempt is all
  options.connection.max_payload = core::kMaxFrameBytes;
  options.on_retry = [this](const net::HostPort&, const absl::Status& why, core::Duration) {
    fail(why);
  };
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
    return refusal.ok() ? status_of(*refusal) : refusal.status();
  }
  if (kind != wire::MessageKind::kWelcome) {
    return core::invalid("the {} answered the hello with {}", peer_, describe_kind(kind));
  }
  const auto welcome = wire::decode<core::Welcome>(frame.payload);
  if (!welcome.ok()) return welcome.status();
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

void ClientLink::on_closed(net::Connection& connection, const absl::Status& reason) {
  (void)connection;
  connection_ = nullptr;
  fail(reason);
}

void ClientLink::fail(const absl::Status& why) {
  if (failed_) return;
  failed_ = true;
  absl::Status status = why;
  if (!ready_ && absl::IsUnavailable(why)) {
    status = absl::UnavailableError(
        fmt::format("no {} at {}: {}", peer_, address_.to_string(), core::message_of(why)));
  } else if (!ready_ && absl::IsDeadlineExceeded(why)) {
    status = absl::UnavailableError(
        fmt::format("the {} at {} does not answer", peer_, address_.to_string()));
  } else if (!ready_ && absl::IsInvalidArgument(why)) {
    status =
        absl::InvalidArgumentError(fmt::format("what listens at {} is no {} of this version: {}",
                                               address_.to_string(), peer_, core::message_of(why)));
  }
  owner_->on_link_failed(status);
}

}  // namespace shoal::sdk
