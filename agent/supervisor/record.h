// What the supervisor and the agent tell each other: the records in the folder of a run, and the
// report over the pipe. Plain data and no library: both sides include it.
//
// A record, little endian:
//
//   offset  size  field
//        0     4  magic     "SHCK"
//        4     2  version   kRecordVersion; a higher one is refused
//        6     2  kind      RecordKind
//        8     4  length    bytes of the payload
//       12     4  checksum  CRC-32C of the 12 bytes before and of the payload
//       16     …  payload
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/crc32c.h"

namespace shoal::agent {

static_assert(std::endian::native == std::endian::little, "records are written as they are");

inline constexpr char kRecordMagic[4] = {'S', 'H', 'C', 'K'};
inline constexpr std::uint16_t kRecordVersion = 1;

enum class RecordKind : std::uint16_t {
  kTask = 1,        // agent/checkpoint.h
  kSupervisor = 2,  // SupervisorPayload
  kExit = 3,        // ExitPayload
  kUpdate = 4,      // agent/update_log.h
};

struct RecordHeader {
  char magic[4];
  std::uint16_t version;
  std::uint16_t kind;
  std::uint32_t length;
  std::uint32_t checksum;
};
static_assert(sizeof(RecordHeader) == 16);

inline constexpr std::size_t kBootIdBytes = 40;  // a uuid as text, padded with NUL

// Which process the supervisor is. Written by itself before it starts the task.
struct SupervisorPayload {
  std::int32_t pid;
  std::uint32_t reserved;    // 0
  std::uint64_t start_time;  // clock ticks since boot, /proc/PID/stat field 22
  char boot_id[kBootIdBytes];
};
static_assert(sizeof(SupervisorPayload) == 56);

// How the task ended. When is the time of the file. What a longer one has beyond is not known yet;
// one that ends after `left` is of a supervisor without cgroups, and the rest of it is 0.
struct ExitPayload {
  std::uint32_t how;  // kExited or kSignaled
  std::int32_t code;  // exit code, or signal
  std::uint32_t core_dumped;
  std::uint32_t left;  // 1: processes of the task were sent SIGKILL and are there all the same
  std::uint32_t oom_kills = 0;     // of its processes, by the kernel for want of memory
  std::uint32_t reserved = 0;      // 0
  std::uint64_t memory_limit = 0;  // bytes; of the cgroup, 0: none
  std::uint64_t memory_peak = 0;   // bytes; 0: not known
};
static_assert(sizeof(ExitPayload) == 40);
inline constexpr std::uint32_t kMinExitPayload = 16;
inline constexpr std::uint32_t kExited = 1;
inline constexpr std::uint32_t kSignaled = 2;

// Names in the folder of a run.
inline constexpr char kTaskFile[] = "task";
inline constexpr char kSupervisorFile[] = "supervisor";
inline constexpr char kExitFile[] = "exit";

// The report: once, over the descriptor kReportFd, when the task runs or cannot.
inline constexpr int kReportFd = 3;
inline constexpr int kFilterFd = 4;  // what the setting kSeccomp reads; else /dev/null
inline constexpr std::uint32_t kReportMagic = 0x52504853;  // "SHPR"

enum class StartStage : std::uint32_t {
  kStarted = 0,
  kRecord = 1,     // the supervisor's own record could not be written
  kFork = 2,       // no process
  kDirectory = 3,  // chdir
  kExec = 4,
  kSettings = 5,  // one that is not understood
  kCgroup = 6,    // making the task's cgroups, or joining them
  kNamespaces = 7,
  kLimits = 8,  // rlimits
  kUser = 9,
  kCapabilities = 10,
  kSeccomp = 11,
  kPaths = 12,    // those that the task wants read-only
  kNetwork = 13,  // giving it none
  kDevices = 14,
  kUserNamespace = 15,
};

struct StartReport {
  std::uint32_t magic;
  StartStage stage;  // kStarted, or what failed
  std::int32_t err;  // errno of what failed
  std::int32_t pid;  // of the task's leader
};
static_assert(sizeof(StartReport) == 16);

// The supervisor's arguments: kSupervisorName, kSupervisorInterface, the boot id, the working
// directory of the task, the path to execute, how many settings follow, these, and the task's own
// arguments from argv[0] on. Its environment is the task's; its working directory is the folder of
// the run.
inline constexpr char kSupervisorName[] = "shoal-supervisor";
inline constexpr char kSupervisorInterface[] = "3";
inline constexpr int kSettingsArgument = 6;

// Settings: how the task is held, a word each. They are done in the order in which they stand here;
// several of one kind in their own order. What cannot be done keeps the task from starting.
inline constexpr char kCgroupSetting[] = "cgroup=";  // PATH: a folder to make, which the task joins
inline constexpr char kWriteSetting[] = "write=";    // FILE=TEXT, in the folder named before
inline constexpr char kTryWriteSetting[] = "try-write=";  // the same; a failure is ignored
// RULE[,RULE]… as of devices.allow: no device files but these, in the folder named before, of v1
inline constexpr char kDevicesSetting[] = "devices=";
inline constexpr char kOomSetting[] = "oom=";  // NUMBER: its oom_score_adj; a failure is ignored
inline constexpr char kNamespaces[] = "namespaces";       // mount, IPC, UTS and cgroup of its own
inline constexpr char kReadOnlySetting[] = "read-only=";  // PATH, with all below; needs namespaces
inline constexpr char kWritableSetting[] = "writable=";   // PATH: a folder, all the same; the same
inline constexpr char kNoNetwork[] = "no-network";        // but loopback; the same
inline constexpr char kTmpfsSetting[] = "tmpfs=";         // PATH: an empty one of its own there
inline constexpr char kRlimitSetting[] = "rlimit=";       // NUMBER:SOFT:HARD
inline constexpr char kUserSetting[] = "user=";           // UID:GID[,GID]…
inline constexpr char kUserNamespace[] = "user-namespace";  // of its own, with nobody but itself
inline constexpr char kCapabilitiesSetting[] = "keep=";     // hexadecimal mask of what it keeps
inline constexpr char kSeccomp[] = "seccomp";               // the program that kFilterFd holds

// Its signals. All others it does not hear.
//   SIGTERM  to the task's group, with SIGCONT
//   SIGUSR1  SIGKILL to all of the task
// When it is the first process of a pid namespace, none of the task can reach it, and the kernel
// kills the task with it.

inline std::uint32_t checksum_of(const RecordHeader& header, const void* payload) {
  unsigned char head[12];
  std::memcpy(head, &header, sizeof(head));
  return core::crc32c(static_cast<const unsigned char*>(payload), header.length,
                      core::crc32c(head, sizeof(head)));
}

inline RecordHeader header_of(RecordKind kind, const void* payload, std::uint32_t length) {
  RecordHeader header;
  std::memcpy(header.magic, kRecordMagic, sizeof(header.magic));
  header.version = kRecordVersion;
  header.kind = static_cast<std::uint16_t>(kind);
  header.length = length;
  header.checksum = checksum_of(header, payload);
  return header;
}

}  // namespace shoal::agent
