// Reservations and volumes: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/flag_parser.h"
#include "core/ids.h"
#include "core/limits.h"

namespace shoal::cli {
namespace {

struct Texts {
  OperateVerb verb;
  std::string resources;
  std::string size;
  std::vector<std::string> labels;
};

// AGENT, --role, --principal: what all of them take.
void add_common(Parser& parser, Texts& texts, bool needs_role, const char* about_role) {
  add_master_option(parser);
  parser.app.add_option("AGENT", texts.verb.agent, "the agent's id, or its hostname")->required();
  CLI::Option* role = parser.app.add_option("--role", texts.verb.role, about_role);
  if (needs_role) role->required();
  parser.app.add_option("--principal", texts.verb.principal, "in whose name");
}

absl::Status finish_common(Texts& texts, const Parser& parsed) {
  OperateVerb& verb = texts.verb;
  if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
  if (verb.agent.empty()) return core::invalid("AGENT: is empty");
  if (parsed.app.get_option("--role")->count() > 0) {
    if (auto ok = check_role_flag("--role", verb.role, false); !ok.ok()) return ok;
  }
  if (core::is_clean_text(verb.principal) && verb.principal.size() <= core::kMaxTextBytes) {
    return absl::OkStatus();
  }
  return core::invalid("--principal: '{}' is not fit for a name", core::printable(verb.principal));
}

void add_resources(Parser& parser, Texts& texts, const char* about) {
  parser.app.add_option("RESOURCES", texts.resources, about)->required();
}

absl::Status finish_resources(Texts& texts) {
  auto resources = core::parse_resources(texts.resources);
  if (!resources.ok()) return core::invalid("RESOURCES: {}", core::message_of(resources.status()));
  texts.verb.resources = *std::move(resources);
  if (texts.verb.resources.empty()) return core::invalid("RESOURCES: names nothing");
  return absl::OkStatus();
}

void add_volume(Parser& parser, Texts& texts) {
  parser.app.add_option("--id", texts.verb.volume, "the volume's id, unique for role and agent")
      ->required();
}

absl::Status finish_volume(const Texts& texts) {
  return core::check_name(texts.verb.volume, "--id");
}

void add_size(Parser& parser, Texts& texts, const char* flag, const char* about) {
  parser.app.add_option(flag, texts.size, about)->required();
}

absl::Status finish_size(Texts& texts, std::string_view flag) {
  const auto size = parse_amount(flag, texts.size);
  if (!size.ok()) return size.status();
  if (*size == 0) return core::invalid("{}: must be more than 0", flag);
  texts.verb.size = *size;
  return absl::OkStatus();
}

// The finish of a verb whose steps are done one after the other.
template <typename TextsPtr, typename... Steps>
Finish finish_with(TextsPtr texts, Steps... steps) {
  return [texts, steps...](Parser& parsed) -> absl::StatusOr<Verb> {
    absl::Status status = finish_common(*texts, parsed);
    ((status.ok() ? (status = steps(*texts), 0) : 0), ...);
    if (!status.ok()) return status;
    return texts->verb;
  };
}

auto make_texts(core::OperationKind kind) {
  auto texts = std::make_shared<Texts>();
  texts->verb.kind = kind;
  return texts;
}

constexpr const char* kVolumeRole = "whose it is (needed when two roles have one of that id)";

}  // namespace

Finish define_reserve(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kReserve);
  add_common(parser, *texts, true, "for whom");
  add_resources(parser, *texts,
                "what, as 'cpus:4;mem:1024'; 'cpus(eng):4' refines a reservation for eng");
  parser.app
      .add_option("--label", texts->labels, "NAME=VALUE, keeps reservations apart; repeatable")
      ->expected(1)
      ->take_all();
  return finish_with(texts, finish_resources, [](Texts& parsed) -> absl::Status {
    auto labels = parse_pairs("--label", parsed.labels);
    if (!labels.ok()) return labels.status();
    if (labels->size() > core::kMaxReservationLabels) {
      return core::invalid("--label: at most {} of them", core::kMaxReservationLabels);
    }
    parsed.verb.labels = *std::move(labels);
    return absl::OkStatus();
  });
}

Finish define_unreserve(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kUnreserve);
  add_common(parser, *texts, false, "of which role, when RESOURCES does not say it");
  add_resources(parser, *texts, "what, as 'cpus(ads,dynamic):4', or 'cpus:4' with --role ads");
  return finish_with(texts, finish_resources, [](Texts& parsed) -> absl::Status {
    const core::Amounts& plain = parsed.verb.resources;
    const bool has_lots = !parsed.verb.resources.lots.empty();
    if (parsed.verb.role.empty() && !plain.empty()) {
      return core::invalid("say of which role: --role ads, or RESOURCES as 'cpus(ads,dynamic):4'");
    }
    if (!parsed.verb.role.empty() && has_lots) {
      return core::invalid("RESOURCES names roles itself; leave --role out, or the roles");
    }
    return absl::OkStatus();
  });
}

Finish define_volume_create(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kCreate);
  add_common(parser, *texts, true, "whose reserved disk it is made of");
  add_volume(parser, *texts);
  add_size(parser, *texts, "--size", "MiB");
  parser.app.add_option("--path", texts->verb.path, "where tasks see it, within their sandbox")
      ->required();
  parser.app.add_flag("--shared", texts->verb.shared, "several tasks may use it at once");
  return finish_with(
      texts, finish_volume, [](Texts& parsed) { return finish_size(parsed, "--size"); },
      [](Texts& parsed) -> absl::Status {
        if (!parsed.verb.path.empty()) return absl::OkStatus();
        return core::invalid("--path: is empty");
      });
}

Finish define_volume_destroy(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kDestroy);
  add_common(parser, *texts, false, kVolumeRole);
  add_volume(parser, *texts);
  return finish_with(texts, finish_volume);
}

Finish define_volume_grow(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kGrow);
  add_common(parser, *texts, false, kVolumeRole);
  add_volume(parser, *texts);
  add_size(parser, *texts, "--by", "MiB more, of the role's reserved disk");
  return finish_with(texts, finish_volume,
                     [](Texts& parsed) { return finish_size(parsed, "--by"); });
}

Finish define_volume_shrink(Parser& parser) {
  auto texts = make_texts(core::OperationKind::kShrink);
  add_common(parser, *texts, false, kVolumeRole);
  add_volume(parser, *texts);
  add_size(parser, *texts, "--by", "MiB less; it stays the role's reserved disk");
  return finish_with(texts, finish_volume,
                     [](Texts& parsed) { return finish_size(parsed, "--by"); });
}

Finish define_volume_list(Parser& parser) {
  auto verb = std::make_shared<VolumesVerb>();
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

}  // namespace shoal::cli
