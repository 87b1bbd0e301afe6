#include "core/validation.h"

#include <algorithm>

#include "core/status.h"

namespace shoal::core {

absl::Status check_offer_list(const FrameworkRecord& framework, absl::Span<const OfferId> offers) {
  if (offers.empty()) return invalid("ACCEPT names no offer");
  AgentId agent;
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
    if (agent.valid() && agent != held->second) {
      return invalid("the offers of one ACCEPT must be of one agent: {} is of {}, not of {}",
                     to_string(offers[i]), to_string(held->second), to_string(agent));
    }
    agent = held->second;
  }
  return absl::OkStatus();
}

absl::Status check_launch(const FrameworkRecord& framework, const TaskLaunch& task,
                          const Resources& free) {
  if (absl::Status named = check_name(task.id, "task id"); !named.ok()) return named;
  if (framework.tasks.contains(task.id)) {
    return invalid("task id '{}' is in use: its last update is not acknowledged yet", task.id);
  }
  if (absl::Status sane = check_resources(task.resources); !sane.ok()) return sane;
  if (task.resources.empty()) return invalid("task '{}' asks for no resources", task.id);
  if (!free.contains(task.resources)) {
    return invalid("task '{}' asks for more than is left of the offers: {}", task.id,
                   shortfall(task.resources, free));
  }
  return absl::OkStatus();
}

}  // namespace shoal::core
