// The masters themselves: words to options.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/flag_parser.h"

namespace shoal::cli {

Finish define_masters(Parser& parser) {
  auto verb = std::make_shared<MastersVerb>();
  add_master_option(parser);
  add_format_option(parser);
  add_watch_option(parser);
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master, &verb->format, &verb->watch); !ok.ok()) {
      return ok;
    }
    return *verb;
  };
}

Finish define_step_down(Parser& parser) {
  auto verb = std::make_shared<StepDownVerb>();
  add_master_option(parser);
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master); !ok.ok()) return ok;
    return *verb;
  };
}

}  // namespace shoal::cli
