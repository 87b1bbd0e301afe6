#include "net/connection.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/reactor_state.h"

namespace shoal::net {

DetachedConnection::DetachedConnection(DetachedConnection&& other) noexcept
    : fd_(other.release_fd()), input_(std::move(other.input_)), output_(std::move(other.output_)) {}

DetachedConnection& DetachedConnection::operator=(DetachedConnection&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release_fd();
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
  }
  return *this;
}

DetachedConnection::~DetachedConnection() {
  if (fd_ >= 0) ::close(fd_);
}

int DetachedConnection::release_fd() { return std::exchange(fd_, -1); }

// 8-byte aligned bytes that wait for the rest of their frame.
struct Connection::Tail {
  std::unique_ptr<std::uint64_t[]> words;
  std::size_t capacity = 0;  // bytes
  std::size_t size = 0;
  std::size_t frame_bytes = 0;  // of the first frame; 0 until its header is complete

  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(words.get()); }
  wire::Bytes view() { return {bytes(), size}; }

  void reserve(std::size_t wanted) {
    const std::size_t count = (wanted + 7) / 8;
    auto grown = std::make_unique_for_overwrite<std::uint64_t[]>(count);
    if (size > 0) std::memcpy(grown.get(), words.get(), size);
    words = std::move(grown);
    capacity = count * 8;
  }
};

Connection::Connection(StreamPtr stream, ConnectionHandler* handler,
                       const ConnectionOptions& options)
    : reactor_(stream->reactor()),
      stream_(std::move(stream)),
      handler_(handler),
      max_payload_(options.max_payload) {
  stream_->set_sink(this);
  stream_->set_limits(
      {options.soft_output_bytes, options.hard_output_bytes, options.stall_timeout});
  if (options.hello_timeout > core::Duration::zero()) {
    stream_->set_deadline(reactor_.now() + options.hello_timeout);
  }
}

Connection::~Connection() = default;

Connection* Connection::create(StreamPtr stream, ConnectionHandler* handler,
                               const ConnectionOptions& options) {
  ReactorState& state = stream->reactor().state();
  auto* connection = new Connection(std::move(stream), handler, options);
  connection->id_ = state.add_connection(connection);
  if (connection->id_ == kNoSession) {
    delete connection;
    return nullptr;
  }
  connection->note(FlightKind::kOpened, 0, 0);
  return connection;
}

absl::StatusOr<Connection*> Connection::adopt(Reactor& reactor, DetachedConnection detached,
                                              ConnectionHandler* handler,
                                              const ConnectionOptions& options) {
  absl::StatusOr<StreamPtr> stream = Stream::create(reactor, detached.release_fd());
  if (!stream.ok()) return stream.status();
  Connection* connection = create(*std::move(stream), handler, options);
  if (connection == nullptr) return absl::ResourceExhaustedError("too many connections");
  const std::vector<std::uint8_t>& input = detached.input();
  if (!detached.output().empty()) connection->stream_->write(detached.output());
  if (input.empty()) {
    connection->stream_->start_reading();
    return connection;
  }
  connection->tail_ = std::make_unique<Tail>();
  connection->tail_->reserve(input.size());
  std::memcpy(connection->tail_->bytes(), input.data(), input.size());
  connection->tail_->size = input.size();
  connection->stream_->replay_later();
  return connection;
}

std::string Connection::peer_address() const {
  return stream_ ? SocketAddress::peer_of(stream_->fd()).to_string() : "?";
}

void Connection::note(FlightKind kind, std::uint16_t what, std::uint64_t amount) {
  reactor_.flight().note(reactor_.now(), kind, id_, what, amount);
}

void Connection::send(wire::Bytes frame) {
  if (is_closing()) return;
  reactor_.mutable_counters().frames_out.add();
  note(FlightKind::kFrameOut, wire::kind_of_frame(frame), frame.size());
  stream_->write(frame);
}

void Connection::send(const wire::FrameHeader& header, wire::Bytes payload) {
  if (is_closing()) return;
  std::uint8_t bytes[core::kFrameHeaderBytes];
  wire::write_frame_header(header, bytes);
  reactor_.mutable_counters().frames_out.add();
  note(FlightKind::kFrameOut, header.kind, sizeof(bytes) + payload.size());
  stream_->write(bytes, payload);
}

void Connection::send_deferred(wire::Bytes frame) {
  if (is_closing()) return;
  reactor_.mutable_counters().frames_out.add();
  stream_->write_deferred(frame);
}

void Connection::set_authenticated() {
  authenticated_ = true;
  max_payload_ = core::kMaxFrameBytes;
  if (stream_) stream_->set_deadline(core::TimePoint::max());
}

void Connection::close(absl::Status reason) {
  if (stream_) stream_->close(std::move(reason));
}

void Connection::close_after_flush(absl::Status reason) {
  if (stream_) stream_->close_after_flush(std::move(reason));
}

DetachedConnection Connection::detach(const wire::FrameView& from) {
  const std::uint8_t* start = from.payload.data() - core::kFrameHeaderBytes;
  std::vector<std::uint8_t> input(start, delivering_.data() + delivering_.size());
  input.insert(input.end(), following_.begin(), following_.end());
  std::vector<std::uint8_t> output;
  iovec part{};
  while (stream_->output().front(&part, 1) == 1) {
    const auto* bytes = static_cast<const std::uint8_t*>(part.iov_base);
    output.insert(output.end(), bytes, bytes + part.iov_len);
    reactor_.mutable_counters().output_bytes.sub(part.iov_len);
    stream_->output().consume(part.iov_len);
  }
  const int fd = stream_->release_fd();
  stream_.reset();
  reactor_.mutable_counters().handed_over.add();
  // We are called from our own on_frame: the object itself goes at the end of the turn.
  reactor_.state().remove_connection(id_);
  reactor_.state().graveyard.push_back(this);
  return {fd, std::move(input), std::move(output)};
}

void Connection::on_readable() {
  if (tail_ && tail_->frame_bytes != 0) return read_into_tail();
  std::uint8_t* buffer = reactor_.state().read_buffer();
  std::size_t before = 0;
  if (tail_) {  // less than a header
    before = tail_->size;
    std::memcpy(buffer, tail_->bytes(), before);
  }
  iovec part{buffer + before, core::kReadBufferBytes - before};
  absl::Status why;
  const ssize_t got = stream_->read(&part, 1, &why);
  if (got < 0) return stream_->close(std::move(why));
  if (got == 0) return;
  tail_.reset();
  deliver_and_keep({buffer, before + static_cast<std::size_t>(got)});
}

// The rest of the frame goes where its start is; what follows it goes to the shared buffer, and so
// starts aligned there. The room grows with what has come, not with what was announced.
void Connection::read_into_tail() {
  Tail& tail = *tail_;
  if (tail.size == tail.capacity) {
    tail.reserve(std::min(tail.frame_bytes, std::max(2 * tail.size, core::kReadBufferBytes)));
  }
  const std::size_t room = std::min(tail.capacity, tail.frame_bytes) - tail.size;
  const bool whole = tail.size + room == tail.frame_bytes;
  std::uint8_t* buffer = reactor_.state().read_buffer();
  iovec parts[2] = {{tail.bytes() + tail.size, room}, {buffer, core::kReadBufferBytes}};
  absl::Status why;
  const ssize_t read = stream_->read(parts, whole ? 2 : 1, &why);
  if (read < 0) return stream_->close(std::move(why));
  const auto got = static_cast<std::size_t>(read);
  tail.size += std::min(got, room);
  if (tail.size < tail.frame_bytes) return;
  const std::unique_ptr<Tail> first = std::move(tail_);
  const wire::Bytes rest{buffer, got - std::min(got, room)};
  following_ = rest;
  deliver(first->view());
  following_ = {};
  if (!is_closing()) deliver_and_keep(rest);
}

void Connection::on_replay() {
  const std::unique_ptr<Tail> brought = std::move(tail_);
  deliver_and_keep(brought->view());
  if (!is_closing()) stream_->start_reading();
}

void Connection::deliver_and_keep(wire::Bytes input) {
  const std::size_t consumed = deliver(input);
  if (!is_closing()) keep(input.subspan(consumed));
}

// Hands every whole frame to the owner; returns the bytes of those. Ends early when the owner
// closed or detached.
std::size_t Connection::deliver(wire::Bytes input) {
  delivering_ = input;
  std::size_t consumed = 0;
  wire::FrameView frame;
  while (!is_closing()) {
    const absl::StatusOr<wire::FrameProgress> progress =
        wire::next_frame(input.subspan(consumed), max_payload_, &frame);
    if (!progress.ok()) {
      reactor_.mutable_counters().protocol_errors.add();
      fail(progress.status());
      break;
    }
    if (*progress == wire::FrameProgress::kNeedMore) break;
    reactor_.mutable_counters().frames_in.add();
    note(FlightKind::kFrameIn, frame.header.kind, frame.total_bytes());
    consumed += frame.total_bytes();
    if (handler_ != nullptr) handler_->on_frame(*this, frame);
  }
  delivering_ = {};
  return consumed;
}

void Connection::keep(wire::Bytes rest) {
  if (rest.empty()) return;
  tail_ = std::make_unique<Tail>();
  std::size_t wanted = rest.size();
  if (rest.size() >= core::kFrameHeaderBytes) {
    // Its header passed next_frame() a moment ago, so this cannot fail.
    const auto header = wire::parse_frame_header(rest.data(), core::kMaxFrameBytes);
    tail_->frame_bytes = core::kFrameHeaderBytes + header->length;
    wanted = std::min(tail_->frame_bytes, std::max(2 * rest.size(), core::kReadBufferBytes));
  }
  tail_->reserve(wanted);
  std::memcpy(tail_->bytes(), rest.data(), rest.size());
  tail_->size = rest.size();
}

void Connection::fail(const absl::Status& error) {
  if (handler_ != nullptr) handler_->on_protocol_error(*this, error);
  close_after_flush(error);
}

void Connection::on_deadline() {
  reactor_.mutable_counters().hello_timeouts.add();
  fail(absl::DeadlineExceededError("no hello in time"));
}

void Connection::on_drained() {
  if (handler_ != nullptr) handler_->on_drained(*this);
}

void Connection::on_stream_closed(const absl::Status& reason) {
  note(FlightKind::kClosed, static_cast<std::uint16_t>(reason.code()), 0);
  if (handler_ != nullptr) handler_->on_closed(*this, reason);
  reactor_.state().remove_connection(id_);
  delete this;
}

}  // namespace shoal::net
