// The JSON of etcd's gateway: keys and values in base64, 64-bit numbers as texts. Answers are
// somebody else's: whatever is not as expected is an error, never a crash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "master/etcd_messages.h"

namespace shoal::master {

std::string range_body(const EtcdRangeQuery& query);
std::string txn_body(const EtcdTxn& txn);
std::string grant_body(std::chrono::seconds ttl);
std::string lease_body(std::int64_t lease);
std::string watch_body(std::string_view key, std::int64_t revision);

// Errors: INTERNAL, saying what is missing or wrong.
absl::StatusOr<EtcdRange> read_range(std::string_view json);
absl::StatusOr<EtcdTxnAnswer> read_txn(std::string_view json);
absl::StatusOr<EtcdLease> read_grant(std::string_view json);
// NOT_FOUND: there is no such lease.
absl::StatusOr<std::chrono::seconds> read_keep_alive(std::string_view json);
absl::StatusOr<EtcdWatchLine> read_watch_line(std::string_view json);

// What an answer that is no 200 says, for people; the beginning of it when it is not etcd's.
std::string error_text(std::string_view json);

}  // namespace shoal::master
