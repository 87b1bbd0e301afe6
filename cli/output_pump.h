// Writes to a standard stream from a reactor without ever blocking it: a slow terminal or a stopped
// pager must not cost the session to the master.
//
// Nothing is changed about the descriptor (O_NONBLOCK would reach everybody who shares it): poll(2)
// is asked before every write, and writes are small enough that a writable pipe takes them whole.
//
// Threads: the reactor's only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/limits.h"
#include "net/fd_watcher.h"
#include "net/reactor.h"

namespace shoal::cli {

class OutputPump {
 public:
  struct Events {
    std::function<void()> on_drained;             // nothing waits any more
    std::function<void(absl::Status)> on_broken;  // once. CANCELLED: nobody reads any more
  };

  OutputPump(net::Reactor& reactor, int fd, Events events)
      : reactor_(reactor), fd_(fd), events_(std::move(events)) {}

  // Dropped once the stream is broken.
  void write(std::string_view text);
  std::size_t pending() const { return pending_.size() - written_; }
  bool is_full() const { return pending() > core::kMaxPumpBytes / 2; }
  bool is_broken() const { return broken_; }

 private:
  void pump();
  bool is_writable() const;
  void wait_until_writable();
  void break_off(absl::Status why);

  net::Reactor& reactor_;
  const int fd_;
  Events events_;
  std::string pending_;
  std::size_t written_ = 0;  // of pending_
  bool broken_ = false;
  std::unique_ptr<net::FdWatcher> watcher_;
};

// Puts a prefix before every line of one source, so that lines of several do not mix. Lines longer
// than 64 KiB are cut there.
class LinePrefixer {
 public:
  explicit LinePrefixer(std::string prefix) : prefix_(std::move(prefix)) {}
  // What can be printed now: whole lines.
  std::string add(std::string_view bytes);
  // The unfinished last line, with a line end; "" when there is none.
  std::string finish();

 private:
  const std::string prefix_;  // empty: bytes pass as they are
  std::string partial_;
};

}  // namespace shoal::cli
