// What operators read, a page at a time: a shard's records in a fixed order, from a position on, so
// that no read of a big cluster takes a reactor's turn for itself.
//
// Between two pages the shard goes on. What is added behind the position is not seen any more; a
// task that ends after it was seen is seen again among those that have ended; nothing that is
// there all the time is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/cluster_view.h"
#include "core/messages.h"
#include "core/shard.h"

namespace shoal::core {

// What a record must be to be read. Empty fields rule nothing out; a field that a kind of record
// does not have rules out nothing of that kind.
struct PageFilter {
  std::string id{};          // its own
  AgentId agent{};           // of tasks and offers
  FrameworkId framework{};   // of tasks and offers
  std::string role{};        // of tasks and offers; one of a framework's
  std::string hostname{};    // of agents, tasks and offers
  std::uint64_t states = 0;  // a bit for each state of the kind that is wanted; 0: all
  std::optional<AgentMode> mode;
};

// After which record a page begins. The first page: PageStart{}.
struct PageStart {
  bool ended = false;  // among tasks and frameworks that are over
  AgentId agent{};
  FrameworkId framework{};
  std::string task{};
  std::uint64_t sequence = 0;  // of those that are over: how many came before, ever

  friend bool operator==(const PageStart&, const PageStart&) = default;
};

struct PageQuery {
  QueryKind kind = QueryKind::kAgents;
  PageFilter filter{};
  PageStart start{};
  std::size_t most = 0;  // records looked at, > 0; of tasks also agents without one
  // Records on the page, > 0. Offers may be more: those of one agent stay together.
  std::size_t most_wanted = std::numeric_limits<std::size_t>::max();
};

struct Page {
  ClusterView view;               // of kCluster: the sums of what was looked at
  std::optional<PageStart> next;  // nullopt: this was the shard's last
};

// Roles are the cluster's: the first shard has them, all on one page.
Page read_page(const Shard& shard, const PageQuery& query, TimePoint now);

}  // namespace shoal::core
