#include "master/http_pages.h"

#include <fmt/core.h>

#include <string_view>

#include "alloc/malloc_choice.h"
#include "master/election_pages.h"
#include "master/role_metrics.h"

namespace shoal::master {
namespace {

using CounterOf = const alloc::Counter core::ShardCounters::*;

struct Metric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  CounterOf counter;
};

constexpr Metric kShardMetrics[] = {
    {"shoal_master_agents", "gauge", "Agents known, in any state.", &core::ShardCounters::agents},
    {"shoal_master_frameworks", "gauge", "Frameworks, connected or within their failover time.",
     &core::ShardCounters::frameworks},
    {"shoal_master_tasks", "gauge", "Tasks that have not ended or are not acknowledged.",
     &core::ShardCounters::tasks},
    {"shoal_master_agents_registered_total", "counter",
     "Agents that registered for the first time.", &core::ShardCounters::agents_registered},
    {"shoal_master_agents_unreachable_total", "counter", "Agents that did not come back in time.",
     &core::ShardCounters::agents_unreachable},
    {"shoal_master_agent_removals_postponed_total", "counter",
     "Agents not given up, because too many were silent at once.",
     &core::ShardCounters::removals_postponed},
    {"shoal_master_frameworks_subscribed_total", "counter", "Frameworks that subscribed.",
     &core::ShardCounters::frameworks_subscribed},
    {"shoal_master_frameworks_removed_total", "counter", "Frameworks that ended.",
     &core::ShardCounters::frameworks_removed},
    {"shoal_master_offers_published_total", "counter", "Offers made.",
     &core::ShardCounters::offers_published},
    {"shoal_master_offers_accepted_total", "counter", "Offers accepted.",
     &core::ShardCounters::offers_accepted},
    {"shoal_master_offers_declined_total", "counter", "Offers declined.",
     &core::ShardCounters::offers_declined},
    {"shoal_master_offers", "gauge", "Offers that are out.", &core::ShardCounters::offers},
    {"shoal_master_idle_agents", "gauge",
     "Agents with something free that no framework wants, or may have.",
     &core::ShardCounters::idle_agents},
    {"shoal_master_held_agents", "gauge", "Agents that an operator deactivated or drains.",
     &core::ShardCounters::held_agents},
    {"shoal_master_agents_drained_total", "counter", "Agents drained to the end.",
     &core::ShardCounters::agents_drained},
    {"shoal_master_agents_marked_gone_total", "counter", "Agents declared gone by an operator.",
     &core::ShardCounters::agents_marked_gone},
    {"shoal_master_offers_expired_total", "counter", "Offers that were not answered in time.",
     &core::ShardCounters::offers_expired},
    {"shoal_master_offer_table_full_total", "counter", "Offers not made for want of a slot.",
     &core::ShardCounters::offer_table_full},
    {"shoal_master_operations_total", "counter", "Reservations and volumes made and undone.",
     &core::ShardCounters::operations},
    {"shoal_master_operations_failed_total", "counter", "Operations refused, failed or dropped.",
     &core::ShardCounters::operations_failed},
    {"shoal_master_notices_total", "counter",
     "Frameworks told that their own filters hide every agent.", &core::ShardCounters::notices},
    {"shoal_master_tasks_launched_total", "counter", "Tasks sent to agents.",
     &core::ShardCounters::tasks_launched},
    {"shoal_master_tasks_ended_total", "counter", "Tasks that ended.",
     &core::ShardCounters::tasks_ended},
    {"shoal_master_updates_forwarded_total", "counter", "Status updates passed to frameworks.",
     &core::ShardCounters::updates_forwarded},
    {"shoal_master_refusals_total", "counter", "Calls refused.", &core::ShardCounters::refusals},
    {"shoal_master_newer_epochs_total", "counter",
     "Peers that had seen a master of a higher epoch.", &core::ShardCounters::newer_epochs},
};

struct RescindMetric {
  std::string_view cause;
  CounterOf counter;
};
constexpr RescindMetric kRescinds[] = {
    {"agent_lost", &core::ShardCounters::rescinded_agent_lost},
    {"framework_removed", &core::ShardCounters::rescinded_framework_removed},
    {"hoarding", &core::ShardCounters::rescinded_hoarding},
    {"operator", &core::ShardCounters::rescinded_operator},
    {"quota", &core::ShardCounters::rescinded_quota},
    {"revocable", &core::ShardCounters::rescinded_revocable},
};

struct ReactorMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t (*read)(const net::ReactorCounters&);
};

constexpr ReactorMetric kReactorMetrics[] = {
    {"shoal_reactor_turns_total", "counter", "Turns of the event loop.",
     [](const net::ReactorCounters& c) { return c.turns.value(); }},
    {"shoal_reactor_connections", "gauge", "Open frame connections.",
     [](const net::ReactorCounters& c) { return c.connections.value(); }},
    {"shoal_reactor_frames_received_total", "counter", "Frames read.",
     [](const net::ReactorCounters& c) { return c.frames_in.value(); }},
    {"shoal_reactor_frames_sent_total", "counter", "Frames written.",
     [](const net::ReactorCounters& c) { return c.frames_out.value(); }},
    {"shoal_reactor_received_bytes_total", "counter", "Bytes read.",
     [](const net::ReactorCounters& c) { return c.bytes_in.value(); }},
    {"shoal_reactor_sent_bytes_total", "counter", "Bytes written.",
     [](const net::ReactorCounters& c) { return c.bytes_out.value(); }},
    {"shoal_reactor_slow_peers_closed_total", "counter", "Peers cut off for not reading.",
     [](const net::ReactorCounters& c) { return c.slow_closed.value() + c.stall_closed.value(); }},
    {"shoal_reactor_protocol_errors_total", "counter", "Connections closed for a bad frame.",
     [](const net::ReactorCounters& c) { return c.protocol_errors.value(); }},
    {"shoal_reactor_descriptors", "gauge", "Open sockets and others of the reactor.",
     [](const net::ReactorCounters& c) { return c.descriptors.value(); }},
    {"shoal_reactor_accept_pauses_total", "counter",
     "Times it stopped accepting because its descriptor table was nearly full.",
     [](const net::ReactorCounters& c) { return c.accept_pauses.value(); }},
    {"shoal_reactor_handed_over_total", "counter", "Connections given to their home reactor.",
     [](const net::ReactorCounters& c) { return c.handed_over.value(); }},
    {"shoal_reactor_hand_over_refused_total", "counter",
     "Connections closed on their way between reactors, for want of descriptors or room.",
     [](const net::ReactorCounters& c) { return c.hand_over_refused.value(); }},
    {"shoal_reactor_mailbox_late_drains_total", "counter",
     "Messages found by the second net under wake-ups; must stay 0.",
     [](const net::ReactorCounters& c) { return c.mailbox_late_drains.value(); }},
};

void append_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void append_gauge(std::string& out, std::string_view name, std::string_view help,
                  std::uint64_t value) {
  append_head(out, name, "gauge", help);
  out += fmt::format("{} {}\n", name, value);
}

std::uint64_t sum_of(const MasterInfo& info, CounterOf counter) {
  std::uint64_t sum = 0;
  for (const Service* service : info.services) sum += (service->counters().*counter).value();
  return sum;
}

void append_rescinds(std::string& out, const MasterInfo& info) {
  append_head(out, "shoal_master_offers_rescinded_total", "counter", "Offers withdrawn, by cause.");
  for (const RescindMetric& metric : kRescinds) {
    out += fmt::format("shoal_master_offers_rescinded_total{{cause=\"{}\"}} {}\n", metric.cause,
                       sum_of(info, metric.counter));
  }
}

// The sum of all of them.
void append_histogram(std::string& out, std::string_view name, std::string_view help,
                      const std::vector<const alloc::Histogram*>& parts) {
  append_head(out, name, "histogram", help);
  std::uint64_t below = 0;
  std::uint64_t count = 0;
  double sum = 0;
  for (std::size_t i = 0; i + 1 < alloc::Histogram::kBuckets; ++i) {
    for (const alloc::Histogram* part : parts) below += part->bucket(i);
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name,
                       static_cast<double>(alloc::Histogram::bound_micros(i)) / 1e6, below);
  }
  for (const alloc::Histogram* part : parts) {
    count += part->count();
    sum += static_cast<double>(part->sum_micros()) / 1e6;
  }
  out += fmt::format("{}_bucket{{le=\"+Inf\"}} {}\n{}_sum {}\n{}_count {}\n", name, count, name,
                     sum, name, count);
}

void append_offer_delay(std::string& out, const MasterInfo& info) {
  std::vector<const alloc::Histogram*> parts;
  for (const Service* service : info.services) parts.push_back(&service->counters().offer_delay);
  append_histogram(out, "shoal_master_offer_delay_seconds",
                   "From the start of the turn that freed resources to their offer.", parts);
}

void append_registry(std::string& out, const MasterInfo& info) {
  if (info.registry == nullptr) return;
  append_head(out, "shoal_master_registry_rows_total", "counter", "Rows made durable.");
  out += fmt::format("shoal_master_registry_rows_total {}\n", info.registry->rows_stored());
  append_histogram(out, "shoal_master_registry_commit_seconds",
                   "How long a transaction of the registry took.", {&info.registry->commit_time()});
}

std::string front_page(const MasterInfo& info) {
  return fmt::format(
      "Shoal {} master at {}, cluster {:016x}\n\n"
      "  /health    whether it serves\n"
      "  /version   which build this is\n"
      "  /metrics   counters for Prometheus\n"
      "  /masters   who leads, and who stands by\n"
      "  /v1/tasks  and /v1/agents, /v1/frameworks, /v1/events …: the operator API\n"
      "  /openapi.json  what that can do\n\n"
      "From a shell:\n"
      "  export SHOAL_MASTER={}\n"
      "  shoal agents\n"
      "  shoal run -- echo hello\n",
      info.version, info.address, info.cluster_id, info.address);
}

net::HttpResponse answer(const MasterInfo& info, const std::string& path) {
  net::HttpResponse response;
  if (path == "/") return net::text_response(200, front_page(info));
  if (path == "/health" || path == "/livez" || path == "/readyz") {
    response.body = "{\"status\":\"ok\"}\n";
    return response;
  }
  if (path == "/version") {
    response.body = version_page(info.version);
    return response;
  }
  if (path == "/masters") return masters_page(info);
  if (path == "/redirect") return redirect_to(info.advertised, "/");
  if (path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text(info);
    return response;
  }
  return net::not_found();
}

}  // namespace

std::string version_page(const std::string& version) {
  return fmt::format("{{\"version\":\"{}\",\"allocator\":\"{}\"}}\n", version,
                     alloc::malloc_name());
}

net::HttpResponse redirect_to(const std::string& address, std::string_view target) {
  net::HttpResponse response = net::text_response(307, fmt::format("{} leads", address));
  response.headers.emplace_back("Location", fmt::format("http://{}{}", address, target));
  return response;
}

std::string build_metrics(const std::string& version) {
  std::string out;
  append_head(out, "shoal_build_info", "gauge", "1; the labels tell the build.");
  out += fmt::format("shoal_build_info{{version=\"{}\",allocator=\"{}\"}} 1\n", version,
                     alloc::malloc_name());
  return out;
}

std::string election_metrics(bool leads, std::uint64_t epoch, std::uint64_t elections) {
  std::string out;
  append_gauge(out, "shoal_master_leader", "1: this master leads, 0: it is a standby.",
               leads ? 1 : 0);
  append_gauge(
      out, "shoal_master_epoch",
      "Of its leadership, which only grows; 0: a standby, or a master without an election.", epoch);
  append_head(out, "shoal_master_elections_total", "counter",
              "Elections that this process has won.");
  out += fmt::format("shoal_master_elections_total {}\n", elections);
  return out;
}

std::string metrics_text(const MasterInfo& info) {
  std::string out = build_metrics(info.version);
  out += election_metrics(true, info.epoch, info.elections);
  const alloc::MallocStats memory = alloc::malloc_stats();
  append_gauge(out, "shoal_malloc_allocated_bytes", "Bytes the program holds.",
               memory.allocated_bytes);
  append_gauge(out, "shoal_malloc_resident_bytes", "Bytes of physical memory behind them.",
               memory.resident_bytes);
  for (const Metric& metric : kShardMetrics) {
    append_head(out, metric.name, metric.type, metric.help);
    out += fmt::format("{} {}\n", metric.name, sum_of(info, metric.counter));
  }
  append_rescinds(out, info);
  append_offer_delay(out, info);
  append_registry(out, info);
  if (info.tables != nullptr) {
    append_role_metrics(out, *info.tables);
    append_gauge(out, "shoal_master_agents_recovering",
                 "Agents that an earlier master knew and that are not back yet.",
                 info.tables->recovery.missing());
    append_gauge(out, "shoal_master_agents_silent",
                 "Agents that are waited for: disconnected, or not back yet.",
                 info.tables->fleet.silent());
    append_gauge(out, "shoal_master_agent_removals_stopped",
                 "1 while so many agents are silent at once that none is given up.",
                 info.removals_stopped() ? 1 : 0);
  }
  append_gauge(out, "shoal_master_descriptor_limit",
               "Descriptors that one table may hold; with --fd-tables=per-reactor each has one.",
               info.descriptor_limit);
  for (const ReactorMetric& metric : kReactorMetrics) {
    append_head(out, metric.name, metric.type, metric.help);
    for (const Service* service : info.services) {
      out += fmt::format("{}{{core=\"{}\"}} {}\n", metric.name, service->reactor().index(),
                         metric.read(service->reactor().counters()));
    }
  }
  return out;
}

void HttpPages::on_request(const net::HttpRequest& request, net::HttpResponder responder) {
  if (request.path == "/step-down") {
    responder.respond(step_down(info_, request));
    return;
  }
  if (Api::serves(request.path)) return api_.on_request(request, responder, info_);
  if (request.method != "GET" && request.method != "HEAD") {
    responder.respond(net::method_not_allowed("GET, HEAD"));
    return;
  }
  responder.respond(answer(info_, request.path));
}

}  // namespace shoal::master
