// --resources as an operator may give it: the text form ("cpus:4;mem(ads):8192"), the JSON form of
// Mesos, or @FILE with one of them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/resources.h"

namespace shoal::cli {

// The text form, checked; empty for an empty option. Errors: INVALID_ARGUMENT, one line that begins
// with the flag's name.
absl::StatusOr<std::string> read_resources_option(const std::string& option);

// [{"name":"cpus","type":"SCALAR","scalar":{"value":4},"role":"ads"}, …] as text. Known members:
// name, type, scalar {value}, ranges {range [{begin, end}]}, set {item [text]}, role, reservations
// [{type "STATIC", role}] and, of "disk", disk {source {type "PATH" or "MOUNT", path or mount
// {root}}}. Errors: INVALID_ARGUMENT; anything else, anything twice, and reservations and volumes
// that only operations make.
absl::StatusOr<std::string> resources_text_of_json(std::string_view json);

// As text that names every well-known kind, also those there is nothing of: nothing is probed then.
std::string resources_flag(const core::Resources& resources);

}  // namespace shoal::cli
