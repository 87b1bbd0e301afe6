#include "cli/amounts.h"

namespace shoal::cli {

core::Resources reserved_of(const core::Resources& resources) {
  return core::select(resources, false,
                      [](const core::LotTags& tags) { return tags.is_reserved(); });
}

std::string or_dash(const core::Quantities& quantities, core::Milli absent) {
  const std::string text = core::to_string(quantities, absent);
  return text == "none" ? "-" : text;
}

}  // namespace shoal::cli
