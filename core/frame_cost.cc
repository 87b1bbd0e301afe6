#include "core/frame_cost.h"

#include <variant>

namespace shoal::core {
namespace {

// A table with some fields of 8 bytes and others of 4 or less (offsets to texts, vectors and tables
// among them): its link to the vtable, padding. Equal vtables are shared, see kVtableBytes.
constexpr FrameCost table(std::size_t eights, std::size_t others) {
  return {4 + 8 * eights + 4 * others + 4, 1};
}
// Length, terminator, padding to four; nothing when it is empty.
constexpr FrameCost text(std::size_t size) { return {size == 0 ? 0 : 4 + (size + 4) / 4 * 4, 0}; }
constexpr FrameCost text(std::string_view value) { return text(value.size()); }
constexpr FrameCost vector(std::size_t bytes) { return {bytes == 0 ? 0 : 4 + bytes, 0}; }

constexpr std::size_t kVtableBytes = 256;  // of all kinds of tables below, in several shapes

FrameCost cost_of(const CustomResource& resource) {
  FrameCost cost = table(1, 3);
  cost += text(resource.name);
  if (const auto* ranges = std::get_if<std::vector<CustomRange>>(&resource.value)) {
    cost += vector(4 + ranges->size() * 16);  // aligned to 8
  } else if (const auto* items = std::get_if<std::vector<std::string>>(&resource.value)) {
    std::size_t joined = 0;
    for (const std::string& item : *items) joined += item.size() + 1;
    cost += text(joined);
  }
  return cost;
}

FrameCost cost_of(const Amounts& amounts) {
  FrameCost cost = table(4, (amounts.ports.empty() ? 0 : 1) + (amounts.custom.empty() ? 0 : 1));
  cost += vector(amounts.ports.ranges().size() * 8);
  cost += vector(amounts.custom.items().size() * 4);
  for (const CustomResource& resource : amounts.custom.items()) cost += cost_of(resource);
  return cost;
}

FrameCost cost_of(const Reservation& reservation) {
  FrameCost cost = table(0, 4);
  cost += text(reservation.role);
  cost += text(reservation.principal);
  cost += vector(reservation.labels.size() * 4);
  for (const auto& [name, value] : reservation.labels) {
    cost += table(0, 2);
    cost += text(name);
    cost += text(value);
  }
  return cost;
}

FrameCost cost_of(const Lot& lot) {
  FrameCost cost = table(0, 6);
  cost += vector(lot.tags->reservations.size() * 4);
  for (const Reservation& reservation : lot.tags->reservations) cost += cost_of(reservation);
  if (lot.tags->volume.has_value()) {
    cost += table(0, 4);
    cost += text(lot.tags->volume->id);
    cost += text(lot.tags->volume->container_path);
    cost += text(lot.tags->volume->principal);
  }
  cost += text(lot.tags->disk_root);
  cost += cost_of(lot.amounts);
  return cost;
}

}  // namespace

FrameCost frame_cost(const Resources& resources) {
  if (resources.empty()) return {};
  FrameCost cost = cost_of(static_cast<const Amounts&>(resources));
  if (resources.lots.empty()) return cost;
  cost.bytes += 4;
  cost += vector(resources.lots.size() * 4);
  for (const Lot& lot : resources.lots) cost += cost_of(lot);
  cost.bytes += kVtableBytes;
  return cost;
}

FrameCost task_report_cost(std::string_view id, std::string_view name, std::string_view role,
                           const Resources& resources) {
  FrameCost cost = table(1, 5);
  cost.bytes += 4;  // where the vector names it
  cost += text(id);
  cost += text(name);
  cost += text(role);
  cost += frame_cost(resources);
  return cost;
}

}  // namespace shoal::core
