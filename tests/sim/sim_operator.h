// An operator: asks all kinds of questions, kills what it sees, tears a framework down once in a
// while. Every question must be answered, or its session end.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/sim.h"
#include "wire/message.h"

namespace shoal::sim {

class SimOperator final : public LinkHandler {
 public:
  SimOperator(Sim& sim, Network& network, std::uint32_t node)
      : sim_(sim), network_(network), node_(node) {}

  void start();
  std::size_t unanswered() const { return waiting_.size(); }
  // No more questions: what is open must be answered.
  void stop_asking() { is_asking_ = false; }

  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

 private:
  void tick();
  void ask();
  void act();
  template <typename Message>
  void send(const Message& message, bool wants_answer);

  Sim& sim_;
  Network& network_;
  const std::uint32_t node_;
  LinkId link_ = 0;
  bool is_welcome_ = false;
  bool is_asking_ = true;
  core::TimePoint last_heard_;
  std::uint32_t next_correlation_ = 1;
  std::set<std::uint32_t> waiting_;
  std::vector<std::pair<core::FrameworkId, std::string>> known_tasks_;
  std::vector<core::FrameworkId> known_frameworks_;
};

}  // namespace shoal::sim
