// A thread beside the reactors, for what blocks.
#pragma once

#include <functional>
#include <thread>

namespace shoal::net {

// Signals are for the reactors: this thread takes none.
std::thread start_helper_thread(std::function<void()> work);

}  // namespace shoal::net
