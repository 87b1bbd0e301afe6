#include "net/reactor_metrics.h"

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::net {
namespace {

struct Metric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t (*read)(const ReactorCounters&);
};

constexpr Metric kMetrics[] = {
    {"shoal_reactor_turns_total", "counter", "Turns of the event loop.",
     [](const ReactorCounters& c) { return c.turns.value(); }},
    {"shoal_reactor_connections", "gauge", "Open frame connections.",
     [](const ReactorCounters& c) { return c.connections.value(); }},
    {"shoal_reactor_http_connections", "gauge", "Open connections of HTTP.",
     [](const ReactorCounters& c) { return c.http_connections.value(); }},
    {"shoal_reactor_frames_received_total", "counter", "Frames read.",
     [](const ReactorCounters& c) { return c.frames_in.value(); }},
    {"shoal_reactor_frames_sent_total", "counter", "Frames written.",
     [](const ReactorCounters& c) { return c.frames_out.value(); }},
    {"shoal_reactor_received_bytes_total", "counter", "Bytes read.",
     [](const ReactorCounters& c) { return c.bytes_in.value(); }},
    {"shoal_reactor_sent_bytes_total", "counter", "Bytes written.",
     [](const ReactorCounters& c) { return c.bytes_out.value(); }},
    {"shoal_reactor_output_waiting_bytes", "gauge", "Bytes that peers have not taken yet.",
     [](const ReactorCounters& c) { return c.output_bytes.value(); }},
    {"shoal_reactor_http_requests_total", "counter", "Requests of HTTP.",
     [](const ReactorCounters& c) { return c.http_requests.value(); }},
    {"shoal_reactor_http_refused_total", "counter", "Requests that were malformed.",
     [](const ReactorCounters& c) { return c.http_refused.value(); }},
    {"shoal_reactor_slow_peers_closed_total", "counter", "Peers cut off for not reading.",
     [](const ReactorCounters& c) { return c.slow_closed.value() + c.stall_closed.value(); }},
    {"shoal_reactor_protocol_errors_total", "counter", "Connections closed for a bad frame.",
     [](const ReactorCounters& c) { return c.protocol_errors.value(); }},
    {"shoal_reactor_descriptors", "gauge", "Open sockets and others of the reactor.",
     [](const ReactorCounters& c) { return c.descriptors.value(); }},
    {"shoal_reactor_accept_pauses_total", "counter",
     "Times it stopped accepting because its descriptor table was nearly full.",
     [](const ReactorCounters& c) { return c.accept_pauses.value(); }},
    {"shoal_reactor_handed_over_total", "counter", "Connections given to their home reactor.",
     [](const ReactorCounters& c) { return c.handed_over.value(); }},
    {"shoal_reactor_hand_over_refused_total", "counter",
     "Connections closed on their way between reactors, for want of descriptors or room.",
     [](const ReactorCounters& c) { return c.hand_over_refused.value(); }},
    {"shoal_reactor_mailbox_received_total", "counter", "Messages from other reactors.",
     [](const ReactorCounters& c) { return c.mailbox_in.value(); }},
    {"shoal_reactor_mailbox_spilled_total", "counter",
     "Messages to other reactors that found the ring full and waited.",
     [](const ReactorCounters& c) { return c.mailbox_spilled.value(); }},
    {"shoal_reactor_mailbox_late_drains_total", "counter",
     "Messages found by the second net under wake-ups; must stay 0.",
     [](const ReactorCounters& c) { return c.mailbox_late_drains.value(); }},
};

struct Spread {
  std::string_view name;
  std::string_view help;
  const alloc::Histogram ReactorCounters::*histogram;
  core::MetricsText::Unit unit;
};

constexpr Spread kSpreads[] = {
    {"shoal_reactor_turn_seconds", "How long turns of the event loop took.",
     &ReactorCounters::turn_time, core::MetricsText::Unit::kSeconds},
    {"shoal_reactor_loop_lag_seconds", "How late timers fired; up to 1 ms is the timers' grain.",
     &ReactorCounters::timer_lag, core::MetricsText::Unit::kSeconds},
    {"shoal_reactor_mailbox_depth", "How many messages a look into a mailbox found.",
     &ReactorCounters::mailbox_depth, core::MetricsText::Unit::kNumber},
};

}  // namespace

void append_reactor_metrics(core::MetricsText& out, const std::vector<const Reactor*>& reactors) {
  const auto label = [](const Reactor* reactor) {
    return fmt::format("core=\"{}\"", reactor->index());
  };
  static constexpr std::string_view kBusy = "shoal_reactor_busy_seconds_total";
  out.head(kBusy, "counter", "Time spent in turns.");
  for (const Reactor* reactor : reactors) {
    out.sample(kBusy, label(reactor),
               static_cast<double>(reactor->counters().busy_ns.value()) / 1e9);
  }
  for (const Metric& metric : kMetrics) {
    out.head(metric.name, metric.type, metric.help);
    for (const Reactor* reactor : reactors) {
      out.sample(metric.name, label(reactor), metric.read(reactor->counters()));
    }
  }
  for (const Spread& spread : kSpreads) {
    out.head(spread.name, "histogram", spread.help);
    for (const Reactor* reactor : reactors) {
      out.buckets(spread.name, label(reactor), {&(reactor->counters().*spread.histogram)},
                  spread.unit);
    }
  }
}

}  // namespace shoal::net
