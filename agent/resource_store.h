// What an agent has, across restarts: its resources with their dynamic reservations and volumes,
// and the operations whose feedback is not acknowledged.
//
//   <data>/resources    one frame (wire/frame.h) with an AgentResources, then 8 bytes, little
//   endian:
//                       the checksum of the frame (FNV-1a, 64 bits)
//
// Written aside, synced and renamed: a few hundred bytes, twice synced, for all operations of a
// turn together (agent/operations.h), away from the loop (agent/books.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/operations.h"
#include "core/messages.h"
#include "core/resources.h"
#include "wire/message.h"

namespace shoal::agent {

struct StoredResources {
  core::Resources resources;
  std::vector<OperationOutcome> operations;
};

// The whole file. RESOURCE_EXHAUSTED: it would be larger than a frame may be.
absl::StatusOr<wire::ByteVector> encode_stored(const core::AgentResources& record);
// INVALID_ARGUMENT, one line that says what is wrong: cut off, damaged, of a newer version.
absl::StatusOr<StoredResources> decode_stored(wire::Bytes file);

std::string stored_resources_path(const std::string& data_dir);

// nullopt: nothing was ever stored. Errors: FAILED_PRECONDITION, one line that names the file, what
// is wrong and what to do; also when there are volumes but no file that knows them.
absl::StatusOr<std::optional<StoredResources>> read_stored(const std::string& data_dir);

// Durable when it returns OK; blocks. `file`: of encode_stored().
absl::Status write_stored(const std::string& data_dir, wire::Bytes file);
absl::Status write_stored(const std::string& data_dir, const core::AgentResources& record);

// What the agent has now: `configured` (flags and probes; static reservations only), with the
// dynamic reservations and volumes of `stored` taken out of it. What was added to the configuration
// is unreserved, what was taken from it is taken from the unreserved. Errors: FAILED_PRECONDITION,
// one line that names what does not fit any more and how to release it.
absl::StatusOr<core::Resources> reconcile(const core::Resources& configured,
                                          const core::Resources& stored);

}  // namespace shoal::agent
