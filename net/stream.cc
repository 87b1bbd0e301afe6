#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "net/reactor.h"
#include "net/reactor_state.h"

namespace shoal::net {
namespace {

constexpr int kMaxParts = 256;  // 4 MiB a system call
constexpr std::chrono::milliseconds kLingerTime{1000};
constexpr std::size_t kMaxLingerBytes = 4 * 1024 * 1024;

absl::Status io_error(const char* what, int code) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(code)));
}

}  // namespace

struct Stream::Poll {
  uv_poll_t handle;
  Stream* stream;

  static void on_event(uv_poll_t* handle, int status, int events) {
    auto* stream = static_cast<Poll*>(handle->data)->stream;
    stream->reactor_.now();
    stream->on_events(status, events);
  }
  static void on_close(uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); }
};

void StreamDeleter::operator()(Stream* stream) const {
  if (stream->state_ == Stream::State::kLingering) {
    stream->linger();
  } else {
    stream->destroy();
  }
}

absl::StatusOr<StreamPtr> Stream::create(Reactor& reactor, int fd) {
  StreamPtr stream(new Stream(reactor, fd));
  auto poll = std::make_unique<Poll>();
  poll->stream = stream.get();
  poll->handle.data = poll.get();
  const int code = uv_poll_init(&reactor.state().loop, &poll->handle, fd);
  if (code != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot watch a socket: ", uv_strerror(code)));
  }
  stream->poll_ = poll.release();
  stream->state_of_reactor_.counters.descriptors.add();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // refused by what is not TCP: fine
  return stream;
}

Stream::Stream(Reactor& reactor, int fd)
    : reactor_(reactor),
      state_of_reactor_(reactor.state()),
      fd_(fd),
      output_(reactor.state().chunks) {}

Stream::~Stream() {
  state_of_reactor_.counters.output_bytes.sub(output_.size());
  if (dirty_ || deferred_ || to_tell_ != 0) state_of_reactor_.forget(this);
  state_of_reactor_.unwatch(this);
  const int fd = release_fd();
  if (fd >= 0) ::close(fd);
}

void Stream::destroy() {
  if (state_ == State::kLingering) std::erase(state_of_reactor_.lingering, this);
  delete this;
}

int Stream::release_fd() {
  if (poll_ != nullptr) {
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle), Poll::on_close);  // leaves epoll now
    poll_ = nullptr;
    state_of_reactor_.counters.descriptors.sub();
  }
  reading_ = false;
  if (state_ == State::kOpen) state_ = State::kClosed;
  return std::exchange(fd_, -1);
}

void Stream::start_reading() {
  reading_ = true;
  update_poll();
}

void Stream::stop_reading() {
  reading_ = false;
  update_poll();
}

void Stream::update_poll() {
  const int events = (reading_ ? UV_READABLE : 0) | (blocked_ ? UV_WRITABLE : 0);
  if (poll_ == nullptr || events == polled_events_) return;
  polled_events_ = static_cast<std::uint8_t>(events);
  if (events == 0) {
    uv_poll_stop(&poll_->handle);
  } else {
    uv_poll_start(&poll_->handle, events, Poll::on_event);
  }
}

void Stream::on_events(int status, int events) {
  if (status < 0) {
    // libuv stopped the handle; the socket knows why.
    polled_events_ = 0;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (state_ == State::kLingering) return destroy();
    return close(io_error("connection failed", error != 0 ? error : ECONNRESET));
  }
  if (state_ == State::kLingering) return linger();
  if ((events & UV_WRITABLE) != 0 && blocked_) {
    blocked_ = false;  // polled still, until the flush knows whether to wait again
    mark_dirty();
  }
  if ((events & UV_READABLE) != 0 && reading_ && sink_ != nullptr) sink_->on_readable();
}

ssize_t Stream::read(iovec* parts, int count, absl::Status* why) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = static_cast<std::size_t>(count);
  const ssize_t got = count == 1 ? ::recv(fd_, parts->iov_base, parts->iov_len, MSG_DONTWAIT)
                                 : ::recvmsg(fd_, &message, MSG_DONTWAIT);
  ReactorCounters& counters = state_of_reactor_.counters;
  counters.reads.add();
  if (got > 0) {
    counters.bytes_in.add(static_cast<std::uint64_t>(got));
    return got;
  }
  if (got == 0) {
    *why = absl::UnavailableError("peer closed the connection");
    return -1;
  }
  if (errno == EAGAIN || errno == EINTR) return 0;
  *why = io_error("connection lost", errno);
  return -1;
}

void Stream::append(absl::Span<const std::uint8_t> bytes) {
  output_.append(bytes);
  state_of_reactor_.counters.output_bytes.add(bytes.size());
}

void Stream::write(absl::Span<const std::uint8_t> bytes) {
  if (state_ != State::kOpen) return;
  append(bytes);
  after_append();
}

void Stream::write(absl::Span<const std::uint8_t> first, absl::Span<const std::uint8_t> second) {
  if (state_ != State::kOpen) return;
  append(first);
  append(second);
  after_append();
}

void Stream::write_deferred(absl::Span<const std::uint8_t> bytes) {
  if (state_ != State::kOpen) return;
  const bool was_empty = output_.empty();
  append(bytes);
  if (is_too_slow() || !was_empty) return;  // or the output before it takes it along
  deferred_tick_ = state_of_reactor_.deferred_tick + ReactorState::kDeferredTicks;
  if (!deferred_) state_of_reactor_.defer(this);
}

bool Stream::is_too_slow() {
  if (output_.size() <= limits_.soft_output_bytes) return false;
  was_slow_ = true;
  if (output_.size() <= limits_.hard_output_bytes) return false;
  state_of_reactor_.counters.slow_closed.add();
  close(absl::ResourceExhaustedError(absl::StrCat(
      "peer reads too slowly: more than ", limits_.hard_output_bytes, " bytes wait for it")));
  return true;
}

void Stream::after_append() {
  if (!is_too_slow() && !blocked_) mark_dirty();
}

void Stream::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  dirty_index_ = ReactorState::add(state_of_reactor_.dirty, this);
}

void Stream::flush() {
  dirty_ = false;
  if (state_ != State::kOpen && state_ != State::kFlushing) return;
  if (!output_.empty()) {
    std::array<iovec, kMaxParts> parts;
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = static_cast<std::size_t>(output_.front(parts.data(), kMaxParts));
    const ssize_t sent =
        message.msg_iovlen == 1
            ? ::send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL)
            : ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    ReactorCounters& counters = state_of_reactor_.counters;
    counters.writes.add();
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return close(io_error("connection lost", errno));
    }
    if (sent > 0) {
      const auto taken = static_cast<std::size_t>(sent);
      output_.consume(taken);
      counters.bytes_out.add(taken);
      counters.output_bytes.sub(taken);
    }
    blocked_ = !output_.empty();
    // Progress moves the deadline; a refusal leaves it where it was.
    if (blocked_ && (sent > 0 || stall_deadline_ == core::TimePoint::max())) {
      set_stall_deadline(reactor_.now() + limits_.stall_timeout);
    }
  }
  update_poll();
  if (!output_.empty()) return;
  stall_deadline_ = core::TimePoint::max();
  if (was_slow_) {
    was_slow_ = false;
    if (state_ == State::kOpen) tell_later(kTellDrained);
  }
  if (state_ == State::kFlushing) finish_flushing();
}

void Stream::set_deadline(core::TimePoint deadline) {
  deadline_ = deadline;
  if (deadline != core::TimePoint::max()) state_of_reactor_.watch(this, deadline);
}

void Stream::set_stall_deadline(core::TimePoint deadline) {
  stall_deadline_ = deadline;
  state_of_reactor_.watch(this, deadline);
}

core::TimePoint Stream::check_deadlines(core::TimePoint now) {
  if (stall_deadline_ <= now && state_ == State::kOpen) {
    state_of_reactor_.counters.stall_closed.add();
    close(absl::ResourceExhaustedError(
        absl::StrCat("peer stopped reading: ", output_.size(), " bytes made no progress")));
  }
  if (deadline_ <= now) {
    deadline_ = core::TimePoint::max();
    tell_later(kTellDeadline);
  }
  return state_ == State::kOpen ? std::min(deadline_, stall_deadline_) : deadline_;
}

void Stream::replay_later() { tell_later(kTellReplay); }

void Stream::tell_later(std::uint8_t what) {
  if (to_tell_ == 0) pending_index_ = ReactorState::add(state_of_reactor_.pending, this);
  to_tell_ = static_cast<std::uint8_t>(to_tell_ | what);
}

void Stream::deliver_pending() {
  const std::uint8_t what = std::exchange(to_tell_, std::uint8_t{0});
  if ((what & kTellDeadline) != 0 && state_ == State::kLingering && sink_ == nullptr) {
    return destroy();
  }
  if ((what & kTellDeadline) != 0 && state_ == State::kFlushing) {
    return close(reason_);  // the last words took too long; told by a later entry
  }
  if ((what & kTellClosed) != 0) {
    StreamSink* sink = std::exchange(sink_, nullptr);
    if (sink != nullptr) sink->on_stream_closed(reason_);
    return;  // `this` is gone
  }
  if (sink_ == nullptr || state_ != State::kOpen) return;
  // One event a pass: the sink may destroy the stream in any of them.
  if ((what & kTellReplay) != 0) {
    if (what != kTellReplay) tell_later(what & static_cast<std::uint8_t>(~kTellReplay));
    return sink_->on_replay();
  }
  if ((what & kTellDrained) != 0) {
    if (what != kTellDrained) tell_later(what & static_cast<std::uint8_t>(~kTellDrained));
    return sink_->on_drained();
  }
  if ((what & kTellDeadline) != 0) sink_->on_deadline();
}

void Stream::close(absl::Status reason) {
  if (state_ == State::kClosed || state_ == State::kLingering) return;
  if (state_ == State::kOpen) reason_ = std::move(reason);
  state_ = State::kClosed;
  reading_ = blocked_ = false;
  update_poll();
  state_of_reactor_.counters.output_bytes.sub(output_.size());
  output_.clear();
  tell_later(kTellClosed);
}

void Stream::close_after_flush(absl::Status reason) {
  if (state_ != State::kOpen) return;
  reason_ = std::move(reason);
  state_ = State::kFlushing;
  stop_reading();
  set_deadline(reactor_.now() + core::kCloseFlushTimeout);
  if (!blocked_) mark_dirty();
}

void Stream::finish_flushing() {
  // Closing now, with input unread, would make the kernel send a reset that can destroy the last
  // words on their way. So: end our side, and read on until the peer has ended its own.
  ::shutdown(fd_, SHUT_WR);
  state_ = State::kLingering;
  deadline_ = core::TimePoint::max();
  tell_later(kTellClosed);
}

void Stream::linger() {
  if (!reading_) {  // the owner just let go
    sink_ = nullptr;
    state_of_reactor_.lingering.push_back(this);
    set_deadline(reactor_.now() + kLingerTime);
    return start_reading();
  }
  iovec part{state_of_reactor_.read_buffer(), core::kReadBufferBytes};
  absl::Status why;
  const ssize_t got = read(&part, 1, &why);
  if (got > 0) lingered_bytes_ += static_cast<std::size_t>(got);
  if (got < 0 || lingered_bytes_ > kMaxLingerBytes) destroy();
}

}  // namespace shoal::net
