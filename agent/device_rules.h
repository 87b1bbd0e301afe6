// Which device files the processes of a cgroup may open: rules, as the kernel takes them in either
// version of cgroups. Version 1: lines for devices.allow. Version 2: a program that the kernel asks
// (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15), attached to a folder, for it and all below it.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::agent {

struct DeviceRule {
  bool is_block = false;
  int major = 0;
  int minor = 0;  // < 0: every one
  bool may_read = true;
  bool may_write = true;
};

inline constexpr std::size_t kMaxDevices = 64;  // that an operator may name

// null, zero, full, random, urandom, tty, ptmx and the terminals that come of it.
std::vector<DeviceRule> default_devices();

// "/dev/fuse,/dev/kvm:r": files of this machine, with r, w or rw (else rw). Errors, which name the
// part: INVALID_ARGUMENT, also for what is no device; NOT_FOUND and others of errno_status.
absl::StatusOr<std::vector<DeviceRule>> parse_devices(std::string_view text);

// "c 1:3 rwm". Making a device file is never more dangerous than opening it, and needs CAP_MKNOD.
std::string text_of(const DeviceRule& rule);

// Answers 1 for what a rule allows, else 0.
std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules);

// `folder`, of cgroup version 2: what is not allowed is EPERM in there from now on. Takes the place
// of what was attached before. UNAVAILABLE, PERMISSION_DENIED …, one line: the kernel or somebody
// above does not let us.
absl::Status attach_devices(const std::string& folder, const std::vector<DeviceRule>& rules);
// The end of that. Nothing happens when nothing is attached.
void detach_devices(const std::string& folder);

}  // namespace shoal::agent
