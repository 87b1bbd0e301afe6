// The settings of a task (agent/supervisor/record.h), done. Nothing but libc, no memory of its own.
#pragma once

#include <sys/types.h>

#include "agent/supervisor/record.h"

namespace shoal::agent {

// Words of the supervisor's own arguments.
struct Settings {
  char* const* words = nullptr;
  int count = 0;
};

// The argument at kSettingsArgument and what follows. False: they are not all there, or one is not
// known; else `task_arguments` is the place of the task's own.
bool read_settings(int argc, char** argv, Settings* settings, int* task_arguments);

// All below: kStarted when it is done or there is nothing to do, else what failed, and errno.

// Makes the cgroups and writes what is to be in them. Those that were made are there after a
// failure too.
StartStage make_cgroups(const Settings& settings);
// Reads the seccomp program. It is kept until apply_settings().
StartStage read_filter(const Settings& settings);
// In the task's process, before it may look for its folder and its program: everything up to the
// user and the capabilities.
StartStage apply_settings(const Settings& settings);
// Last.
StartStage apply_filter(const Settings& settings);

// Its memory goes back: the task has its own copy.
void forget_filter();

// The folders of the task's cgroups, the one to kill by first.
const char* cgroup_of(const Settings& settings, int index);  // null: there are fewer

// What the cgroups say about the end of the task, into its record.
void note_usage(const Settings& settings, ExitPayload* ended);
void remove_cgroups(const Settings& settings);

}  // namespace shoal::agent
