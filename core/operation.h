// Offer operations: reservations and persistent volumes. An operation replaces some of an agent's
// resources by others; nothing is added or lost but, with destroy, the data of a volume.
// Source of the meanings: the Mesos operations RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and
// SHRINK_VOLUME.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/resources.h"

namespace shoal::core {

// Numbers are the wire's.
enum class OperationKind : std::uint8_t {
  kLaunch = 0,     // the next `launches` tasks of the same ACCEPT
  kReserve = 1,    // resources: as they are to be, with the new reservation on top of the stack
  kUnreserve = 2,  // resources: as they are; the last reservation of the stack goes
  kCreate = 3,     // resources: reserved disk with the volume it is to be
  kDestroy = 4,    // resources: the volume
  kGrow = 5,       // resources: the volume; addition: disk under the same reservation
  kShrink = 6,     // resources: the volume; addition.disk: how much is taken off
};
inline constexpr std::uint8_t kOperationKinds = 7;
std::string_view name_of(OperationKind kind);  // "RESERVE", "GROW_VOLUME"

enum class OperationState : std::uint8_t {
  kPending = 0,
  kFinished = 1,
  kFailed = 2,   // the agent could not do it
  kError = 3,    // refused by validation
  kDropped = 4,  // never reached the agent
  kUnreachable = 5,
  kGoneByOperator = 6,
  kUnknown = 7,
  kUnsupported = 8,
};
inline constexpr std::uint8_t kOperationStates = 9;
std::string_view name_of(OperationState state);  // "FINISHED"

struct OperationSpec {
  OperationKind kind = OperationKind::kReserve;
  Resources resources;
  Resources addition;
};

struct Conversion {
  Resources consumed;
  Resources converted;
};

// What the operation does to resources of which `free` are at hand. Checked: sound resources, the
// consumed part is in `free`, only dynamic reservations are undone, a volume id is new within
// `total` (all the agent has), sizes stay positive, and what the agent has afterwards is sound.
// Not checked: whose the role is, and who uses a shared volume that is to be destroyed.
// `principal` stands for the caller in new reservations and volumes, and must match in old ones
// unless they name nobody.
// Errors: INVALID_ARGUMENT, one line that names the operation and what is wrong.
absl::StatusOr<Conversion> convert(const OperationSpec& operation, const Resources& free,
                                   const Resources& total, std::string_view principal);

}  // namespace shoal::core
