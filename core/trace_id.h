// One name of a launch for all who tell of it, as the trace id of W3C Trace Context: the events of
// the master, the agent's log, and TRACEPARENT in the task's environment.
//
// Nobody hands it on: it is FNV-1a (128 bits; Fowler, Noll, Vo) of "FRAMEWORK/TASK", so each of
// them knows it, also after a restart, and so can whoever knows the two ids.
#pragma once

#include <string>
#include <string_view>

#include "core/ids.h"

namespace shoal::core {

// 32 hexadecimal digits.
std::string trace_id(FrameworkId framework, std::string_view task);

// What a program needs to go on with the trace, "00-TRACE-SPAN-00"; the span of the launch is the
// second half of its trace id.
std::string trace_parent(FrameworkId framework, std::string_view task);

}  // namespace shoal::core
