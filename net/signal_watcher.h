// Delivers one signal of the process to one reactor.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"

namespace shoal::net {

class Reactor;

class SignalWatcher {
 public:
  // Errors: INVALID_ARGUMENT for a signal that cannot be caught.
  static absl::StatusOr<std::unique_ptr<SignalWatcher>> create(Reactor& reactor, int signal,
                                                               std::function<void()> callback);
  ~SignalWatcher();  // also from inside the callback
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  struct Handle;
  explicit SignalWatcher(Handle* handle) : handle_(handle) {}
  Handle* handle_;
};

}  // namespace shoal::net
