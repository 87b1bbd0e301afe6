// Every bound of the system, in one place, tied together by static_assert.
// Untrusted input is refused when it passes one of them; docs/PROTOCOL.md repeats those of the
// wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shoal::core {

// --- wire ---------------------------------------------------------------------------------------
inline constexpr std::size_t kFrameHeaderBytes = 16;
inline constexpr std::size_t kFrameAlignment = 8;           // payload lengths are multiples of it
inline constexpr std::size_t kMaxHelloBytes = 4 * 1024;     // before authentication
inline constexpr std::size_t kMaxFrameBytes = 1024 * 1024;  // control frame, payload only
inline constexpr std::uint32_t kMaxMessageDepth = 16;       // FlatBuffers verifier
inline constexpr std::uint32_t kMaxMessageTables = 16 * 1024;  // FlatBuffers verifier, or fewer:
inline constexpr std::size_t kMinTableBytes = 8;     // one table per so many bytes of the payload
inline constexpr std::size_t kMaxApparentRatio = 8;  // decoded size / wire size
inline constexpr std::size_t kMaxIdBytes = 128;      // [A-Za-z0-9._-]+
inline constexpr std::size_t kMaxTextBytes = 4 * 1024;  // names, messages, one argument
inline constexpr std::size_t kMaxVectorItems = 16 * 1024;
inline constexpr std::size_t kMaxTaskDescriptionBytes = 256 * 1024;

// --- connections --------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kHelloTimeout{2000};
inline constexpr std::size_t kSoftOutputBytes = 1024 * 1024;          // no more offers to this peer
inline constexpr std::size_t kHardOutputBytes = 16 * 1024 * 1024;     // disconnect
inline constexpr std::chrono::milliseconds kDeferredOutputWait{512};  // for company: then it goes
inline constexpr std::chrono::milliseconds kOutputStallTimeout{10'000};  // no progress: disconnect
inline constexpr std::size_t kReadBufferBytes = 64 * 1024;
inline constexpr std::size_t kMaxHttpHeaderBytes = 8 * 1024;
inline constexpr std::size_t kMaxHttpHeaders = 100;
inline constexpr std::size_t kMaxHttpTargetBytes = 4 * 1024;
inline constexpr std::size_t kMaxHttpBodyBytes = 1024 * 1024;
inline constexpr std::chrono::milliseconds kHttpHeaderTimeout{5000};
inline constexpr std::chrono::milliseconds kHttpIdleTimeout{60'000};  // between two requests
inline constexpr std::size_t kMinHttpBodyRate = 1000;                 // bytes/s, after 5 s of grace
inline constexpr std::size_t kMaxHttpRequestsPerConnection = 1000;
inline constexpr std::chrono::milliseconds kDialTimeout{5000};
inline constexpr std::chrono::milliseconds kCloseFlushTimeout{
    2000};  // last words of a closing side

inline constexpr std::uint16_t kDefaultMasterPort = 7070;

// --- several masters ----------------------------------------------------------------------------
inline constexpr std::size_t kMaxAddressBytes = 264;  // HOST:PORT, brackets included
inline constexpr std::size_t kMaxMasters = 16;        // named to one client; etcd's members too
inline constexpr int kMaxRedirects = 5;  // in a row from one master to another, then back-off
inline constexpr std::chrono::milliseconds kLeaderLookUpTimeout{2000};  // etcd's answer

// --- reactors -----------------------------------------------------------------------------------
inline constexpr std::size_t kMaxReactors = 64;
inline constexpr std::size_t kMailboxSlots = 4096;         // per ordered pair of shards
inline constexpr std::size_t kMaxHandOversWaiting = 4096;  // connections, per ordered pair
inline constexpr std::chrono::milliseconds kMailboxLateDrain{1000};  // second net under wake-ups

// --- liveness -----------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kHeartbeatInterval{5000};
inline constexpr std::chrono::milliseconds kSessionTimeout{15'000};  // three missed heartbeats
inline constexpr std::chrono::milliseconds kAgentReregisterTimeout{75'000};
inline constexpr std::uint32_t kRemovalSilentPercent = 50;  // core/fleet.h
inline constexpr std::uint64_t kRemovalLeastFleet = 20;
inline constexpr std::chrono::milliseconds kRemovalInterval{10};  // 100 a second
inline constexpr std::chrono::milliseconds kRemovalRetry{5'000};  // while too many are silent
inline constexpr std::chrono::milliseconds kDialBackoffMin{100};
inline constexpr std::chrono::milliseconds kDialBackoffMax{60'000};

// --- overload -----------------------------------------------------------------------------------
// A reactor with more than one of these turns newcomers and long reads away (master/admission.h).
inline constexpr std::chrono::milliseconds kDefaultBusyLag{2000};  // turns that a message meets
inline constexpr std::uint64_t kBusyRegistryRows = 64 * 1024;      // not durable yet
inline constexpr std::size_t kBusyMail = kMailboxSlots / 4 * 3;    // in one mailbox, for a second
// When those that were turned away come back: one after the other, so many a second, and not later.
inline constexpr std::int64_t kReturnsPerSecond = 2000;
inline constexpr std::chrono::milliseconds kMaxBusyWait{15'000};
inline constexpr std::chrono::milliseconds kMaxRetryAfter{60'000};  // what a client waits at most
// Calls of frameworks over their rate (master/rate_limits.h).
inline constexpr std::size_t kMaxRateLimits = 1024;
inline constexpr std::uint32_t kDefaultRateCapacity = 1000;  // calls that wait, of one principal
inline constexpr std::uint32_t kMaxRateCapacity = 1'000'000;
inline constexpr std::size_t kMaxHeldBytes = 4 * 1024 * 1024;  // of those, of one framework
inline constexpr std::chrono::milliseconds kRateBurst{1000};   // of the rate, at once, after a rest

// --- cluster ------------------------------------------------------------------------------------
inline constexpr std::uint32_t kMaxOffersPerShard = 1u << 17;
inline constexpr std::uint32_t kMaxFrameworksPerShard = 16 * 1024;
inline constexpr std::size_t kMaxRolesPerFramework = 64;
inline constexpr std::uint32_t kMaxSubscriptionsPerShard = 32 * 1024;  // (framework, role) pairs
inline constexpr std::uint32_t kMaxRoles = 32 * 1024;  // named since the master started
inline constexpr std::size_t kMaxRoleBytes = 256;
inline constexpr std::size_t kMaxRoleDepth = 16;
inline constexpr std::int64_t kMaxWeightMilli = 1'000'000'000;  // 1,000,000
inline constexpr std::size_t kMaxOfferConstraints = 256;        // of one framework, all roles
inline constexpr std::size_t kMaxRegexBytes = 256;
inline constexpr int kMaxRegexProgram = 100;           // RE2 program size, Mesos' default
inline constexpr std::int64_t kMaxRegexMemory = 4096;  // RE2 max_mem, Mesos' default
inline constexpr std::size_t kMaxMinimums = 64;
inline constexpr std::size_t kMaxCustomResources = 64;
inline constexpr std::size_t kMaxCustomItems = 1024;  // ranges or set items of one resource
inline constexpr std::size_t kMaxLots = 256;          // tagged lots of one agent, offer or task
inline constexpr std::size_t kMaxReservationDepth = 8;
inline constexpr std::size_t kMaxReservationLabels = 16;
inline constexpr std::size_t kMaxLabelBytes = 256;  // a key; a value
inline constexpr std::size_t kMaxPrincipalBytes = 256;
inline constexpr std::size_t kMaxDiskPathBytes = 1024;
inline constexpr std::size_t kMaxResourceBytes = 96 * 1024;  // of one Resources, core/frame_cost.h
inline constexpr std::size_t kMaxResourceTables = 2048;
inline constexpr std::size_t kMaxConstraintTextBytes = 1024;  // what a constraint compares with
inline constexpr std::size_t kMaxOperationsPerAccept = 64;
inline constexpr std::size_t kMaxOperationsPerAgent = 256;  // whose feedback is not acknowledged
inline constexpr std::size_t kMaxOperationTextBytes = 256;  // why an operation failed
inline constexpr std::size_t kMaxQuotaConfigs = 2048;       // of one call; weights too
inline constexpr std::size_t kMaxAttributes = 256;
inline constexpr std::size_t kMaxAttributesBytes = 64 * 1024;  // names and values of one agent
inline constexpr std::size_t kMaxTaskNameBytes = 128;
// Of the tasks that fit one RegisterAgent or TaskReports: their number, and what core/frame_cost.h
// says that their reports need.
inline constexpr std::size_t kMaxTaskReports = 1900;
inline constexpr std::size_t kMaxTaskReportsBytes = 712 * 1024;
inline constexpr std::size_t kMaxTaskReportsTables = 12 * 1024;
inline constexpr std::size_t kMaxTasksPerAgent = 8192;
// An agent's tasks need no more than so many messages would hold if they were filled to the brim.
inline constexpr std::size_t kTaskReportsOfAgent = 5;
inline constexpr std::size_t kMaxTaskReportParts = 12;  // of one registration; see above
inline constexpr std::size_t kMaxHeldReportBytes = 64 * 1024 * 1024;  // of a shard's registrations
inline constexpr std::size_t kMaxTaskUses = 256;                      // of one UsageReport
inline constexpr std::size_t kMaxPortRanges = 1024;
inline constexpr std::size_t kMaxTasksPerAccept = 4096;
inline constexpr std::size_t kMaxCompletedTasksPerShard = 10'000;
inline constexpr std::size_t kMaxCompletedFrameworksPerShard = 50;
inline constexpr std::size_t kMaxFiltersPerAgent = 4096;
inline constexpr std::size_t kMaxEventsPerShard = 16 * 1024;
inline constexpr std::size_t kMaxEventTextBytes = 256;  // of one event
inline constexpr std::size_t kMaxGoneAgentsPerShard = 1000;
inline constexpr std::chrono::milliseconds kDefaultRefuse{5000};
inline constexpr std::chrono::hours kMaxRefuse{365 * 24};
inline constexpr std::chrono::milliseconds kDefaultOfferTimeout{60'000};
// How long offers may stay unanswered while a framework with a smaller share waits for one.
inline constexpr std::chrono::milliseconds kDefaultOfferPatience{100};
// A framework without an offer for this long, whose own filters are the reason, is told so.
inline constexpr std::chrono::milliseconds kNoticeDelay{1000};
inline constexpr std::size_t kMaxAgentsPerPass = 16 * 1024;  // the rest waits for the next turn
inline constexpr std::chrono::hours kDefaultFailoverTimeout{1};
// After a master's start nothing is offered, if there are quotas, until so many of the agents that
// the one before knew are back, but no longer than this. As in Mesos (ALC-07).
inline constexpr std::uint64_t kRecoveryHoldPercent = 80;
inline constexpr std::chrono::minutes kRecoveryHold{10};
inline constexpr std::int64_t kMaxScalarMilli = std::int64_t{1} << 50;  // sums of 8,192 of them fit
inline constexpr std::int64_t kMinOfferCpusMilli = 10;                  // 0.01 cpus, or
inline constexpr std::int64_t kMinOfferMemMilli = 32'000;               // 32 MiB: crumbs below both

// --- operator API ------------------------------------------------------------------------------
inline constexpr std::size_t kApiRecordsPerTurn = 512;  // that a shard looks at for all readers
inline constexpr std::size_t kMaxApiPage = 10'000;      // ?limit=
inline constexpr std::size_t kMaxApiReads = 1024;       // under way, of one reactor
inline constexpr std::size_t kMaxApiSubscribers = 256;  // of one reactor
inline constexpr std::size_t kApiEventsPerPart = 512;
inline constexpr std::chrono::milliseconds kApiActionTimeout{10'000};
inline constexpr std::chrono::milliseconds kApiKeepAlive{15'000};  // between two signs of life
inline constexpr std::chrono::milliseconds kApiTick{1000};  // how often it looks at the two above

// --- agent --------------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kDefaultKillGrace{3000};
inline constexpr std::chrono::milliseconds kUpdateRetryMin{10'000};
inline constexpr std::chrono::milliseconds kUpdateRetryMax{60'000};
inline constexpr std::chrono::seconds kDefaultUsageInterval{30};  // between two UsageReports
inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxLogChunkBytes = 64 * 1024;

// --- sdk and command line -----------------------------------------------------------------------
inline constexpr std::size_t kMaxRememberedUpdates = 64 * 1024;  // uuids, to recognise a duplicate
inline constexpr std::chrono::milliseconds kClientTimeout{10'000};  // one call of an operator
inline constexpr std::size_t kMaxPumpBytes = 4 * 1024 * 1024;  // output waiting for a slow terminal

static_assert(kMaxHelloBytes < kMaxFrameBytes);
static_assert(kMaxTaskDescriptionBytes < kMaxFrameBytes);
static_assert(kFrameHeaderBytes % kFrameAlignment == 0);
static_assert(kSoftOutputBytes < kHardOutputBytes && kMaxFrameBytes <= kSoftOutputBytes);
// The largest RegisterAgent: resources, tasks, operations, attributes, four texts and the root.
static_assert(kMaxResourceTables + kMaxTaskReportsTables + kMaxOperationsPerAgent + kMaxAttributes +
                  1 <=
              kMaxMessageTables);
static_assert(kMaxResourceBytes + kMaxTaskReportsBytes +
                  kMaxOperationsPerAgent * (kMaxOperationTextBytes + kMaxIdBytes + 96) +
                  kMaxAttributesBytes + kMaxAttributes * 48 + 4 * kMaxTextBytes <=
              kMaxFrameBytes);
// The largest UpdateQuota: three tables each.
static_assert(kMaxQuotaConfigs * 3 + 1 <= kMaxMessageTables);
static_assert(kMaxQuotaConfigs * (kMaxRoleBytes + 224) + 1024 <= kMaxFrameBytes);
// The largest Subscribe: constraints, minimums, roles twice.
static_assert(kMaxOfferConstraints * (kMaxRoleBytes + kMaxIdBytes + kMaxConstraintTextBytes + 96) +
                  (kMaxMinimums + 2 * kMaxRolesPerFramework) * (kMaxRoleBytes + 128) +
                  4 * kMaxTextBytes <=
              kMaxFrameBytes);
static_assert(kHeartbeatInterval * 3 <= kSessionTimeout);
static_assert((kMailboxSlots & (kMailboxSlots - 1)) == 0);
static_assert((kMaxOffersPerShard & (kMaxOffersPerShard - 1)) == 0);

}  // namespace shoal::core
