// For those who look for a mistake: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/config.h"
#include "cli/flag_parser.h"

namespace shoal::cli {
namespace {

// What holds here, without what nobody else should know. Mistakes do not stop it.
std::string describe_settings(const Parser& parsed) {
  const Schema schema = flags_schema("", {});
  SettingsRequest request;
  const Settings settings = load_settings(*parsed.sources, request, schema);
  return settings_to_toml(masked(settings), schema.sections) + "\n# mistakes:\n" +
         mistakes_to_text(settings.mistakes);
}

}  // namespace

Finish define_debug_bundle(Parser& parser) {
  struct Texts {
    DebugBundleVerb verb;
    std::string agents = "50";
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  parser.app
      .add_option("-o,--file", texts->verb.file,
                  "what to write; must not be there (else shoal-debug-TIME.tar.gz, here)")
      ->type_name("FILE");
  parser.app.add_option("--agents", texts->agents, "how many agents are asked at most; 0: none")
      ->type_name("NUMBER")
      ->capture_default_str();
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    DebugBundleVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
    const auto agents = parse_count<std::uint32_t>("--agents", texts->agents, 0, 1'000'000);
    if (!agents.ok()) return agents.status();
    verb.agents = *agents;
    verb.settings = describe_settings(parsed);
    return verb;
  };
}

}  // namespace shoal::cli
