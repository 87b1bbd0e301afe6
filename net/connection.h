// One TCP peer that speaks frames.
//
// A Connection belongs to its reactor and lives from its making until on_closed returns (or until
// detach). Others keep its SessionId and ask Reactor::find_connection. Input is read into a buffer
// of the reactor; the connection keeps only the bytes of an unfinished frame. Output is collected
// during the turn and written by one system call at its end.
//
// Threads: the reactor's only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/limits.h"
#include "core/time.h"
#include "net/address.h"
#include "net/flight_recorder.h"
#include "net/reactor.h"
#include "net/stream.h"
#include "wire/frame.h"

namespace shoal::net {

class Connection;

// Outlives its connections, or is replaced by set_handler().
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;

  // A new connection of a Listener or Dialer, before its first frame.
  virtual void on_connected(Connection& connection) { (void)connection; }
  // `frame` is valid during the call. The call may send, close, detach, or change the handler.
  virtual void on_frame(Connection& connection, const wire::FrameView& frame) = 0;
  // The peer sent something that is no frame, or was silent past the hello timeout. The owner may
  // send an error frame; the connection is then closed with `error` after its output has left.
  virtual void on_protocol_error(Connection& connection, const absl::Status& error) {
    (void)connection, (void)error;
  }
  // Once, for every end except detach(): the peer's (UNAVAILABLE), net's (RESOURCE_EXHAUSTED: too
  // much output or none taken; DEADLINE_EXCEEDED: no hello; INVALID_ARGUMENT: bad frame), or the
  // status given to close(). Nothing can be sent any more; the object is gone when this returns.
  virtual void on_closed(Connection& connection, const absl::Status& reason) = 0;
  // Output had passed core::kSoftOutputBytes and is now empty.
  virtual void on_drained(Connection& connection) { (void)connection; }
};

// A connection on its way to another reactor: the socket and what was read but not yet handled.
// Movable; closes the socket if nobody adopts it.
class DetachedConnection {
 public:
  DetachedConnection() = default;
  DetachedConnection(int fd, std::vector<std::uint8_t> input, std::vector<std::uint8_t> output)
      : fd_(fd), input_(std::move(input)), output_(std::move(output)) {}
  DetachedConnection(DetachedConnection&& other) noexcept;
  DetachedConnection& operator=(DetachedConnection&& other) noexcept;
  ~DetachedConnection();

  bool is_valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // The same socket by its number in another descriptor table, or -1; the old one is not closed.
  void set_fd(int fd) { fd_ = fd; }
  int release_fd();
  const std::vector<std::uint8_t>& input() const { return input_; }    // unhandled, frame aligned
  const std::vector<std::uint8_t>& output() const { return output_; }  // queued, not yet written

 private:
  int fd_ = -1;
  std::vector<std::uint8_t> input_;
  std::vector<std::uint8_t> output_;
};

struct ConnectionOptions {
  std::size_t max_payload = core::kMaxHelloBytes;      // raise it once the peer is known
  core::Duration hello_timeout = core::kHelloTimeout;  // until set_authenticated(); 0: none
  std::size_t soft_output_bytes = core::kSoftOutputBytes;
  std::size_t hard_output_bytes = core::kHardOutputBytes;
  core::Duration stall_timeout = core::kOutputStallTimeout;
};

class Connection final : private StreamSink {
 public:
  // Takes over a socket from another reactor. Its input is handled again (on_frame) later in this
  // turn, before anything new is read. on_connected is not called. Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<Connection*> adopt(Reactor& reactor, DetachedConnection detached,
                                           ConnectionHandler* handler,
                                           const ConnectionOptions& options = {});
  // Only for net/: from a stream that is already open.
  static Connection* create(StreamPtr stream, ConnectionHandler* handler,
                            const ConnectionOptions& options);
  void start_reading() { stream_->start_reading(); }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  SessionId id() const { return id_; }
  Reactor& reactor() { return reactor_; }
  std::string peer_address() const;  // text, for people

  // Appends one whole encoded frame. Dropped without a word when the connection is closing: its
  // on_closed tells.
  void send(wire::Bytes frame);
  // The same from its parts; header.length == payload.size(), a multiple of 8.
  void send(const wire::FrameHeader& header, wire::Bytes payload);

  // The same as send(frame), for what the peer does not wait for: it leaves with the next frame
  // that is sent, or after core::kDeferredOutputWait.
  void send_deferred(wire::Bytes frame);

  std::size_t output_bytes() const { return stream_ ? stream_->output_bytes() : 0; }
  // More than the soft bound waits: send this peer nothing that can wait.
  bool is_slow() const { return stream_ && output_bytes() > stream_->limits().soft_output_bytes; }

  void set_max_payload(std::size_t bytes) { max_payload_ = bytes; }
  // Ends the hello timeout and raises max_payload to core::kMaxFrameBytes.
  void set_authenticated();
  bool is_authenticated() const { return authenticated_; }

  // Stops at once; on_closed(reason) follows later in the turn. The first reason wins.
  void close(absl::Status reason);
  // Reads nothing more, writes what is queued (for at most 2 s), then closes.
  void close_after_flush(absl::Status reason);
  bool is_closing() const { return !stream_ || !stream_->is_open(); }

  // Gives the connection away: no further callback, and find_connection(id()) finds nothing. The
  // bytes of `from` and all after it travel along. Only inside on_frame, with its frame.
  DetachedConnection detach(const wire::FrameView& from);

  void set_handler(ConnectionHandler* handler) { handler_ = handler; }  // nullptr: no callbacks
  ConnectionHandler* handler() const { return handler_; }

  // For the owner.
  void set_tag(std::uint64_t tag) { tag_ = tag; }
  std::uint64_t tag() const { return tag_; }
  void set_user_data(void* data) { user_data_ = data; }
  void* user_data() const { return user_data_; }

 private:
  friend class Reactor;
  friend struct ReactorState;
  struct Tail;

  Connection(StreamPtr stream, ConnectionHandler* handler, const ConnectionOptions& options);
  ~Connection() override;

  void note(FlightKind kind, std::uint16_t what, std::uint64_t amount);
  void on_readable() override;
  void on_deadline() override;
  void on_stream_closed(const absl::Status& reason) override;
  void on_drained() override;
  void on_replay() override;

  std::size_t deliver(wire::Bytes input);
  void deliver_and_keep(wire::Bytes input);
  void read_into_tail();
  void keep(wire::Bytes rest);
  void fail(const absl::Status& error);

  Reactor& reactor_;
  StreamPtr stream_;  // nullptr once detached
  ConnectionHandler* handler_;
  SessionId id_ = kNoSession;
  std::unique_ptr<Tail> tail_;  // an unfinished frame, or what adopt() brought
  wire::Bytes delivering_;      // what on_frame is being called from
  wire::Bytes following_;       // read, and comes after delivering_
  std::size_t max_payload_;
  std::uint64_t tag_ = 0;
  void* user_data_ = nullptr;
  bool authenticated_ = false;
};

}  // namespace shoal::net
