#include "bench/load/event_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "net/address.h"
#include "net/clock.h"
#include "net/helper_thread.h"

namespace shoal::load {
namespace {

constexpr std::chrono::seconds kSilence{60};  // the master gives a sign of life every 15 s
constexpr std::size_t kLineStart = 64;        // what tells one line from another
constexpr std::string_view kData = "data: ";
constexpr std::string_view kLost = R"(data: {"type":"lost","events":)";

}  // namespace

EventReader::~EventReader() {
  if (thread_.joinable()) stop();
}

absl::Status EventReader::start() {
  const auto server = net::parse_host_port(master_);
  if (!server.ok()) return server.status();
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  streams_.resize(subscribers_);
  thread_ = net::start_helper_thread([this, server = *server] {
    open(server);
    reactor_->run();
    streams_.clear();
  });
  return absl::OkStatus();
}

void EventReader::open(const net::HostPort& server) {
  measuring_since_ = net::monotonic_now();
  for (Stream& stream : streams_) {
    net::HttpCallOptions options;
    options.timeout = kSilence;
    options.on_body = [this, &stream](std::string_view part) { read(stream, part); };
    stream.call = std::make_unique<net::HttpCall>(
        *reactor_, server, "/v1/events", options,
        [this](const absl::StatusOr<net::HttpAnswer>& answer) {
          ++counts_.cut_off;
          if (!counts_.first_failure.empty()) return;
          counts_.first_failure = answer.ok() ? fmt::format("/v1/events: HTTP {}", answer->status)
                                              : std::string(core::message_of(answer.status()));
        });
  }
}

void EventReader::read(Stream& stream, std::string_view part) {
  if (!stream.is_connected) {
    stream.is_connected = true;
    connected_.fetch_add(1, std::memory_order_relaxed);
  }
  counts_.bytes += part.size();
  while (!part.empty()) {
    const std::size_t end = part.find('\n');
    const std::string_view piece = part.substr(0, end);
    stream.line += piece.substr(0, kLineStart - std::min(kLineStart, stream.line.size()));
    if (end == std::string_view::npos) return;
    take_line(stream.line);
    stream.line.clear();
    part.remove_prefix(end + 1);
  }
}

void EventReader::take_line(std::string_view line) {
  if (!line.starts_with(kData)) return;
  if (!line.starts_with(kLost)) {
    ++counts_.events;
    return;
  }
  const std::string_view number = line.substr(kLost.size());
  std::uint64_t lost = 0;
  if (core::parse_int(number.substr(0, number.find('}')), &lost)) counts_.lost += lost;
}

void EventReader::start_measuring() {
  reactor_->post([this] {
    counts_ = {.cut_off = counts_.cut_off, .first_failure = counts_.first_failure};
    measuring_since_ = net::monotonic_now();
  });
}

EventCounts EventReader::stop() {
  reactor_->post([this] {
    counts_.seconds =
        std::chrono::duration<double>(net::monotonic_now() - measuring_since_).count();
    reactor_->stop();
  });
  thread_.join();
  return counts_;
}

}  // namespace shoal::load
