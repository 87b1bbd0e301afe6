// Where handlers put their effects: messages to peers, messages to shards, closed sessions. The
// reactor's outbox encodes straight into connections; a test's records; the simulator's delays,
// reorders and drops.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/messages.h"
#include "core/registry.h"
#include "core/shard_message.h"

namespace shoal::core {

// Any message a master sends to a peer, by reference; valid during the call only.
using PeerMessage =
    std::variant<const Welcome*, const Refusal*, const Heartbeat*, const AgentRegistered*,
                 const RunTask*, const KillTask*, const TaskStatus*, const AcknowledgeUpdate*,
                 const ApplyOperation*, const OperationUpdate*, const AcknowledgeOperation*,
                 const Subscribed*, const Offers*, const Rescind*, const AgentFailure*,
                 const Explanation*, const Notice*, const ClusterView*, const Done*>;

class Outbox {
 public:
  virtual ~Outbox() = default;

  // To a peer of this shard. A session that has gone swallows it: its loss is reported separately.
  template <typename T>
  void send(SessionId to, const T& message, std::uint32_t correlation = 0) {
    if (to.valid()) send_message(to, PeerMessage(&message), correlation);
  }
  void refuse(SessionId to, RefusalCode code, std::string_view message,
              std::uint32_t correlation = 0) {
    send(to, Refusal{code, message}, correlation);
  }

  // Ends a session after what was sent before has gone out. No disconnect handler is called for it.
  virtual void close(SessionId session) = 0;

  // The peer does not read as fast as it is written to: no more offers to it.
  virtual bool is_slow(SessionId session) const = 0;

  // In order per pair of shards; also to the own shard, then within the same turn.
  virtual void to_shard(std::uint32_t shard, ShardMessage message) = 0;

  // Writes the row to the registry; on_stored() follows when it is durable. Call store() of
  // core/registry.h. False: there is no registry, and this master alone will know.
  virtual bool store(RegistryRow /*row*/) { return false; }  // NOLINT(*-unnecessary-value-param)

 protected:
  virtual void send_message(SessionId to, PeerMessage message, std::uint32_t correlation) = 0;
};

}  // namespace shoal::core
