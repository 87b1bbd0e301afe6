// Offer constraints: which agents a framework wants to see offers of, in a role. The constraints of
// one group must all hold; one group of the role must hold. A role without groups takes every
// agent. Source of the meanings: Mesos 1.11 OfferConstraints, with groups numbered instead of
// nested.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace re2 {
class RE2;
}

namespace shoal::core {

// Numbers are the wire's.
enum class ConstraintTarget : std::uint8_t {
  kAttribute = 0,
  kHostname = 1,
  kRegion = 2,
  kZone = 3
};
inline constexpr std::uint8_t kConstraintTargets = 4;

enum class ConstraintTest : std::uint8_t {
  kExists = 0,
  kNotExists = 1,
  kTextEquals = 2,
  kTextNotEquals = 3,
  kTextMatches = 4,  // RE2, the whole text
  kTextNotMatches = 5,
};
inline constexpr std::uint8_t kConstraintTests = 6;

struct OfferConstraintView {
  std::string_view role;    // check_role; one that the framework subscribes to
  std::uint32_t group = 0;  // any number; equal numbers belong together
  ConstraintTarget target = ConstraintTarget::kAttribute;
  std::string_view name;  // of the attribute; empty for the other targets
  ConstraintTest test = ConstraintTest::kExists;
  std::string_view value;  // clean text; a regular expression up to kMaxRegexBytes
};

// What a constraint looks at, of one agent. Several attributes may have one name: a constraint
// holds when it holds for one of them; NOT_… ones when it holds for all, so also when there is
// none. A hostname, region or zone that is empty is not there.
struct ConstraintSubject {
  std::string_view hostname;
  std::string_view region;
  std::string_view zone;
  absl::Span<const std::pair<std::string, std::string>> attributes;
};

// The constraints of one framework in one role, compiled. Immutable, shared by all shards.
class OfferConstraints {
 public:
  // `views`: those of the role. Errors: INVALID_ARGUMENT for a regular expression that does not
  // compile, or is over kMaxRegexBytes, kMaxRegexProgram or kMaxRegexMemory; a name for another
  // target than an attribute, or none for one; a value for a test of existence; too many.
  static absl::StatusOr<std::shared_ptr<const OfferConstraints>> compile(
      absl::Span<const OfferConstraintView> views);
  ~OfferConstraints();

  bool admits(const ConstraintSubject& agent) const;

 private:
  struct Constraint {
    std::uint32_t group = 0;
    ConstraintTarget target = ConstraintTarget::kAttribute;
    std::string name;
    ConstraintTest test = ConstraintTest::kExists;
    std::string value;
    std::unique_ptr<re2::RE2> regex;  // of the _MATCHES tests
  };
  OfferConstraints() = default;
  static bool holds(const Constraint& constraint, const ConstraintSubject& agent);

  std::vector<Constraint> constraints_;  // sorted by group
};

}  // namespace shoal::core
