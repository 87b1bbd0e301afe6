// One framework of a load: its connection, the offers it holds, its answers.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "core/framework_messages.h"
#include "core/messages.h"
#include "net/dialer.h"
#include "wire/message.h"

namespace shoal::load {

class Load;

// Threads: the reactor's.
class LoadSession final : public net::ConnectionHandler {
 public:
  LoadSession(Load& load, net::MasterList masters, std::uint32_t number);

  bool is_subscribed() const { return is_subscribed_; }
  bool has_offers() const { return !held_.empty(); }
  // Answers the oldest offer with `tasks` tasks at most, the first numbered `first`; returns how
  // many it holds (0: it holds none, or has just been withdrawn).
  std::uint32_t launch(std::uint64_t first, std::uint32_t tasks);
  void beat();

 private:
  struct Held {
    core::OfferId id;
    core::AgentId agent;
    core::Resources resources;
  };

  void on_connected(net::Connection& connection) override;
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;
  template <typename Message, typename Handle>
  void decoded(net::Connection& connection, const wire::FrameView& frame, Handle handle);
  void on_welcome(net::Connection& connection, const core::Welcome& welcome);
  void on_subscribed(const core::Subscribed& subscribed);
  void on_refusal(const core::Refusal& refusal);
  void on_offers(const core::Offers& offers);
  void on_rescind(const core::Rescind& rescind);
  void on_status(const core::TaskStatus& status);
  std::uint32_t fitting(const core::Resources& offer, std::uint32_t most) const;

  template <typename Message>
  void send(const Message& message) {
    net::Connection* connection = dialer_.connection();
    if (connection == nullptr) return;
    buffer_.clear();
    wire::encode(message, 0, buffer_);
    connection->send(buffer_);
  }

  Load& load_;
  const std::string name_;
  bool is_subscribed_ = false;
  core::FrameworkId id_;     // since the first subscription
  std::uint64_t epoch_ = 0;  // the highest of a master that was seen
  std::uint64_t beats_ = 0;
  std::deque<Held> held_;
  wire::ByteVector buffer_;
  net::Dialer dialer_;
};

}  // namespace shoal::load
