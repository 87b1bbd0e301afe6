#include "core/offer_constraint.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

bool is_about_value(ConstraintTest test) {
  return test != ConstraintTest::kExists && test != ConstraintTest::kNotExists;
}

bool is_match(ConstraintTest test) {
  return test == ConstraintTest::kTextMatches || test == ConstraintTest::kTextNotMatches;
}

absl::Status check_shape(const OfferConstraintView& view) {
  if (static_cast<std::uint8_t>(view.target) >= kConstraintTargets ||
      static_cast<std::uint8_t>(view.test) >= kConstraintTests) {
    return invalid("offer constraint: unknown target {} or test {}", static_cast<int>(view.target),
                   static_cast<int>(view.test));
  }
  const bool is_attribute = view.target == ConstraintTarget::kAttribute;
  if (is_attribute == view.name.empty()) {
    return invalid("offer constraint: {}",
                   is_attribute ? "the attribute has no name" : "only attributes have a name");
  }
  if (view.name.size() > kMaxTextBytes || view.value.size() > kMaxTextBytes ||
      !is_clean_text(view.name) || !is_clean_text(view.value)) {
    return invalid("offer constraint on '{}': expected up to {} bytes of clean text",
                   printable(view.name), kMaxTextBytes);
  }
  if (!is_about_value(view.test) && !view.value.empty()) {
    return invalid("offer constraint: a test of existence takes no value, not '{}'",
                   printable(view.value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<re2::RE2>> compile_regex(std::string_view text) {
  if (text.size() > kMaxRegexBytes) {
    return invalid("offer constraint: a regular expression of {} bytes; the limit is {}",
                   text.size(), kMaxRegexBytes);
  }
  re2::RE2::Options options;
  options.set_max_mem(kMaxRegexMemory);
  options.set_log_errors(false);
  auto regex = std::make_unique<re2::RE2>(piece(text), options);
  if (!regex->ok()) {
    return invalid("offer constraint: regular expression '{}': {}", printable(text),
                   printable(regex->error()));
  }
  if (regex->ProgramSize() > kMaxRegexProgram) {
    return invalid(
        "offer constraint: regular expression '{}' compiles to {} steps; the limit is {}",
        printable(text), regex->ProgramSize(), kMaxRegexProgram);
  }
  return regex;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const OfferConstraints>> OfferConstraints::compile(
    absl::Span<const OfferConstraintView> views) {
  if (views.size() > kMaxOfferConstraints) {
    return invalid("{} offer constraints; the limit is {}", views.size(), kMaxOfferConstraints);
  }
  std::unique_ptr<OfferConstraints> out(new OfferConstraints());
  for (const OfferConstraintView& view : views) {
    if (auto ok = check_shape(view); !ok.ok()) return ok;
    Constraint constraint{
        view.group, view.target, std::string(view.name), view.test, std::string(view.value),
        nullptr};
    if (is_match(view.test)) {
      auto regex = compile_regex(view.value);
      if (!regex.ok()) return regex.status();
      constraint.regex = *std::move(regex);
    }
    out->constraints_.push_back(std::move(constraint));
  }
  std::stable_sort(out->constraints_.begin(), out->constraints_.end(),
                   [](const Constraint& a, const Constraint& b) { return a.group < b.group; });
  return std::shared_ptr<const OfferConstraints>(std::move(out));
}

OfferConstraints::~OfferConstraints() = default;

bool OfferConstraints::admits(const ConstraintSubject& agent) const {
  if (constraints_.empty()) return true;
  for (auto at = constraints_.begin(); at != constraints_.end();) {
    const std::uint32_t group = at->group;
    bool all = true;
    for (; at != constraints_.end() && at->group == group; ++at) {
      all = all && holds(*at, agent);
    }
    if (all) return true;
  }
  return false;
}

// The NOT_ tests are the opposites of the others, so the positive one is asked: of every value
// that is there, and false when there is none.
bool OfferConstraints::holds(const Constraint& constraint, const ConstraintSubject& agent) {
  const bool negated = constraint.test == ConstraintTest::kNotExists ||
                       constraint.test == ConstraintTest::kTextNotEquals ||
                       constraint.test == ConstraintTest::kTextNotMatches;
  const auto fits = [&](std::string_view text) {
    if (!is_about_value(constraint.test)) return true;
    return constraint.regex ? re2::RE2::FullMatch(piece(text), *constraint.regex)
                            : text == constraint.value;
  };
  const auto single = [&](std::string_view text) { return !text.empty() && fits(text); };
  bool found = false;
  switch (constraint.target) {
    case ConstraintTarget::kHostname:
      found = single(agent.hostname);
      break;
    case ConstraintTarget::kRegion:
      found = single(agent.region);
      break;
    case ConstraintTarget::kZone:
      found = single(agent.zone);
      break;
    case ConstraintTarget::kAttribute:
      for (const auto& [name, value] : agent.attributes) {
        if (name == constraint.name && fits(value)) found = true;
      }
      break;
  }
  return found != negated;
}

}  // namespace shoal::core
