// Subscribers to a cluster's events, as dashboards and tools that follow it are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/time.h"
#include "net/http_client.h"
#include "net/reactor.h"

namespace shoal::load {

struct EventCounts {
  std::uint64_t events = 0;   // of all subscribers
  std::uint64_t lost = 0;     // that the master says they missed, being too slow
  std::uint64_t bytes = 0;    // of both
  std::uint64_t cut_off = 0;  // subscribers whose stream has ended
  double seconds = 0;
  std::string first_failure;  // why; empty: none was cut off
};

// A number of them, on a thread of their own.
class EventReader {
 public:
  // `master`: HOST:PORT.
  EventReader(std::string master, std::uint32_t subscribers)
      : master_(std::move(master)), subscribers_(subscribers) {}
  ~EventReader();
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  // Errors: INVALID_ARGUMENT (no address), INTERNAL.
  absl::Status start();
  // How many the master has answered.
  std::uint32_t connected() const { return connected_.load(std::memory_order_relaxed); }
  // Counts from now on.
  void start_measuring();
  // Ends all of them; once.
  EventCounts stop();

 private:
  struct Stream {
    std::unique_ptr<net::HttpCall> call;
    bool is_connected = false;
    std::string line;  // its beginning
  };

  void open(const net::HostPort& server);
  void read(Stream& stream, std::string_view part);
  void take_line(std::string_view line);

  const std::string master_;
  const std::uint32_t subscribers_;
  std::atomic<std::uint32_t> connected_{0};
  std::unique_ptr<net::Reactor> reactor_;
  std::thread thread_;
  // The thread's own while it runs.
  std::vector<Stream> streams_;
  EventCounts counts_;
  core::TimePoint measuring_since_{};
};

}  // namespace shoal::load
