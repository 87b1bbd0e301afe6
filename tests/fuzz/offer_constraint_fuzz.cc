// Offer constraints of a framework: the first line is a regular expression, the rest a text. What
// compiles is within its bounds, and a test and its opposite never agree.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/offer_constraint.h"

namespace {

using shoal::core::ConstraintTest;

bool admits(ConstraintTest test, std::string_view value, std::string_view text, bool* compiled) {
  const shoal::core::OfferConstraintView view{"*", 0,    shoal::core::ConstraintTarget::kAttribute,
                                              "a", test, value};
  const auto constraints = shoal::core::OfferConstraints::compile({&view, 1});
  *compiled = constraints.ok();
  if (!constraints.ok()) return false;
  const std::vector<std::pair<std::string, std::string>> attributes = {{"a", std::string(text)}};
  return (*constraints)->admits({"", "", "", attributes});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const std::size_t line = input.find('\n');
  const std::string_view value = input.substr(0, line);
  const std::string_view text =
      line == std::string_view::npos ? std::string_view() : input.substr(line + 1);
  const std::pair<ConstraintTest, ConstraintTest> opposites[] = {
      {ConstraintTest::kTextMatches, ConstraintTest::kTextNotMatches},
      {ConstraintTest::kTextEquals, ConstraintTest::kTextNotEquals}};
  for (const auto& [test, opposite] : opposites) {
    bool compiled = false;
    bool opposite_compiled = false;
    const bool fits = admits(test, value, text, &compiled);
    const bool other = admits(opposite, value, text, &opposite_compiled);
    if (compiled != opposite_compiled || (compiled && fits == other)) std::abort();
    if (compiled && test == ConstraintTest::kTextMatches &&
        value.size() > shoal::core::kMaxRegexBytes) {
      std::abort();
    }
  }
  return 0;
}
