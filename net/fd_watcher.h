// Watches a descriptor (pidfd, inotify, pipe, …) for readiness, level triggered: the callback comes
// every turn until the cause is consumed. Does not own the descriptor; destroy the watcher before
// closing it. One watcher per descriptor and reactor.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"

namespace shoal::net {

class Reactor;

struct FdEvents {
  bool readable = false;
  bool writable = false;
  bool failed = false;  // error or hang-up: reading tells which
};

class FdWatcher {
 public:
  using Callback = std::function<void(FdEvents)>;

  // Errors: INVALID_ARGUMENT for a descriptor that cannot be polled (a regular file) or is watched.
  static absl::StatusOr<std::unique_ptr<FdWatcher>> create(Reactor& reactor, int fd,
                                                           Callback callback);
  ~FdWatcher();  // also from inside the callback
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  void watch(bool readable, bool writable);  // create() starts with nothing watched
  void stop() { watch(false, false); }

 private:
  struct Handle;
  explicit FdWatcher(Handle* handle) : handle_(handle) {}
  Handle* handle_;
};

}  // namespace shoal::net
