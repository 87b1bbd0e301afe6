// The life of one of several masters: standby, elected, leader, and standby again.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "master/data_dir.h"
#include "master/master.h"

namespace shoal::master {

// Until SIGTERM or SIGINT; options.registry names an etcd. Errors: INVALID_ARGUMENT (it names
// none), what Standby::create() says, and what cannot get better by waiting: the registry is of
// another cluster or a newer version, or is damaged.
absl::Status run_candidate(const MasterOptions& options, DataDir& folder);

// Writes the ready file and calls on_ready; in master.cc.
absl::Status tell_ready(const MasterOptions& options, const std::string& address);

}  // namespace shoal::master
