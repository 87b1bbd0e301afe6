#include "master/api_shard.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "master/cluster_json.h"
#include "master/event_json.h"
#include "master/field_selection.h"

namespace shoal::master {
namespace {

// Objects with commas between them.
class RecordList {
 public:
  RecordList(PagePart& part, const std::vector<std::string>& fields)
      : part_(part), fields_(fields) {}

  template <typename Record>
  void add(const Record& record) {
    buffer_.Clear();
    writer_.Reset(buffer_);
    put_object(writer_, record);
    if (part_.records++ > 0) part_.text += ",\n";
    const std::string_view object(buffer_.GetString(), buffer_.GetSize());
    if (fields_.empty()) {
      part_.text += object;
    } else {
      part_.text += select_fields(object, fields_);
    }
  }
  template <typename Records>
  void add_all(const Records& records) {
    for (const auto& record : records) add(record);
  }

 private:
  PagePart& part_;
  const std::vector<std::string>& fields_;
  Buffer buffer_;
  Writer writer_{buffer_};
};

PagePart write_page(const PageAsk& ask, const core::Page& page) {
  PagePart part;
  part.read = ask.read;
  part.cluster = page.view.cluster;
  part.next = page.next;
  RecordList list(part, ask.fields);
  list.add_all(page.view.agents);
  list.add_all(page.view.frameworks);
  list.add_all(page.view.tasks);
  list.add_all(page.view.offers);
  for (const core::RoleSummary& role : page.view.roles) {
    switch (ask.shape) {
      case RecordShape::kWhole:
        list.add(role);
        break;
      case RecordShape::kQuota:
        if (!(role.limits == core::kNoLimits && role.guarantees.empty())) list.add(QuotaOf{role});
        break;
      case RecordShape::kWeight:
        list.add(WeightOf{role});
        break;
    }
  }
  return part;
}

}  // namespace

void ApiShard::on_ask(EventsAsk ask) {
  if (ask.from == EventsAsk::From::kNow) {
    EventsPart part;
    part.watch = ask.watch;
    part.shard = shard_.config.index;
    part.next = shard_.events.end();
    part.is_end = true;
    return send_(ask.origin, std::move(part));
  }
  if (ask.from == EventsAsk::From::kOldest) ask.number = shard_.events.first();
  watchers_.push_back(std::move(ask));
}

void ApiShard::on_end(const EventsEnd& end) {
  std::erase_if(watchers_, [&end](const EventsAsk& ask) {
    return ask.origin == end.origin && ask.watch == end.watch;
  });
}

void ApiShard::end_turn(core::TimePoint now) {
  read_pages(now);
  tell_events();
}

void ApiShard::read_pages(core::TimePoint now) {
  // One that looks at less than it may leaves the rest to the next reader.
  std::size_t left = core::kApiRecordsPerTurn;
  while (!pages_.empty() && left > 0) {
    PageAsk ask = std::move(pages_.front());
    pages_.pop_front();
    ask.query.most = std::min(ask.query.most, core::kApiRecordsPerTurn);
    const core::Page page = core::read_page(shard_, ask.query, now);
    left -= std::min(left, page.next.has_value() ? ask.query.most : core::kApiRecordsPerTurn / 4);
    send_(ask.origin, write_page(ask, page));
  }
}

void ApiShard::tell_events() {
  events_left_ = false;
  std::erase_if(watchers_, [this](EventsAsk& ask) { return answer(ask); });
}

// True when there was something to tell.
bool ApiShard::answer(EventsAsk& ask) {
  const core::EventLog& log = shard_.events;
  EventsPart part;
  part.watch = ask.watch;
  part.shard = shard_.config.index;
  if (ask.number < log.first()) part.lost = log.first() - ask.number;
  std::uint64_t number = std::max(ask.number, log.first());
  const std::uint64_t stop = std::min(log.end(), number + core::kApiEventsPerPart);
  for (; number < stop; ++number) {
    const core::Event& event = log[number];
    if (!wants(ask.filter, event)) continue;
    part.lines.push_back({number, static_cast<std::uint8_t>(event.what.index()), render(number)});
  }
  part.is_end = number >= log.end();
  if (!part.is_end) events_left_ = true;
  ask.number = number;
  if (part.lines.empty() && part.lost == 0 && (ask.waits || !part.is_end)) return false;
  part.next = number;
  send_(ask.origin, std::move(part));
  return true;
}

const std::shared_ptr<const std::string>& ApiShard::render(std::uint64_t number) {
  if (rendered_.empty()) rendered_.resize(core::kMaxEventsPerShard);
  Rendered& slot = rendered_[number % core::kMaxEventsPerShard];
  if (slot.json == nullptr || slot.number != number) {
    slot = {number, std::make_shared<const std::string>(to_json(shard_.events[number]))};
  }
  return slot.json;
}

}  // namespace shoal::master
