// Whether a reactor may send at all: asked right before each write to a socket, so also in the
// first turn after the process was stopped for a while, and for what was left over from before.
#pragma once

#include <functional>

#include "net/reactor.h"

namespace shoal::net {

// While `gate` says no, output is kept and nothing leaves; an empty one never does. Set it before
// the reactor runs; it is called on the reactor's thread. The end of a reactor sends nothing.
void set_send_gate(Reactor& reactor, std::function<bool()> gate);

}  // namespace shoal::net
