// Work that may block (a sync of a disk), away from the reactor's thread.
#pragma once

#include <functional>
#include <memory>

namespace shoal::net {

class Reactor;

// Runs `work` on libuv's pool of threads, then `done` on the reactor's thread. `work` must own, or
// outlive through the owner of the task, all that it touches; it shares nothing with the reactor.
//
// Threads: the reactor's; `work` alone runs elsewhere.
class BackgroundTask {
 public:
  BackgroundTask(Reactor& reactor, std::function<void()> work, std::function<void()> done);
  // Waits until `work` has ended, or takes it back if it has not begun; `done` is not called then.
  // Also from inside `done`.
  ~BackgroundTask();
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;

 private:
  struct Request;
  Request* request_;  // freed by the loop after `work`
};

}  // namespace shoal::net
