// A master's registry on disk: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/flag_parser.h"

namespace shoal::cli {
namespace {

using Action = RegistryVerb::Action;

// Of a folder, or a backup.
Finish define_look(Parser& parser, Action action) {
  auto verb = std::make_shared<RegistryVerb>();
  verb->action = action;
  CLI::Option* data = parser.app.add_option("--data", verb->data_dir, "the master's folder");
  parser.app.add_option("--file", verb->file, "a backup instead")->excludes(data);
  if (action == Action::kDump) add_format_option(parser);
  return [verb, action](Parser& parsed) -> absl::StatusOr<Verb> {
    if (verb->data_dir.empty() && verb->file.empty()) {
      return core::invalid("say which: --data DIR or --file FILE");
    }
    if (action != Action::kDump) return *verb;
    const auto format = parse_format(parsed.format);
    if (!format.ok()) return format.status();
    verb->format = *format;
    return *verb;
  };
}

Finish define_move(Parser& parser, Action action, const std::string& help) {
  auto verb = std::make_shared<RegistryVerb>();
  verb->action = action;
  parser.app.add_option("--data", verb->data_dir, "the master's folder")->required();
  parser.app.add_option("FILE", verb->file, help)->required();
  return [verb](Parser& /*parsed*/) -> absl::StatusOr<Verb> {
    if (verb->data_dir.empty()) return core::invalid("--data: the folder's name is empty");
    if (verb->file.empty()) return core::invalid("FILE: is empty");
    return *verb;
  };
}

}  // namespace

Finish define_registry_dump(Parser& parser) { return define_look(parser, Action::kDump); }
Finish define_registry_check(Parser& parser) { return define_look(parser, Action::kCheck); }
Finish define_registry_backup(Parser& parser) {
  return define_move(parser, Action::kBackup, "what to write; it must not be there yet");
}
Finish define_registry_restore(Parser& parser) {
  return define_move(parser, Action::kRestore, "a backup");
}

}  // namespace shoal::cli
