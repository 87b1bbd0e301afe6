#include "core/duration_spread.h"

#include <cmath>

namespace shoal::core {

Duration DurationSpread::draw(Random& random) const {
  if (kind_ == Kind::kExponential) {
    // Uniform in (0, 1], from the 53 bits that a double holds.
    const double part = static_cast<double>((random.next() >> 11) + 1) * 0x1p-53;
    return Duration(
        static_cast<Duration::rep>(-std::log(part) * static_cast<double>(low_.count())));
  }
  const auto range = static_cast<std::uint64_t>((high_ - low_).count());
  return low_ + Duration(static_cast<Duration::rep>(random.below(range + 1)));
}

}  // namespace shoal::core
