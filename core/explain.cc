#include "core/explain.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/eligibility.h"
#include "core/framework_handlers.h"
#include "core/quota.h"

namespace shoal::core {
namespace {

std::uint32_t& count_of(Explanation& explanation, ExplainCause cause) {
  return explanation.counts[static_cast<std::size_t>(cause)];
}
std::uint32_t count_of(const Explanation& explanation, ExplainCause cause) {
  return explanation.counts[static_cast<std::size_t>(cause)];
}

// One agent, one subscription.
class Examination {
 public:
  Examination(const Shard& shard, const AgentRecord& agent, const Subscription& subscription,
              const Resources& wanted)
      : shard_(shard), agent_(agent), subscription_(subscription), wanted_(wanted) {}

  ExplainCause cause() const {
    if (agent_.state != AgentState::kActive) return ExplainCause::kNotActive;
    if (agent_.mode != AgentMode::kNormal) return ExplainCause::kHeldByOperator;
    const Resources own = own_offers();
    if (!own.empty() && fits(own)) return ExplainCause::kOffered;
    if (!fits(untagged(agent_.total))) return ExplainCause::kTooSmall;
    if (!fits(agent_.total)) return ExplainCause::kReserved;
    const ShardConfig& config = shard_.config;
    const Capabilities capabilities = subscription_.capabilities;
    if (is_kept_for_gpus(config, capabilities, agent_)) return ExplainCause::kGpu;
    if (is_too_remote(config, capabilities, agent_)) return ExplainCause::kRegion;
    if (is_excluded(subscription_, agent_)) return ExplainCause::kConstraint;
    if (fits(agent_.available + own)) return of_what_is_free();
    return fits(agent_.available + agent_.offered) ? ExplainCause::kOfferedToOthers
                                                   : ExplainCause::kInUse;
  }

 private:
  // All amounts of the agent as if nothing were reserved.
  static Resources untagged(const Resources& from) {
    Resources out;
    static_cast<Amounts&>(out) = from;
    for (const Lot& lot : from.lots) {
      if (!lot.tags->revocable) static_cast<Amounts&>(out) += lot.amounts;
    }
    return out;
  }

  bool fits(const Resources& from) const {
    return wanted_.empty() || resolve(wanted_, offerable(from, subscription_)).ok();
  }

  // What the framework has been offered of the agent; one answer may take several offers.
  Resources own_offers() const {
    Resources out;
    for (const OfferId id : agent_.offers) {
      const OfferPayload& offer = shard_.shared.offers.payload(id);
      if (offer.framework == subscription_.framework) out += offer.resources;
    }
    return out;
  }

  // Quota before filters: who is at the limit gains nothing by a revive.
  ExplainCause of_what_is_free() const {
    if (exhausted_row(*subscription_.role) != nullptr ||
        !room(*subscription_.role).contains(wanted_.quantities())) {
      return ExplainCause::kQuota;
    }
    const Resources free = offerable(agent_.available, subscription_);
    if (is_crumb(shard_.config, subscription_, free.all_quantities())) return ExplainCause::kCrumb;
    if (agent_.filters.hides(subscription_.index, subscription_.filter_epoch, free)) {
      return ExplainCause::kFiltered;
    }
    return shard_.allocator.held_back ? ExplainCause::kHeadroom : ExplainCause::kWillBeOffered;
  }

  const Shard& shard_;
  const AgentRecord& agent_;
  const Subscription& subscription_;
  const Resources& wanted_;
};

std::vector<const Subscription*> subscriptions_of(const Shard& shard, const FrameworkEntry& entry,
                                                  std::string_view role) {
  std::vector<const Subscription*> out;
  for (const SubscriptionEntry& subscription : entry.subscriptions) {
    if (!role.empty() && subscription.role->name != role) continue;
    if (const Subscription* found = shard.fair_share.find(subscription.index)) {
      out.push_back(found);
    }
  }
  return out;
}

// The best of the roles: what is furthest from being ruled out. Numbers of causes grow with how
// late in the choice they rule out, but for the first two and a full agent.
int distance(ExplainCause cause) {
  switch (cause) {
    case ExplainCause::kOffered:
      return 0;
    case ExplainCause::kWillBeOffered:
      return 1;
    default:
      return 100 - static_cast<int>(cause);
  }
}

void raise(Quantities& to, const Quantities& by) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) to[kind] = std::max(to[kind], by[kind]);
}

// "3 agents: 2 too small, 1 in use"
std::string counts_text(const Explanation& explanation) {
  std::string out =
      fmt::format("{} agent{}", explanation.agents, explanation.agents == 1 ? "" : "s");
  std::string_view separator = ": ";
  for (std::size_t i = 0; i < kExplainCauses; ++i) {
    if (explanation.counts[i] == 0) continue;
    out += fmt::format("{}{} {}", separator, explanation.counts[i],
                       describe(static_cast<ExplainCause>(i)));
    separator = ", ";
  }
  return out;
}

// Whether the framework's own filters and constraints are all that keeps active agents from it.
bool hides_all_itself(const Explanation& explanation) {
  const std::uint32_t own = count_of(explanation, ExplainCause::kFiltered) +
                            count_of(explanation, ExplainCause::kConstraint);
  return own > 0 && own + count_of(explanation, ExplainCause::kNotActive) == explanation.agents;
}

void send_notice(Shard& shard, Outbox& outbox, const ExplainGathering& gathering) {
  const FrameworkRecord* framework = shard.find_framework(gathering.framework);
  if (framework == nullptr || !framework->offers.empty()) return;
  if (!framework->capabilities.has(Capability::kNotices)) return;
  if (!hides_all_itself(gathering.explanation)) return;
  shard.counters.notices.add();
  const std::string message = fmt::format(
      "no offers because of the framework's own filters and constraints: {}; revive to "
      "forget the filters",
      counts_text(gathering.explanation));
  outbox.send(framework->session, Notice{.code = NoticeCode::kFiltersHideAll, .message = message});
}

}  // namespace

Explanation explain(const Shard& shard, FrameworkId framework, std::string_view role,
                    const Resources& wanted) {
  Explanation out;
  out.framework = framework;
  out.role = role;
  out.wanted = wanted;
  const FrameworkEntry* entry = shard.find_entry(framework);
  out.known = entry != nullptr;
  std::vector<const Subscription*> subscriptions;
  if (entry != nullptr) {
    out.name = entry->name;
    out.connected = entry->connected;
    subscriptions = subscriptions_of(shard, *entry, role);
    out.suppressed = std::none_of(subscriptions.begin(), subscriptions.end(),
                                  [](const Subscription* s) { return s->active; });
  }
  for (const auto& [id, agent] : shard.agents) {
    ++out.agents;
    if (agent->state == AgentState::kActive) {
      raise(out.largest_total, agent->total.all_quantities());
      raise(out.largest_free, agent->available.all_quantities());
    }
    ExplainCause best = ExplainCause::kNotActive;
    int nearest = 1000;
    for (const Subscription* subscription : subscriptions) {
      const ExplainCause cause = Examination(shard, *agent, *subscription, wanted).cause();
      if (distance(cause) >= nearest) continue;
      nearest = distance(cause);
      best = cause;
    }
    if (!subscriptions.empty()) ++count_of(out, best);
  }
  return out;
}

void merge(Explanation& to, const Explanation& from) {
  to.framework = from.framework;
  to.role = from.role;
  to.wanted = from.wanted;
  if (from.known) {
    to.known = true;
    to.name = from.name;
    to.connected = from.connected;
    to.suppressed = from.suppressed;
  }
  to.agents += from.agents;
  for (std::size_t i = 0; i < kExplainCauses; ++i) to.counts[i] += from.counts[i];
  raise(to.largest_total, from.largest_total);
  raise(to.largest_free, from.largest_free);
}

std::string verdict(const Explanation& explanation) {
  if (!explanation.known) {
    return fmt::format("there is no framework {}", to_string(explanation.framework));
  }
  if (!explanation.connected) return "the framework is not connected, so it gets no offers";
  if (explanation.agents == 0) return "no agent has registered";
  const std::uint32_t active = explanation.agents - count_of(explanation, ExplainCause::kNotActive);
  if (active == 0) return "no agent is active: " + counts_text(explanation);
  if (std::all_of(explanation.counts.begin(), explanation.counts.end(),
                  [](std::uint32_t count) { return count == 0; })) {
    return fmt::format("the framework is not subscribed in the role {}", explanation.role);
  }
  if (explanation.suppressed) return "the framework has suppressed its offers; it must revive";
  if (count_of(explanation, ExplainCause::kTooSmall) == active) {
    return fmt::format("no agent is large enough for {}: the largest have {}",
                       to_string(explanation.wanted), to_string(explanation.largest_total));
  }
  if (count_of(explanation, ExplainCause::kOffered) > 0) {
    return "the framework holds such an offer: it has only to accept it";
  }
  return counts_text(explanation);
}

void ask_why(Shard& shard, Outbox& outbox, SessionId session, std::uint32_t correlation,
             FrameworkId framework, std::string_view role, const Resources& wanted) {
  const std::uint64_t query = shard.next_query++;
  shard.explain_gatherings.emplace(
      query, ExplainGathering{session, framework, correlation, shard.config.shards, {}});
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) {
    outbox.to_shard(i, ExplainAsk{shard.config.index, query, framework, std::string(role), wanted});
  }
}

void on_explain_ask(Shard& shard, Outbox& outbox, const ExplainAsk& message) {
  outbox.to_shard(
      message.origin_shard,
      std::make_unique<const ExplainPart>(ExplainPart{
          message.query, explain(shard, message.framework, message.role, message.resources)}));
}

void on_explain_part(Shard& shard, Outbox& outbox, const ExplainPart& message) {
  const auto it = shard.explain_gatherings.find(message.query);
  if (it == shard.explain_gatherings.end()) return;
  ExplainGathering& gathering = it->second;
  merge(gathering.explanation, message.part);
  if (--gathering.missing > 0) return;
  gathering.explanation.verdict = verdict(gathering.explanation);
  if (gathering.session.valid()) {
    outbox.send(gathering.session, gathering.explanation, gathering.correlation);
  } else {
    send_notice(shard, outbox, gathering);
  }
  shard.explain_gatherings.erase(it);
}

void check_framework_notice(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now) {
  const FrameworkId id{deadline.id};
  FrameworkRecord* framework = shard.find_framework(id);
  if (framework == nullptr || framework->notice_deadline != deadline.when) return;
  if (framework->state != FrameworkState::kActive || !framework->offers.empty()) return;
  if (framework->suppressed() || now < deadline.when) return;
  ask_why(shard, outbox, SessionId(), 0, id, "", Resources());
}

}  // namespace shoal::core
