// A small seeded generator (splitmix64, Steele, Lea and Flood, OOPSLA 2014). The seed comes from
// outside, so a run can be replayed; nothing here is fit for secrets.
#pragma once

#include <cstdint>

namespace shoal::core {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound); 0 when bound is 0. The bias of the modulo is below 2^-32 for 32-bit
  // bounds.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

  // True with probability numerator / denominator.
  bool chance(std::uint32_t numerator, std::uint32_t denominator) {
    return below(denominator) < numerator;
  }

 private:
  std::uint64_t state_;
};

}  // namespace shoal::core
