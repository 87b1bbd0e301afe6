#include "bench/load/state_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "net/address.h"
#include "net/clock.h"
#include "net/helper_thread.h"
#include "net/http_client.h"
#include "net/reactor.h"

namespace shoal::load {

StateReader::~StateReader() {
  if (thread_.joinable()) thread_.join();
}

void StateReader::start(std::function<void()> done) {
  thread_ = net::start_helper_thread([this, done = std::move(done)] {
    for (std::uint32_t i = 0; i < reads_ && failure_.empty(); ++i) read();
    done();
  });
}

const std::vector<StateRead>& StateReader::results() {
  if (thread_.joinable()) thread_.join();
  return results_;
}

void StateReader::read() {
  auto reactor = net::Reactor::create(0);
  const auto server = net::parse_host_port(master_);
  if (!reactor.ok() || !server.ok()) {
    failure_ = core::message_of(reactor.ok() ? server.status() : reactor.status());
    return;
  }
  StateRead result;
  net::HttpCallOptions options;
  options.timeout = kReadTimeout;
  // Each record is on a line of its own; the first and the last line are none.
  options.on_body = [&result](std::string_view part) {
    result.bytes += part.size();
    result.records += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
  };
  const core::TimePoint began = net::monotonic_now();
  net::HttpCall call(**reactor, *server, "/v1/tasks", options,
                     [&](const absl::StatusOr<net::HttpAnswer>& answer) {
                       if (!answer.ok()) {
                         failure_ = core::message_of(answer.status());
                       } else if (answer->status != 200) {
                         failure_ = fmt::format("/v1/tasks: HTTP {}", answer->status);
                       }
                       (*reactor)->stop();
                     });
  (*reactor)->run();
  result.seconds = std::chrono::duration<double>(net::monotonic_now() - began).count();
  result.records -= std::min<std::uint64_t>(result.records, 2);
  if (failure_.empty()) results_.push_back(result);
}

}  // namespace shoal::load
