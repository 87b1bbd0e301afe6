// What every framework holds (offered and used) and what the cluster has, as sums that all shards
// add to. The allocator reads them to find who is furthest below its fair share.
//
// Threads
//   Any shard adds and reads.
//
// Invariants
//   1. Each amount added is subtracted once, by the shard of the same agent; when nothing is held
//      the sums are 0.
//
// Memory order
//   Relaxed: the sums order nothing. A stale sum makes one choice a little less fair, and the next
//   one sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/limits.h"
#include "core/resources.h"

namespace shoal::core {

class ShareTable {
 public:
  explicit ShareTable(std::uint32_t shards)
      : rows_(std::make_unique<Row[]>(std::size_t{shards} * kMaxFrameworksPerShard)) {}

  void add(std::uint32_t framework_index, const Resources& amount) {
    rows_[framework_index].add(amount, 1);
  }
  void subtract(std::uint32_t framework_index, const Resources& amount) {
    rows_[framework_index].add(amount, -1);
  }
  void add_total(const Resources& amount) { total_.add(amount, 1); }
  void subtract_total(const Resources& amount) { total_.add(amount, -1); }

  // The largest of the framework's parts of the cluster's cpus, mem and gpus: DRF's dominant share
  // (Ghodsi et al., NSDI 2011, section 4.1), in [0, 1].
  double dominant_share(std::uint32_t framework_index) const {
    const Row& row = rows_[framework_index];
    double share = part(row.cpus, total_.cpus);
    share = std::max(share, part(row.mem, total_.mem));
    share = std::max(share, part(row.disk, total_.disk));
    return std::max(share, part(row.gpus, total_.gpus));
  }

  // Scalars only: ports are counted per agent.
  Resources allocated(std::uint32_t framework_index) const {
    return rows_[framework_index].snapshot();
  }
  Resources total() const { return total_.snapshot(); }

 private:
  using Amount = std::atomic<Milli>;

  struct Row {
    Amount cpus{0};
    Amount mem{0};
    Amount disk{0};
    Amount gpus{0};

    void add(const Resources& amount, Milli sign) {
      // A locked instruction each, so the zeros of most tasks are skipped.
      if (amount.cpus != 0) cpus.fetch_add(sign * amount.cpus, std::memory_order_relaxed);
      if (amount.mem != 0) mem.fetch_add(sign * amount.mem, std::memory_order_relaxed);
      if (amount.disk != 0) disk.fetch_add(sign * amount.disk, std::memory_order_relaxed);
      if (amount.gpus != 0) gpus.fetch_add(sign * amount.gpus, std::memory_order_relaxed);
    }
    Resources snapshot() const {
      Resources out;
      out.cpus = cpus.load(std::memory_order_relaxed);
      out.mem = mem.load(std::memory_order_relaxed);
      out.disk = disk.load(std::memory_order_relaxed);
      out.gpus = gpus.load(std::memory_order_relaxed);
      return out;
    }
  };

  static double part(const Amount& held, const Amount& total) {
    const Milli whole = total.load(std::memory_order_relaxed);
    if (whole <= 0) return 0;
    return static_cast<double>(held.load(std::memory_order_relaxed)) / static_cast<double>(whole);
  }

  std::unique_ptr<Row[]> rows_;
  Row total_;
};

}  // namespace shoal::core
