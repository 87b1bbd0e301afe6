#include "core/amounts.h"

#include <algorithm>

namespace shoal::core {

Amounts& Amounts::operator+=(const Amounts& other) {
  cpus += other.cpus;
  mem += other.mem;
  disk += other.disk;
  gpus += other.gpus;
  ports.add(other.ports);
  custom.add(other.custom);
  return *this;
}

Amounts& Amounts::operator-=(const Amounts& other) {
  cpus -= other.cpus;
  mem -= other.mem;
  disk -= other.disk;
  gpus -= other.gpus;
  ports.subtract(other.ports);
  custom.subtract(other.custom);
  return *this;
}

Amounts common(const Amounts& a, const Amounts& b) {
  Amounts out;
  out.cpus = std::min(a.cpus, b.cpus);
  out.mem = std::min(a.mem, b.mem);
  out.disk = std::min(a.disk, b.disk);
  out.gpus = std::min(a.gpus, b.gpus);
  out.ports = a.ports.common(b.ports);
  out.custom = a.custom.common(b.custom);
  return out;
}

}  // namespace shoal::core
