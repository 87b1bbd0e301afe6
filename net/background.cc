#include "net/background.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {

// Memory order: what `work` did is seen by `done` through the queue's own lock in libuv, and by the
// destructor through the write and read of `ended`, which is a kernel object.
struct BackgroundTask::Request {
  uv_work_t work_request{};
  Reactor* reactor = nullptr;
  BackgroundTask* owner = nullptr;  // nullptr: nobody waits any more
  std::function<void()> work;
  std::function<void()> done;
  int ended = -1;  // eventfd, written when `work` has ended

  static void run(uv_work_t* request) {
    auto* self = static_cast<Request*>(request->data);
    self->work();
    const std::uint64_t one = 1;
    if (::write(self->ended, &one, sizeof(one)) < 0) std::abort();
  }
  static void finish(uv_work_t* request, int /*status*/) {
    const std::unique_ptr<Request> self(static_cast<Request*>(request->data));
    self->reactor->now();
    ::close(self->ended);
    if (self->owner == nullptr) return;
    self->owner->request_ = nullptr;
    self->done();
  }
};

BackgroundTask::BackgroundTask(Reactor& reactor, std::function<void()> work,
                               std::function<void()> done)
    : request_(new Request) {
  request_->work_request.data = request_;
  request_->reactor = &reactor;
  request_->owner = this;
  request_->work = std::move(work);
  request_->done = std::move(done);
  request_->ended = ::eventfd(0, EFD_CLOEXEC);
  // No descriptor left, or no function given: neither can be gone on with.
  if (request_->ended < 0 || uv_queue_work(&reactor.state().loop, &request_->work_request,
                                           Request::run, Request::finish) != 0) {
    std::abort();
  }
}

BackgroundTask::~BackgroundTask() {
  if (request_ == nullptr) return;
  request_->owner = nullptr;
  if (uv_cancel(reinterpret_cast<uv_req_t*>(&request_->work_request)) == 0) return;
  std::uint64_t count = 0;
  while (::read(request_->ended, &count, sizeof(count)) < 0 && errno == EINTR) {
  }
}

}  // namespace shoal::net
