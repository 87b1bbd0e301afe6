// Bounds of what is kept in etcd. All others: core/limits.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shoal::master {

inline constexpr std::size_t kMaxEtcdAnswerBytes = 16 * 1024 * 1024;
inline constexpr std::size_t kMaxEtcdOps = 128;              // of a transaction: its --max-txn-ops
inline constexpr std::size_t kMaxEtcdTxnBytes = 512 * 1024;  // its --max-request-bytes is 1.5 MiB
inline constexpr std::int64_t kEtcdPageRows =
    2048;  // of one answer, while loading: etcd counts all each time
inline constexpr std::size_t kMaxListedMasters = 64;

inline constexpr std::chrono::seconds kMinLease{1};
inline constexpr std::chrono::seconds kDefaultLease{3};
inline constexpr std::chrono::seconds kMaxLease{60};

}  // namespace shoal::master
