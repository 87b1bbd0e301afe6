// Reads the output of tasks from the agent that runs them. One connection, any number of logs.
//
//   sdk::LogClient logs(driver.reactor(), *net::parse_host_port(offer.address));
//   logs.read({.framework = id, .task = "t-1", .follow = true},
//             {.on_data = [](wire::Bytes bytes) { … }, .on_end = [](absl::Status) { … }});
//
// Threads: the reactor's only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/messages.h"
#include "sdk/client_link.h"

namespace shoal::sdk {

struct LogRequest {
  core::FrameworkId framework{};
  std::string task{};
  core::LogStream stream = core::LogStream::kStdout;
  std::uint64_t offset = 0;  // bytes from the start
  bool follow = false;       // go on while the log grows, until the task has ended
};

struct LogCallbacks {
  std::function<void(wire::Bytes)> on_data{};  // valid during the call
  std::function<void(absl::Status)> on_end{};  // once. OK: that was all. NOT_FOUND: no such task
                                               // there. UNAVAILABLE: the agent cannot be reached
  // So many bytes are left out here: the agent bounds its logs and has cut them off.
  std::function<void(std::uint64_t)> on_gap{};
};

class LogClient final : private ClientLinkOwner {
 public:
  using ReadId = std::uint32_t;

  // `agent`: the address in an Offer or core::TaskSummary. Do not destroy the client inside its
  // callbacks.
  LogClient(net::Reactor& reactor, net::HostPort agent);

  // on_end may come from inside the call when the connection has failed already.
  ReadId read(const LogRequest& request, LogCallbacks callbacks);
  // No more callbacks of this read; the agent may go on sending, which is dropped.
  void cancel(ReadId id) { reads_.erase(id); }

  bool has_failed() const { return link_.has_failed(); }

 private:
  struct Read {
    std::uint64_t offset = 0;  // of the next byte
    LogCallbacks callbacks;
  };

  absl::Status on_link_frame(const wire::FrameView& frame) override;
  void on_link_failed(const absl::Status& why) override;
  absl::Status on_chunk(const wire::FrameView& frame);
  void finish(ReadId id, const absl::Status& status);

  absl::Status failure_;
  ReadId next_read_ = 1;
  absl::flat_hash_map<ReadId, Read> reads_;  // by correlation
  ClientLink link_;
};

// Parses `address` (HOST:PORT, as agents announce it) and explains an empty one.
absl::StatusOr<net::HostPort> parse_log_address(std::string_view address);

}  // namespace shoal::sdk
