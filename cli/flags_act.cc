// The verbs that end things, and those that say how roles share: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "core/limits.h"

namespace shoal::cli {

Finish define_kill(Parser& parser) {
  struct Texts {
    KillVerb verb;
    std::string grace;
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  parser.app.add_option("TASK", texts->verb.task, "the task's id, or FRAMEWORK/TASK")->required();
  parser.app.add_option("--grace", texts->grace,
                        "time between SIGTERM and SIGKILL (else the task's own)");
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    KillVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
    if (verb.task.empty()) return core::invalid("TASK: is empty");
    if (texts->grace.empty()) return verb;
    const auto grace = parse_duration(texts->grace);
    if (!grace.ok()) return core::invalid("--grace: {}", core::message_of(grace.status()));
    verb.grace_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*grace).count();
    return verb;
  };
}

Finish define_teardown(Parser& parser) {
  auto verb = std::make_shared<TeardownVerb>();
  add_master_option(parser);
  parser.app.add_option("FRAMEWORK", verb->framework, "the framework's id")->required();
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master); !ok.ok()) return ok;
    return *verb;
  };
}

// --- quota and weight ---

namespace {

absl::StatusOr<core::Quantities> parse_quantities_flag(std::string_view flag,
                                                       const std::string& text,
                                                       core::Milli absent) {
  auto quantities = core::parse_quantities(text, absent);
  if (quantities.ok()) return quantities;
  return core::invalid("{}: {}", flag, core::message_of(quantities.status()));
}

// A verb that shows: of one role when it is named.
template <typename GetVerb>
Finish define_get(Parser& parser, GetVerb empty) {
  auto verb = std::make_shared<GetVerb>(std::move(empty));
  add_master_option(parser);
  add_format_option(parser);
  add_watch_option(parser);
  parser.app.add_option("ROLE", verb->role, "only of this role");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master, &verb->format, &verb->watch); !ok.ok()) {
      return ok;
    }
    if (parsed.app.get_option("ROLE")->count() == 0) return *verb;
    if (auto ok = check_role_flag("ROLE", verb->role, true); !ok.ok()) return ok;
    return *verb;
  };
}

}  // namespace

Finish define_quota_get(Parser& parser) { return define_get(parser, QuotaVerb()); }

Finish define_quota_set(Parser& parser) {
  struct Texts {
    QuotaVerb verb;
    std::string limit;
    std::string guarantee;
  };
  auto texts = std::make_shared<Texts>();
  texts->verb.action = QuotaVerb::Action::kSet;
  add_master_option(parser);
  CLI::App& app = parser.app;
  app.add_option("ROLE", texts->verb.role, "the role")->required();
  app.add_option("--limit", texts->limit,
                 "the most it and the roles below it may use, as 'cpus:10;mem:4096'; what is not "
                 "named is not limited");
  app.add_option("--guarantee", texts->guarantee,
                 "what is kept free for it, as 'cpus:2;mem:1024'; top-level roles only");
  app.add_flag("--force", texts->verb.force,
               "also below what it uses now (offers are taken back), or more than there is");
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    QuotaVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
    if (auto ok = check_role_flag("ROLE", verb.role, false); !ok.ok()) return ok;
    if (texts->limit.empty() && texts->guarantee.empty()) {
      return core::invalid("say --limit, --guarantee or both, as in: --limit 'cpus:10;mem:4096'");
    }
    if (!texts->limit.empty()) {
      const auto limits = parse_quantities_flag("--limit", texts->limit, core::kNoLimit);
      if (!limits.ok()) return limits.status();
      verb.limits = *limits;
    }
    if (!texts->guarantee.empty()) {
      const auto guarantees = parse_quantities_flag("--guarantee", texts->guarantee, 0);
      if (!guarantees.ok()) return guarantees.status();
      verb.guarantees = *guarantees;
    }
    return verb;
  };
}

Finish define_quota_remove(Parser& parser) {
  auto verb = std::make_shared<QuotaVerb>();
  verb->action = QuotaVerb::Action::kRemove;
  add_master_option(parser);
  parser.app.add_option("ROLE", verb->role, "the role")->required();
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master); !ok.ok()) return ok;
    if (auto ok = check_role_flag("ROLE", verb->role, false); !ok.ok()) return ok;
    return *verb;
  };
}

Finish define_weight_get(Parser& parser) { return define_get(parser, WeightVerb()); }

Finish define_weight_set(Parser& parser) {
  struct Texts {
    WeightVerb verb;
    std::string weight;
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  parser.app.add_option("ROLE", texts->verb.role, "the role")->required();
  parser.app.add_option("WEIGHT", texts->weight, "how much more than a role of weight 1, as 2.5")
      ->required();
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    WeightVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
    if (auto ok = check_role_flag("ROLE", verb.role, true); !ok.ok()) return ok;
    const auto weight = parse_amount("WEIGHT", texts->weight);
    if (!weight.ok()) return weight.status();
    if (*weight < 1 || *weight > core::kMaxWeightMilli) {
      return core::invalid("WEIGHT: '{}' is not from 0.001 to {}", core::printable(texts->weight),
                           core::milli_to_string(core::kMaxWeightMilli));
    }
    verb.weight = *weight;
    return verb;
  };
}

}  // namespace shoal::cli
