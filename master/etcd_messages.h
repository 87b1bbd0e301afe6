// What is asked of etcd, and what it answers, as plain values; their JSON is etcd_json.h's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace shoal::master {

struct EtcdRow {
  std::string key;
  std::string value;
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
};

struct EtcdRangeQuery {
  std::string key;
  std::string range_end;      // empty: that key alone; else up to, and without it
  std::int64_t limit = 0;     // 0: all
  std::int64_t revision = 0;  // as of then; 0: now
};

struct EtcdRange {
  std::vector<EtcdRow> rows;  // by key
  bool more = false;          // the limit left some out
  std::int64_t revision = 0;  // of the store
};

// All of them ask for equality.
struct EtcdCompare {
  enum class What : std::uint8_t { kCreateRevision, kModRevision, kValue };
  What what = What::kCreateRevision;
  std::string key;
  std::int64_t revision = 0;  // 0: there is no such key
  std::string value;          // of kValue
};

struct EtcdOp {
  enum class Kind : std::uint8_t { kPut, kGet, kDelete };
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;       // of kPut
  std::string range_end;   // of kGet and kDelete, as in EtcdRangeQuery
  std::int64_t lease = 0;  // of kPut; 0: none
};

// `success` if all of `compare` hold, else `failure`. No key may be written twice.
struct EtcdTxn {
  std::vector<EtcdCompare> compare;
  std::vector<EtcdOp> success;
  std::vector<EtcdOp> failure;
};

struct EtcdTxnAnswer {
  bool succeeded = false;
  std::int64_t revision = 0;  // of the store, after it
  std::vector<EtcdRow> rows;  // of all kGet that were done
};

struct EtcdLease {
  std::int64_t id = 0;
  std::chrono::seconds ttl{0};  // not always what was asked for: etcd has a least of its own
};

// One line of a watch.
struct EtcdWatchLine {
  bool has_events = false;
  bool is_canceled = false;  // the watch is over: what it began with is no longer known
};

// The end of the range of all keys that begin with `prefix`.
inline std::string prefix_end(std::string prefix) {
  while (!prefix.empty()) {
    if (static_cast<unsigned char>(prefix.back()) != 0xff) {
      ++prefix.back();
      return prefix;
    }
    prefix.pop_back();
  }
  return std::string(1, '\0');
}

}  // namespace shoal::master
