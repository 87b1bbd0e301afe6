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
inline constexpr std::uint32_t kMaxMessageTables = 4096;    // FlatBuffers verifier
inline constexpr std::size_t kMaxApparentRatio = 8;         // decoded size / wire size
inline constexpr std::size_t kMaxIdBytes = 128;             // [A-Za-z0-9._-]+
inline constexpr std::size_t kMaxTextBytes = 4 * 1024;      // names, messages, one argument
inline constexpr std::size_t kMaxVectorItems = 16 * 1024;
inline constexpr std::size_t kMaxTaskDescriptionBytes = 256 * 1024;

// --- connections --------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kHelloTimeout{2000};
inline constexpr std::size_t kSoftOutputBytes = 1024 * 1024;       // no more offers to this peer
inline constexpr std::size_t kHardOutputBytes = 16 * 1024 * 1024;  // disconnect
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

// --- reactors -----------------------------------------------------------------------------------
inline constexpr std::size_t kMaxReactors = 64;
inline constexpr std::size_t kMailboxSlots = 4096;                   // per ordered pair of shards
inline constexpr std::chrono::milliseconds kMailboxLateDrain{1000};  // second net under wake-ups

// --- liveness -----------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kHeartbeatInterval{5000};
inline constexpr std::chrono::milliseconds kSessionTimeout{15'000};  // three missed heartbeats
inline constexpr std::chrono::milliseconds kAgentReregisterTimeout{75'000};
inline constexpr std::chrono::milliseconds kDialBackoffMin{100};
inline constexpr std::chrono::milliseconds kDialBackoffMax{60'000};

// --- cluster ------------------------------------------------------------------------------------
inline constexpr std::uint32_t kMaxOffersPerShard = 1u << 17;
inline constexpr std::uint32_t kMaxFrameworksPerShard = 4096;
inline constexpr std::size_t kMaxRolesPerFramework = 64;
inline constexpr std::size_t kMaxAttributes = 256;
inline constexpr std::size_t kMaxAttributesBytes = 64 * 1024;  // names and values of one agent
inline constexpr std::size_t kMaxTaskNameBytes =
    128;  // all tasks of an agent fit one RegisterAgent
inline constexpr std::size_t kMaxTasksPerAgent = 1900;  // two tables each in one RegisterAgent
inline constexpr std::size_t kMaxPortRanges = 1024;
inline constexpr std::size_t kMaxTasksPerAccept = 4096;
inline constexpr std::size_t kMaxCompletedTasksPerShard = 10'000;
inline constexpr std::size_t kMaxCompletedFrameworksPerShard = 50;
inline constexpr std::size_t kMaxFiltersPerAgent = 4096;
inline constexpr std::size_t kMaxUnreachableAgentsPerShard = 1000;
inline constexpr std::chrono::milliseconds kDefaultRefuse{5000};
inline constexpr std::chrono::hours kMaxRefuse{365 * 24};
inline constexpr std::chrono::milliseconds kDefaultOfferTimeout{60'000};
inline constexpr std::chrono::hours kDefaultFailoverTimeout{1};
inline constexpr std::int64_t kMaxScalarMilli = std::int64_t{1} << 50;  // sums of 8,192 of them fit
inline constexpr std::int64_t kMinOfferCpusMilli = 10;                  // 0.01 cpus, or
inline constexpr std::int64_t kMinOfferMemMilli = 32'000;               // 32 MiB: crumbs below both

// --- agent --------------------------------------------------------------------------------------
inline constexpr std::chrono::milliseconds kDefaultKillGrace{3000};
inline constexpr std::chrono::milliseconds kUpdateRetryMin{10'000};
inline constexpr std::chrono::milliseconds kUpdateRetryMax{60'000};
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
static_assert(kMaxTasksPerAgent * 2 + kMaxAttributes + 2 <= kMaxMessageTables);
static_assert(kHeartbeatInterval * 3 <= kSessionTimeout);
static_assert((kMailboxSlots & (kMailboxSlots - 1)) == 0);
static_assert((kMaxOffersPerShard & (kMaxOffersPerShard - 1)) == 0);

}  // namespace shoal::core
