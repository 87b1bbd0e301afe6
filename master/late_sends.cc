#include "master/late_sends.h"

#include <algorithm>

#include "net/connection.h"

namespace shoal::master {
namespace {

// Not a timer for each: what falls due within this goes together.
constexpr std::chrono::milliseconds kTick{2};

}  // namespace

LateSends::LateSends(net::Reactor& reactor)
    : reactor_(reactor), timer_(reactor, [this] { flush_due(); }) {}

void LateSends::send(net::SessionId to, wire::Bytes frame) {
  net::Connection* connection = reactor_.find_connection(to);
  if (connection == nullptr) return;
  const bool is_first = connection->output_bytes() == 0;
  connection->append(frame);
  if (!is_first) return;  // it goes with what is there
  waiting_.push_back({to, reactor_.now() + kLateSend});
  if (!timer_.is_active()) timer_.start_at(waiting_.back().due);
}

void LateSends::flush_due() {
  const core::TimePoint now = reactor_.now();
  while (!waiting_.empty() && waiting_.front().due <= now) {
    net::Connection* connection = reactor_.find_connection(waiting_.front().to);
    if (connection != nullptr) connection->flush();
    waiting_.pop_front();
  }
  if (!waiting_.empty()) timer_.start_at(std::max(waiting_.front().due, now + kTick));
}

}  // namespace shoal::master
