#include "cli/constraint.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "cli/suggest.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

using core::ConstraintTarget;
using core::ConstraintTest;

constexpr std::array<std::pair<std::string_view, ConstraintTarget>, 3> kTargets = {
    {{"@hostname", ConstraintTarget::kHostname},
     {"@region", ConstraintTarget::kRegion},
     {"@zone", ConstraintTarget::kZone}}};

// Longer ones first: "!=" is no "=" of an attribute "rack!".
constexpr std::array<std::pair<std::string_view, ConstraintTest>, 4> kTests = {
    {{"!=", ConstraintTest::kTextNotEquals},
     {"!~", ConstraintTest::kTextNotMatches},
     {"=", ConstraintTest::kTextEquals},
     {"~", ConstraintTest::kTextMatches}}};

absl::Status set_target(std::string_view name, sdk::OfferConstraint* out) {
  if (!name.starts_with('@')) {
    out->name = std::string(name);
    return core::check_name(name, "an attribute's name");
  }
  std::vector<std::string> known;
  for (const auto& [word, target] : kTargets) {
    if (name == word) {
      out->target = target;
      return absl::OkStatus();
    }
    known.emplace_back(word);
  }
  const std::string near = nearest(name, known);
  return core::invalid("'{}' is none of @hostname, @region, @zone{}", core::printable(name),
                       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace

absl::StatusOr<sdk::OfferConstraint> parse_constraint(std::string_view text) {
  sdk::OfferConstraint out;
  const std::size_t at = text.find_first_of("=!~", text.starts_with('!') ? 1 : 0);
  absl::Status status;
  if (at == std::string_view::npos) {
    const bool is_negated = text.starts_with('!');
    out.test = is_negated ? ConstraintTest::kNotExists : ConstraintTest::kExists;
    status = set_target(text.substr(is_negated ? 1 : 0), &out);
  } else {
    const std::string_view rest = text.substr(at);
    status =
        core::invalid("expected NAME=TEXT, NAME!=TEXT, NAME~REGEX, NAME!~REGEX, NAME or !NAME");
    for (const auto& [sign, test] : kTests) {
      if (!rest.starts_with(sign)) continue;
      out.test = test;
      out.value = std::string(rest.substr(sign.size()));
      status = set_target(text.substr(0, at), &out);
      break;
    }
  }
  if (status.ok() && (!core::is_clean_text(out.value) || out.value.size() > core::kMaxTextBytes)) {
    status = core::invalid("the value is not fit: control characters, or too long");
  }
  if (status.ok()) return out;
  return core::invalid("'{}': {}", core::printable(text), core::message_of(status));
}

}  // namespace shoal::cli
