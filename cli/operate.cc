#include "cli/operate.h"

#include <utility>

#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/lookup.h"
#include "cli/page.h"
#include "cli/table.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "sdk/operator_client.h"

namespace shoal::cli {

int run_operate(const OperateVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const auto agent = find_agent(**client, verb.agent);
  if (!agent.ok()) return report(agent.status());
  auto spec = plan_operation(verb, *agent);
  if (!spec.ok()) return report(spec.status());
  core::OperateAgent operation;
  operation.agent = agent->id;
  operation.spec = *spec;
  operation.principal = verb.principal;
  const absl::Status status = (*client)->operate_agent(operation);
  if (!status.ok()) return report(status);
  say(describe_done(verb, *spec, *agent));
  return kExitOk;
}

std::string render_volumes(const std::vector<VolumeRow>& rows, const Terminal& terminal) {
  Table table({{"ID"},
               {"ROLE", Table::Align::kLeft, true},
               {"HOST", Table::Align::kLeft, true},
               {"SIZE MiB", Table::Align::kRight},
               {"PATH", Table::Align::kLeft, true},
               {"SHARED"},
               {"IN USE"},
               {"AGENT"}});
  for (const VolumeRow& row : rows) {
    table.add_row({row.volume.id, row.role, row.hostname, core::milli_to_string(row.size),
                   row.volume.container_path, std::string(row.volume.shared ? "yes" : "no"),
                   std::string(row.in_use ? "yes" : "no"), core::to_string(row.agent)});
  }
  return table.render(terminal);
}

int run_volumes(const VolumesVerb& verb) {
  return show(verb.watch, verb.format, [&verb](const Terminal& terminal) -> absl::StatusOr<Page> {
    auto client = sdk::OperatorClient::create(verb.master);
    if (!client.ok()) return client.status();
    const auto view = (*client)->query(core::QueryKind::kAgents);
    if (!view.ok()) return view.status();
    const std::vector<VolumeRow> rows = volumes_of(view->agents);
    if (verb.format == OutputFormat::kName) {
      std::string names;
      for (const VolumeRow& row : rows) names += row.volume.id + "\n";
      return Page{.text = names};
    }
    if (verb.format != OutputFormat::kTable) {
      return Page{.text = volumes_to_json(rows, verb.format == OutputFormat::kJsonLines)};
    }
    if (rows.empty()) return Page{.note = "no volumes"};
    return Page{.text = render_volumes(rows, terminal)};
  });
}

}  // namespace shoal::cli
