// Resources as text, from flags and configuration. What parses is sound, prints, and parses again
// to the same value; sums and differences of it come out even.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/resources.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using shoal::core::Resources;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto resources = shoal::core::parse_resources(text);
  if (const auto quantities = shoal::core::parse_quantities(text, -1); quantities.ok()) {
    const auto again = shoal::core::parse_quantities(to_string(*quantities, -1), -1);
    require(again.ok() && *again == *quantities);
  }
  if (!resources.ok()) return 0;
  require(check_resources(*resources).ok());
  const std::string printed = to_string(*resources);
  const auto again = shoal::core::parse_resources(printed);
  require(again.ok() && *again == *resources && to_string(*again) == printed);
  require(resources->contains(*resources) && shortfall(*resources, *resources).empty());
  require(*resources - *resources == Resources());
  // Requests without tags come from reserved lots first, so the same sum, not the same places.
  const auto taken = resolve(*resources, *resources);
  require(taken.ok() && resources->contains(*taken) &&
          taken->all_quantities() == resources->all_quantities());
  return 0;
}
