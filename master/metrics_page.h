// /metrics of a master, in the Prometheus text format. docs/MONITORING.md tells what each means.
#pragma once

#include <cstdint>
#include <string>

#include "net/log.h"
#include "net/reactor.h"

namespace shoal::master {

struct MasterInfo;

// Of one that leads: all there is. From any reactor's thread.
std::string metrics_text(const MasterInfo& info);
// Of one that does not: which build this is, how it is, and how often it has led.
std::string standby_metrics(const std::string& version, std::uint64_t elections,
                            const net::Reactor& reactor, const net::Log* log);

}  // namespace shoal::master
