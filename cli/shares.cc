#include "cli/shares.h"

#include <algorithm>
#include <utility>

#include "cli/amounts.h"
#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/lookup.h"
#include "cli/page.h"
#include "cli/table.h"
#include "core/status.h"
#include "core/text.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

using Roles = std::vector<core::RoleSummary>;

// All that the master knows, or the one role; none when it does not know it. By name.
absl::StatusOr<Roles> query_roles(sdk::OperatorClient& client, const std::string& role) {
  auto view = client.query(core::QueryKind::kRoles, role);
  if (absl::IsNotFound(view.status())) return Roles();
  if (!view.ok()) return view.status();
  if (!role.empty()) {
    std::erase_if(view->roles, [&](const auto& each) { return each.name != role; });
  }
  std::sort(view->roles.begin(), view->roles.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::move(view->roles);
}

std::string names_of(const Roles& roles) {
  std::string names;
  for (const core::RoleSummary& role : roles) names += role.name + "\n";
  return names;
}

Page no_quota(const QuotaVerb& verb) {
  return {.note = fmt::format("no quota of role '{}'", core::printable(verb.role)),
          .exit_code = kExitNotFound};
}

Page page_of_quotas(const QuotaVerb& verb, Roles roles, const Terminal& terminal) {
  std::erase_if(roles, [](const core::RoleSummary& role) { return !has_quota(role); });
  if (!verb.role.empty() && roles.empty()) return no_quota(verb);
  switch (verb.format) {
    case OutputFormat::kJson:
    case OutputFormat::kJsonLines:
      return {.text = quotas_to_json(roles, verb.format == OutputFormat::kJsonLines)};
    case OutputFormat::kName:
      return {.text = names_of(roles)};
    case OutputFormat::kTable:
      break;
  }
  if (roles.empty()) return {.note = "no quotas"};
  return {.text = render_quotas(roles, terminal)};
}

// What is not named in the verb stays as it is.
int set_quota(sdk::OperatorClient& client, const QuotaVerb& verb, const Roles& roles) {
  core::QuotaConfig config;
  config.role = verb.role;
  if (!roles.empty()) {
    config.limits = roles.front().limits;
    config.guarantees = roles.front().guarantees;
  }
  if (verb.limits.has_value()) config.limits = *verb.limits;
  if (verb.guarantees.has_value()) config.guarantees = *verb.guarantees;
  core::UpdateQuota update;
  update.configs.push_back(config);
  update.force = verb.force;
  const absl::Status status = client.update_quota(update);
  if (!status.ok()) return report(status);
  say(fmt::format("role '{}': limit {}, guarantee {}", verb.role,
                  core::to_string(config.limits, core::kNoLimit),
                  core::to_string(config.guarantees)));
  return kExitOk;
}

int remove_quota(sdk::OperatorClient& client, const QuotaVerb& verb, const Roles& roles) {
  if (roles.empty() || !has_quota(roles.front())) {
    say(no_quota(verb).note);
    return kExitNotFound;
  }
  core::QuotaConfig config;
  config.role = verb.role;
  core::UpdateQuota update;
  update.configs.push_back(config);
  const absl::Status status = client.update_quota(update);
  if (!status.ok()) return report(status);
  say(fmt::format("role '{}' has no quota any more", verb.role));
  return kExitOk;
}

Page page_of_weights(const WeightVerb& verb, Roles roles, const Terminal& terminal) {
  // A role that nobody has spoken of has the weight 1.
  if (!verb.role.empty() && roles.empty()) roles.emplace_back().name = verb.role;
  switch (verb.format) {
    case OutputFormat::kJson:
    case OutputFormat::kJsonLines:
      return {.text = weights_to_json(roles, verb.format == OutputFormat::kJsonLines)};
    case OutputFormat::kName:
      return {.text = names_of(roles)};
    case OutputFormat::kTable:
      break;
  }
  if (roles.empty()) return {.note = "no roles"};
  return {.text = render_weights(roles, terminal)};
}

// Asks for roles, and makes a page of them.
template <typename GetVerb, typename PageOf>
int show_roles(const GetVerb& verb, PageOf page_of) {
  return show(verb.watch, verb.format, [&](const Terminal& terminal) -> absl::StatusOr<Page> {
    auto client = sdk::OperatorClient::create(verb.master);
    if (!client.ok()) return client.status();
    auto roles = query_roles(**client, verb.role);
    if (!roles.ok()) return roles.status();
    return page_of(verb, *std::move(roles), terminal);
  });
}

}  // namespace

bool has_quota(const core::RoleSummary& role) {
  return role.limits != core::kNoLimits || !role.guarantees.empty();
}

std::string share_of(const core::RoleSummary& role) {
  if (role.dominant_share_ppm == 0) return "-";
  // Two decimals of a percent; at least that there is something.
  const std::uint32_t hundredths = std::max<std::uint32_t>(1, role.dominant_share_ppm / 100);
  return fmt::format("{}% of {}", core::milli_to_string(core::Milli{hundredths} * 10),
                     core::kResourceNames[static_cast<std::size_t>(role.dominant)]);
}

std::string render_quotas(const Roles& roles, const Terminal& terminal) {
  Table table({{"ROLE", Table::Align::kLeft, true}, {"LIMIT"}, {"CONSUMED"}, {"GUARANTEE"}});
  for (const core::RoleSummary& role : roles) {
    table.add_row({role.name, or_dash(role.limits, core::kNoLimit), or_dash(role.consumed),
                   or_dash(role.guarantees)});
  }
  return table.render(terminal);
}

std::string render_weights(const Roles& roles, const Terminal& terminal) {
  Table table({{"ROLE", Table::Align::kLeft, true}, {"WEIGHT", Table::Align::kRight}});
  for (const core::RoleSummary& role : roles) {
    table.add_row({role.name, core::milli_to_string(role.weight)});
  }
  return table.render(terminal);
}

int run_quota(const QuotaVerb& verb) {
  if (verb.action == QuotaVerb::Action::kGet) return show_roles(verb, page_of_quotas);
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  auto roles = query_roles(**client, verb.role);
  if (!roles.ok()) return report(roles.status());
  return verb.action == QuotaVerb::Action::kSet ? set_quota(**client, verb, *roles)
                                                : remove_quota(**client, verb, *roles);
}

int run_weight(const WeightVerb& verb) {
  if (!verb.weight.has_value()) return show_roles(verb, page_of_weights);
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  core::UpdateWeights update;
  update.weights.push_back({verb.role, *verb.weight});
  const absl::Status status = (*client)->update_weights(update);
  if (!status.ok()) return report(status);
  say(fmt::format("role '{}' has the weight {}", verb.role, core::milli_to_string(*verb.weight)));
  return kExitOk;
}

}  // namespace shoal::cli
