#include "master/health_pages.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "net/clock.h"
#include "net/descriptor_limit.h"
#include "net/health.h"

namespace shoal::master {
namespace {

// Every reactor turns at least once a second, for its mailboxes.
constexpr std::chrono::seconds kStuckReactor{10};
// The registry's disk, or etcd, takes milliseconds.
constexpr std::chrono::seconds kStuckCommit{5};

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

net::HealthCheck check_reactors(const MasterInfo& info, core::TimePoint now) {
  net::HealthCheck check{"reactors", ""};
  for (const Service* service : info.services) {
    const auto last = static_cast<std::int64_t>(service->reactor().counters().last_turn_ns.value());
    if (last == 0) continue;  // it is about to begin
    const core::Duration silence = now.time_since_epoch() - core::Duration(last);
    if (silence <= kStuckReactor) continue;
    check.why_not = fmt::format("reactor {} has not ended a turn for {:.0f} s",
                                service->reactor().index(), seconds(silence));
  }
  return check;
}

net::HealthCheck check_registry(const MasterInfo& info, core::TimePoint now) {
  net::HealthCheck check{"registry", ""};
  if (info.registry == nullptr) return check;
  const core::Duration taken = info.registry->commits_since(now);
  if (taken > kStuckCommit) {
    check.why_not = fmt::format("a transaction takes {:.0f} s by now, and {} rows wait",
                                seconds(taken), info.registry->rows_waiting());
  }
  return check;
}

net::HealthCheck check_descriptors(const MasterInfo& info) {
  std::uint64_t sum = 0;
  std::uint64_t most = 0;
  for (const Service* service : info.services) {
    const std::uint64_t open = service->reactor().counters().descriptors.value();
    sum += open;
    most = std::max(most, open);
  }
  const std::uint64_t fullest = info.own_tables ? most : sum;
  net::HealthCheck check{"descriptors", ""};
  if (fullest >= net::acceptable_descriptors(info.descriptor_limit)) {
    check.why_not = fmt::format("no peer is accepted: {} of {} descriptors are open", fullest,
                                info.descriptor_limit);
  }
  return check;
}

}  // namespace

net::HttpResponse livez_page(const MasterInfo& info, const net::HttpRequest& request) {
  return net::health_response(request, {check_reactors(info, net::monotonic_now())});
}

net::HttpResponse readyz_page(const MasterInfo& info, const net::HttpRequest& request) {
  const core::TimePoint now = net::monotonic_now();
  return net::health_response(request, {{"leader", ""},
                                        check_reactors(info, now),
                                        check_registry(info, now),
                                        check_descriptors(info)});
}

}  // namespace shoal::master
