// Operations on offered resources, for Driver::accept(): keep them for a role, give that up, and
// make volumes that outlive tasks.
//
//   const core::Resources disk = sdk::reserved(*core::parse_resources("disk:64"), {.role = "ads"});
//   const core::Resources data = sdk::as_volume(disk, {.id = "data", .container_path = "data"});
//   driver.accept({&offer, 1}, {sdk::reserve(*core::parse_resources("disk:64"), {.role = "ads"}),
//                               sdk::create(disk, {.id = "data", .container_path = "data"})},
//                 {task_that_uses(data)});
//
// Nothing is checked here: the master does, and refuses the whole call.
#pragma once

#include <cstdint>
#include <string>

#include "core/lot.h"
#include "core/resources.h"
#include "sdk/scheduler.h"

namespace shoal::sdk {

// `resources` with `reservation` on top of what they are reserved by; always a dynamic one.
core::Resources reserved(const core::Resources& resources, core::Reservation reservation);
// The reserved disk of `resources` as the volume that create() makes of it; the rest is left out.
core::Resources as_volume(const core::Resources& resources, const core::Volume& volume);
// The reserved disk that destroy() leaves of the volumes among `resources`; the rest as it is.
core::Resources without_volume(const core::Resources& resources);

// Keeps `resources`, as they are offered, for a role: `reservation.role`, within the offer's role.
Operation reserve(const core::Resources& resources, core::Reservation reservation,
                  std::string id = {});
// Takes the last reservation off `resources`, as they are offered.
Operation unreserve(const core::Resources& resources, std::string id = {});
// Makes a volume of `disk`: reserved disk, as it is offered.
Operation create(const core::Resources& disk, const core::Volume& volume, std::string id = {});
// Gives up a volume, as it is offered, and its data.
Operation destroy(const core::Resources& volume, std::string id = {});
// `addition`: disk under the same reservations as the volume.
Operation grow(const core::Resources& volume, const core::Resources& addition, std::string id = {});
// `disk`: how much is taken off, in milli-MiB.
Operation shrink(const core::Resources& volume, core::Milli disk, std::string id = {});
// Here the next `tasks` of the call are launched, so that later operations see what they leave.
Operation launch(std::uint32_t tasks);

// The volume with that id among `resources`; empty when there is none.
core::Resources find_volume(const core::Resources& resources, std::string_view id);

}  // namespace shoal::sdk
