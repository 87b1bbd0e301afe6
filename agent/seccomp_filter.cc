#include "agent/seccomp_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#include <cerrno>
#include <memory>

#include "agent/errno_status.h"

namespace shoal::agent {

namespace {

// By name: what an architecture does not have is left out. Each reaches beyond the task, or into
// parts of the kernel where most of its holes were.
constexpr const char* kRefused[] = {
    // file systems and namespaces
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setns", "open_by_handle_at",
    "quotactl", "quotactl_fd", "fanotify_init", "nfsservctl",
    // the machine
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
    "create_module", "query_module", "get_kernel_syms", "swapon", "swapoff", "acct", "settimeofday",
    "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "stime",
    "iopl", "ioperm", "syslog", "vhangup", "uselib", "lookup_dcookie",
    // keys, tracing, programs for the kernel
    "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "kcmp", "process_madvise"};

// Other processes' memory and descriptors.
constexpr const char* kAttaching[] = {"process_vm_readv", "process_vm_writev", "pidfd_getfd"};

constexpr unsigned kNamespaceFlags[] = {CLONE_NEWUSER, CLONE_NEWNS,     CLONE_NEWPID, CLONE_NEWNET,
                                        CLONE_NEWIPC,  CLONE_NEWCGROUP, CLONE_NEWUTS};

struct ReleaseFilter {
  void operator()(void* context) const { seccomp_release(context); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

// 0 or a negative errno, as libseccomp's.
int refuse(const Filter& filter, const char* name, unsigned err = EPERM) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return 0;  // younger than the library
  return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(err), number, 0);
}

// When its first argument compares so.
int refuse_if(const Filter& filter, const char* name, const scmp_arg_cmp& first) {
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM),
                                seccomp_syscall_resolve_name(name), 1, &first);
}

int refuse_flag(const Filter& filter, const char* name, unsigned flag) {
  return refuse_if(filter, name, {0, SCMP_CMP_MASKED_EQ, flag, flag});
}

int refuse_request(const Filter& filter, unsigned request) {
  return refuse_if(filter, "ptrace", {0, SCMP_CMP_EQ, request, 0});
}

// The machine's 32-bit calls have numbers of their own, and would not be looked at else.
int add_small_architecture(const Filter& filter) {
#if defined(__x86_64__)
  return seccomp_arch_add(filter.get(), SCMP_ARCH_X86);
#elif defined(__aarch64__)
  return seccomp_arch_add(filter.get(), SCMP_ARCH_ARM);
#else
  (void)filter;
  return 0;
#endif
}

int fill(const Filter& filter, const SeccompOptions& options) {
  int err = add_small_architecture(filter);
  if (err == 0)
    err = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
  for (const char* name : kRefused) {
    if (err == 0) err = refuse(filter, name);
  }
  for (const unsigned flag : kNamespaceFlags) {
    if (err == 0) err = refuse_flag(filter, "unshare", flag);
    if (err == 0) err = refuse_flag(filter, "clone", flag);
  }
  if (err == 0) err = refuse(filter, "clone3", ENOSYS);
  if (options.may_attach) return err;
  for (const char* name : kAttaching) {
    if (err == 0) err = refuse(filter, name);
  }
  for (const unsigned request : {unsigned{PTRACE_ATTACH}, unsigned{PTRACE_SEIZE}}) {
    if (err == 0) err = refuse_request(filter, request);
  }
  return err;
}

}  // namespace

absl::StatusOr<UniqueFd> make_seccomp_filter(const SeccompOptions& options) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return errno_status(ENOMEM, "making a system call filter");
  int err = fill(filter, options);
  UniqueFd file(::memfd_create("shoal-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return errno_status(errno, "making a system call filter");
  if (err == 0) err = seccomp_export_bpf(filter.get(), file.get());
  if (err != 0) return errno_status(-err, "making a system call filter");
  ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return file;
}

}  // namespace shoal::agent
