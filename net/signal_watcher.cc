#include "net/signal_watcher.h"

#include <uv.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {

struct SignalWatcher::Handle {
  uv_signal_t signal;
  Reactor* reactor;
  std::function<void()> callback;

  static void on_signal(uv_signal_t* signal, int /*number*/) {
    auto* handle = static_cast<Handle*>(signal->data);
    handle->reactor->now();
    handle->callback();
  }
  static void on_close(uv_handle_t* signal) { delete static_cast<Handle*>(signal->data); }
};

absl::StatusOr<std::unique_ptr<SignalWatcher>> SignalWatcher::create(
    Reactor& reactor, int signal, std::function<void()> callback) {
  auto handle = std::make_unique<Handle>(Handle{{}, &reactor, std::move(callback)});
  handle->signal.data = handle.get();
  int code = uv_signal_init(&reactor.state().loop, &handle->signal);
  if (code != 0) return absl::InternalError(absl::StrCat("signals: ", uv_strerror(code)));
  std::unique_ptr<SignalWatcher> watcher(new SignalWatcher(handle.release()));
  code = uv_signal_start(&watcher->handle_->signal, Handle::on_signal, signal);
  if (code != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot watch signal ", signal, ": ", uv_strerror(code)));
  }
  return watcher;
}

SignalWatcher::~SignalWatcher() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->signal), Handle::on_close);
}

}  // namespace shoal::net
