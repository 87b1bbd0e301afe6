// What a recording outbox has seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "core/shard_message.h"

namespace shoal::core {

struct SeenOffer {
  OfferId id;
  AgentId agent;
  Resources resources;
  std::string role;
};

struct SeenOperation {  // an ApplyOperation, or an OperationUpdate
  std::string id;
  UpdateUuid uuid{};
  OperationState state = OperationState::kPending;
  std::string message;
  Resources consumed;
  Resources converted;
};

// Everything that was sent to one session.
struct Mailbag {
  std::vector<SeenOffer> offers;
  std::vector<OfferId> rescinded;
  std::vector<OwnedStatus> updates;
  std::vector<OwnedTask> launches;
  std::vector<std::string> kills;
  std::vector<std::int64_t> max_graces;  // of the kills
  std::vector<std::pair<std::string, UpdateUuid>> acknowledged;
  std::vector<std::pair<RefusalCode, std::string>> refusals;
  std::vector<AgentId> lost_agents;
  std::vector<ClusterView> answers;
  std::vector<SeenOperation> operations;
  std::vector<UpdateUuid> acknowledged_operations;
  std::vector<Explanation> explanations;
  std::vector<std::string> notices;
  std::optional<AgentRegistered> registered;
  std::optional<Subscribed> subscribed;
  int heartbeats = 0;
  int offer_messages = 0;
  int done = 0;
  bool closed = false;
  bool slow = false;

  const OwnedStatus* last_update(std::string_view task) const {
    for (auto it = updates.rbegin(); it != updates.rend(); ++it) {
      if (it->task == task) return &*it;
    }
    return nullptr;
  }
};

}  // namespace shoal::core
