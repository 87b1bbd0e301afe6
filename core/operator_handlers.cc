#include "core/operator_handlers.h"

#include <fmt/core.h>

#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include "core/agent_handlers.h"
#include "core/explain.h"
#include "core/framework_handlers.h"
#include "core/page.h"
#include "core/quota_handlers.h"
#include "core/registry.h"
#include "core/summary.h"

namespace shoal::core {
namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void on_query(Shard& shard, Outbox& outbox, SessionId session, const Query& message,
              std::uint32_t correlation, TimePoint /*now*/) {
  const std::uint64_t query = shard.next_query++;
  shard.gatherings.emplace(query, Gathering{session, correlation, shard.config.shards, {}});
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) {
    outbox.to_shard(i, QueryAsk{shard.config.index, query, message.kind, std::string(message.id)});
  }
}

void on_operator_kill(Shard& shard, Outbox& outbox, SessionId session, const KillTask& message,
                      std::uint32_t correlation) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  // Without an agent the framework's shard looks up where the task is.
  const std::uint32_t next =
      message.agent.valid() ? shard.home_of(message.agent) : shard.home_of(message.framework);
  outbox.to_shard(next,
                  OperatorKill{origin, KillForward{message.framework, message.agent,
                                                   std::string(message.task), message.grace_ms}});
}

void on_operator_teardown(Shard& shard, Outbox& outbox, SessionId session,
                          const TeardownFramework& message, std::uint32_t correlation) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  outbox.to_shard(shard.home_of(message.framework), OperatorTeardown{origin, message.framework});
}

void on_operator_explain(Shard& shard, Outbox& outbox, SessionId session, const Explain& message,
                         std::uint32_t correlation, TimePoint /*now*/) {
  ask_why(shard, outbox, session, correlation, message.framework, message.role, message.resources);
}

void on_operate_agent(Shard& shard, Outbox& outbox, SessionId session, const OperateAgent& message,
                      std::uint32_t correlation, TimePoint /*now*/) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  outbox.to_shard(shard.home_of(message.agent),
                  std::make_unique<const OperatorOperation>(OperatorOperation{
                      origin, message.agent, message.spec, std::string(message.principal)}));
}

ClusterView collect(const Shard& shard, QueryKind kind, std::string_view id, TimePoint now) {
  PageQuery all{.kind = kind, .most = std::numeric_limits<std::size_t>::max()};
  all.filter.id = id;
  return read_page(shard, all, now).view;
}

void on_query_ask(Shard& shard, Outbox& outbox, const QueryAsk& message, TimePoint now) {
  outbox.to_shard(message.origin_shard,
                  std::make_unique<QueryPart>(
                      QueryPart{message.query, collect(shard, message.kind, message.id, now)}));
}

void on_query_part(Shard& shard, Outbox& outbox, QueryPart message) {
  const auto it = shard.gatherings.find(message.query);
  if (it == shard.gatherings.end()) return;
  Gathering& gathering = it->second;
  merge(gathering.view.cluster, message.part.cluster);
  append(gathering.view.agents, std::move(message.part.agents));
  append(gathering.view.frameworks, std::move(message.part.frameworks));
  append(gathering.view.tasks, std::move(message.part.tasks));
  append(gathering.view.offers, std::move(message.part.offers));
  append(gathering.view.roles, std::move(message.part.roles));
  if (--gathering.missing > 0) return;
  outbox.send(gathering.session, gathering.view, gathering.correlation);
  shard.gatherings.erase(it);
}

void on_forwarded_operator_kill(Shard& shard, Outbox& outbox, const OperatorKill& message) {
  if (!message.kill.agent.valid()) {
    FrameworkRecord* framework = shard.find_framework(message.kill.framework);
    if (framework != nullptr) {
      if (const auto place = framework->tasks.find(message.kill.task);
          place != framework->tasks.end()) {
        OperatorKill located = message;
        located.kill.agent = place->second.agent;
        const std::uint32_t home = shard.home_of(located.kill.agent);
        outbox.to_shard(home, std::move(located));
        return;
      }
    }
  }
  const bool found = kill_task(shard, outbox, message.kill);
  outbox.to_shard(
      message.origin.shard,
      OperatorResult{message.origin, found, RefusalCode::kNotFound,
                     found ? ""
                           : fmt::format("no live task '{}' on agent {}", message.kill.task,
                                         to_string(message.kill.agent))});
}

void on_forwarded_operator_teardown(Shard& shard, Outbox& outbox, const OperatorTeardown& message,
                                    TimePoint now) {
  const bool found = shard.find_framework(message.framework) != nullptr;
  on_teardown(shard, outbox, message.framework, now);
  when_stored(
      shard, outbox,
      OperatorResult{message.origin, found, RefusalCode::kNotFound,
                     found ? "" : fmt::format("no framework {}", to_string(message.framework))},
      now);
}

void on_operator_result(Shard& shard, Outbox& outbox, const OperatorResult& message) {
  if (message.ok) {
    outbox.send(message.origin.session, Done{}, message.origin.correlation);
  } else {
    shard.counters.refusals.add();
    outbox.refuse(message.origin.session, message.code, message.message,
                  message.origin.correlation);
  }
}

}  // namespace shoal::core
