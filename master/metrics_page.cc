#include "master/metrics_page.h"

#include <fmt/core.h>

#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "alloc/malloc_choice.h"
#include "master/http_pages.h"
#include "master/role_metrics.h"
#include "net/clock.h"
#include "net/log_page.h"
#include "net/process_usage.h"
#include "net/reactor_metrics.h"

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
    {"shoal_master_reporting_agents", "gauge",
     "Active agents that have reported what their machines use: the sums below.",
     &core::ShardCounters::reporting_agents},
    {"shoal_master_machines_memory_bytes", "gauge", "Memory of machines.",
     &core::ShardCounters::machines_memory_bytes},
    {"shoal_master_machines_memory_used_bytes", "gauge", "Memory of machines that cannot be had.",
     &core::ShardCounters::machines_memory_used_bytes},
    {"shoal_master_machines_disk_bytes", "gauge", "Disks of machines, below the agents' folders.",
     &core::ShardCounters::machines_disk_bytes},
    {"shoal_master_machines_disk_used_bytes", "gauge", "What is used of them.",
     &core::ShardCounters::machines_disk_used_bytes},
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

struct RateMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t (RateGroup::*read)() const;
};
constexpr RateMetric kRates[] = {
    {"shoal_master_framework_calls_total", "counter", "Calls that count for a rate limit.",
     &RateGroup::calls},
    {"shoal_master_framework_calls_waiting", "gauge", "Of those, what waits for its time.",
     &RateGroup::waiting},
    {"shoal_master_framework_calls_waited_total", "counter", "Of those, what had to wait.",
     &RateGroup::waited},
    {"shoal_master_framework_calls_refused_total", "counter",
     "Of those, what was refused because too many waited.", &RateGroup::refused},
};

// Principals are those of the options, and "*" for all others: there are as many series as limits.
void append_rates(core::MetricsText& out, const RateLimits* limits) {
  for (const RateMetric& metric : kRates) {
    out.head(metric.name, metric.type, metric.help);
    if (limits == nullptr) continue;
    for (const auto& group : limits->groups()) {
      out.sample(metric.name, fmt::format("principal=\"{}\"", core::escape_label(group->name())),
                 (*group.*metric.read)());
    }
  }
}

std::uint64_t sum_of(const MasterInfo& info, CounterOf counter) {
  std::uint64_t sum = 0;
  for (const Service* service : info.services) sum += (service->counters().*counter).value();
  return sum;
}

void append_shards(core::MetricsText& out, const MasterInfo& info) {
  for (const Metric& metric : kShardMetrics) {
    out.one(metric.name, metric.type, metric.help, sum_of(info, metric.counter));
  }
  const std::uint64_t cpus_milli = sum_of(info, &core::ShardCounters::machines_cpus_milli);
  out.one("shoal_master_machines_cpus_used", "gauge", "Processors that machines keep busy.",
          static_cast<double>(cpus_milli) / 1000);
  static constexpr std::string_view kRescinded = "shoal_master_offers_rescinded_total";
  out.head(kRescinded, "counter", "Offers withdrawn, by cause.");
  for (const RescindMetric& metric : kRescinds) {
    out.sample(kRescinded, fmt::format("cause=\"{}\"", metric.cause), sum_of(info, metric.counter));
  }
  std::vector<const alloc::Histogram*> offers;
  std::vector<const alloc::Histogram*> launches;
  for (const Service* service : info.services) {
    offers.push_back(&service->counters().offer_delay);
    launches.push_back(&service->counters().launch_delay);
  }
  out.histogram("shoal_master_offer_delay_seconds",
                "From the start of the turn that freed resources to their offer.", offers);
  out.histogram("shoal_master_launch_delay_seconds",
                "From a launch to the news that the task runs, in whole milliseconds.", launches);
}

void append_protection(core::MetricsText& out, const MasterInfo& info) {
  std::uint64_t busy = 0;
  for (const Service* service : info.services) busy += service->admission().is_busy.value();
  out.one("shoal_master_busy_reactors", "gauge",
          "Reactors with more to do than they can: they turn newcomers and lists away.", busy);
  static constexpr std::string_view kTurnedAway = "shoal_master_turned_away_total";
  static constexpr std::string_view kGuests[] = {"agent", "framework", "read"};
  static_assert(std::size(kGuests) == Admission::kGuests);
  out.head(kTurnedAway, "counter", "Who was told to come back later, by a busy reactor.");
  for (std::size_t i = 0; i < Admission::kGuests; ++i) {
    std::uint64_t sum = 0;
    for (const Service* service : info.services) sum += service->admission().turned_away[i].value();
    out.sample(kTurnedAway, fmt::format("guest=\"{}\"", kGuests[i]), sum);
  }
  append_rates(out, info.rate_limits);
}

void append_registry(core::MetricsText& out, const MasterInfo& info) {
  if (info.registry == nullptr) return;
  out.one("shoal_master_registry_rows_total", "counter", "Rows made durable.",
          info.registry->rows_stored());
  out.one("shoal_master_registry_waiting_rows", "gauge", "Rows that are not durable yet.",
          info.registry->rows_waiting());
  std::uint64_t forgotten = 0;
  for (const Service* service : info.services) forgotten += service->registry_rows_forgotten();
  out.one("shoal_master_registry_forgotten_rows_total", "counter",
          "Agents and frameworks that were over for long, or too many.", forgotten);
  const core::Duration taken = info.registry->commits_since(net::monotonic_now());
  out.one("shoal_master_registry_commit_running_seconds", "gauge",
          "How long the transaction takes that is under way; 0: none is.",
          std::chrono::duration<double>(taken).count());
  out.histogram("shoal_master_registry_commit_seconds",
                "How long a transaction of the registry took.", {&info.registry->commit_time()});
  out.histogram("shoal_master_registry_batch_rows", "How many rows a transaction held.",
                {&info.registry->batch_rows()}, core::MetricsText::Unit::kNumber);
}

void append_build(core::MetricsText& out, const std::string& version) {
  out.head("shoal_build_info", "gauge", "1; the labels tell the build.");
  out.sample("shoal_build_info",
             fmt::format("version=\"{}\",allocator=\"{}\"", version, alloc::malloc_name()), 1);
}

void append_election(core::MetricsText& out, bool leads, std::uint64_t epoch,
                     std::uint64_t elections) {
  out.one("shoal_master_leader", "gauge", "1: this master leads, 0: it is a standby.",
          leads ? 1 : 0);
  out.one("shoal_master_epoch", "gauge",
          "Of its leadership, which only grows; 0: a standby, or a master without an election.",
          epoch);
  out.one("shoal_master_elections_total", "counter", "Elections that this process has won.",
          elections);
}

void append_process(core::MetricsText& out) {
  net::append_process_metrics(out, net::read_process_usage());
  const alloc::MallocStats memory = alloc::malloc_stats();
  out.one("shoal_malloc_allocated_bytes", "gauge", "Bytes the program holds.",
          memory.allocated_bytes);
  out.one("shoal_malloc_resident_bytes", "gauge", "Bytes of physical memory behind them.",
          memory.resident_bytes);
}

}  // namespace

std::string standby_metrics(const std::string& version, std::uint64_t elections,
                            const net::Reactor& reactor, const net::Log* log) {
  core::MetricsText out;
  append_build(out, version);
  append_election(out, false, 0, elections);
  append_process(out);
  net::append_log_metrics(out, log);
  net::append_reactor_metrics(out, {&reactor});
  return out.take();
}

std::string metrics_text(const MasterInfo& info) {
  core::MetricsText out;
  append_build(out, info.version);
  append_election(out, true, info.epoch, info.elections);
  append_process(out);
  net::append_log_metrics(out, info.log);
  append_shards(out, info);
  append_protection(out, info);
  append_registry(out, info);
  if (info.tables != nullptr) {
    append_role_metrics(out, *info.tables);
    out.one("shoal_master_agents_recovering", "gauge",
            "Agents that an earlier master knew and that are not back yet.",
            info.tables->recovery.missing());
    out.one("shoal_master_agents_silent", "gauge",
            "Agents that are waited for: disconnected, or not back yet.",
            info.tables->fleet.silent());
    out.one("shoal_master_agent_removals_stopped", "gauge",
            "1 while so many agents are silent at once that none is given up.",
            info.removals_stopped() ? 1 : 0);
  }
  out.one("shoal_master_descriptor_limit", "gauge",
          "Descriptors that one table may hold; with --fd-tables=per-reactor each has one.",
          info.descriptor_limit);
  std::vector<const net::Reactor*> reactors;
  for (const Service* service : info.services) reactors.push_back(&service->reactor());
  net::append_reactor_metrics(out, reactors);
  return out.take();
}

}  // namespace shoal::master
