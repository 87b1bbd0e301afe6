// What a simulated framework does with reservations and volumes, and what it is told of that.
#include <algorithm>
#include <utility>

#include "core/status.h"
#include "sdk/operations.h"
#include "tests/sim/sim_framework.h"

namespace shoal::sim {
namespace {

core::Resources alone(const core::Lot& lot) {
  core::Resources out;
  out.lots.add(lot.tags, lot.amounts);
  return out;
}

// Its own to undo: a dynamic reservation that nobody put his name on.
bool can_undo(const core::LotTags& tags) {
  return tags.is_reserved() && tags.reservations.back().dynamic &&
         tags.reservations.back().principal.empty();
}

// What the master makes of it; nothing when it will refuse.
void apply(const sdk::Operation& operation, core::Resources& free) {
  const auto conversion = core::convert(operation.spec, free, free, "");
  if (!conversion.ok()) return;
  free -= conversion->consumed;
  free += conversion->converted;
}

}  // namespace

std::string SimFramework::name_operation() {
  if (sim_.random.chance(1, 4)) return {};  // wants no feedback
  std::string name = fmt::format("f{}-op{}", node_, next_operation_++);
  operations_[name].connection = connection_;
  return name;
}

std::size_t SimFramework::open_operations() const {
  return static_cast<std::size_t>(
      std::count_if(operations_.begin(), operations_.end(), [this](const auto& entry) {
        return !entry.second.has_ended && entry.second.connection == connection_;
      }));
}

void SimFramework::give_back(core::Resources& free, std::vector<sdk::Operation>& operations) {
  const core::Resources before = free;
  for (const core::Lot& lot : before.lots) {
    if (!can_undo(*lot.tags)) continue;
    if (!sim_.is_calm && sim_.random.chance(2, 3)) continue;
    core::Resources reserved = alone(lot);
    if (lot.tags->volume.has_value()) {
      if (!lot.tags->volume->principal.empty()) continue;
      operations.push_back(sdk::destroy(reserved, name_operation()));
      apply(operations.back(), free);
      reserved = sdk::without_volume(reserved);
      if (!sim_.is_calm && sim_.random.chance(1, 2)) continue;
    }
    operations.push_back(sdk::unreserve(reserved, name_operation()));
    apply(operations.back(), free);
  }
}

void SimFramework::take(const sdk::Offer& offer, core::Resources& free,
                        std::vector<sdk::Operation>& operations) {
  core::Resources part;
  part.cpus = std::min<core::Milli>(free.cpus, 500);
  part.mem = std::min<core::Milli>(free.mem, 64'000);
  part.disk = std::min<core::Milli>(free.disk, 100'000);
  if (part.cpus > 0 && sim_.random.chance(1, 2)) {
    core::Reservation reservation{.role = offer.role};
    if (sim_.random.chance(1, 3)) reservation.labels = {{"for", "sim"}};
    operations.push_back(sdk::reserve(part, reservation, name_operation()));
    apply(operations.back(), free);
  }
  const core::Resources before = free;
  for (const core::Lot& lot : before.lots) {
    const bool is_disk = lot.amounts.disk > 0 && !lot.tags->volume.has_value() &&
                         lot.tags->disk_kind == core::DiskKind::kRoot;
    if (!lot.tags->is_reserved() || !is_disk || !sim_.random.chance(1, 2)) continue;
    core::Resources disk;
    core::Amounts some;
    some.disk = std::min<core::Milli>(lot.amounts.disk, 40'000);
    disk.lots.add(lot.tags, some);
    core::Volume volume{.id = fmt::format("v{}-{}", node_, next_operation_++),
                        .container_path = "data"};
    volume.shared =
        info_.capabilities.has(core::Capability::kSharedResources) && sim_.random.chance(1, 3);
    operations.push_back(sdk::create(disk, volume, name_operation()));
    apply(operations.back(), free);
    const core::Resources made = sdk::find_volume(free, volume.id);
    if (volume.shared || made.empty() || !sim_.random.chance(1, 2)) continue;
    operations.push_back(sdk::shrink(made, 10'000, name_operation()));
    apply(operations.back(), free);
    if (!sim_.random.chance(1, 2)) continue;
    some.disk = 5000;
    core::Resources addition;
    addition.lots.add(lot.tags, some);
    operations.push_back(sdk::grow(sdk::find_volume(free, volume.id), addition, name_operation()));
    apply(operations.back(), free);
  }
}

// False: there is nothing to do with it but what others do.
bool SimFramework::operate(const sdk::Offer& offer) {
  if (!sim_.scenario.has_operations) return false;
  core::Resources free = offer.resources;
  std::vector<sdk::Operation> operations;
  give_back(free, operations);
  if (!sim_.is_calm) take(offer, free, operations);
  if (operations.empty()) return false;
  const sdk::Offer used = offer;
  held_.erase(offer.id);
  std::vector<sdk::TaskSpec> specs;
  for (std::size_t most = std::min<std::size_t>(wanted(), sim_.random.below(3)); most > 0; --most) {
    if (free.cpus == 0 || free.mem == 0) break;
    sdk::TaskSpec spec = make_task(free);
    for (const core::Lot& lot : free.lots) {  // with a volume, if there is one
      if (!lot.tags->volume.has_value() || !sim_.random.chance(2, 3)) continue;
      const core::Resources volume = alone(lot);
      spec.resources += volume;
      if (!lot.tags->is_shared()) free -= volume;
      break;
    }
    specs.push_back(std::move(spec));
  }
  if (!specs.empty() && sim_.random.chance(1, 2)) operations.push_back(sdk::launch(1));
  filtered_until_ = std::max(filtered_until_, sim_.now() + milliseconds(1500));
  for (const sdk::Operation& operation : operations) {
    sim_.trace.note("framework {} wants {} of {}: {}", node_, name_of(operation.spec.kind),
                    operation.id, to_string(operation.spec.resources));
  }
  const absl::Status sent = session_->accept({&used, 1}, operations, specs, milliseconds(500));
  if (!sent.ok()) {
    for (const sdk::Operation& operation : operations) operations_.erase(operation.id);
  }
  note_launched(sent, used, specs);
  return true;
}

void SimFramework::operation_update(sdk::Driver& /*driver*/, const sdk::OperationStatus& status) {
  sim_.trace.note("framework {} is told {} of {} ({})", node_, name_of(status.state), status.id,
                  status.message);
  ++sim_.totals.feedback;
  const auto it = operations_.find(status.id);
  if (it == operations_.end()) {
    return sim_.checker.fail("framework {} is told of operation {}, which it never asked for",
                             node_, status.id);
  }
  if (status.uuid.has_value() && is_explicit_) unacknowledged_.push_back(status);
  Operation& operation = it->second;
  if (status.state == core::OperationState::kPending) return;
  if (status.state == core::OperationState::kUnreachable && !operation.has_ended) {
    operation.connection = 0;  // its agent may never come back
    return;
  }
  if (operation.has_ended && operation.state != status.state) {
    return sim_.checker.fail("framework {} is told {} of operation {} after {}", node_,
                             name_of(status.state), status.id, name_of(operation.state));
  }
  if (operation.is_expected_bad && status.is_finished()) {
    return sim_.checker.fail("framework {}: operation {} was done, though it was not valid", node_,
                             status.id);
  }
  operation.has_ended = true;
  operation.state = status.state;
}

void SimFramework::acknowledge_operations() {
  if (!acknowledges_operations_ && !sim_.is_calm) return;
  for (const sdk::OperationStatus& status : std::exchange(unacknowledged_, {})) {
    session_->acknowledge(status);
  }
}

}  // namespace shoal::sim
