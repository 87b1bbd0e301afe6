// An operator: asks all kinds of questions, kills what it sees, tears a framework down once in a
// while, sets limits, guarantees and weights, reserves and makes volumes. Every question must be
// answered, or its session end. When the faults are over it lifts all quotas and gives back what
// is reserved, so that every framework finds its way.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster_view.h"
#include "tests/sim/master_finder.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"
#include "wire/message.h"

namespace shoal::sim {

class SimOperator final : public LinkHandler {
 public:
  SimOperator(Sim& sim, Network& network, std::uint32_t node)
      : sim_(sim), network_(network), node_(node), masters_(sim.scenario.masters) {}

  void start();
  std::size_t unanswered() const { return waiting_.size(); }
  // No more questions: what is open must be answered.
  void stop_asking() { is_asking_ = false; }
  // Quotas are lifted, and the last look found nothing that can be given back.
  bool is_tidy() const { return are_quotas_lifted_ && is_nothing_reserved_; }

  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

 private:
  void dial();
  void greet(const wire::FrameView& answer);
  void tick();
  void ask();
  void ask_why();
  void act();
  void set_quota();
  void set_weight();
  void operate();
  void manage();
  void tidy();
  void on_answer(const core::ClusterView& view);
  void give_back(const core::AgentSummary& agent);
  template <typename Message>
  void send(const Message& message, bool wants_answer);

  Sim& sim_;
  Network& network_;
  const std::uint32_t node_;
  MasterFinder masters_;
  std::uint64_t epoch_ = 0;  // the highest of a master that was seen
  LinkId link_ = 0;
  bool is_welcome_ = false;
  bool is_asking_ = true;
  core::TimePoint last_heard_;
  std::uint32_t next_correlation_ = 1;
  std::set<std::uint32_t> waiting_;
  std::vector<std::pair<core::FrameworkId, std::string>> known_tasks_;
  std::vector<core::FrameworkId> known_frameworks_;
  std::vector<core::AgentSummary> known_agents_;
  std::uint32_t lifting_ = 0;  // the call that lifts all quotas; 0: none is out
  bool are_quotas_lifted_ = false;
  bool is_nothing_reserved_ = false;
};

}  // namespace shoal::sim
