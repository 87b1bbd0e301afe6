// Users that tasks run as, and what the operator allows.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace shoal::agent {

struct TaskUser {
  std::string name;
  uid_t uid = 0;
  std::vector<gid_t> groups;  // its own first
};

// A name or a uid of this machine's user database. May ask a directory service, and block as long
// as that. NOT_FOUND: there is no such user. INVALID_ARGUMENT: it has no name one can have.
absl::StatusOr<TaskUser> find_user(std::string_view name_or_uid);

// The setting of the supervisor (agent/supervisor/record.h).
std::string user_setting(const TaskUser& user);

}  // namespace shoal::agent
