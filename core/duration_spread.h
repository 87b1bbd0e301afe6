// How durations vary: always the same, evenly between two, or exponentially about a mean.
#pragma once

#include "core/random.h"
#include "core/time.h"

namespace shoal::core {

class DurationSpread {
 public:
  constexpr DurationSpread() = default;  // always zero
  static constexpr DurationSpread fixed(Duration value) { return {Kind::kUniform, value, value}; }
  // least <= most.
  static constexpr DurationSpread uniform(Duration least, Duration most) {
    return {Kind::kUniform, least, most};
  }
  static constexpr DurationSpread exponential(Duration mean) {
    return {Kind::kExponential, mean, mean};
  }

  // Never negative.
  Duration draw(Random& random) const;

 private:
  enum class Kind : std::uint8_t { kUniform, kExponential };
  constexpr DurationSpread(Kind kind, Duration low, Duration high)
      : kind_(kind), low_(low), high_(high) {}

  Kind kind_ = Kind::kUniform;
  Duration low_{0};
  Duration high_{0};
};

}  // namespace shoal::core
