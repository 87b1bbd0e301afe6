// Four sums that several shards add to and read.
//
// Threads
//   Any.
//
// Memory order
//   Relaxed: a sum orders nothing else. A reader may see some kinds before and some after an
//   addition; whoever decides by such a sum decides by something that was nearly true a moment ago,
//   which is all that fairness asks for. What must hold exactly goes through core/quota.h.
#pragma once

#include <array>
#include <atomic>

#include "core/quantities.h"

namespace shoal::core {

class AtomicQuantities {
 public:
  // A locked instruction each, so the zeros of most amounts are skipped.
  void add(const Quantities& amount) {
    for (std::size_t i = 0; i < kResourceKinds; ++i) {
      if (amount[i] != 0) amounts_[i].fetch_add(amount[i], std::memory_order_relaxed);
    }
  }
  void subtract(const Quantities& amount) {
    for (std::size_t i = 0; i < kResourceKinds; ++i) {
      if (amount[i] != 0) amounts_[i].fetch_sub(amount[i], std::memory_order_relaxed);
    }
  }
  void store(const Quantities& amount) {
    for (std::size_t i = 0; i < kResourceKinds; ++i) {
      amounts_[i].store(amount[i], std::memory_order_relaxed);
    }
  }
  Quantities load() const {
    Quantities out;
    for (std::size_t i = 0; i < kResourceKinds; ++i) {
      out[i] = amounts_[i].load(std::memory_order_relaxed);
    }
    return out;
  }
  std::atomic<Milli>& operator[](std::size_t kind) { return amounts_[kind]; }
  const std::atomic<Milli>& operator[](std::size_t kind) const { return amounts_[kind]; }

 private:
  std::array<std::atomic<Milli>, kResourceKinds> amounts_{};
};

}  // namespace shoal::core
