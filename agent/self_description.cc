#include "agent/self_description.h"

#include <chrono>
#include <string>
#include <utility>

#include "agent/resource_probe.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/clock.h"

namespace shoal::agent {

absl::StatusOr<core::Resources> describe_self(const AgentOptions& options, AgentState& state) {
  auto configured = configured_resources(options, probed_resources(options.data_dir));
  if (!configured.ok()) return configured.status();
  auto revocable = parse_oversubscription(options.oversubscribe);
  if (!revocable.ok()) return revocable.status();
  if (absl::Status domain = check_domain(options.region, options.zone); !domain.ok()) return domain;
  auto attributes = parse_attributes(options.attributes);
  if (!attributes.ok()) return attributes.status();
  state.revocable = *std::move(revocable);
  state.region = options.region;
  state.zone = options.zone;
  state.attributes = *std::move(attributes);
  state.usage_interval = options.usage_interval;
  state.hostname = options.hostname.empty() ? read_hostname() : options.hostname;
  const bool is_one_line = state.hostname.find_first_of("\n\t") == std::string::npos;
  if (!is_one_line || !core::is_clean_text(state.hostname) ||
      state.hostname.size() > core::kMaxTextBytes) {
    return core::invalid("hostname '{}' is no clean text of one line",
                         core::printable(state.hostname));
  }
  const auto since_boot = std::chrono::duration_cast<std::chrono::milliseconds>(
      net::monotonic_now().time_since_epoch());
  state.wall_offset_ms = net::wall_now_ms() - since_boot.count();
  return configured;
}

}  // namespace shoal::agent
