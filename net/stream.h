// A non-blocking TCP socket on a reactor: readiness in, buffered and bounded output, deadlines and
// an orderly end. What the bytes mean is its sink's business (Connection: frames; HttpServer).
//
// Threads: the reactor's only. Used by net/ alone.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/limits.h"
#include "core/time.h"
#include "net/output_buffer.h"

struct iovec;

namespace shoal::net {

class Reactor;
struct ReactorState;

class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void on_readable() = 0;
  virtual void on_deadline() = 0;  // see Stream::set_deadline
  // Once, from the loop; the sink lets go of the stream.
  virtual void on_stream_closed(const absl::Status& reason) = 0;
  virtual void on_drained() {}  // output was over the soft bound and is empty again
  virtual void on_replay() {}   // see Stream::replay_later
};

struct StreamLimits {
  std::size_t soft_output_bytes = core::kSoftOutputBytes;
  std::size_t hard_output_bytes = core::kHardOutputBytes;
  core::Duration stall_timeout = core::kOutputStallTimeout;
};

class Stream;
struct StreamDeleter {
  void operator()(Stream* stream) const;
};
using StreamPtr = std::unique_ptr<Stream, StreamDeleter>;

class Stream {
 public:
  // Takes `fd` (also when it fails). Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<StreamPtr> create(Reactor& reactor, int fd);

  Reactor& reactor() { return reactor_; }
  int fd() const { return fd_; }
  void set_sink(StreamSink* sink) { sink_ = sink; }
  void set_limits(const StreamLimits& limits) { limits_ = limits; }
  const StreamLimits& limits() const { return limits_; }

  void start_reading();
  void stop_reading();

  // One recvmsg. > 0: bytes; 0: nothing now; < 0: the peer is done and `*why` says how (an orderly
  // end is UNAVAILABLE "peer closed the connection").
  ssize_t read(iovec* parts, int count, absl::Status* why);

  // Appends to the output, which is written at the end of the turn.
  void write(absl::Span<const std::uint8_t> bytes);
  void write(absl::Span<const std::uint8_t> first, absl::Span<const std::uint8_t> second);
  // The same, but written only with what else is written to this peer, or after
  // core::kDeferredOutputWait.
  void write_deferred(absl::Span<const std::uint8_t> bytes);
  std::size_t output_bytes() const { return output_.size(); }

  // on_deadline() is called once, about 20 ms late at most; TimePoint::max(): none.
  void set_deadline(core::TimePoint deadline);

  // on_replay() is called later in this turn.
  void replay_later();

  void close(absl::Status reason);
  void close_after_flush(absl::Status reason);

  // Gives the socket away; the stream is only good for destruction afterwards.
  int release_fd();
  OutputBuffer& output() { return output_; }

  bool is_open() const { return state_ == State::kOpen; }

 private:
  friend struct StreamDeleter;
  friend struct ReactorState;
  struct Poll;  // the libuv handle

  enum class State : std::uint8_t { kOpen, kFlushing, kLingering, kClosed };

  Stream(Reactor& reactor, int fd);
  ~Stream();
  void destroy();

  void on_events(int status, int events);
  void poll_for(int events);
  void update_poll();
  void mark_dirty();
  void append(absl::Span<const std::uint8_t> bytes);
  bool is_too_slow();  // and closed
  void after_append();
  void flush();
  void set_stall_deadline(core::TimePoint deadline);
  void finish_flushing();
  void linger();
  core::TimePoint check_deadlines(core::TimePoint now);  // the next one
  void tell_later(std::uint8_t what);
  void deliver_pending();

  // What the sink is to be told at the end of the turn.
  static constexpr std::uint8_t kTellReplay = 1;
  static constexpr std::uint8_t kTellDeadline = 2;
  static constexpr std::uint8_t kTellDrained = 4;
  static constexpr std::uint8_t kTellClosed = 8;

  Reactor& reactor_;
  ReactorState& state_of_reactor_;
  StreamSink* sink_ = nullptr;
  Poll* poll_ = nullptr;
  int fd_ = -1;
  State state_ = State::kOpen;
  bool reading_ = false;
  bool blocked_ = false;  // the kernel took less than was offered: waiting for writability
  bool was_slow_ = false;
  bool dirty_ = false;
  bool watched_ = false;
  bool deferred_ = false;  // in one of ReactorState::deferred
  std::uint8_t to_tell_ = 0;
  std::uint8_t polled_events_ = 0;
  std::uint32_t dirty_index_ = 0;     // in ReactorState::dirty or flushing, while dirty_
  std::uint32_t pending_index_ = 0;   // in ReactorState::pending, while to_tell_ != 0
  std::uint32_t deferred_index_ = 0;  // in a list of ReactorState::deferred, while deferred_
  std::uint32_t deferred_tick_ = 0;   // after which the output is written, if it was not before
  OutputBuffer output_;
  StreamLimits limits_;
  core::TimePoint deadline_ = core::TimePoint::max();
  core::TimePoint stall_deadline_ = core::TimePoint::max();
  std::size_t lingered_bytes_ = 0;
  absl::Status reason_;
  Stream* previous_ = nullptr;  // links of the reactor's list of streams with deadlines
  Stream* next_ = nullptr;
};

}  // namespace shoal::net
