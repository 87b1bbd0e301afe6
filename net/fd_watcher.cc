#include "net/fd_watcher.h"

#include <uv.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {

struct FdWatcher::Handle {
  uv_poll_t poll;
  Reactor* reactor;
  Callback callback;
  int events = 0;

  static void on_event(uv_poll_t* poll, int status, int ready) {
    auto* handle = static_cast<Handle*>(poll->data);
    handle->reactor->now();
    if (status < 0) handle->events = 0;  // libuv stopped it
    handle->callback({(ready & UV_READABLE) != 0, (ready & UV_WRITABLE) != 0,
                      status < 0 || (ready & UV_DISCONNECT) != 0});
  }
  static void on_close(uv_handle_t* poll) { delete static_cast<Handle*>(poll->data); }
};

absl::StatusOr<std::unique_ptr<FdWatcher>> FdWatcher::create(Reactor& reactor, int fd,
                                                             Callback callback) {
  auto handle = std::make_unique<Handle>(Handle{{}, &reactor, std::move(callback)});
  handle->poll.data = handle.get();
  const int code = uv_poll_init(&reactor.state().loop, &handle->poll, fd);
  if (code != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot watch descriptor ", fd, ": ", uv_strerror(code)));
  }
  return std::unique_ptr<FdWatcher>(new FdWatcher(handle.release()));
}

FdWatcher::~FdWatcher() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll), Handle::on_close);
}

void FdWatcher::watch(bool readable, bool writable) {
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == handle_->events) return;
  handle_->events = events;
  if (events == 0) {
    uv_poll_stop(&handle_->poll);
  } else {
    uv_poll_start(&handle_->poll, events, Handle::on_event);
  }
}

}  // namespace shoal::net
