// How much of everything, without tags: the four scalars, ports and custom resources. Arithmetic
// does not allocate for up to two port ranges and no custom resources.
#pragma once

#include "core/custom_resources.h"
#include "core/port_set.h"
#include "core/quantities.h"

namespace shoal::core {

struct Amounts {
  Milli cpus = 0;
  Milli mem = 0;   // milli-MiB
  Milli disk = 0;  // milli-MiB
  Milli gpus = 0;  // whole units only
  PortSet ports;
  CustomResources custom;

  bool empty() const {
    return cpus == 0 && mem == 0 && disk == 0 && gpus == 0 && ports.empty() && custom.empty();
  }
  Quantities quantities() const { return {{cpus, mem, disk, gpus}}; }
  bool contains(const Amounts& other) const {
    return cpus >= other.cpus && mem >= other.mem && disk >= other.disk && gpus >= other.gpus &&
           ports.contains(other.ports) && custom.contains(other.custom);
  }
  // Whether a port, or an item of a custom range or set, is in both.
  bool intersects(const Amounts& other) const {
    return ports.intersects(other.ports) || custom.intersects(other.custom);
  }
  Amounts& operator+=(const Amounts& other);
  // Pre-condition: contains(other).
  Amounts& operator-=(const Amounts& other);
  bool operator==(const Amounts&) const = default;
};

// The most that both contain: the smaller scalar, the ports and custom items that are in both.
Amounts common(const Amounts& a, const Amounts& b);

}  // namespace shoal::core
