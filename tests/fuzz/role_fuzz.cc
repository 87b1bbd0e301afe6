// Role names, from frameworks and operators. A role that is accepted has accepted roles above it,
// and stands in the text of a reservation.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/limits.h"
#include "core/resources.h"
#include "core/role.h"

namespace {

namespace core = shoal::core;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view role{reinterpret_cast<const char*>(data), size};
  if (!core::check_role(role).ok()) return 0;
  require(!role.empty() && role.size() <= core::kMaxRoleBytes);
  std::size_t depth = 1;
  for (auto above = core::parent_role(role); !above.empty(); above = core::parent_role(above)) {
    require(core::check_role(above).ok() && core::is_within(role, above) &&
            !core::is_within(above, role));
    ++depth;
  }
  require(depth <= core::kMaxRoleDepth);
  if (role == core::kDefaultRole) return 0;
  core::LotTags tags;
  tags.reservations.push_back({std::string(role), true, "", {}});
  core::Resources resources;
  core::Amounts amounts;
  amounts.cpus = 1000;
  resources.add(std::make_shared<const core::LotTags>(tags), amounts);
  const auto again = core::parse_resources(to_string(resources));
  require(again.ok() && *again == resources);
  return 0;
}
