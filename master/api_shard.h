// The operator API's side that has the records: answers what the reactors ask of one shard, at the
// end of a turn and not more in one turn than is harmless.
//
// Threads: the shard's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/shard.h"
#include "core/time.h"
#include "master/api_mail.h"

namespace shoal::master {

class ApiShard {
 public:
  using Send = std::function<void(std::uint32_t reactor, ApiMail mail)>;

  ApiShard(const core::Shard& shard, Send send) : shard_(shard), send_(std::move(send)) {}

  void on_ask(PageAsk ask) { pages_.push_back(std::move(ask)); }
  void on_ask(EventsAsk ask);
  void on_end(const EventsEnd& end);

  // After everything else in the turn.
  void end_turn(core::TimePoint now);
  // Whether the next turn would do more at once.
  bool has_work_left() const { return !pages_.empty() || events_left_; }

 private:
  void read_pages(core::TimePoint now);
  void tell_events();
  bool answer(EventsAsk& ask);
  const std::shared_ptr<const std::string>& render(std::uint64_t number);

  const core::Shard& shard_;
  Send send_;
  std::deque<PageAsk> pages_;
  std::vector<EventsAsk> watchers_;  // that wait for the next event
  bool events_left_ = false;
  // Of the event with number n, at n mod kMaxEventsPerShard; of those that were asked for.
  struct Rendered {
    std::uint64_t number = 0;
    std::shared_ptr<const std::string> json;
  };
  std::vector<Rendered> rendered_;
};

}  // namespace shoal::master
