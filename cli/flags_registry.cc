// A master's registry on disk: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/flag_parser.h"
#include "core/status.h"
#include "master/etcd_target.h"

namespace shoal::cli {
namespace {

using Action = RegistryVerb::Action;

CLI::Option* add_registry_option(Parser& parser, RegistryVerb& verb) {
  return parser.app.add_option("--registry", verb.registry,
                               "that of several masters: etcd://HOST:PORT[,HOST:PORT][/PREFIX]"
                               "[?ACCESS], or etcds:// by TLS");
}

absl::Status check_registry(const RegistryVerb& verb) {
  if (verb.registry.empty()) return absl::OkStatus();
  if (const auto target = master::parse_etcd_target(verb.registry); !target.ok()) {
    return core::invalid("--registry: {}", core::message_of(target.status()));
  }
  return absl::OkStatus();
}

// Of a folder, of etcd, or a backup.
Finish define_look(Parser& parser, Action action) {
  auto verb = std::make_shared<RegistryVerb>();
  verb->action = action;
  CLI::Option* data = parser.app.add_option("--data", verb->data_dir, "the master's folder");
  CLI::Option* file =
      parser.app.add_option("--file", verb->file, "a backup instead")->excludes(data);
  add_registry_option(parser, *verb)->excludes(data)->excludes(file);
  if (action == Action::kDump) add_format_option(parser);
  return [verb, action](Parser& parsed) -> absl::StatusOr<Verb> {
    if (verb->data_dir.empty() && verb->file.empty() && verb->registry.empty()) {
      return core::invalid("say which: --data DIR, --registry etcd://… or --file FILE");
    }
    if (auto ok = check_registry(*verb); !ok.ok()) return ok;
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
  CLI::Option* data = parser.app.add_option("--data", verb->data_dir, "the master's folder");
  add_registry_option(parser, *verb)->excludes(data);
  parser.app.add_option("FILE", verb->file, help)->required();
  if (action == Action::kRestore) {
    parser.app.add_flag("--force", verb->is_forced,
                        "to etcd: also where there is a registry, which is lost");
  }
  return [verb](Parser& /*parsed*/) -> absl::StatusOr<Verb> {
    if (verb->data_dir.empty() && verb->registry.empty()) {
      return core::invalid("say which: --data DIR or --registry etcd://…");
    }
    if (auto ok = check_registry(*verb); !ok.ok()) return ok;
    if (verb->is_forced && verb->registry.empty()) {
      return core::invalid("--force: a folder's registry is kept as registry.db.old anyway");
    }
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
