#include "sdk/operations.h"

#include <memory>
#include <utility>

namespace shoal::sdk {
namespace {

Operation make(core::OperationKind kind, core::Resources resources, std::string id) {
  Operation operation;
  operation.spec.kind = kind;
  operation.spec.resources = std::move(resources);
  operation.id = std::move(id);
  return operation;
}

}  // namespace

core::Resources reserved(const core::Resources& resources, core::Reservation reservation) {
  reservation.dynamic = true;
  core::Resources out;
  const auto add = [&](core::LotTags tags, const core::Amounts& amounts) {
    tags.reservations.push_back(reservation);
    out.lots.add(std::make_shared<const core::LotTags>(std::move(tags)), amounts);
  };
  const core::Amounts& plain = resources;
  if (!plain.empty()) add({}, plain);
  for (const core::Lot& lot : resources.lots) add(*lot.tags, lot.amounts);
  return out;
}

core::Resources as_volume(const core::Resources& resources, const core::Volume& volume) {
  core::Resources out;
  for (const core::Lot& lot : resources.lots) {
    if (!lot.tags->is_reserved() || lot.amounts.disk == 0) continue;
    core::LotTags tags = *lot.tags;
    tags.volume = volume;
    core::Amounts disk;
    disk.disk = lot.amounts.disk;
    out.lots.add(std::make_shared<const core::LotTags>(std::move(tags)), disk);
  }
  return out;
}

core::Resources without_volume(const core::Resources& resources) {
  core::Resources out;
  static_cast<core::Amounts&>(out) = resources;
  for (const core::Lot& lot : resources.lots) {
    core::LotTags tags = *lot.tags;
    tags.volume.reset();
    out.lots.add(std::make_shared<const core::LotTags>(std::move(tags)), lot.amounts);
  }
  return out;
}

Operation reserve(const core::Resources& resources, core::Reservation reservation, std::string id) {
  return make(core::OperationKind::kReserve, reserved(resources, std::move(reservation)),
              std::move(id));
}

Operation unreserve(const core::Resources& resources, std::string id) {
  return make(core::OperationKind::kUnreserve, resources, std::move(id));
}

Operation create(const core::Resources& disk, const core::Volume& volume, std::string id) {
  return make(core::OperationKind::kCreate, as_volume(disk, volume), std::move(id));
}

Operation destroy(const core::Resources& volume, std::string id) {
  return make(core::OperationKind::kDestroy, volume, std::move(id));
}

Operation grow(const core::Resources& volume, const core::Resources& addition, std::string id) {
  Operation operation = make(core::OperationKind::kGrow, volume, std::move(id));
  operation.spec.addition = addition;
  return operation;
}

Operation shrink(const core::Resources& volume, core::Milli disk, std::string id) {
  Operation operation = make(core::OperationKind::kShrink, volume, std::move(id));
  operation.spec.addition.disk = disk;
  return operation;
}

Operation launch(std::uint32_t tasks) {
  Operation operation = make(core::OperationKind::kLaunch, {}, {});
  operation.launches = tasks;
  return operation;
}

core::Resources find_volume(const core::Resources& resources, std::string_view id) {
  return core::select(resources, false, [id](const core::LotTags& tags) {
    return tags.volume.has_value() && tags.volume->id == id;
  });
}

}  // namespace shoal::sdk
