#include "net/hand_over.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::net {
namespace {

constexpr std::chrono::milliseconds kRetry{5};
constexpr int kMaxMessagesPerTurn = 2;  // 64 connections, as a listener; the rest comes next turn

// The control part of a message, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(HandOver::kMaxPerMessage * sizeof(int))];
};

using Addresses = std::array<DetachedConnection*, HandOver::kMaxPerMessage>;

// Not for lack of a receiver, but of room: tried again. ETOOMANYREFS: more sockets are on their way
// in this user's processes than one of them may open.
bool is_full(int error) {
  return error == EAGAIN || error == EINTR || error == ETOOMANYREFS || error == ENOBUFS ||
         error == ENOMEM;
}

std::size_t sockets_of(msghdr& message, std::array<int, HandOver::kMaxPerMessage>& sockets) {
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return 0;
  const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
  std::memcpy(sockets.data(), CMSG_DATA(header), bytes);
  return bytes / sizeof(int);
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<HandOver>>> HandOver::create(
    const std::vector<Reactor*>& reactors, const HandOverOptions& options) {
  std::vector<int> receiving;
  std::vector<int> sending;
  int error = 0;
  while (error == 0 && sending.size() < reactors.size()) {
    // Of sequenced packets: a message is whole, also when several threads send.
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
      error = errno;
      break;
    }
    receiving.push_back(pair[0]);
    sending.push_back(pair[1]);
    const int size = options.send_buffer_bytes;
    if (size > 0 && ::setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0) {
      error = errno;
    }
  }
  if (error != 0) {
    for (const auto& fds : {receiving, sending}) {
      for (const int fd : fds) ::close(fd);
    }
    return absl::ResourceExhaustedError(
        absl::StrCat("no socketpair between reactors: ", std::strerror(error)));
  }
  std::vector<std::unique_ptr<HandOver>> ends;
  for (std::size_t i = 0; i < reactors.size(); ++i) {
    ends.emplace_back(new HandOver(*reactors[i], options, receiving[i], sending));
  }
  for (const auto& end : ends) {
    if (absl::Status status = end->start(); !status.ok()) return status;
  }
  return ends;
}

HandOver::HandOver(Reactor& reactor, const HandOverOptions& options, int receiving,
                   std::vector<int> sending)
    : reactor_(reactor),
      options_(options),
      receiving_(receiving),
      sending_(std::move(sending)),
      lines_(sending_.size()),
      retry_(reactor, [this] {
        for (Line& line : lines_) line.blocked = false;  // the turn's end tries them
      }) {
  turn_end_hook_ = reactor_.at_turn_end([this] { flush(); });
}

absl::Status HandOver::start() {
  auto watcher = FdWatcher::create(reactor_, receiving_, [this](FdEvents) { on_readable(); });
  if (!watcher.ok()) return watcher.status();
  watcher_ = *std::move(watcher);
  watcher_->watch(true, false);
  return absl::OkStatus();
}

HandOver::~HandOver() {
  reactor_.remove_hook(turn_end_hook_);
  watcher_.reset();
  receiver_ = nullptr;
  refused_ = nullptr;
  while (receive_message()) {
  }
  ::close(receiving_);
  ::close(sending_descriptor());
  reactor_.mutable_counters().descriptors.sub(waiting_);
}

void HandOver::receive(Receiver receiver, Refused refused) {
  receiver_ = std::move(receiver);
  refused_ = std::move(refused);
}

void HandOver::send(std::size_t to, DetachedConnection connection) {
  Line& line = lines_[to];
  if (line.waiting.size() >= options_.max_waiting) {
    return refuse(1, absl::ResourceExhaustedError(absl::StrCat(
                         line.waiting.size(), " connections already wait for reactor ", to)));
  }
  line.waiting.push_back(std::make_unique<DetachedConnection>(std::move(connection)));
  ++waiting_;
  reactor_.mutable_counters().descriptors.add();
}

void HandOver::flush() {
  if (waiting_ == 0) return;
  for (std::size_t to = 0; to < lines_.size(); ++to) flush_line(to);
}

void HandOver::flush_line(std::size_t to) {
  Line& line = lines_[to];
  while (!line.waiting.empty() && !line.blocked) {
    const std::size_t before = line.waiting.size();
    const int error = send_batch(sending_[to], line);
    if (is_full(error)) {
      line.blocked = true;
      if (!retry_.is_active()) retry_.start(kRetry);
      return;
    }
    if (error != 0) {
      line.waiting.clear();
      refuse(before, absl::UnavailableError(
                         absl::StrCat("reactor ", to, " takes none: ", std::strerror(error))));
    }
    const std::size_t gone = before - line.waiting.size();
    waiting_ -= gone;
    reactor_.mutable_counters().descriptors.sub(gone);
  }
}

int HandOver::send_batch(int fd, Line& line) {
  const std::size_t count = std::min(line.waiting.size(), kMaxPerMessage);
  Addresses addresses;
  std::array<int, kMaxPerMessage> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    addresses[i] = line.waiting[i].get();
    sockets[i] = addresses[i]->fd();
  }
  Control control{};
  iovec part{addresses.data(), count * sizeof addresses[0]};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(&control.header), sockets.data(), count * sizeof(int));
  if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return errno;
  // The receiver may be at work on them already: only the numbers are still ours.
  for (std::size_t i = 0; i < count; ++i) {
    (void)line.waiting.front().release();
    line.waiting.pop_front();
    ::close(sockets[i]);
  }
  return 0;
}

void HandOver::on_readable() {
  for (int i = 0; i < kMaxMessagesPerTurn; ++i) {
    if (!receive_message()) return;
  }
}

bool HandOver::receive_message() {
  Addresses addresses;
  Control control{};
  iovec part{addresses.data(), sizeof addresses};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(receiving_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got <= 0) return false;
  const std::size_t count = static_cast<std::size_t>(got) / sizeof addresses[0];
  std::array<int, kMaxPerMessage> sockets;
  const std::size_t arrived = sockets_of(message, sockets);
  for (std::size_t i = 0; i < count; ++i) {
    std::unique_ptr<DetachedConnection> connection(addresses[i]);
    connection->set_fd(i < arrived ? sockets[i] : -1);
    if (i < arrived && receiver_) receiver_(std::move(*connection));
  }
  // A full table (MSG_CTRUNC): the kernel fills it in order, and closes those that had no room.
  if (arrived < count) {
    refuse(count - arrived, absl::ResourceExhaustedError("the descriptor table is full"));
  }
  return true;
}

void HandOver::refuse(std::size_t count, const absl::Status& why) {
  reactor_.mutable_counters().hand_over_refused.add(count);
  if (refused_) refused_(count, why);
}

}  // namespace shoal::net
