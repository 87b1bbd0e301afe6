// Resources as text, from flags and configuration. What parses must print, and parse again to the
// same value.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/resources.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using shoal::core::parse_resources;
  const auto resources = parse_resources({reinterpret_cast<const char*>(data), size});
  if (!resources.ok()) return 0;
  if (!shoal::core::check_resources(*resources).ok()) std::abort();
  if (resources->empty()) return 0;  // prints "nothing", which is for people
  const auto again = parse_resources(shoal::core::to_string(*resources));
  if (!again.ok() || *again != *resources) std::abort();
  return 0;
}
