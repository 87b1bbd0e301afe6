// `shoal events`: every change of the cluster, as it happens.
#pragma once

#include <string>
#include <string_view>

#include "cli/options.h"

namespace shoal::cli {

int run_events(const EventsVerb& verb);

// One line for people, of an event's JSON: "12:00:01.250 task  t1 is TASK_RUNNING on a-…".
std::string describe_event(std::string_view json);

}  // namespace shoal::cli
