#include "core/validation.h"

#include <algorithm>

#include "core/status.h"

namespace shoal::core {

absl::Status check_offer_list(const FrameworkRecord& framework, absl::Span<const OfferId> offers) {
  if (offers.empty()) return invalid("ACCEPT names no offer");
  AgentId agent;
  RoleIndex role = kRootRole;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (std::find(offers.begin(), offers.begin() + i, offers[i]) != offers.begin() + i) {
      return invalid("offer {} is named twice", to_string(offers[i]));
    }
    const auto held = framework.offers.find(offers[i]);
    if (held == framework.offers.end()) {
      return invalid(
          "offer {} is not held by this framework: unknown, of another framework, withdrawn or "
          "already answered",
          to_string(offers[i]));
    }
    const HeldOffer& offer = held->second;
    if (agent.valid() && agent != offer.agent) {
      return invalid("the offers of one ACCEPT must be of one agent: {} is of {}, not of {}",
                     to_string(offers[i]), to_string(offer.agent), to_string(agent));
    }
    if (agent.valid() && role != offer.role) {
      return invalid("the offers of one ACCEPT must be to one role: {} is to another",
                     to_string(offers[i]));
    }
    agent = offer.agent;
    role = offer.role;
  }
  return absl::OkStatus();
}

absl::Status check_launch(const FrameworkRecord& framework, const TaskLaunch& task) {
  if (absl::Status named = check_name(task.id, "task id"); !named.ok()) return named;
  if (framework.tasks.contains(task.id)) {
    return invalid("task id '{}' is in use: its last update is not acknowledged yet", task.id);
  }
  if (absl::Status sane = check_resources(task.resources); !sane.ok()) return sane;
  if (task.resources.empty()) return invalid("task '{}' asks for no resources", task.id);
  return absl::OkStatus();
}

}  // namespace shoal::core
